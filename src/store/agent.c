/* What hooks of agents read and write: see the header. The row is read without the views, whose rules would
 * cost more than all else that a hook does. */
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/domain/hook.h>
#include <supervise/store/agent.h>

int agent_standing_read(struct ledger *ledger, const char *uid, struct agent_standing *standing,
                        struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT e.drives, s.implicit, e.require_session, e.agent, e.agent_session, s.id, e.stages,"
                 " coalesce(e.activity_at, 0) FROM executions e"
                 " LEFT JOIN sessions s ON s.id = e.session AND s.status = 'active'"
                 " WHERE e.uid = ? AND e.finished_at IS NULL AND e.started_at IS NOT NULL",
                 "t", uid);
    int step;

    *standing = (struct agent_standing){0};
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return 0;
    standing->in_flight = true;
    standing->drives = sqlite3_column_int(statement, 0);
    standing->implicit = sqlite3_column_int(statement, 1);
    standing->require_session = sqlite3_column_int(statement, 2);
    standing->agent = mem_strdup((const char *)sqlite3_column_text(statement, 3));
    standing->agent_session = mem_strdup((const char *)sqlite3_column_text(statement, 4));
    standing->session = mem_strdup((const char *)sqlite3_column_text(statement, 5));
    standing->stages = mem_strdup((const char *)sqlite3_column_text(statement, 6));
    standing->activity_at = sqlite3_column_int64(statement, 7);
    return 0;
}

void agent_standing_free(struct agent_standing *standing)
{
    free(standing->agent);
    free(standing->agent_session);
    free(standing->session);
    free(standing->stages);
    *standing = (struct agent_standing){0};
}

/* ---- The order to go on ---- */

static int read_nudges(struct ledger *ledger, const char *uid, struct nudge_facts *facts, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT finished_at IS NULL, stopped_by IS NOT NULL, facts ->> '$.nudges.count',"
                 " facts ->> '$.nudges.at', coalesce((SELECT max(o.progress_at) FROM executions o"
                 "  WHERE o.session = e.session), progress_at) FROM executions e WHERE uid = ?",
                 "t", uid);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return 0;
    facts->in_flight = sqlite3_column_int(statement, 0);
    facts->stop_asked = sqlite3_column_int(statement, 1);
    facts->count = sqlite3_column_int64(statement, 2);
    facts->nudged_at = sqlite3_column_int64(statement, 3);
    facts->progress_at = sqlite3_column_int64(statement, 4);
    return 0;
}

static int write_nudge(struct ledger *ledger, const char *uid, int64_t number, const char *reason, int64_t at,
                       struct error *err)
{
    json_t *object = json_pack("{s:I, s:s}", "nudge", (json_int_t)number, "reason", reason);
    AUTOFREE char *data = object ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    if (sql_run(ledger, err,
                "UPDATE executions SET activity_at = max(coalesce(activity_at, ?2), ?2),"
                " facts = json_set(facts, '$.nudges', json_object('count', ?3, 'at', ?2)) WHERE uid = ?1",
                "tii", uid, at, number))
        return -1;
    return event_insert(ledger, at, "execution_status", NULL, uid, data, err);
}

int agent_nudge(struct ledger *ledger, const char *uid, int64_t max, const char *reason, int64_t *number,
                struct error *err)
{
    struct nudge_facts facts = {.max = max};
    int result;

    *number = 0;
    if (sql_begin(ledger, err))
        return -1;
    result = read_nudges(ledger, uid, &facts, err);
    if (!result)
        *number = nudge_number(&facts);
    if (!result && *number)
        result = write_nudge(ledger, uid, *number, reason, wall_now_ms(), err);
    result = sql_end(ledger, result, err);
    *number = result ? 0 : *number;
    return result;
}
