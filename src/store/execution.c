/*
 * Every change of an execution: its beginning, what is heard of it, the intent to stop it, and its one end.
 * Each is one transaction with its event.
 */
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/domain/outcome.h>
#include <supervise/store/step.h>

/* ---- The beginning ---- */

int execution_in_flight(struct ledger *ledger, const char *uid, enum parent_state *state, struct error *err)
{
    int64_t gone;

    if (sql_integer(ledger, err, &gone,
                    "SELECT finished_at IS NOT NULL AND pid IS NULL FROM executions WHERE uid = ?", "t", uid))
        return -1;
    *state = gone == NO_INT ? PARENT_UNKNOWN : gone ? PARENT_ENDED : PARENT_IN_FLIGHT;
    return 0;
}

static int read_parent(struct ledger *ledger, const struct execution_start *start,
                       struct execution_begun *begun, struct error *err)
{
    begun->parent = PARENT_NONE;
    if (!start->parent_uid)
        return 0;
    if (execution_in_flight(ledger, start->parent_uid, &begun->parent, err))
        return -1;
    if (begun->parent == PARENT_IN_FLIGHT && !start->session && !start->workflow)
        return sql_text(ledger, err, &begun->session, "SELECT session FROM executions WHERE uid = ?", "t",
                        start->parent_uid);
    return 0;
}

/* The session that was asked for: made where it is missing, refused where it can't be driven. */
static int take_session(struct ledger *ledger, const struct execution_start *start,
                        struct execution_begun *begun, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;
    int step;

    begun->drives = true;
    if (!start->session) {
        if (session_make_id(ledger, start->workflow, &begun->session, err))
            return -1;
    } else {
        begun->session = mem_strdup(start->session);
    }
    statement =
        sql_bind(ledger, err, "SELECT status, workflow FROM sessions WHERE id = ?", "t", begun->session);
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return session_insert(ledger, begun->session, start->workflow, start->workflow_definition, start->uid,
                              start->started_at ? start->started_at : start->queued_at, err);
    if (strcmp((const char *)sqlite3_column_text(statement, 0), "active") != 0)
        return session_refuse_closed(begun->session, err);
    return session_same_workflow(begun->session, (const char *)sqlite3_column_text(statement, 1),
                                 start->workflow, err);
}

static const char INSERT[] = "INSERT INTO executions (uid, parent_uid, name, session, drives, command, argv, "
                             "cwd, host, attempt, started_at,"
                             " heartbeat_at, activity_at, supervisor_pid, supervisor_start, pid_ns, boot_id, "
                             "machine_id, socket, detached,"
                             " require_session, log, agent, stages, queued_at, pid, pid_start, facts)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?11, ?12, ?13, "
                             "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)";

static int64_t or_null(int64_t value)
{
    return value ? value : NO_INT;
}

char *execution_first_facts(const struct execution_start *start)
{
    long long slept = slept_now_ms();

    return start->capture
               ? mem_printf("{\"capture\":\"%s\",\"heartbeat_slept\":%lld,\"activity_slept\":%lld}",
                            start->capture, slept, slept)
               : mem_strdup("{}");
}

static int insert_row(struct ledger *ledger, const struct execution_start *start, const char *stages,
                      struct execution_begun *begun, struct error *err)
{
    const char *parent = begun->parent == PARENT_IN_FLIGHT ? start->parent_uid : NULL;
    struct blob argv = {start->argv, start->argv_size};
    AUTOFREE char *facts = execution_first_facts(start);
    bool starts = start->started_at != 0;

    if (sql_run(ledger, err, INSERT,
                "tttt"
                "itbtt"
                "iiiii"
                "ttt"
                "iittti"
                "iit",
                start->uid, parent, start->name, begun->session, (int64_t)begun->drives, start->command, argv,
                start->cwd, start->host, start->attempt, or_null(start->started_at),
                starts ? start->supervisor_pid : NO_INT, starts ? start->supervisor_start : NO_INT,
                starts ? start->pid_ns : NO_INT, start->boot_id, start->machine_id, start->socket,
                (int64_t)start->detached, (int64_t)start->require_session, start->log, start->agent, stages,
                or_null(start->queued_at), or_null(start->pid), or_null(start->pid_start), facts))
        return -1;
    begun->id = sqlite3_last_insert_rowid(ledger->db);
    return event_insert(ledger, starts ? start->started_at : start->queued_at,
                        starts ? "execution_started" : "execution_queued", begun->session, start->uid, NULL,
                        err);
}

