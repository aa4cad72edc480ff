/*
 * What is derived of steps, in SQL: the state of a stage, rule by rule and in their order, printed as a
 * table; and when an implicit session closes by itself, clause by clause.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/store/session.h>

#include "../../src/store/sql.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* An empty ledger in memory. */
static int set_up(void **state)
{
    struct ledger_options nowhere = {.path = "/dev/null/none"};
    struct error err;

    *state = ledger_open(&nowhere, LEDGER_READ, &err);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    ledger_close(*state);
    return 0;
}

static void sql(struct ledger *ledger, const char *text)
{
    char *message = NULL;

    if (sqlite3_exec(ledger->db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
}

/* ---- The state of a stage ---- */

/* Executions that the cases put together: (uid, stages, started, finished). */
#define QUEUED_COVERS "('queued', 'a..b', NULL, NULL)"
#define RUNNING_COVERS "('covers', 'a..a', 1, NULL)"
#define RUNNING_OTHER "('other', NULL, 1, NULL)"
#define RUNNING_BEYOND "('beyond', 'b..b', 1, NULL)"
#define ENDED_COVERS "('ended', 'a..a', 1, 2)"
#define STEP(name, attempt, status, execution) "('a', '" name "', " #attempt ", '" status "', " execution ")"

/* Stage a declares the steps x and y. */
static const struct {
    const char *what, *executions, *steps, *state;
} rules[] = {
    {"nothing has begun", NULL, NULL, "idle"},
    {"1 a step runs", NULL, STEP("x", 1, "running", "'other'"), "running"},
    {"1 before 2: runs, and queued", QUEUED_COVERS, STEP("x", 1, "running", "'other'"), "running"},
    {"1 before 4: one runs, one failed", NULL,
     STEP("x", 1, "running", "'other'") ", " STEP("y", 1, "error", "'other'"), "running"},
    {"2 queued to be covered", QUEUED_COVERS, NULL, "queued"},
    {"2 before 3: all done, and queued", QUEUED_COVERS,
     STEP("x", 1, "done", "NULL") ", " STEP("y", 1, "done", "NULL"), "queued"},
    {"2 before 4: failed, and queued", QUEUED_COVERS, STEP("x", 1, "error", "NULL"), "queued"},
    {"3 all done", NULL, STEP("x", 1, "done", "NULL") ", " STEP("y", 1, "done", "NULL"), "done"},
    {"3 done and skipped", NULL, STEP("x", 1, "done", "NULL") ", " STEP("y", 1, "skipped", "NULL"), "done"},
    {"3 all skipped", NULL, STEP("x", 1, "skipped", "NULL") ", " STEP("y", 1, "skipped", "NULL"), "done"},
    {"3 the last attempt counts", NULL,
     STEP("x", 1, "error", "NULL") ", " STEP("x", 2, "done", "NULL") ", " STEP("y", 1, "done", "NULL"),
     "done"},
    {"3 before 5: all done, and covered", RUNNING_COVERS,
     STEP("x", 1, "done", "'covers'") ", " STEP("y", 1, "done", "'covers'"), "done"},
    {"3 not: one hasn't begun", NULL, STEP("x", 1, "done", "NULL"), "idle"},
    {"3 not: an undeclared one failed", NULL,
     STEP("x", 1, "done", "NULL") ", " STEP("y", 1, "done", "NULL") ", " STEP("z", 1, "error", "NULL"),
     "error"},
    {"4 failed, nobody covers it", NULL, STEP("x", 1, "error", "'ended'"), "error"},
    {"4 aborted, nobody covers it", ENDED_COVERS, STEP("x", 1, "aborted", "'ended'"), "error"},
    {"4 failed, what runs covers others", RUNNING_BEYOND, STEP("x", 1, "error", "'ended'"), "error"},
    {"4 failed in what runs and covers it", RUNNING_COVERS, STEP("x", 1, "error", "'covers'"), "error"},
    {"4 failed in another that runs, covered", RUNNING_COVERS ", " RUNNING_OTHER,
     STEP("x", 1, "error", "'other'"), "error"},
    {"4 not: failed before, covered again", RUNNING_COVERS, STEP("x", 1, "error", "'ended'"), "queued"},
    {"4 not: aborted before, covered again", RUNNING_COVERS, STEP("x", 1, "aborted", "'ended'"), "queued"},
    {"5 covered by what runs", RUNNING_COVERS, NULL, "queued"},
    {"5 covered, half of it done", RUNNING_COVERS, STEP("x", 1, "done", "'covers'"), "queued"},
    {"6 what runs covers nothing", RUNNING_OTHER, NULL, "idle"},
    {"6 what runs covers others", RUNNING_BEYOND, NULL, "idle"},
    {"6 what covered it has ended", ENDED_COVERS, STEP("x", 1, "done", "'ended'"), "idle"},
};

static void make_rule(struct ledger *ledger, size_t i)
{
    AUTOFREE char *session =
        mem_printf("INSERT INTO sessions (id, workflow, definition, started_at, updated_at) VALUES ('s', 'w',"
                   " '{\"stages\":[{\"name\":\"a\",\"steps\":[\"x\",\"y\"]},{\"name\":\"b\",\"steps\":[]}]}',"
                   " 1, 1); INSERT INTO rounds (session, round, opened_at) VALUES ('s', 1, 1)");
    AUTOFREE char *executions = mem_printf(
        "WITH e (uid, stages, started, finished) AS (VALUES %s) INSERT INTO executions"
        " (uid, session, drives, stages, command, queued_at, started_at, finished_at, exit_code)"
        " SELECT uid, 's', 1, stages, '[]', 1, started, finished, iif(finished IS NULL, NULL, 0) FROM e",
        rules[i].executions ? rules[i].executions : "");
    AUTOFREE char *steps =
        mem_printf("INSERT INTO steps (session, stage, name, attempt, status, execution)"
                   " SELECT 's', column1, column2, column3, column4, column5 FROM (VALUES %s)",
                   rules[i].steps ? rules[i].steps : "");

    sql(ledger, session);
    if (rules[i].executions)
        sql(ledger, executions);
    if (rules[i].steps)
        sql(ledger, steps);
}

static void a_stage_is_in_the_state_of_the_first_rule_that_holds(void **state)
{
    struct ledger *ledger = *state;
    struct error err;
    size_t wrong = 0;

    print_message("%-42s %-8s %s\n", "stage a, with steps x and y", "state", "expected");
    for (size_t i = 0; i < COUNT(rules); i++) {
        AUTOFREE char *found = NULL;

        sql(ledger, "BEGIN");
        make_rule(ledger, i);
        if (sql_text(ledger, &err, &found, "SELECT state FROM stages WHERE session = 's' AND name = 'a'", ""))
            fail_msg("%s", err.text);
        print_message("%-42s %-8s %s\n", rules[i].what, found, rules[i].state);
        wrong += !found || strcmp(found, rules[i].state) != 0;
        sql(ledger, "ROLLBACK");
    }
    assert_int_equal(wrong, 0);
}

static void stages_stand_in_their_order_the_undeclared_after_them(void **state)
{
    struct ledger *ledger = *state;
    AUTOFREE char *order = NULL;
    struct error err;

    sql(ledger, "BEGIN");
    make_rule(ledger, 0);
    sql(ledger, "INSERT INTO steps (session, stage, name, status) VALUES ('s', 'z', 'p', 'done'),"
                " ('s', 'm', 'q', 'done'), ('s', 'b', 'r', 'done'), ('s', 'z', 's', 'done')");
    if (sql_text(ledger, &err, &order,
                 "SELECT group_concat(name || ' ' || state, ', ') FROM (SELECT * FROM stages"
                 " WHERE session = 's' ORDER BY position)",
                 ""))
        fail_msg("%s", err.text);
    assert_string_equal(order, "a idle, b done, z done, m done");
    sql(ledger, "ROLLBACK");
}

static void stages_that_have_items_alone_stand_at_the_end(void **state)
{
    struct ledger *ledger = *state;
    AUTOFREE char *order = NULL;
    struct error err;

    sql(ledger, "BEGIN");
    make_rule(ledger, 0);
    sql(ledger, "INSERT INTO steps (session, stage, name, status) VALUES ('s', 'z', 'p', 'done');"
                "INSERT INTO stage_totals (session, stage, total) VALUES ('s', 'y', 3), ('s', 'a', 1), ('s', "
                "'z', 1), ('s', 'x', 1);"
                "INSERT INTO items (session, stage, id, status, at) VALUES ('s', 'x', '1', 'failed', 1),"
                " ('s', 'x', '2', 'done', 1), ('s', 'w', '1', 'done', 1), ('s', 'b', '1', 'done', 1)");
    if (sql_text(ledger, &err, &order,
                 "SELECT group_concat(name || ' ' || state, ', ') FROM (SELECT * FROM stages"
                 " WHERE session = 's' ORDER BY position)",
                 ""))
        fail_msg("%s", err.text);
    assert_string_equal(order, "a idle, b idle, z done, w idle, x idle, y idle");
    sql(ledger, "ROLLBACK");
}

/* In a query over many sessions, too, only what is of one is looked at for it. */
static void stages_of_a_session_are_found_without_looking_at_others(void **state)
{
    struct ledger *ledger = *state;
    struct error err;
    sqlite3_stmt *plan = sql_bind(ledger, &err,
                                  "EXPLAIN QUERY PLAN SELECT s.id, (SELECT json_group_array(g.state) FROM"
                                  " (SELECT * FROM stages WHERE session = s.id ORDER BY position) g)"
                                  " FROM sessions s WHERE s.id = 's'",
                                  "");

    assert_non_null(plan);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);
        bool virtual = strstr(detail, "VIRTUAL TABLE") != NULL;

        /* A scan of what a subquery gave, or of JSON, is one of few rows; of a table it is one of all. */
        if (strncmp(detail, "SCAN ", 5) == 0 && !virtual && strcmp(detail, "SCAN g") != 0 &&
            strcmp(detail, "SCAN n") != 0 && strcmp(detail, "SCAN i") != 0)
            fail_msg("%s", detail);
    }
    sqlite3_finalize(plan);
}

