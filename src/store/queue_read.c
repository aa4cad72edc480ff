/* What waits and in which order, what is due, and how it is taken by who starts it: see the header. */
#include "rows.h"

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/queue.h>

#define PAUSED "EXISTS (SELECT 1 FROM meta WHERE key = 'queue_paused_at')"

int queue_list(struct ledger *ledger, struct execution_list *list, struct error *err)
{
    AUTOFREE char *sql = sql_select(execution_fields, execution_field_count, NULL,
                                    "queue q CROSS JOIN outcomes o ON o.uid = q.execution",
                                    "ORDER BY q.position, q.execution");
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "");

    return statement ? executions_load(ledger, statement, list, err) : -1;
}

static const char STANDING[] =
    "SELECT " PAUSED ", EXISTS (SELECT 1 FROM queue), (SELECT count(*) FROM executions INDEXED BY"
    " executions_from_queue WHERE queued_at IS NOT NULL AND started_at IS NOT NULL AND finished_at IS NULL)";

int queue_standing(struct ledger *ledger, struct queue_standing *standing, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, STANDING, "");

    if (!statement || sql_step(ledger, statement, err) < 0)
        return -1;
    standing->paused = sqlite3_column_int(statement, 0);
    standing->waits = !standing->paused && sqlite3_column_int(statement, 1);
    standing->running = sqlite3_column_int64(statement, 2);
    return 0;
}

/* ---- Starting ---- */

#define AT(member) offsetof(struct queued, member)
static const struct field queued_fields[] = {
    {"e.id", FIELD_INT, AT(id), false},
    {"e.attempt", FIELD_INT, AT(attempt), false},
    {"e.uid", FIELD_TEXT, AT(uid), false},
    {"e.name", FIELD_TEXT, AT(name), false},
    {"e.cwd", FIELD_TEXT, AT(cwd), false},
    {"e.command", FIELD_JSON, AT(command), false},
    {"e.argv", FIELD_BLOB, AT(argv), false},
    {"q.environment", FIELD_BLOB, AT(environment), false},
    {"e.require_session", FIELD_INT, AT(require_session), false},
};
enum { QUEUED_FIELDS = sizeof queued_fields / sizeof *queued_fields };

void queued_free(struct queued *queued)
{
    sql_unload(queued_fields, QUEUED_FIELDS, queued);
    *queued = (struct queued){0};
}

int queue_get(struct ledger *ledger, const char *uid, struct queued *queued, struct error *err)
{
    AUTOFREE char *sql =
        sql_select(queued_fields, QUEUED_FIELDS, NULL, "queue q JOIN executions e ON e.uid = q.execution",
                   "WHERE q.execution = ?");
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "t", uid);
    int step;

    *queued = (struct queued){0};
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step > 0)
        sql_load(statement, queued_fields, QUEUED_FIELDS, queued);
    return 0;
}

int queue_holds(struct ledger *ledger, const char *uid, bool *holds, struct error *err)
{
    int64_t held;

    if (sql_integer(ledger, err, &held, "SELECT 1 FROM queue WHERE execution = ?", "t", uid))
        return -1;
    *holds = held == 1;
    return 0;
}

static const char DUE[] =
    "SELECT execution FROM queue q WHERE NOT " PAUSED
    " AND NOT EXISTS (SELECT 1 FROM queue_after a WHERE a.execution = q.execution) ORDER BY position";

int queue_next(struct ledger *ledger, bool (*may)(void *context, const char *uid), void *context,
               struct queued *queued, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, DUE, "");
    int step;

    *queued = (struct queued){0};
    if (!statement)
        return -1;
    while ((step = sql_step(ledger, statement, err)) > 0) {
        const char *uid = (const char *)sqlite3_column_text(statement, 0);

        if (may(context, uid))
            return queue_get(ledger, uid, queued, err);
    }
    return step;
}

#define IS_DUE                                                                                               \
    " WHERE uid = ?1 AND started_at IS NULL AND finished_at IS NULL AND NOT " PAUSED                         \
    " AND EXISTS (SELECT 1 FROM queue WHERE execution = ?1)"                                                 \
    " AND NOT EXISTS (SELECT 1 FROM queue_after WHERE execution = ?1)"

static const char CLAIM[] =
    "UPDATE executions SET started_at = ?2, heartbeat_at = ?2, activity_at = ?2, supervisor_pid = ?3,"
    " supervisor_start = ?4, pid_ns = ?5, boot_id = ?6, machine_id = ?7, host = ?8, socket = ?9, log = ?10,"
    " agent = ?11, pid = ?12, pid_start = ?13, facts = json_patch(facts, ?14), detached = 1" IS_DUE
    " RETURNING id, session, drives";

static int claim_row(struct ledger *ledger, const struct execution_start *start,
                     struct execution_begun *begun, struct error *err)
{
    AUTOFREE char *facts = execution_first_facts(start);
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, CLAIM,
                 "tiiiittttt"
                 "tiit",
                 start->uid, start->started_at, start->supervisor_pid, start->supervisor_start, start->pid_ns,
                 start->boot_id, start->machine_id, start->host, start->socket, start->log, start->agent,
                 start->pid ? start->pid : NO_INT, start->pid ? start->pid_start : NO_INT, facts);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return error_set(err, ERR_NOT_FOUND, "execution %s does not wait to be started", start->uid);
    begun->id = sqlite3_column_int64(statement, 0);
    begun->session = mem_strdup((const char *)sqlite3_column_text(statement, 1));
    begun->drives = sqlite3_column_int(statement, 2);
    return 0;
}

int queue_claim(struct ledger *ledger, const struct execution_start *start, struct execution_begun *begun,
                struct error *err)
{
    int result;

    *begun = (struct execution_begun){0};
    if (sql_begin(ledger, err))
        return -1;
    result = claim_row(ledger, start, begun, err);
    if (!result)
        result = queue_leave(ledger, start->uid, err);
    if (!result)
        result = event_insert(ledger, start->started_at, "execution_started", begun->session, start->uid,
                              NULL, err);
    result = sql_end(ledger, result, err);
    if (result) {
        free(begun->session);
        begun->session = NULL;
    }
    return result;
}

static const char REFUSE[] =
    "UPDATE executions SET finished_at = ?2, exit_code = -1, facts = json_set(facts, '$.spawn_error', ?3),"
    " notes = json_insert(notes, '$[#]', ?3),"
    " opening = (SELECT max(r.id) FROM rounds r WHERE r.session = executions.session)" IS_DUE " RETURNING 1";

static int refuse(struct ledger *ledger, const char *uid, const char *why, int64_t at, struct error *err)
{
    int64_t refused;

    if (sql_integer(ledger, err, &refused, REFUSE, "tit", uid, at, why))
        return -1;
    if (refused == NO_INT)
        return 0;
    if (queue_leave(ledger, uid, err) ||
        event_insert(ledger, at, "execution_finished", NULL, uid,
                     "{\"exit_code\":-1,\"outcome\":\"failed\",\"reason\":\"spawn\"}", err))
        return -1;
    return queue_settle_within(ledger, err);
}

int queue_refuse(struct ledger *ledger, const char *uid, const char *why, struct error *err)
{
    return sql_begin(ledger, err) ? -1 : sql_end(ledger, refuse(ledger, uid, why, wall_now_ms(), err), err);
}

int queue_running(struct ledger *ledger, struct execution_list *list, struct error *err)
{
    return executions_plain(ledger, "executions INDEXED BY executions_from_queue",
                            "WHERE queued_at IS NOT NULL AND started_at IS NOT NULL AND finished_at IS NULL",
                            NO_INT, NO_INT, list, err);
}
