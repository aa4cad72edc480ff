/* Every change of a session: begin, link, close. Each is one transaction with its event. */
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/store/session.h>

/* ---- Pieces that executions need too ---- */

int session_same_workflow(const char *id, const char *has, const char *wanted, struct error *err)
{
    if (!wanted || (has && strcmp(has, wanted) == 0))
        return 0;
    return error_set(err, ERR_INVARIANT, "session %s is of %s%s, not of workflow %s", id,
                     has ? "workflow " : "no workflow", has ? has : "", wanted);
}

int session_make_id(struct ledger *ledger, const char *workflow, char **id, struct error *err)
{
    AUTOFREE char *prefix = mem_printf("%s-", workflow ? workflow : "session");
    int64_t last;

    if (sql_integer(ledger, err, &last,
                    "SELECT max(CAST(substr(id, length(?1) + 1) AS INTEGER)) FROM sessions"
                    " WHERE id >= ?1 AND id < ?1 || ':' AND substr(id, length(?1) + 1) NOT GLOB '*[^0-9]*'"
                    " AND length(id) - length(?1) BETWEEN 1 AND 15",
                    "t", prefix))
        return -1;
    *id = mem_printf("%s%lld", prefix, (long long)(last == NO_INT ? 1 : last + 1));
    return 0;
}

int session_insert(struct ledger *ledger, const char *id, const char *workflow, const char *definition,
                   const char *execution, int64_t at, struct error *err)
{
    json_t *data = json_object();
    AUTOFREE char *text = NULL;

    if (workflow && !definition) {
        json_decref(data);
        return error_set(err, ERR_NOT_FOUND, "no workflow \"%s\" is configured; see `supervise config show`",
                         workflow);
    }
    json_object_set_new(data, "workflow", workflow ? json_string(workflow) : json_null());
    text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    if (sql_run(ledger, err,
                "INSERT INTO sessions (id, workflow, definition, phase, started_at, updated_at)"
                " VALUES (?1, ?2, ?3, ?3 ->> '$.initial', ?4, ?4)",
                "ttti", id, workflow, definition, at) ||
        sql_run(ledger, err, "INSERT INTO rounds (session, round, opened_at) VALUES (?1, 1, ?2)", "ti", id,
                at))
        return -1;
    return event_insert(ledger, at, "session_created", id, execution, text, err);
}

/* ---- Begin ---- */

static int reopen(struct ledger *ledger, const char *id, const char *execution, int64_t at, struct error *err)
{
    int64_t before, round;
    AUTOFREE char *data = NULL;

    if (sql_integer(ledger, err, &before, "SELECT round FROM sessions WHERE id = ?", "t", id) ||
        sql_integer(
            ledger, err, &round,
            "SELECT 1 + coalesce(max(round), 0) FROM rounds WHERE session = ? AND completed_at IS NOT NULL",
            "t", id) ||
        sql_run(ledger, err,
                "UPDATE sessions SET status = 'active', close_reason = NULL, closed_at = NULL,"
                " phase = definition ->> '$.initial', round = ?2 WHERE id = ?1",
                "ti", id, round) ||
        sql_run(ledger, err, "INSERT INTO rounds (session, round, opened_at) VALUES (?1, ?2, ?3)", "tii", id,
                round, at))
        return -1;
    data = mem_printf("{\"round\":%lld}", (long long)round);
    if (event_insert(ledger, at, "session_reopened", id, execution, data, err))
        return -1;
    return round > before ? event_insert(ledger, at, "round_started", id, execution, data, err) : 0;
}

/* Which session `begin` means: the id given, else that of the execution, else a made one. */
static int begin_which(struct ledger *ledger, const struct begin_request *request, char **id,
                       struct error *err)
{
    *id = mem_strdup(request->id);
    if (!*id && request->execution_uid &&
        sql_text(ledger, err, id, "SELECT session FROM executions WHERE uid = ?", "t",
                 request->execution_uid))
        return -1;
    return *id ? 0 : session_make_id(ledger, request->workflow, id, err);
}

