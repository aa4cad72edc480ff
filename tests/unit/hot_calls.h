/*
 * A history of any length, and calls on the ledger of test_plans.c that are made often: each of them asks
 * for something, or changes it, as a verb, a supervisor, a sweep or a hook does.
 */
#ifndef HOT_CALLS_H
#define HOT_CALLS_H

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/agent.h>
#include <supervise/store/check.h>
#include <supervise/store/checkpoint.h>
#include <supervise/store/event.h>
#include <supervise/store/item.h>
#include <supervise/store/plan.h>
#include <supervise/store/queue.h>
#include <supervise/store/session.h>
#include <supervise/store/step.h>
#include <supervise/store/sweep.h>

#include "../../src/store/sql.h"

/* The executions that set_up() makes: one that runs in session "s", one that has ended, one in the queue. */
#define RUNS "aaaaaaaaaaaaaaaaaaaa"
#define ENDED "bbbbbbbbbbbbbbbbbbbb"
#define QUEUED "cccccccccccccccccccc"

#define DEFINITION                                                                                           \
    "{\"phases\":[\"a\",\"b\"],\"initial\":\"a\",\"final\":[\"b\"],\"edges\":{\"a\":[\"b\"],\"b\":[\"a\"]}," \
    "\"strict\":false,\"stages\":[]}"

/* ---- The history ---- */

/* Of ten executions one has a name and one drives a session; of twenty one failed; of forty one session was
 * given up. What was cancelled lies at the far end. */
static const char history_sql[] =
    "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
    " SELECT i, iif(i %% 10 = 5, 'h' || i, NULL) AS session, i %% 40 = 5 AS lost,"
    " iif(i = 3, -2, i %% 40 = 5 OR i %% 20 = 7) AS code FROM n;"
    "INSERT INTO sessions (id, workflow, definition, phase, started_at, updated_at)"
    " SELECT session, 'w', '" DEFINITION "', 'a', i, i FROM n WHERE session IS NOT NULL;"
    "INSERT INTO rounds (id, session, round, opened_at)"
    " SELECT i, session, 1, i FROM n WHERE session IS NOT NULL;"
    "INSERT INTO executions (uid, name, session, drives, opening, command, exit_code, started_at,"
    " finished_at) SELECT printf('h%%019d', i), iif(i %% 10 = 0, 'often', NULL), session,"
    " session IS NOT NULL, iif(session IS NOT NULL, i, NULL), '[\"true\"]', code, i, i + 1 FROM n;"
    "INSERT INTO events (at, type, session, execution)"
    " SELECT started_at, 'execution_started', session, uid FROM executions UNION ALL"
    " SELECT finished_at, 'execution_finished', session, uid FROM executions;"
    "INSERT INTO events (at, type, session, data)"
    " SELECT i, 'round_completed', session, '{\"round\":1}' FROM n WHERE session IS NOT NULL AND NOT lost;"
    "UPDATE rounds SET completed_at = iif(lost, NULL, i), settled_at = i,"
    " settled_as = iif(lost, 'aborted', 'completed') FROM n WHERE n.i = rounds.id;"
    "UPDATE sessions SET status = 'closed', close_reason = iif(lost, 'aborted', 'completed'), closed_at = i"
    " FROM n WHERE n.session = sessions.id;"
    "INSERT INTO steps (session, stage, name, status, execution)"
    " SELECT session, 'g', 'k', 'done', uid FROM executions WHERE session IS NOT NULL;"
    "INSERT INTO items (session, stage, id, status, at) SELECT id, 'g', 'i', 'done', 1 FROM sessions;"
    "INSERT INTO checkpoints (id, session, created_at) SELECT 'c', id, 1 FROM sessions;";

static int make_history(struct ledger *ledger, int length, struct error *err)
{
    AUTOFREE char *sql = mem_printf(history_sql, length);

    return sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) ? sql_fail(ledger, err) : 0;
}

/* ---- Sessions ---- */

static int begin_session(struct ledger *ledger, const char *id, struct error *err)
{
    struct begin_request request = {.id = id, .workflow = "w", .definition = DEFINITION};
    enum begin_result begun;
    AUTOFREE char *given = NULL;

    return session_begin(ledger, &request, &begun, &given, err);
}

static int session_begun(struct ledger *ledger, struct error *err)
{
    return begin_session(ledger, "t", err);
}

static int advance_to(struct ledger *ledger, const char *phase, struct error *err)
{
    struct advance_result advanced = {0};
    int result =
        session_advance(ledger, &(struct advance_request){.id = "t", .phase = phase}, &advanced, err);

    free(advanced.phase);
    return result;
}

static int session_advanced(struct ledger *ledger, struct error *err)
{
    return advance_to(ledger, "a", err);
}

static int round_completed(struct ledger *ledger, struct error *err)
{
    return advance_to(ledger, NULL, err);
}