int execution_insert(struct ledger *ledger, const struct execution_start *start,
                     struct execution_begun *begun, struct error *err)
{
    AUTOFREE char *stages = NULL;

    *begun = (struct execution_begun){0};
    if (read_parent(ledger, start, begun, err) ||
        ((start->session || start->workflow) && take_session(ledger, start, begun, err)) ||
        (start->stages &&
         stages_take(ledger, begun->drives ? begun->session : NULL, start->stages, &stages, err)))
        return -1;
    return insert_row(ledger, start, stages, begun, err);
}

int execution_begin(struct ledger *ledger, const struct execution_start *start, struct execution_begun *begun,
                    struct error *err)
{
    if (sql_begin(ledger, err))
        return -1;
    if (sql_end(ledger, execution_insert(ledger, start, begun, err), err) == 0)
        return 0;
    free(begun->session);
    begun->session = NULL;
    return -1;
}

/* ---- On the way ---- */

int execution_read_orders(struct ledger *ledger, const char *uid, struct execution_orders *orders,
                          struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err,
                                                "SELECT finished_at IS NOT NULL AND exit_code <> -3, "
                                                "cancel_requested_at IS NOT NULL, activity_at FROM executions"
                                                " WHERE uid = ?",
                                                "t", uid);
    int step;

    *orders = (struct execution_orders){.activity_at = NO_INT};
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step > 0) {
        orders->ended = sqlite3_column_int(statement, 0);
        orders->stop_requested = sqlite3_column_int(statement, 1);
        orders->activity_at =
            sqlite3_column_type(statement, 2) == SQLITE_NULL ? NO_INT : sqlite3_column_int64(statement, 2);
    }
    return 0;
}

int execution_heartbeat(struct ledger *ledger, const char *uid, int64_t activity_at, int64_t activity_slept,
                        struct error *err)
{
    return sql_run(
        ledger, err,
        "UPDATE executions SET heartbeat_at = ?2, activity_at = max(coalesce(activity_at, ?3),"
        " coalesce(?3, activity_at)), facts = json_set(facts, '$.heartbeat_slept', ?4,"
        " '$.activity_slept', iif(?3 > coalesce(activity_at, 0), ?5, facts ->> '$.activity_slept'))"
        " WHERE uid = ?1 AND finished_at IS NULL",
        "tiiii", uid, wall_now_ms(), activity_at, slept_now_ms(), activity_slept);
}

int execution_suspended(struct ledger *ledger, const char *uid, int64_t ms, int64_t total_ms,
                        struct error *err)
{
    AUTOFREE char *data = mem_printf("{\"ms\":%lld}", (long long)ms);
    int result;

    if (sql_begin(ledger, err))
        return -1;
    result = sql_run(ledger, err,
                     "UPDATE executions SET facts = json_set(facts, '$.suspended_ms', ?2) WHERE uid = ?1",
                     "ti", uid, total_ms);
    if (!result)
        result = event_insert(ledger, wall_now_ms(), "host_suspended", NULL, uid, data, err);
    return sql_end(ledger, result, err);
}

int execution_activity(struct ledger *ledger, const char *uid, const char *status_text, struct error *err)
{
    int64_t now = wall_now_ms(), open;
    int result;

    if (sql_begin(ledger, err))
        return -1;
    result =
        sql_integer(ledger, err, &open, "SELECT finished_at IS NULL FROM executions WHERE uid = ?", "t", uid);
    if (!result && open == NO_INT)
        result = error_set(err, ERR_NOT_FOUND, "no execution \"%s\" in the ledger %s", uid, ledger->path);
    if (!result && !open)
        result = error_set(err, ERR_INVARIANT, "execution %s has ended: nothing is taken for it", uid);
    if (!result)
        result = sql_run(ledger, err,
                         "UPDATE executions SET activity_at = max(coalesce(activity_at, ?2), ?2),"
                         " facts = json_set(facts, '$.activity_slept', ?4),"
                         " status_text = coalesce(?3, status_text) WHERE uid = ?1",
                         "titi", uid, now, status_text, slept_now_ms());
    if (!result && status_text) {
        json_t *data = json_pack("{s:s}", "status", status_text);
        AUTOFREE char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;

        json_decref(data);
        result = event_insert(ledger, now, "execution_status", NULL, uid, text, err);
    }
    return sql_end(ledger, result, err);
}