static int begin_or_go_on(struct ledger *ledger, const struct begin_request *request, const char *id,
                          int64_t at, enum begin_result *result, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, "SELECT status = 'active', workflow FROM sessions WHERE id = ?", "t", id);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0) {
        *result = SESSION_CREATED;
        return session_insert(ledger, id, request->workflow, request->definition, request->execution_uid, at,
                              err);
    }
    if (session_same_workflow(id, (const char *)sqlite3_column_text(statement, 1), request->workflow, err))
        return -1;
    if (sqlite3_column_int(statement, 0)) {
        *result = SESSION_RESUMED;
        return event_insert(ledger, at, "session_resumed", id, request->execution_uid, NULL, err);
    }
    *result = SESSION_REOPENED;
    return reopen(ledger, id, request->execution_uid, at, err);
}

int session_link_execution(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                           bool *linked, struct error *err)
{
    int64_t changed;

    *linked = false;
    if (!execution)
        return 0;
    if (sql_integer(ledger, err, &changed,
                    "UPDATE executions SET session = ?2, drives = 1 WHERE uid = ?1 AND drives = 0"
                    " AND session IS NOT ?2 AND finished_at IS NULL RETURNING 1",
                    "tt", execution, id))
        return -1;
    if (changed == NO_INT)
        return 0;
    *linked = true;
    return event_insert(ledger, at, "session_linked", id, execution, NULL, err);
}

int session_begin(struct ledger *ledger, const struct begin_request *request, enum begin_result *result,
                  char **id, struct error *err)
{
    int64_t now = wall_now_ms();
    bool linked;
    int code;

    *id = NULL;
    if (sql_begin(ledger, err))
        return -1;
    code = begin_which(ledger, request, id, err);
    if (!code)
        code = begin_or_go_on(ledger, request, *id, now, result, err);
    if (!code)
        code = session_link_execution(ledger, *id, request->execution_uid, now, &linked, err);
    code = sql_end(ledger, code, err);
    if (code) {
        free(*id);
        *id = NULL;
    }
    return code;
}

/* ---- Close ---- */

/* Everything that is missing, in one line. */
static int check_complete(struct ledger *ledger, const char *id, char **needs, struct error *err)
{
    if (sql_text(ledger, err, needs, "SELECT group_concat(need, '; ') FROM closing_needs WHERE session = ?",
                 "t", id))
        return -1;
    if (!*needs)
        return 0;
    return error_set(err, ERR_INVARIANT, "cannot close session %s as completed: %s", id, *needs);
}

/* A session without phases completes its round by being closed as completed. */
static int complete_round(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                          struct error *err)
{
    int64_t round;
    AUTOFREE char *data = NULL;

    if (sql_integer(ledger, err, &round,
                    "SELECT round FROM rounds WHERE session = ?1 AND completed_at IS NULL"
                    " AND id = (SELECT max(id) FROM rounds WHERE session = ?1)",
                    "t", id))
        return -1;
    if (round == NO_INT)
        return 0;
    data = mem_printf("{\"round\":%lld}", (long long)round);
    if (event_insert(ledger, at, "round_completed", id, execution, data, err))
        return -1;
    return sql_run(
        ledger, err,
        "UPDATE rounds SET completed_at = ?2 WHERE id = (SELECT max(id) FROM rounds WHERE session = ?1)",
        "ti", id, at);
}

static int settle(struct ledger *ledger, const struct close_request *request, int64_t at, struct error *err)
{
    bool completed = strcmp(request->reason, "completed") == 0;
    json_t *data = json_object();
    AUTOFREE char *text = NULL;

    if (request->why) {
        AUTOBUF struct buf why = {0};

        text_to_utf8(&why, request->why, strlen(request->why));
        json_object_set_new(data, "why", json_string(why.data ? why.data : ""));
    }
    text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    if (sql_run(ledger, err,
                "UPDATE sessions SET status = 'closed', close_reason = ?2, closed_at = ?3 WHERE id = ?1",
                "tti", request->id, request->reason, at) ||
        sql_run(ledger, err,
                "UPDATE rounds SET settled_at = ?3, settled_as = ?2"
                " WHERE id = (SELECT max(id) FROM rounds WHERE session = ?1)",
                "tti", request->id, request->reason, at))
        return -1;
    return event_insert(ledger, at, completed ? "session_closed" : "session_aborted", request->id,
                        request->execution_uid, text, err);
}

