/*
 * However long the history is, what is asked often looks at a few rows of it. Each of these calls runs with
 * its statements recorded, as they are, and no plan of theirs may look through a table, or an index that
 * holds the whole history; and each takes as many steps of SQLite's machine, the triggers' among them, in a
 * history of many executions as in one of few.
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
#include <supervise/store/event.h>
#include <supervise/store/execution.h>
#include <supervise/store/item.h>
#include <supervise/store/queue.h>
#include <supervise/store/session.h>
#include <supervise/store/step.h>
#include <supervise/store/sweep.h>

#include "hot_calls.h"

/* ---- The ledger: one execution that runs in session "s", one that has ended, one in the queue ---- */

static const struct execution_start runs = {.uid = "aaaaaaaaaaaaaaaaaaaa",
                                            .name = "n",
                                            .session = "s",
                                            .command = "[\"true\"]",
                                            .attempt = 1,
                                            .started_at = 1000};
static const struct execution_start ended = {
    .uid = "bbbbbbbbbbbbbbbbbbbb", .name = "n", .command = "[\"true\"]", .attempt = 1, .started_at = 1000};
static const struct queue_request queued = {
    .start = {.uid = "cccccccccccccccccccc", .command = "[\"true\"]", .attempt = 1, .queued_at = 1000}};

static int begin_it(struct ledger *ledger, const struct execution_start *start, struct error *err)
{
    struct execution_begun begun;
    int result = execution_begin(ledger, start, &begun, err);

    free(begun.session);
    return result;
}

static int end_it(struct ledger *ledger, const char *uid, struct error *err)
{
    struct execution_end end = {.uid = uid,
                                .signal = NO_INT,
                                .spawn_errno = NO_INT,
                                .duration_ms = 1,
                                .activity_at = NO_INT,
                                .finished_at = 2000,
                                .usage = "{}",
                                .facts = "{}"};
    struct execution *row;
    bool known;
    int result = execution_finish(ledger, &end, &known, &row, err);

    execution_free(row);
    return result;
}

static int queue_it(struct ledger *ledger, const struct queue_request *request, struct error *err)
{
    struct execution_begun begun;
    AUTOFREE char *cancelled = NULL;
    int result = queue_add(ledger, request, &begun, &cancelled, err);

    free(begun.session);
    return result;
}

struct world {
    char directory[64];
    struct ledger *ledger;
};

/* A ledger after so many executions. */
static void world_open(struct world *world, int history)
{
    struct ledger_options options = {.busy_timeout_ms = 1000};
    AUTOFREE char *path = NULL;
    struct error err = {0};

    strcpy(world->directory, "/tmp/supervise-test-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    setenv("XDG_STATE_HOME", world->directory, 1);
    path = mem_printf("%s/supervise.db", world->directory);
    options.path = path;
    world->ledger = ledger_open(&options, LEDGER_WRITE, &err);
    if (!world->ledger || make_history(world->ledger, history, &err) ||
        begin_it(world->ledger, &runs, &err) || begin_it(world->ledger, &ended, &err) ||
        end_it(world->ledger, ended.uid, &err) || queue_it(world->ledger, &queued, &err))
        fail_msg("%s", err.text);
}

static void world_close(struct world *world)
{
    AUTOFREE char *command = mem_printf("rm -rf %s", world->directory);

    ledger_close(world->ledger);
    assert_int_equal(system(command), 0);
}

/* ---- What is asked ---- */

static int list(struct ledger *ledger, struct execution_filter filter, struct error *err)
{
    struct execution_list list = {0};
    int result;

    filter.limit = 20;
    filter.since = filter.since ? filter.since : NO_INT;
    result = executions_list(ledger, &filter, &list, err);
    execution_list_free(&list);
    return result;
}

static int list_all(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){0}, err);
}

static int list_failed(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.outcome = "failed"}, err);
}

static int list_cancelled(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.outcome = "cancelled"}, err);
}

static int list_incomplete(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.outcome = "incomplete"}, err);
}

static int list_since(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.since = 5}, err);
}

static int list_since_name(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.since = 5, .name = "n"}, err);
}

static int list_since_failed(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.since = 5, .outcome = "failed"}, err);
}

static int list_since_running(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.since = 5, .state = "running"}, err);
}

static int list_running(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.state = "running"}, err);
}

static int list_queued(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.state = "queued"}, err);
}

static int list_in_flight(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.state = "running", .in_flight = true}, err);
}

static int list_session(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.session = "s"}, err);
}

