/* What a command said of itself by sd_notify(3): the status it shows, and the events. */
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>

#include <supervise/base/buf.h>

static const char STATUS[] =
    "UPDATE executions SET status_text = nullif(?2, ''), activity_at = max(coalesce(activity_at, ?3), ?3)"
    " WHERE uid = ?1 AND status_text IS NOT nullif(?2, '')"
    " RETURNING 1";

/* The data of the event; NULL where there is nothing to tell. The caller frees. */
static char *said_data(const struct execution_said *said, bool new_status)
{
    json_t *object = json_object();
    char *text;

    if (new_status)
        json_object_set_new(object, "status", json_string(said->status));
    if (said->stopping)
        json_object_set_new(object, "stopping", json_true());
    if (said->error_number != NO_INT)
        json_object_set_new(object, "errno", json_integer(said->error_number));
    if (said->exit_status != NO_INT)
        json_object_set_new(object, "exit_status", json_integer(said->exit_status));
    text = json_object_size(object) ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

int said_write(struct ledger *ledger, const char *uid, const struct execution_said *said, struct error *err)
{
    AUTOFREE char *data = NULL;
    int64_t changed = NO_INT;

    if (said->ready && event_insert(ledger, said->at, "execution_ready", NULL, uid, NULL, err))
        return -1;
    if (said->status && sql_integer(ledger, err, &changed, STATUS, "tti", uid, said->status, said->at))
        return -1;
    data = said_data(said, changed != NO_INT);
    return data ? event_insert(ledger, said->at, "execution_status", NULL, uid, data, err) : 0;
}

int execution_said(struct ledger *ledger, const char *uid, const struct execution_said *said,
                   struct error *err)
{
    int64_t open; /* a presumed end is none: its supervisor is back, and will write the real one */
    int result;

    if (sql_begin(ledger, err))
        return -1;
    result = sql_integer(ledger, err, &open,
                         "SELECT 1 FROM executions WHERE uid = ? AND (finished_at IS NULL OR exit_code = -3)",
                         "t", uid);
    if (!result && open != NO_INT)
        result = said_write(ledger, uid, said, err);
    return sql_end(ledger, result, err);
}