/* In flight or queued in this session, but not the caller's own execution nor its ancestors. */
static const char CASCADE[] =
    "WHERE session = ?1 AND finished_at IS NULL AND uid NOT IN"
    " (WITH RECURSIVE spared (uid, parent_uid) AS"
    "   (SELECT uid, parent_uid FROM executions WHERE uid = ?2 UNION"
    "    SELECT e.uid, e.parent_uid FROM executions e JOIN spared s ON e.uid = s.parent_uid)"
    "  SELECT uid FROM spared) ORDER BY id";

static int list_cascade(struct ledger *ledger, const struct close_request *request,
                        struct execution_list *ended, struct error *err)
{
    AUTOFREE char *sql = sql_select(execution_fields, execution_field_count, NULL, "outcomes", CASCADE);
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "tt", request->id, request->execution_uid);

    return statement ? executions_load(ledger, statement, ended, err) : -1;
}

static int end_with_session(struct ledger *ledger, const char *session, const struct execution *execution,
                            int64_t at, struct error *err)
{
    AUTOFREE char *note = mem_printf("ended because its session %s was closed", session);

    if (sql_run(
            ledger, err,
            "UPDATE executions SET finished_at = max(?2, coalesce(started_at, ?2)), exit_code = -4,"
            " notes = json_insert(notes, '$[#]', ?3),"
            " opening = (SELECT max(r.id) FROM rounds r WHERE r.session = executions.session) WHERE uid = ?1",
            "tit", execution->uid, at, note) ||
        steps_abort_of(ledger, execution->uid, "its session was closed", at, err) ||
        (execution->started_at == NO_INT && queue_leave(ledger, execution->uid, err)))
        return -1;
    return event_insert(ledger, at, "execution_finished", session, execution->uid,
                        "{\"exit_code\":-4,\"outcome\":\"cancelled\",\"reason\":\"session-closed\"}", err);
}

static int close_in_transaction(struct ledger *ledger, const struct close_request *request,
                                struct close_result *result, struct error *err)
{
    bool completed = strcmp(request->reason, "completed") == 0, linked;
    AUTOFREE char *status = NULL;
    int64_t now = wall_now_ms(), phases;

    if (sql_text(ledger, err, &status, "SELECT status FROM sessions WHERE id = ?", "t", request->id))
        return -1;
    if (!status)
        return error_set(err, ERR_NOT_FOUND, "no session \"%s\"; `supervise session list` shows them",
                         request->id);
    result->already = strcmp(status, "closed") == 0;
    if (result->already)
        return 0;
    if (request->link &&
        session_link_execution(ledger, request->id, request->execution_uid, now, &linked, err))
        return -1;
    if (sql_integer(ledger, err, &phases,
                    "SELECT json_array_length(definition, '$.phases') FROM sessions WHERE id = ?", "t",
                    request->id))
        return -1;
    if (completed && (check_complete(ledger, request->id, &result->needs, err) ||
                      (phases <= 0 && complete_round(ledger, request->id, request->execution_uid, now, err))))
        return -1;
    if (list_cascade(ledger, request, &result->ended, err) || settle(ledger, request, now, err))
        return -1;
    for (size_t i = 0; i < result->ended.count; i++)
        if (end_with_session(ledger, request->id, result->ended.items[i], now, err))
            return -1;
    return 0;
}

int session_close(struct ledger *ledger, const struct close_request *request, struct close_result *result,
                  struct error *err)
{
    *result = (struct close_result){0};
    if (sql_begin(ledger, err))
        return -1;
    return sql_end(ledger, close_in_transaction(ledger, request, result, err), err);
}

void close_result_free(struct close_result *result)
{
    execution_list_free(&result->ended);
    free(result->needs);
    *result = (struct close_result){0};
}
