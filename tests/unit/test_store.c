/*
 * The ledger held to its contract: the view of outcomes says what the pure function says, over every
 * combination; a migration keeps a copy of the old file, and what isn't ours is refused unchanged.
 */
#include "ledger_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/domain/outcome.h>
#include <supervise/store/session.h>

#include "../../src/store/sql.h"

static void sql(struct world *world, const char *text)
{
    char *message = NULL;

    if (sqlite3_exec(world->ledger->db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
}

/* ---- The view against the function ---- */

static const struct {
    int code, signal;
    bool finished;
} ends[] = {
    {0, 0, false},   {0, 0, true},  {3, 0, true},  {255, 0, true}, {137, 9, true},
    {143, 15, true}, {-1, 0, true}, {-2, 0, true}, {-2, 15, true}, {-3, 0, true},
    {-4, 0, true},   {-4, 9, true}, {-5, 9, true},
};
enum { ENDS = sizeof ends / sizeof *ends };
static const char *const settled_names[] = {NULL, "completed", "aborted", "stale"};
static const char DEFINITION[] =
    "{\"phases\":[],\"initial\":null,\"final\":[],\"edges\":{},\"strict\":false,"
    "\"stages\":[{\"name\":\"a\",\"steps\":[\"x\"]},{\"name\":\"b\",\"steps\":[\"y\",\"z\"]},"
    "{\"name\":\"c\",\"steps\":[\"w\"]}]}";

/* A session whose only round is settled so, and whose stages a..b are done (c never is). */
static void make_session(struct world *world, const char *id, enum settled settled, enum stages_state stages)
{
    char text[2048];

    snprintf(text, sizeof text,
             "INSERT INTO sessions (id, workflow, definition, started_at, updated_at) VALUES ('%s', 'book', "
             "'%s', 1, 1);"
             "INSERT INTO rounds (session, round, opened_at) VALUES ('%s', 1, 1);",
             id, DEFINITION, id);
    sql(world, text);
    if (stages != STAGES_NONE) {
        snprintf(
            text, sizeof text,
            "INSERT INTO steps (session, stage, name, attempt, status) VALUES ('%s', 'a', 'x', 1, 'error'),"
            " ('%s', 'a', 'x', 2, 'done'), ('%s', 'b', 'y', 1, 'skipped')",
            id, id, id);
        sql(world, text);
    }
    if (stages == STAGES_DONE) {
        snprintf(
            text, sizeof text,
            "INSERT INTO steps (session, stage, name, attempt, status) VALUES ('%s', 'b', 'z', 1, 'done')",
            id);
        sql(world, text);
    }
    if (settled == SETTLED_COMPLETED) {
        snprintf(text, sizeof text,
                 "INSERT INTO events (at, type, session, data) VALUES (1, 'round_completed', '%s', "
                 "'{\"round\":1}');"
                 "UPDATE rounds SET completed_at = 1 WHERE session = '%s';",
                 id, id);
        sql(world, text);
    }
    if (settled != SETTLED_OPEN) {
        snprintf(text, sizeof text,
                 "UPDATE rounds SET settled_at = 1, settled_as = '%s' WHERE session = '%s'",
                 settled_names[settled], id);
        sql(world, text);
    }
}

static void insert_execution(struct world *world, int number, const char *session,
                             const struct outcome_facts *facts)
{
    struct error err = {0};
    char uid[32];

    snprintf(uid, sizeof uid, "u%d", number);
    if (sql_run(
            world->ledger, &err,
            "INSERT INTO executions (id, uid, session, drives, opening, stages, command, exit_code, signal,"
            " stopped_by, started_at, finished_at, require_session, agent_unfinished) VALUES (?1, ?2, ?3, ?4,"
            " (SELECT max(id) FROM rounds WHERE session = ?3), ?5, '[\"true\"]', ?6, ?7, ?8, 1, ?9, ?10, "
            "?11)",
            "ittit"
            "iitiii",
            (int64_t)number, uid, facts->session ? session : NULL, (int64_t)facts->drives,
            facts->stages == STAGES_NONE ? NULL : "a..b",
            facts->finished ? (int64_t)facts->exit_code : NO_INT,
            facts->signal ? (int64_t)facts->signal : NO_INT, facts->stopped ? "cancel" : NULL,
            facts->finished ? (int64_t)2 : NO_INT, (int64_t)facts->require_session,
            (int64_t)facts->agent_unfinished))
        fail_msg("%s", err.text);
}

static void compare(struct world *world, int number, const struct outcome_facts *facts)
{
    struct verdict wanted = outcome_of(facts);
    AUTOFREE char *key = mem_printf("u%d", number);
    struct execution *row = NULL;
    struct error err;

    assert_int_equal(execution_get(world->ledger, key, &row, &err), 0);
    assert_non_null(row);
    if (!wanted.reason) {
        assert_null(row->outcome);
        assert_null(row->reason);
    } else {
        if (!row->outcome || strcmp(row->outcome, outcome_name(wanted.outcome)) != 0 ||
            strcmp(row->reason, wanted.reason) != 0)
            fail_msg("exit %d signal %d stopped %d session %d drives %d settled %d stages %d: view says %s "
                     "%s, function "
                     "says %s %s",
                     facts->exit_code, facts->signal, facts->stopped, facts->session, facts->drives,
                     facts->settled, facts->stages, row->outcome, row->reason, outcome_name(wanted.outcome),
                     wanted.reason);
    }
    execution_free(row);
}

/* The facts of combination `number`, counted like digits; false past the last. */
static bool combination(int number, struct outcome_facts *facts)
{
    int relation;

    *facts = (struct outcome_facts){.finished = ends[number % ENDS].finished,
                                    .exit_code = ends[number % ENDS].code,
                                    .signal = ends[number % ENDS].signal};
    number /= ENDS;
    facts->stopped = number % 2;
    number /= 2;
    facts->require_session = number % 2;
    number /= 2;
    facts->agent_unfinished = number % 2;
    number /= 2;
    relation = number % 3; /* none, helps, drives */
    facts->session = relation > 0;
    facts->drives = relation == 2;
    number /= 3;
    facts->settled = (enum settled)(number % 4);
    number /= 4;
    facts->stages = (enum stages_state)(number % 3);
    return number < 3;
}

/* By the indexes, for each outcome and with a time as well, as many as the view has of it. */
static void lists_have_them_all(struct world *world)
{
    for (enum outcome outcome = OUTCOME_SUCCESS; outcome <= OUTCOME_CANCELLED; outcome++)
        for (int since = 0; since < 2; since++) {
            struct execution_filter filter = {
                .outcome = outcome_name(outcome), .since = since ? 0 : NO_INT, .limit = NO_INT};
            struct execution_list list;
            struct error err;
            int64_t wanted;

            assert_int_equal(sql_integer(world->ledger, &err, &wanted,
                                         "SELECT count(*) FROM outcomes WHERE outcome = ?", "t",
                                         filter.outcome),
                             0);
            assert_int_equal(executions_list(world->ledger, &filter, &list, &err), 0);
            assert_true(wanted > 0);
            if ((int64_t)list.count != wanted)
                fail_msg("%s, since %d: %zu of %lld", filter.outcome, since, list.count, (long long)wanted);
            execution_list_free(&list);
        }
}

static void the_view_says_what_the_function_says_over_every_combination(void **state)
{
    struct world *world = *state;
    struct outcome_facts facts;
    int count = 0;

    sql(world, "BEGIN");
    for (int settled = 0; settled < 4; settled++)
        for (int stages = 0; stages < 3; stages++) {
            char id[32];

            snprintf(id, sizeof id, "s-%d-%d", settled, stages);
            make_session(world, id, (enum settled)settled, (enum stages_state)stages);
        }
    for (int number = 0; combination(number, &facts); number++, count++) {
        char id[32];

        snprintf(id, sizeof id, "s-%d-%d", (int)facts.settled, (int)facts.stages);
        insert_execution(world, number + 1, id, &facts);
        compare(world, number + 1, &facts);
    }
    sql(world, "COMMIT");
    assert_int_equal(count, ENDS * 2 * 2 * 2 * 3 * 4 * 3);
    lists_have_them_all(world);
}

/* ---- Queries ---- */

static void plan_of(struct world *world, const char *query, char *plan, size_t size)
{
    AUTOFREE char *text = mem_printf("EXPLAIN QUERY PLAN %s", query);
    struct error err;
    sqlite3_stmt *statement = sql_bind(world->ledger, &err, text, "");

    plan[0] = '\0';
    if (!statement)
        fail_msg("%s: %s", query, err.text);
    while (sqlite3_step(statement) == SQLITE_ROW)
        snprintf(plan + strlen(plan), size - strlen(plan), "%s\n",
                 (const char *)sqlite3_column_text(statement, 3));
    sqlite3_finalize(statement);
}

static int keep_text(unsigned event, void *context, void *statement, void *text)
{
    char **kept = context;

    (void)event;
    (void)text;
    free(*kept);
    *kept = mem_strdup(sqlite3_sql(statement));
    return 0;
}

/* What is asked is too long to be written here once more: it is taken from where it is asked. */
static void lists_of_sessions_are_answered_by_an_index(void **state)
{
    static const struct {
        const char *status, *looked_at;
    } lists[] = {{"active", "SCAN s USING INDEX sessions_active\n"},
                 {NULL, "SCAN s USING INDEX sessions_started\n"}};
    static char plan[32768];
    struct world *world = *state;

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct session_list list;
        struct error err;
        char *asked = NULL;

        sqlite3_trace_v2(world->ledger->db, SQLITE_TRACE_STMT, keep_text, &asked);
        if (sessions_list(world->ledger, lists[i].status, 20, &list, &err))
            fail_msg("%s", err.text);
        sqlite3_trace_v2(world->ledger->db, 0, NULL, NULL);
        session_list_free(&list);
        assert_non_null(asked);
        plan_of(world, asked, plan, sizeof plan);
        free(asked);
        if (strncmp(plan, lists[i].looked_at, strlen(lists[i].looked_at)) != 0)
            fail_msg("sessions that are %s are not looked up by %s%s",
                     lists[i].status ? lists[i].status : "any", lists[i].looked_at, plan);
    }
}

/* ---- The file ---- */

static void the_file_is_0600_in_a_directory_0700(void **state)
{
    struct world *world = *state;
    AUTOFREE char *directory = mem_printf("%s/ledger", world->directory);
    struct stat status;

    assert_int_equal(stat(world->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
}

static void refused(struct world *world, const char *pragma, const char *word)
{
    AUTOFREE char *path = mem_printf("%s/other.db", world->directory);
    struct ledger_options options = {path, 100, false};
    struct error err = {0};
    struct stat before, after;
    sqlite3 *db;

    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(stat(path, &before), 0);
    assert_null(ledger_open(&options, LEDGER_WRITE, &err));
    assert_int_equal(err.code, ERR_INVALID);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
    assert_null(ledger_open(&options, LEDGER_READ, &err));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void a_newer_schema_is_refused_unchanged(void **state)
{
    refused(*state, "PRAGMA application_id = 1398100054; PRAGMA user_version = 999; CREATE TABLE t (x)",
            "newer");
}

static void another_programs_database_is_refused_unchanged(void **state)
{
    refused(*state, "PRAGMA application_id = 7; CREATE TABLE t (x)", "another program");
    refused(*state, "CREATE TABLE t (x)", "another program");
}

static void what_is_no_database_is_refused(void **state)
{
    struct world *world = *state;
    AUTOFREE char *path = mem_printf("%s/text", world->directory);
    struct ledger_options options = {path, 100, false};
    struct error err = {0};
    FILE *file = fopen(path, "w");

    for (int i = 0; i < 2000; i++)
        fprintf(file, "this is not a database\n");
    fclose(file);
    assert_null(ledger_open(&options, LEDGER_WRITE, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void reading_creates_nothing(void **state)
{
    struct world *world = *state;
    AUTOFREE char *path = mem_printf("%s/absent/supervise.db", world->directory);
    AUTOFREE char *directory = mem_printf("%s/absent", world->directory);
    struct ledger_options options = {path, 100, false};
    struct execution_filter all = {.since = NO_INT, .limit = NO_INT};
    struct execution_list list;
    struct error err = {0};
    struct ledger *ledger = ledger_open(&options, LEDGER_READ, &err);

    assert_non_null(ledger);
    assert_int_equal(executions_list(ledger, &all, &list, &err), 0);
    assert_int_equal(list.count, 0);
    execution_list_free(&list);
    ledger_close(ledger);
    assert_int_equal(access(directory, F_OK), -1);
}

struct walk {
    int64_t ids[8];
    size_t count, stop_after;
};

static int walk_on(const struct execution *execution, void *context)
{
    struct walk *walk = context;

    walk->ids[walk->count++] = execution->id;
    return walk->count == walk->stop_after;
}

static void executions_come_one_after_another_until_no_more_are_wanted(void **state)
{
    struct world *world = *state;
    struct execution_filter filter = {.state = "finished", .since = NO_INT, .limit = NO_INT};
    struct error err = {0};

    for (int i = 1; i <= 5; i++) {
        AUTOFREE char *text =
            mem_printf("INSERT INTO executions (uid, command, cwd, host, started_at, finished_at, "
                       "exit_code) VALUES ('u%d', '[]', '/', 'h', %d, %s, %s)",
                       i, i, i == 3 ? "NULL" : "9", i == 3 ? "NULL" : "0");

        sql(world, text);
    }
    for (size_t stop_after = 1; stop_after <= 8; stop_after++) {
        static const int64_t wanted[] = {5, 4, 2, 1};
        struct walk walk = {.stop_after = stop_after};

        assert_int_equal(executions_each(world->ledger, &filter, walk_on, &walk, &err), 0);
        assert_int_equal(walk.count, stop_after < 4 ? stop_after : 4);
        assert_memory_equal(walk.ids, wanted, walk.count * sizeof *wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_view_says_what_the_function_says_over_every_combination, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(lists_of_sessions_are_answered_by_an_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_is_0600_in_a_directory_0700, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused_unchanged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_programs_database_is_refused_unchanged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_creates_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(executions_come_one_after_another_until_no_more_are_wanted, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
