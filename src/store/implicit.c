/*
 * Sessions that nobody began: made for the first report of an execution, closed by themselves where its end
 * says that all of what was reported is done.
 */
#include "rows.h"

#include <supervise/base/buf.h>
#include <supervise/store/session.h>

sqlite3_stmt *implicit_left(struct ledger *ledger, const char *session, const char *execution,
                            struct error *err)
{
    return sql_bind(
        ledger, err,
        "SELECT stage || '/' || name || CASE WHEN status IN ('done', 'skipped') THEN"
        "  ' is at ' || done || ' of ' || total ELSE ' is ' || iif(status = 'error', 'in error', status) END"
        " FROM current_steps WHERE session = ?1 AND (status NOT IN ('done', 'skipped') OR done < total)"
        " UNION ALL SELECT 'item ' || stage || '/' || id || ' has failed' FROM items"
        "  WHERE session = ?1 AND status = 'failed'"
        " UNION ALL SELECT 'stage ' || stage || ' has ' || max(done, 0) || ' of ' || total || ' done'"
        "  FROM (SELECT t.*, (SELECT count(*) FROM items i WHERE i.session = t.session AND i.stage = t.stage"
        "         AND i.status = 'done') - beside AS done FROM stage_totals t WHERE t.session = ?1)"
        "  WHERE done < total"
        " UNION ALL SELECT 'stage plan has ' || done || ' of ' || total || ' done' FROM"
        "  (SELECT count(*) AS total, coalesce(sum(EXISTS (SELECT 1 FROM current_steps k"
        "     WHERE k.session = p.session AND k.stage = 'plan' AND k.name = p.name"
        "      AND k.status IN ('done', 'skipped'))), 0) AS done"
        "   FROM plan_items p WHERE p.session = ?1 AND NOT p.dropped) WHERE done < total"
        " UNION ALL SELECT '#' || id || ' of it is still in flight' FROM executions"
        "  WHERE session = ?1 AND finished_at IS NULL AND uid IS NOT ?2"
        " UNION ALL SELECT 'neither a step nor a total was reported'"
        "  WHERE NOT EXISTS (SELECT 1 FROM steps WHERE session = ?1)"
        "   AND NOT EXISTS (SELECT 1 FROM stage_totals WHERE session = ?1)"
        "   AND NOT EXISTS (SELECT 1 FROM plan_items WHERE session = ?1)",
        "tt", session, execution);
}

int implicit_close(struct ledger *ledger, const char *execution, int64_t at, struct error *err)
{
    AUTOFREE char *id = NULL;
    AUTOSTMT sqlite3_stmt *left = NULL;
    int step;

    if (sql_text(ledger, err, &id,
                 "SELECT s.id FROM executions e JOIN sessions s ON s.id = e.session WHERE e.uid = ?1"
                 " AND e.drives AND e.exit_code = 0 AND s.implicit AND s.status = 'active'",
                 "t", execution))
        return -1;
    if (!id)
        return 0;
    left = implicit_left(ledger, id, execution, err);
    if (!left || (step = sql_step(ledger, left, err)) < 0)
        return -1;
    return step == 0 ? session_complete(ledger, id, execution, at, err) : 0;
}