/* ---- Implicit sessions ---- */

/* What differs from an execution that exits 0 with one step done in the implicit session that it drives. */
static const struct {
    const char *what, *sql;
    int64_t exit_code;
    bool closes;
} clauses[] = {
    {"one step done", "SELECT 1", 0, true},
    {"it failed", "SELECT 1", 3, false},
    {"the session was begun by somebody", "UPDATE sessions SET implicit = 0", 0, false},
    {"it only helps there",
     "DELETE FROM executions; INSERT INTO executions (uid, session, command, started_at) VALUES ('u', 's', "
     "'[]', 1)",
     0, false},
    {"closed already", "UPDATE sessions SET status = 'closed', close_reason = 'aborted', closed_at = 1", 0,
     false},
    {"a step skipped", "UPDATE steps SET status = 'skipped'", 0, true},
    {"a step in error", "UPDATE steps SET status = 'error'", 0, false},
    {"a step aborted", "UPDATE steps SET status = 'aborted'", 0, false},
    {"a step still running", "UPDATE steps SET status = 'running'", 0, false},
    {"a step that another left running", "UPDATE steps SET status = 'running', execution = 'another'", 0,
     false},
    {"an earlier attempt failed",
     "UPDATE steps SET attempt = 2; INSERT INTO steps (session, stage, name, attempt, status) VALUES"
     " ('s', 'main', 'x', 1, 'error')",
     0, true},
    {"no step and no total", "DELETE FROM steps", 0, false},
    {"items without a total, and no step",
     "DELETE FROM steps; INSERT INTO items (session, stage, id, status, at) VALUES"
     " ('s', 'main', 'i', 'done', 1)",
     0, false},
    {"a step's own total reached", "UPDATE steps SET done = 3, total = 3", 0, true},
    {"a step's own total not reached", "UPDATE steps SET done = 2, total = 3", 0, false},
    {"an item failed",
     "INSERT INTO items (session, stage, id, status, at) VALUES ('s', 'main', 'i', 'failed', 1)", 0, false},
    {"a stage's total not reached",
     "INSERT INTO stage_totals (session, stage, total) VALUES ('s', 'main', 2); INSERT INTO items (session, "
     "stage, id, status, at)"
     " VALUES ('s', 'main', 'i', 'done', 1)",
     0, false},
    {"a stage's total reached, by items alone",
     "DELETE FROM steps; INSERT INTO stage_totals (session, stage, total) VALUES ('s', 'main', 1);"
     " INSERT INTO items (session, stage, id, status, at) VALUES ('s', 'main', 'i', 'done', 1)",
     0, true},
    {"an item of the plan that has not begun", "INSERT INTO plan_items VALUES ('s', 'y', 'y', 0, 0)", 0,
     false},
    {"one that was dropped", "INSERT INTO plan_items VALUES ('s', 'y', 'y', 0, 1)", 0, true},
    {"a plan that was dropped whole, and no step",
     "DELETE FROM steps; INSERT INTO plan_items VALUES ('s', 'y', 'y', 0, 1)", 0, true},
    {"the plan done",
     "INSERT INTO plan_items VALUES ('s', 'x', 'x', 0, 0), ('s', 'y', 'y', 1, 0);"
     " UPDATE steps SET stage = 'plan'; INSERT INTO steps (session, stage, name, status) VALUES"
     " ('s', 'plan', 'y', 'skipped')",
     0, true},
    {"a step of another stage is none of the plan", "INSERT INTO plan_items VALUES ('s', 'x', 'x', 0, 0)", 0,
     false},
    {"items of another stage don't count",
     "INSERT INTO stage_totals (session, stage, total) VALUES ('s', 'main', 1);"
     " INSERT INTO items (session, stage, id, status, at) VALUES ('s', 'other', 'i', 'done', 1)",
     0, false},
};