static int list_name(struct ledger *ledger, struct error *err)
{
    return list(ledger, (struct execution_filter){.name = "n"}, err);
}

static int resolve(struct ledger *ledger, const char *ref, bool prefer_open, struct error *err)
{
    struct execution *execution = NULL;
    int result = execution_resolve(ledger, ref, prefer_open, &execution, err);

    execution_free(execution);
    return result;
}

static int resolve_last(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, "@last", false, err);
}

static int resolve_number(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, "1", false, err);
}

static int resolve_uid(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, runs.uid, false, err);
}

static int resolve_letters(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, "aaaa", false, err);
}

static int resolve_session(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, "s", false, err);
}

static int resolve_name(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, "n", false, err);
}

static int resolve_open_name(struct ledger *ledger, struct error *err)
{
    return resolve(ledger, "n", true, err);
}

static int driver_of(struct ledger *ledger, struct error *err)
{
    struct execution *execution = NULL;
    int result = execution_driver(ledger, "s", &execution, err);

    execution_free(execution);
    return result;
}

static int sessions(struct ledger *ledger, const char *status, struct error *err)
{
    struct session_list list = {0};
    int result = sessions_list(ledger, status, 20, &list, err);

    session_list_free(&list);
    return result;
}

static int sessions_any(struct ledger *ledger, struct error *err)
{
    return sessions(ledger, NULL, err);
}

static int sessions_active(struct ledger *ledger, struct error *err)
{
    return sessions(ledger, "active", err);
}

static int session_one(struct ledger *ledger, struct error *err)
{
    struct session *session = NULL;
    int result = session_get(ledger, "s", &session, err);

    session_free(session);
    return result;
}

static int session_only_active(struct ledger *ledger, struct error *err)
{
    AUTOFREE char *id = NULL;
    const char *how;

    return session_resolve(ledger, NULL, NULL, &id, &how, err);
}

static int ignore_event(const struct event *event, void *context)
{
    (void)event;
    (void)context;
    return 0;
}

static int events_of_execution(struct ledger *ledger, struct error *err)
{
    return events_each(ledger, &(struct event_filter){.execution = runs.uid}, ignore_event, NULL, err);
}

static int events_of_session(struct ledger *ledger, struct error *err)
{
    return events_each(ledger, &(struct event_filter){.session = "s"}, ignore_event, NULL, err);
}

static int events_since(struct ledger *ledger, struct error *err)
{
    int64_t newest;

    return events_newest(ledger, &newest, err) ||
                   events_each(ledger, &(struct event_filter){.after = newest - 3}, ignore_event, NULL, err)
               ? -1
               : 0;
}

static int sweep_pages(struct ledger *ledger, struct error *err)
{
    for (int of = SWEEP_RUNNING; of <= SWEEP_CLOSED; of++) {
        struct execution_list list;

        if (sweep_page(ledger, (enum sweep_of)of, 0, 64, &list, err))
            return -1;
        execution_list_free(&list);
    }
    return 0;
}

static int sweep_sessions(struct ledger *ledger, struct error *err)
{
    struct name_list ids;

    if (sessions_stale(ledger, 5, &ids, err))
        return -1;
    name_list_free(&ids);
    return 0;
}

static int queue_shown(struct ledger *ledger, struct error *err)
{
    struct execution_list list;
    struct queue_standing standing;
    bool holds;

    if (queue_list(ledger, &list, err))
        return -1;
    execution_list_free(&list);
    if (queue_standing(ledger, &standing, err) || queue_holds(ledger, runs.uid, &holds, err) ||
        queue_running(ledger, &list, err))
        return -1;
    execution_list_free(&list);
    return 0;
}

static bool may(void *context, const char *uid)
{
    (void)context;
    (void)uid;
    return true;
}

static int queue_served(struct ledger *ledger, struct error *err)
{
    struct queued due;

    if (queue_settle(ledger, err) || queue_next(ledger, may, NULL, &due, err))
        return -1;
    queued_free(&due);
    return 0;
}

static int queue_added(struct ledger *ledger, struct error *err)
{
    static const char *const after[] = {"aaaaaaaaaaaaaaaaaaaa"};
    struct queue_request request = queued;

    request.start.uid = "dddddddddddddddddddd";
    request.after = after;
    request.after_count = 1;
    return queue_it(ledger, &request, err);
}