int execution_agent_session(struct ledger *ledger, const char *uid, const char *session, struct error *err)
{
    json_t *object = json_pack("{s:s}", "agent_session", session);
    AUTOFREE char *data = object ? json_dumps(object, JSON_COMPACT) : NULL;
    int64_t changed;
    int result;

    json_decref(object);
    if (sql_begin(ledger, err))
        return -1;
    result = sql_integer(
        ledger, err, &changed,
        "UPDATE executions SET agent_session = ?2 WHERE uid = ?1 AND agent_session IS NULL RETURNING 1", "tt",
        uid, session);
    if (!result && changed != NO_INT)
        result = event_insert(ledger, wall_now_ms(), "execution_status", NULL, uid, data, err);
    return sql_end(ledger, result, err);
}

/* ---- Intent ---- */

/* What never ran ends with the reason as its note: nothing else will ever tell why. */
static int cancel_queued(struct ledger *ledger, const char *uid, int64_t at, struct error *err)
{
    AUTOFREE char *data = NULL;

    if (sql_text(ledger, err, &data,
                 "UPDATE executions SET finished_at = ?2, exit_code = -2, stopped_by = 'cancel',"
                 " notes = CASE WHEN facts ->> '$.why' IS NULL THEN notes"
                 "  ELSE json_insert(notes, '$[#]', facts ->> '$.why') END,"
                 " opening = (SELECT max(r.id) FROM rounds r WHERE r.session = executions.session)"
                 " WHERE uid = ?1 RETURNING json_patch("
                 "  '{\"exit_code\":-2,\"outcome\":\"cancelled\",\"reason\":\"cancelled\"}',"
                 "  json_object('why', facts ->> '$.why'))",
                 "ti", uid, at) ||
        queue_leave(ledger, uid, err))
        return -1;
    return event_insert(ledger, at, "execution_finished", NULL, uid, data, err);
}

int execution_intend(struct ledger *ledger, const char *uid, const char *stopped_by, const char *data,
                     bool *written, struct error *err)
{
    bool cancel = strcmp(stopped_by, "cancel") == 0;
    int64_t now = wall_now_ms(), queued;

    *written = false;
    if (sql_integer(ledger, err, &queued,
                    "UPDATE executions SET stopped_by = ?2, cancel_requested_at = ?3,"
                    " facts = json_patch(facts, json_object('why', ?4 ->> '$.why'))"
                    " WHERE uid = ?1 AND finished_at IS NULL AND stopped_by IS NULL"
                    " RETURNING started_at IS NULL",
                    "ttit", uid, stopped_by, cancel ? now : NO_INT, data))
        return -1;
    if (queued == NO_INT)
        return 0;
    *written = true;
    if (event_insert(ledger, now, cancel ? "execution_cancel_requested" : "execution_deadline", NULL, uid,
                     data, err))
        return -1;
    return queued ? cancel_queued(ledger, uid, now, err) : 0;
}

int execution_intend_stop(struct ledger *ledger, const char *uid, const char *stopped_by, const char *data,
                          bool *written, struct error *err)
{
    int result;

    *written = false;
    if (sql_begin(ledger, err))
        return -1;
    result = execution_intend(ledger, uid, stopped_by, data, written, err);
    if (!result && *written) /* what was only queued has ended by it */
        result = queue_settle_within(ledger, err);
    result = sql_end(ledger, result, err);
    *written = *written && result == 0;
    return result;
}

/* ---- The end ---- */

/* What the ledger knows that decides how the end is written. */
struct standing {
    bool known, ended, session, require_session;
    int64_t exit_code;
    char *stopped_by;
    bool settled_completed;
};

