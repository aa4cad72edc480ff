/* The history: one row an event, never changed, read in order of id. */
#include "rows.h"

#include <supervise/base/buf.h>
#include <supervise/store/event.h>

#define AT(member) offsetof(struct event, member)
const struct field event_fields[] = {
    {"id", FIELD_INT, AT(id), true},
    {"at", FIELD_TIME, AT(at), true},
    {"type", FIELD_TEXT, AT(type), true},
    {"session", FIELD_TEXT, AT(session), true},
    {"execution", FIELD_TEXT, AT(execution), true},
    {"data", FIELD_JSON, AT(data), true},
};
const size_t event_field_count = sizeof event_fields / sizeof *event_fields;

int event_insert(struct ledger *ledger, int64_t at, const char *type, const char *session,
                 const char *execution, const char *data, struct error *err)
{
    return sql_run_kept(
        ledger, KEPT_EVENT, err,
        "INSERT INTO events (at, type, session, execution, data) VALUES"
        " (?1, ?2, coalesce(?3, (SELECT session FROM executions WHERE uid = ?4)), ?4, coalesce(?5, '{}'))",
        "itttt", at, type, session, execution, data);
}

int events_newest(struct ledger *ledger, int64_t *id, struct error *err)
{
    return sql_integer(ledger, err, id,
                       "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)", "");
}

int events_each(struct ledger *ledger, const struct event_filter *filter,
                int (*each)(const struct event *, void *), void *context, struct error *err)
{
    AUTOBUF struct buf tail = {0};
    AUTOFREE char *sql = NULL;
    AUTOSTMT sqlite3_stmt *statement = NULL;
    int step, stop = 0;

    buf_puts(&tail, "WHERE id > ?1");
    if (filter->session)
        buf_puts(&tail, " AND session = ?2");
    if (filter->execution)
        buf_puts(&tail, " AND execution = ?3");
    buf_puts(&tail, " ORDER BY id");
    sql = sql_select(event_fields, event_field_count, NULL, "events", tail.data);
    statement = sql_bind(ledger, err, sql, "itt", filter->after, filter->session, filter->execution);
    if (!statement)
        return -1;
    while (!stop && (step = sql_step(ledger, statement, err)) != 0) {
        struct event event = {0};

        if (step < 0)
            return -1;
        sql_load(statement, event_fields, event_field_count, &event);
        stop = each(&event, context);
        sql_unload(event_fields, event_field_count, &event);
    }
    return 0;
}