static int close_session(struct ledger *ledger, const char *reason, struct error *err)
{
    struct close_result closed;
    int result = session_close(ledger, &(struct close_request){.id = "t", .reason = reason}, &closed, err);

    close_result_free(&closed);
    return result;
}

static int session_closed(struct ledger *ledger, struct error *err)
{
    return close_session(ledger, "completed", err);
}

static int session_aborted(struct ledger *ledger, struct error *err)
{
    return close_session(ledger, "aborted", err);
}

static int session_swept(struct ledger *ledger, struct error *err)
{
    bool changed;

    return begin_session(ledger, "stale", err) ||
                   session_close_stale(ledger, "stale", wall_now_ms() + 2000, 1000, &changed, err)
               ? -1
               : 0;
}

static int session_linked(struct ledger *ledger, struct error *err)
{
    bool linked;

    return begin_session(ledger, "linked", err) || session_link(ledger, "linked", QUEUED, &linked, err) ? -1
                                                                                                        : 0;
}

static int session_defined(struct ledger *ledger, struct error *err)
{
    AUTOFREE char *workflow = NULL;
    AUTOFREE char *definition = NULL;

    return session_definition(ledger, "h5", &workflow, &definition, err);
}

/* ---- Steps, items, checkpoints ---- */

static int steps_of_all_kinds(struct ledger *ledger, struct error *err)
{
    static const enum step_verb said[] = {STEP_START, STEP_PROGRESS, STEP_ERROR,
                                          STEP_START, STEP_DONE,     STEP_SKIP};
    static const char *const about[] = {"x", "x", "x", "x", "x", "y"};

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct step_report report = {.verb = said[i],
                                     .execution = RUNS,
                                     .stage = "g",
                                     .name = about[i],
                                     .text = "why",
                                     .done = NO_INT,
                                     .total = NO_INT};
        struct step_reported reported;
        int result = step_report(ledger, &report, &reported, err);

        step_reported_free(&reported);
        if (result)
            return -1;
    }
    return 0;
}

static int steps_explained(struct ledger *ledger, struct error *err)
{
    struct execution *execution;
    struct step_facts *facts = NULL;
    int result = execution_get(ledger, RUNS, &execution, err);

    if (result == 0)
        result = step_facts_read(ledger, execution, &facts, err);
    step_facts_free(facts);
    execution_free(execution);
    return result;
}

static int one_more_item(void *context, const char **id, size_t *length, struct error *err)
{
    int *given = context;

    (void)err;
    *id = "j";
    *length = 1;
    return (*given)++ == 0;
}

/* The ids of a report are taken once by a process; here one connection reports again and again. */
static int take_item(struct ledger *ledger, struct error *err)
{
    int given = 0;

    return sql_run(ledger, err, "DROP TABLE IF EXISTS temp.given", "") ||
                   items_take(ledger, one_more_item, &given, err)
               ? -1
               : 0;
}

static int report_items(struct ledger *ledger, enum item_verb verb, struct error *err)
{
    struct item_report report = {.execution = RUNS, .stage = "g", .error = "why"};
    AUTOFREE char *session = NULL;
    const char *how;

    return take_item(ledger, err) || items_report(ledger, verb, &report, &session, &how, err) ? -1 : 0;
}

static int items_failed(struct ledger *ledger, struct error *err)
{
    return report_items(ledger, ITEMS_FAILED, err);
}

static int items_forgotten(struct ledger *ledger, struct error *err)
{
    return report_items(ledger, ITEMS_FORGOTTEN, err);
}

static int ignore_id(const char *id, size_t length, void *context)
{
    (void)id;
    (void)length;
    (void)context;
    return 0;
}

static int items_left(struct ledger *ledger, struct error *err)
{
    struct item_report report = {.execution = RUNS, .stage = "g"};
    AUTOFREE char *session = NULL;
    const char *how;

    return take_item(ledger, err) || items_remaining(ledger, &report, &session, &how, err) ||
                   items_remaining_each(ledger, ignore_id, NULL, err)
               ? -1
               : 0;
}

static int checkpoint_saved(struct ledger *ledger, struct error *err)
{
    struct checkpoint_save save = {
        .execution = RUNS, .steps = NO_INT, .session_steps = 3, .usage = "{\"u\":1}", .data = "x", .size = 1};
    AUTOFREE char *id = NULL;
    AUTOFREE char *session = NULL;
    const char *how;

    return checkpoint_save(ledger, &save, &id, &session, &how, err);
}

static int ignore_checkpoint(const struct checkpoint *checkpoint, void *context)
{
    (void)checkpoint;
    (void)context;
    return 0;
}

static int checkpoints_shown(struct ledger *ledger, struct error *err)
{
    struct checkpoint *checkpoint;
    AUTOFREE char *data = NULL;
    AUTOFREE char *last = NULL;
    int result = checkpoints_each(ledger, "s", ignore_checkpoint, NULL, err) ||
                 checkpoint_last(ledger, "s", &last, err);

    if (result == 0 && (result = checkpoint_get(ledger, "s", last, &checkpoint, &data, err)) == 0)
        checkpoint_free(checkpoint);
    return result ? -1 : 0;
}

