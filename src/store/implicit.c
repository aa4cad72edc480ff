/*
 * Sessions that nobody began: made for the first report of an execution, closed by themselves where its end
 * says that all of what was reported is done.
 */
#include "rows.h"

#include <supervise/base/buf.h>
#include <supervise/store/session.h>

/* The session that the execution drives, where nothing that was reported in it is left to do. */
static const char COMPLETE[] =
    "SELECT s.id FROM executions e JOIN sessions s ON s.id = e.session"
    " WHERE e.uid = ?1 AND e.drives AND e.exit_code = 0 AND s.implicit AND s.status = 'active'"
    " AND NOT EXISTS (SELECT 1 FROM current_steps k WHERE k.session = s.id"
    "  AND (k.status NOT IN ('done', 'skipped') OR k.done < k.total))"
    " AND NOT EXISTS (SELECT 1 FROM items i WHERE i.session = s.id AND i.status = 'failed')"
    " AND NOT EXISTS (SELECT 1 FROM stage_totals t WHERE t.session = s.id AND t.total >"
    "  (SELECT count(*) FROM items i WHERE i.session = t.session AND i.stage = t.stage AND i.status = "
    "'done'))"
    " AND (EXISTS (SELECT 1 FROM steps k WHERE k.session = s.id)"
    "  OR EXISTS (SELECT 1 FROM stage_totals t WHERE t.session = s.id))";

int implicit_close(struct ledger *ledger, const char *execution, int64_t at, struct error *err)
{
    AUTOFREE char *id = NULL;

    if (sql_text(ledger, err, &id, COMPLETE, "t", execution))
        return -1;
    return id ? session_complete(ledger, id, execution, at, err) : 0;
}
