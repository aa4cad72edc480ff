/* The append-only history. */
#ifndef SUPERVISE_STORE_EVENT_H
#define SUPERVISE_STORE_EVENT_H

#include <supervise/store/execution.h>

struct event {
    int64_t id, at;
    char *type, *session, *execution; /* the execution's UID */
    char *data;                       /* JSON object */
};
extern const struct field event_fields[];
extern const size_t event_field_count;

struct event_filter {
    const char *session, *execution; /* NULL: any */
    int64_t after;                   /* id greater than this; 0: from the first */
};

/* The number of the newest event there ever was, 0 where there was none: it never falls while the file stays.
 */
int events_newest(struct ledger *ledger, int64_t *id, struct error *err);

/* Calls `each` for every event in order of id until it returns non-zero. Strings live during the call only.
 */
int events_each(struct ledger *ledger, const struct event_filter *filter,
                int (*each)(const struct event *, void *), void *context, struct error *err);

#endif