/* ---- The queue ---- */

static int queue_moved(struct ledger *ledger, struct error *err)
{
    return queue_move(ledger, QUEUED, QUEUE_LAST, NULL, err) ||
                   queue_move(ledger, QUEUED, QUEUE_FIRST, NULL, err) ||
                   queue_move(ledger, QUEUED, QUEUE_BEFORE, "dddddddddddddddddddd", err)
               ? -1
               : 0;
}

static int queue_stopped(struct ledger *ledger, struct error *err)
{
    bool changed;

    return queue_pause(ledger, true, &changed, err) || queue_pause(ledger, false, &changed, err) ? -1 : 0;
}

static int queue_claimed(struct ledger *ledger, struct error *err)
{
    struct execution_start start = {.uid = QUEUED, .command = "[\"true\"]", .attempt = 1, .started_at = 2000};
    struct execution_begun begun;
    struct predecessor predecessor;
    struct queued queued;
    int result =
        queue_waits_for(ledger, QUEUED, &predecessor, err) < 0 || queue_get(ledger, QUEUED, &queued, err);

    if (result)
        return -1;
    queued_free(&queued);
    result = queue_claim(ledger, &start, &begun, err);
    free(begun.session);
    return result;
}

static int queue_taken_out(struct ledger *ledger, struct error *err)
{
    return queue_remove(ledger, "dddddddddddddddddddd", err);
}

static int queue_refused(struct ledger *ledger, struct error *err)
{
    return queue_refuse(ledger, "hhhhhhhhhhhhhhhhhhhh", "why", err);
}

/* ---- What a supervisor writes and asks while its command runs ---- */

static int life_read(struct ledger *ledger, struct error *err)
{
    struct execution_orders orders;
    struct execution_list list;
    enum parent_state state;
    int64_t newest;
    bool known;

    if (execution_read_orders(ledger, RUNS, &orders, err) || execution_in_flight(ledger, RUNS, &state, err) ||
        events_newest(ledger, &newest, err) || ledger_knows(ledger, RUNS, &known, err) ||
        executions_running(ledger, &list, err))
        return -1;
    execution_list_free(&list);
    return 0;
}

static int life_written(struct ledger *ledger, struct error *err)
{
    struct execution_said said = {
        .ready = true, .status = "at it", .error_number = NO_INT, .exit_status = NO_INT, .at = 3000};
    bool written;

    return execution_said(ledger, RUNS, &said, err) || execution_suspended(ledger, RUNS, 5, 5, err) ||
                   execution_agent_session(ledger, RUNS, "its own", err) ||
                   execution_intend_stop(ledger, RUNS, "cancel", NULL, &written, err)
               ? -1
               : 0;
}

/* ---- Sweeps: of one whose supervisor is gone ---- */

static int swept(struct ledger *ledger, struct error *err)
{
    struct presumed_end end = {.at = 4000};
    struct execution *seen;
    int64_t code, asked_at;
    bool changed;
    int result = execution_get(ledger, RUNS, &seen, err);

    if (result == 0)
        result = execution_unsupervised(ledger, seen, 3500, false, &changed, err) ||
                 execution_ask_to_end(ledger, seen, 3600, &asked_at, &changed, err) ||
                 execution_presumed_code(ledger, seen, &code, err) ||
                 execution_presume(ledger, seen, &end, &code, &changed, err) ||
                 execution_release(ledger, seen, &changed, err);
    execution_free(seen);
    return result ? -1 : 0;
}

static int sweep_begun_and_noted(struct ledger *ledger, struct error *err)
{
    bool claimed;

    return sweep_claim(ledger, "sweep", 5000, 1000, &claimed, err) || sweep_note(ledger, 5000, 1, 1, err) ? -1
                                                                                                          : 0;
}

/* ---- What the hooks of agents ask and report ---- */

static void ignore_plan_item(const struct plan_item *item, void *context)
{
    (void)item;
    (void)context;
}

static int plan_told(struct ledger *ledger, struct error *err)
{
    char key[] = "1", name[] = "plan it";
    const struct plan_item pending = {key, name, PLAN_PENDING}, runs = {key, name, PLAN_RUNNING};

    return plan_report(ledger, RUNS, &pending, 1, err) || plan_report(ledger, RUNS, &runs, 1, err) ||
                   plan_each(ledger, RUNS, ignore_plan_item, NULL, err)
               ? -1
               : 0;
}

static int agent_stopped(struct ledger *ledger, struct error *err)
{
    struct agent_standing standing;
    AUTOFREE char *left = NULL;
    int64_t number;
    int result = agent_standing_read(ledger, RUNS, &standing, err);

    if (result)
        return -1;
    agent_standing_free(&standing);
    return agent_left(ledger, RUNS, &left, err) || agent_nudge(ledger, RUNS, 3, "why", &number, err) ? -1 : 0;
}

#endif