static int a_run(struct ledger *ledger, struct error *err)
{
    struct execution_start start = ended;

    start.uid = "eeeeeeeeeeeeeeeeeeee";
    start.pid = 4;
    start.pid_start = 5;
    start.capture = "pipe";
    return begin_it(ledger, &start, err) || execution_heartbeat(ledger, start.uid, 3000, 0, err) ||
                   end_it(ledger, start.uid, err)
               ? -1
               : 0;
}

static int a_run_in_a_session(struct ledger *ledger, struct error *err)
{
    struct execution_start start = runs;

    start.uid = "ffffffffffffffffffff";
    return begin_it(ledger, &start, err) || end_it(ledger, start.uid, err) ? -1 : 0;
}

static int a_heartbeat(struct ledger *ledger, struct error *err)
{
    return execution_activity(ledger, runs.uid, "at it", err);
}

static int a_step(struct ledger *ledger, struct error *err)
{
    struct step_report report = {
        .verb = STEP_DONE, .execution = runs.uid, .stage = "g", .name = "k", .done = NO_INT, .total = NO_INT};
    struct step_reported reported;
    int result = step_report(ledger, &report, &reported, err);

    step_reported_free(&reported);
    return result;
}

static int one_item(void *context, const char **id, size_t *length, struct error *err)
{
    int *given = context;

    (void)err;
    *id = "i";
    *length = 1;
    return (*given)++ == 0;
}

static int an_item(struct ledger *ledger, struct error *err)
{
    struct item_report report = {.execution = runs.uid, .stage = "g"};
    AUTOFREE char *session = NULL;
    const char *how;
    int given = 0;

    return items_take(ledger, one_item, &given, err) ||
                   items_report(ledger, ITEMS_DONE, &report, &session, &how, err)
               ? -1
               : 0;
}

static int ignore_item(const struct item *item, void *context)
{
    (void)item;
    (void)context;
    return 0;
}

static int items_shown(struct ledger *ledger, struct error *err)
{
    return items_each(ledger, &(struct item_filter){.session = "s"}, ignore_item, NULL, err);
}

static int queue_settled(struct ledger *ledger, struct error *err)
{
    struct execution_start first = ended;
    struct queue_request then = queued;
    const char *const after[] = {"gggggggggggggggggggg"};

    first.uid = after[0];
    then.start.uid = "hhhhhhhhhhhhhhhhhhhh";
    then.after = after;
    then.after_count = 1;
    return begin_it(ledger, &first, err) || queue_it(ledger, &then, err) || end_it(ledger, first.uid, err) ||
                   queue_settle(ledger, err)
               ? -1
               : 0;
}

