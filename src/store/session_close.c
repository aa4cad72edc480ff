/* Closing a session: what it still lacks, what ends with it, and the one event that says how it was closed.
 */
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/store/session.h>

/* Everything that is missing, in one line. */
static int check_complete(struct ledger *ledger, const struct close_request *request, char **needs,
                          struct error *err)
{
    if (sql_text(ledger, err, needs,
                 "SELECT group_concat(need, '; ') FROM closing_needs"
                 " WHERE session = ?1 AND NOT (?2 AND kind = 'item')",
                 "ti", request->id, (int64_t)request->accept_failed))
        return -1;
    if (!*needs)
        return 0;
    return error_set(err, ERR_INVARIANT, "cannot close session %s as completed: %s", request->id, *needs);
}

int session_settle(struct ledger *ledger, const char *id, const char *reason, const char *event,
                   const char *execution, const char *data, int64_t at, struct error *err)
{
    if (sql_run(ledger, err,
                "UPDATE sessions SET status = 'closed', close_reason = ?2, closed_at = ?3 WHERE id = ?1",
                "tti", id, reason, at) ||
        round_settle(ledger, id, reason, at, err))
        return -1;
    return event_insert(ledger, at, event, id, execution, data, err);
}

/* What the closing event tells: the reason given, and how many failed items were accepted. */
static int closing_data(struct ledger *ledger, const struct close_request *request, char **text,
                        struct error *err)
{
    json_t *data = json_object();
    int64_t failed = 0;

    if (request->why) {
        AUTOBUF struct buf why = {0};

        text_to_utf8(&why, request->why, strlen(request->why));
        json_object_set_new(data, "why", json_string(why.data ? why.data : ""));
    }
    if (request->accept_failed &&
        sql_integer(ledger, err, &failed,
                    "SELECT count(*) FROM items WHERE session = ? AND status = 'failed'", "t", request->id)) {
        json_decref(data);
        return -1;
    }
    if (failed > 0)
        json_object_set_new(data, "accepted_failed", json_integer(failed));
    *text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    return 0;
}

static int settle(struct ledger *ledger, const struct close_request *request, int64_t at, struct error *err)
{
    bool completed = strcmp(request->reason, "completed") == 0;
    AUTOFREE char *data = NULL;

    if (closing_data(ledger, request, &data, err))
        return -1;
    return session_settle(ledger, request->id, request->reason,
                          completed ? "session_closed" : "session_aborted", request->execution_uid, data, at,
                          err);
}

int session_complete(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                     struct error *err)
{
    struct close_request request = {.id = id, .reason = "completed", .execution_uid = execution};
    bool completed;

    return round_complete(ledger, id, execution, NULL, at, &completed, err)
               ? -1
               : settle(ledger, &request, at, err);
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
    bool completed = strcmp(request->reason, "completed") == 0, linked, round_completed;
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
    /* What has no phases completes its round by being closed as completed. */
    if (sql_integer(ledger, err, &phases,
                    "SELECT json_array_length(definition, '$.phases') FROM sessions WHERE id = ?", "t",
                    request->id))
        return -1;
    if (completed && (check_complete(ledger, request, &result->needs, err) ||
                      (phases <= 0 && round_complete(ledger, request->id, request->execution_uid, NULL, now,
                                                     &round_completed, err))))
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