static void make_implicit(struct ledger *ledger)
{
    sql(ledger,
        "INSERT INTO sessions (id, implicit, started_at, updated_at) VALUES ('s', 1, 1, 1);"
        "INSERT INTO rounds (session, round, opened_at) VALUES ('s', 1, 1);"
        "INSERT INTO executions (uid, session, drives, command, started_at) VALUES ('u', 's', 1, '[]', 1);"
        "INSERT INTO steps (session, stage, name, status, started_at, execution) VALUES"
        " ('s', 'main', 'x', 'done', 1, 'u')");
}

static void forget_all(struct ledger *ledger)
{
    sql(ledger, "DELETE FROM executions; DELETE FROM sessions; DELETE FROM events");
}

static void an_implicit_session_closes_where_every_clause_holds(void **state)
{
    struct ledger *ledger = *state;

    for (size_t i = 0; i < COUNT(clauses); i++) {
        struct execution_end end = {.uid = "u",
                                    .exit_code = clauses[i].exit_code,
                                    .signal = NO_INT,
                                    .spawn_errno = NO_INT,
                                    .duration_ms = 1,
                                    .activity_at = NO_INT,
                                    .finished_at = 5,
                                    .usage = "{}",
                                    .facts = "{}"};
        struct execution *row = NULL;
        AUTOFREE char *events = NULL, *closed = NULL;
        struct error err;
        bool known;

        make_implicit(ledger);
        sql(ledger, clauses[i].sql);
        if (execution_finish(ledger, &end, &known, &row, &err) ||
            sql_text(ledger, &err, &closed, "SELECT close_reason FROM sessions", "") ||
            sql_text(
                ledger, &err, &events,
                "SELECT group_concat(type, ' ') FROM (SELECT type FROM events WHERE type <> 'step_aborted'"
                " ORDER BY id)",
                ""))
            fail_msg("%s: %s", clauses[i].what, err.text);
        if (clauses[i].closes != (closed && strcmp(closed, "completed") == 0))
            fail_msg("%s: %s", clauses[i].what, closed ? closed : "active");
        if (clauses[i].closes) {
            assert_string_equal(row->outcome, "success");
            assert_string_equal(row->reason, "completed");
        }
        assert_string_equal(events, clauses[i].closes ? "round_completed session_closed execution_finished"
                                                      : "execution_finished");
        execution_free(row);
        forget_all(ledger);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_is_in_the_state_of_the_first_rule_that_holds),
        cmocka_unit_test(stages_stand_in_their_order_the_undeclared_after_them),
        cmocka_unit_test(stages_that_have_items_alone_stand_at_the_end),
        cmocka_unit_test(stages_of_a_session_are_found_without_looking_at_others),
        cmocka_unit_test(an_implicit_session_closes_where_every_clause_holds),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