static const struct {
    const char *what;
    int (*ask)(struct ledger *, struct error *);
    const char *may; /* be looked through, all the same: newest first, it ends when there are enough; or it is
                        what was given */
    bool sorts;      /* rows that are few, however long the history is */
    const char *grows; /* with what it looks through, which is less than the history; NULL: with nothing */
} hot[] = {
    {"list", list_all, "SCAN e", false, NULL},
    {"list --outcome failed", list_failed, NULL, false, NULL},
    {"list --outcome cancelled", list_cancelled, NULL, false, NULL},
    {"list --outcome incomplete", list_incomplete, NULL, false, "the rounds given up"},
    {"list --since", list_since, NULL, false, NULL},
    {"list --since --name", list_since_name, NULL, false, NULL},
    {"list --since --outcome failed", list_since_failed, NULL, false, NULL},
    {"list --since --state running", list_since_running, NULL, false, NULL},
    {"list --state running", list_running, NULL, false, NULL},
    {"list --state queued", list_queued, NULL, false, NULL},
    {"what runs", list_in_flight, NULL, false, NULL},
    {"list --session", list_session, NULL, false, NULL},
    {"list --name", list_name, NULL, false, NULL},
    {"@last", resolve_last, NULL, true, NULL},
    {"a number", resolve_number, NULL, true, NULL},
    {"a UID", resolve_uid, NULL, false, NULL},
    {"letters of a UID", resolve_letters, NULL, true, NULL},
    {"a session's id", resolve_session, NULL, false, NULL},
    {"a name", resolve_name, NULL, false, NULL},
    {"a name, those that run first", resolve_open_name, NULL, false, NULL},
    {"who drives a session", driver_of, NULL, false, NULL},
    {"session list", sessions_any, "SCAN s USING INDEX sessions_started", false, NULL},
    {"session list --status active", sessions_active, NULL, true, NULL},
    {"session show", session_one, NULL, false, NULL},
    {"the only active session", session_only_active, NULL, false, NULL},
    {"events of an execution", events_of_execution, NULL, false, NULL},
    {"events of a session", events_of_session, NULL, false, NULL},
    {"events --since", events_since, NULL, false, NULL},
    {"sweep of executions", sweep_pages, NULL, false, NULL},
    {"sweep of sessions", sweep_sessions, NULL, false, NULL},
    {"the queue", queue_shown, NULL, false, NULL},
    {"what is due", queue_served, NULL, false, NULL},
    {"queue add", queue_added, NULL, false, NULL},
    {"a run", a_run, NULL, false, NULL},
    {"a run in a session", a_run_in_a_session, NULL, true, NULL},
    {"heartbeat", a_heartbeat, NULL, false, NULL},
    {"step done", a_step, NULL, false, NULL},
    {"item done", an_item, "SCAN g", false, NULL},
    {"item list", items_shown, NULL, false, NULL},
    {"what waited for an end", queue_settled, NULL, false, NULL},
    {"session begin", session_begun, NULL, false, NULL},
    {"session begin, again", session_begun, NULL, false, NULL},
    {"session complete-round", round_completed, NULL, false, NULL},
    {"session advance, to the next round", session_advanced, NULL, false, NULL},
    {"session complete-round, again", round_completed, NULL, false, NULL},
    {"session close", session_closed, "SCAN s", false, NULL},
    {"session begin, of a closed one", session_begun, NULL, false, NULL},
    {"session close --abort", session_aborted, "SCAN s", false, NULL},
    {"session link", session_linked, NULL, false, NULL},
    {"a session closed as stale", session_swept, NULL, false, NULL},
    {"the definition of a session", session_defined, NULL, false, NULL},
    {"step start, progress, error, done, skip", steps_of_all_kinds, NULL, false, NULL},
    {"what steps explain", steps_explained, NULL, true, NULL},
    {"item failed", items_failed, "SCAN g", true, NULL},
    {"item remaining", items_left, "SCAN g", true, NULL},
    {"item forget", items_forgotten, "SCAN g", true, NULL},
    {"checkpoint save", checkpoint_saved, NULL, false, NULL},
    {"checkpoint list, show", checkpoints_shown, NULL, true, NULL},
    {"queue move", queue_moved, NULL, false, NULL},
    {"queue pause, resume", queue_stopped, NULL, false, NULL},
    {"what is started from the queue", queue_claimed, NULL, true, NULL},
    {"queue remove", queue_taken_out, NULL, false, NULL},
    {"what can't be started", queue_refused, NULL, false, NULL},
    {"what a supervisor asks", life_read, NULL, false, NULL},
    {"what a supervisor writes", life_written, NULL, false, NULL},
    {"a plan", plan_told, NULL, false, NULL},
    {"an agent that stops", agent_stopped, NULL, false, NULL},
    {"one that is presumed to have ended", swept, NULL, false, NULL},
    {"a sweep's turn", sweep_begun_and_noted, NULL, false, NULL},
};

enum { HOT = sizeof hot / sizeof *hot, SHORT = 400, LONG = 4000 };

/* ---- What it looks at ---- */

/* Indexes of what is in flight, waits, has not succeeded, is active: all of it may be looked through. And
 * what is no table of the history at all. */
static const char *const few[] = {
    "executions_in_flight",
    "executions_not_zero",
    "executions_doubtful",
    "rounds_not_completed",
    "executions_closed_in_flight",
    "executions_from_queue",
    "sessions_active",
    "queue_position",
    "queue_after_after",
    "VIRTUAL TABLE",
    "given",
    "CONSTANT ROW",
    "SCAN queue",
    "SCAN sqlite_sequence",
    "SCAN a USING COVERING INDEX queue_after",
};

/* A subquery is scanned by the name that it was given when it was made. */
static bool is_subquery(const char *plan, const char *name)
{
    static const char *const made[] = {"CO-ROUTINE", "MATERIALIZE"};
    const char *joined = strstr(name, " LEFT-JOIN");
    int length = (int)(joined ? joined - name : (ptrdiff_t)strlen(name));
    bool found = false;

    for (size_t i = 0; i < sizeof made / sizeof *made && !found; i++) {
        AUTOFREE char *line = mem_printf("%s %.*s\n", made[i], length, name);

        found = strstr(plan, line) != NULL;
    }
    return found;
}

/* What is sorted at the end was found before, all of it. */
static bool is_sort(sqlite3_stmt *row, const char *line)
{
    return sqlite3_column_int(row, 1) == 0 && strstr(line, "TEMP B-TREE FOR ORDER BY");
}