static const char STANDING[] =
    "SELECT finished_at IS NOT NULL, exit_code, stopped_by, drives AND 'completed' IS"
    " (SELECT r.settled_as FROM rounds r WHERE r.session = e.session ORDER BY r.id DESC LIMIT 1),"
    " session IS NOT NULL, require_session FROM executions e WHERE uid = ?";

static int read_standing(struct ledger *ledger, const char *uid, struct standing *standing, struct error *err)
{
    sqlite3_stmt *statement = sql_keep(ledger, KEPT_STANDING, err, STANDING);
    int step;

    *standing = (struct standing){0};
    if (!statement)
        return -1;
    sqlite3_bind_text(statement, 1, uid, -1, SQLITE_STATIC);
    step = sql_step(ledger, statement, err);
    if (step > 0) {
        standing->known = true;
        standing->ended = sqlite3_column_int(statement, 0);
        standing->exit_code = sqlite3_column_int64(statement, 1);
        standing->stopped_by = mem_strdup((const char *)sqlite3_column_text(statement, 2));
        standing->settled_completed = sqlite3_column_int(statement, 3);
        standing->session = sqlite3_column_int(statement, 4);
        standing->require_session = sqlite3_column_int(statement, 5);
    }
    sqlite3_reset(statement);
    return step < 0 ? -1 : 0;
}

/* What stopped it: the intent in the ledger, if it was acted on before the end; else what the supervisor
 * knows. */
static const char *stopped_by(const struct standing *standing, const struct execution_end *end)
{
    return end->stopped && standing->stopped_by ? standing->stopped_by : end->stopped_by;
}

/* The code to be written: a sentinel where it was stopped before its round was settled as completed. */
static int64_t written_code(const struct standing *standing, const struct execution_end *end, const char *by)
{
    if (!by || standing->settled_completed || end->exit_code < 0)
        return end->exit_code;
    return strcmp(by, "cancel") == 0 ? -2 : -5;
}

static const char FINISH[] =
    "UPDATE executions SET finished_at = max(?2, coalesce(started_at, ?2)), exit_code = ?3, signal = ?4, "
    "stopped_by = ?5,"
    " spawn_errno = ?6, duration_ms = ?7, usage = ?8, facts = json_patch(json_patch(facts, ?9),"
    " iif(exit_code = -3, '{\"recovered\":true,\"threshold_ms\":null}', '{}')),"
    " activity_at = max(coalesce(activity_at, ?10), coalesce(?10, activity_at)), pid = NULL, pid_start = "
    "NULL,"
    " socket = NULL, agent_session = coalesce(agent_session, ?11), agent_result = ?13, agent_unfinished = "
    "?14,"
    " notes = CASE WHEN ?12 IS NULL THEN notes ELSE json_insert(notes, '$[#]', ?12) END, opening = (SELECT "
    "max(r.id) FROM rounds r WHERE r.session = executions.session)"
    " WHERE uid = ?1";

void execution_expect_end(struct ledger *ledger)
{
    struct error ignored; /* it is told when the end is written */

    sql_keep(ledger, KEPT_STANDING, &ignored, STANDING);
    sql_keep(ledger, KEPT_END, &ignored, FINISH);
}

/* Closed with its session: the end stands, what was seen is added. */
static const char ADD_SEEN[] = "UPDATE executions SET signal = ?2, usage = ?3, facts = json_patch(facts, "
                               "?4), duration_ms = ?5, pid = NULL,"
                               " pid_start = NULL, socket = NULL WHERE uid = ?1";

/* The event of an end that is judged so now; `threshold_ms` 0: none decided. */
static int finished_event(struct ledger *ledger, const char *uid, int64_t at, const char *type,
                          int64_t exit_code, int64_t signal, int64_t duration_ms, int64_t threshold_ms,
                          const char *outcome, const char *reason, struct error *err)
{
    json_t *data = json_object();
    AUTOFREE char *text = NULL;

    json_object_set_new(data, "exit_code", json_integer(exit_code));
    if (signal != NO_INT)
        json_object_set_new(data, "signal", json_integer(signal));
    json_object_set_new(data, "outcome", json_string(outcome));
    json_object_set_new(data, "reason", json_string(reason));
    if (duration_ms != NO_INT)
        json_object_set_new(data, "duration_ms", json_integer(duration_ms));
    if (threshold_ms > 0)
        json_object_set_new(data, "threshold_ms", json_integer(threshold_ms));
    text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    return event_insert(ledger, at, type, NULL, uid, text, err);
}

