/* Steps: what becomes of those that an execution leaves running. */
#include "rows.h"

int steps_abort_of(struct ledger *ledger, const char *execution, const char *reason, int64_t at,
                   struct error *err)
{
    if (sql_run(ledger, err,
                "INSERT INTO events (at, type, session, execution, data)"
                " SELECT ?2, 'step_aborted', session, execution,"
                "  json_object('stage', stage, 'name', name, 'attempt', attempt, 'error', ?3)"
                " FROM steps WHERE execution = ?1 AND status = 'running' ORDER BY id",
                "tit", execution, at, reason))
        return -1;
    return sql_run(ledger, err,
                   "UPDATE steps SET status = 'aborted', error = ?3, finished_at = ?2"
                   " WHERE execution = ?1 AND status = 'running'",
                   "tit", execution, at, reason);
}
