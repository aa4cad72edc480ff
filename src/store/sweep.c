/* The ledger's side of sweeps: see the header. */
#include "sql.h"

#include <supervise/base/buf.h>
#include <supervise/store/sweep.h>

int sweep_claim(struct ledger *ledger, const char *name, int64_t now_ms, int64_t interval_ms, bool *claimed,
                struct error *err)
{
    AUTOFREE char *key = mem_printf("swept_%s_at", name);
    int64_t mine;

    /* A time in the future was written by a clock that has been set back since: it counts for nothing. */
    if (sql_integer(ledger, err, &mine,
                    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"
                    " WHERE CAST(value AS INTEGER) <= ?2 - ?3 OR CAST(value AS INTEGER) > ?2 RETURNING 1",
                    "tii", key, now_ms, interval_ms))
        return -1;
    *claimed = mine != NO_INT;
    return 0;
}

int log_forget(struct ledger *ledger, const char *uid, int64_t before_ms, bool *forgotten, struct error *err)
{
    int64_t changed;

    if (sql_integer(ledger, err, &changed,
                    "UPDATE executions SET log = NULL,"
                    " notes = json_insert(notes, '$[#]', 'its log was older than log.keep, and was removed')"
                    " WHERE uid = ?1 AND finished_at < ?2 AND log IS NOT NULL RETURNING 1",
                    "ti", uid, before_ms))
        return -1;
    *forgotten = changed != NO_INT;
    return 0;
}