int execution_end_event(struct ledger *ledger, const struct execution *row, int64_t at, const char *type,
                        int64_t threshold_ms, struct error *err)
{
    return finished_event(ledger, row->uid, at, type, row->exit_code, row->signal, row->duration_ms,
                          threshold_ms, row->outcome, row->reason, err);
}

/*
 * Of what has no session, and was stopped by nobody, the end alone decides. To read it back through the view
 * would cost more than to write it.
 */
static bool decides_alone(const struct standing *standing)
{
    return !standing->session && !standing->stopped_by && !standing->ended;
}

static int plain_event(struct ledger *ledger, const struct execution_end *end,
                       const struct standing *standing, int64_t exit_code, const char *by, struct error *err)
{
    struct verdict verdict = outcome_of(&(struct outcome_facts){
        .finished = true,
        .exit_code = (int)exit_code,
        .signal = end->signal == NO_INT ? 0 : (int)end->signal,
        .stopped = by != NULL,
        .require_session = standing->require_session,
        .agent_unfinished = end->agent_unfinished,
    });

    return finished_event(ledger, end->uid, end->finished_at, "execution_finished", exit_code, end->signal,
                          end->duration_ms, 0, outcome_name(verdict.outcome), verdict.reason, err);
}

static int write_end(struct ledger *ledger, const struct execution_end *end, const struct standing *standing,
                     struct execution **row, struct error *err)
{
    const char *by = stopped_by(standing, end);
    int64_t exit_code = written_code(standing, end, by);
    bool recovered = standing->ended;

    if (end->said && said_write(ledger, end->uid, end->said, err))
        return -1;
    for (size_t i = 0; i < end->event_count; i++)
        if (event_insert(ledger, end->events[i].at, end->events[i].type, NULL, end->uid, end->events[i].data,
                         err))
            return -1;
    if (sql_run_kept(ledger, KEPT_END, err, FINISH,
                     "tii"
                     "iti"
                     "itti"
                     "tt"
                     "ti",
                     end->uid, end->finished_at, exit_code, end->signal, by, end->spawn_errno,
                     end->duration_ms, end->usage, end->facts, end->activity_at, end->agent_session,
                     end->note, end->agent_result, (int64_t)end->agent_unfinished) ||
        (standing->session &&
         (steps_abort_of(ledger, end->uid, "its execution ended", end->finished_at, err) ||
          implicit_close(ledger, end->uid, end->finished_at, err))))
        return -1;
    if (decides_alone(standing))
        return plain_event(ledger, end, standing, exit_code, by, err);
    if (execution_judge(ledger, end->uid, row, err) ||
        (standing->session && step_facts_read(ledger, *row, &(*row)->steps, err)))
        return -1;
    return execution_end_event(ledger, *row, end->finished_at,
                               recovered ? "execution_recovered" : "execution_finished", 0, err);
}

int execution_finish(struct ledger *ledger, const struct execution_end *end, bool *known,
                     struct execution **row, struct error *err)
{
    struct standing standing;
    int result;

    *known = false;
    *row = NULL;
    if (sql_begin(ledger, err))
        return -1;
    /* First, since it may begin the session by which the end is judged; it can't cost the end. */
    plan_write(ledger, end->uid, end->planned, end->planned_count, err);
    result = read_standing(ledger, end->uid, &standing, err);
    if (!result && standing.known && (!standing.ended || standing.exit_code == -3)) {
        result = write_end(ledger, end, &standing, row, err);
    } else if (!result && standing.known) {
        result = sql_run(ledger, err, ADD_SEEN, "titti", end->uid, end->signal, end->usage, end->facts,
                         end->duration_ms);
        if (!result)
            result = execution_judge(ledger, end->uid, row, err);
    }
    free(standing.stopped_by);
    result = sql_end(ledger, result, err);
    *known = standing.known && result == 0;
    if (result) {
        execution_free(*row);
        *row = NULL;
    }
    return result;
}