static bool is_allowed(const char *plan, const char *line, const char *may_scan)
{
    if (strncmp(line, "SCAN ", strlen("SCAN ")) != 0 || is_subquery(plan, line + strlen("SCAN ")))
        return true;
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        if (strstr(line, few[i]))
            return true;
    return may_scan && strcmp(line, may_scan) == 0;
}

static void check_plan(struct ledger *ledger, const char *what, const char *statement, const char *may_scan,
                       bool sorts)
{
    AUTOFREE char *explain = mem_printf("EXPLAIN QUERY PLAN %s", statement);
    AUTOBUF struct buf plan = {0};
    struct error err;
    AUTOSTMT sqlite3_stmt *rows = sql_bind(ledger, &err, explain, "");

    if (!rows)
        fail_msg("%s: %s: %s", what, statement, err.text);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(rows, 3);

        if (!sorts && is_sort(rows, line))
            fail_msg("%s: %s\n\n%s", what, line, statement);
        buf_printf(&plan, "%s\n", line);
    }
    for (const char *at = plan.data; at && *at; at = strchr(at, '\n') + 1) {
        AUTOFREE char *line = mem_printf("%.*s", (int)strcspn(at, "\n"), at);

        if (!is_allowed(plan.data, line, may_scan))
            fail_msg("%s: %s\n\n%s", what, line, statement);
    }
}

struct recording {
    char *statements[256];
    size_t count;
};

static int record(unsigned kind, void *context, void *statement, void *text)
{
    struct recording *recording = context;

    (void)kind;
    /* A trigger begins with "--": its statements are not seen here. And what makes a table has no plan. */
    if (strncmp(text, "--", 2) != 0 && strncmp(text, "CREATE ", strlen("CREATE ")) != 0 &&
        recording->count < sizeof recording->statements / sizeof(char *))
        recording->statements[recording->count++] = mem_strdup(sqlite3_sql(statement));
    return 0;
}

static void no_hot_call_looks_through_the_history(void **state)
{
    struct world world;
    struct ledger *ledger;

    (void)state;
    world_open(&world, SHORT);
    ledger = world.ledger;
    for (size_t i = 0; i < HOT; i++) {
        struct recording recording = {0};
        struct error err = {0};

        sqlite3_trace_v2(ledger->db, SQLITE_TRACE_STMT, record, &recording);
        if (hot[i].ask(ledger, &err))
            fail_msg("%s: %s", hot[i].what, err.text);
        sqlite3_trace_v2(ledger->db, 0, NULL, NULL);
        assert_true(recording.count > 0);
        for (size_t k = 0; k < recording.count; k++) {
            check_plan(ledger, hot[i].what, recording.statements[k], hot[i].may, hot[i].sorts);
            free(recording.statements[k]);
        }
    }
    world_close(&world);
}

/* ---- How long it looks ---- */

/* A statement is done: its steps, with those of the triggers that it set off. */
static int count_steps(unsigned kind, void *context, void *statement, void *nanoseconds)
{
    int *steps = context;

    (void)kind;
    (void)nanoseconds;
    *steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
    return 0;
}

static void steps_of_all(int history, int steps[HOT])
{
    struct world world;

    world_open(&world, history);
    for (size_t i = 0; i < HOT; i++) {
        struct error err = {0};

        steps[i] = 0;
        sqlite3_trace_v2(world.ledger->db, SQLITE_TRACE_PROFILE, count_steps, &steps[i]);
        if (hot[i].ask(world.ledger, &err))
            fail_msg("%s: %s", hot[i].what, err.text);
        sqlite3_trace_v2(world.ledger->db, 0, NULL, NULL);
        assert_true(steps[i] > 0);
    }
    world_close(&world);
}

static void no_hot_call_takes_longer_in_a_longer_history(void **state)
{
    int brief[HOT], large[HOT], wrong = 0;

    (void)state;
    steps_of_all(SHORT, brief);
    steps_of_all(LONG, large);
    for (size_t i = 0; i < HOT; i++) {
        bool grows = large[i] > brief[i] + brief[i] / 2;

        if (grows && !hot[i].grows)
            print_error("%s: %d steps after %d executions, %d after %d\n", hot[i].what, brief[i], SHORT,
                        large[i], LONG);
        if (!grows && hot[i].grows)
            print_error("%s doesn't grow with %s any more\n", hot[i].what, hot[i].grows);
        wrong += grows == !hot[i].grows;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_hot_call_looks_through_the_history),
        cmocka_unit_test(no_hot_call_takes_longer_in_a_longer_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
