/* Sessions: the row with what is derived of it, and every change of it. */
#ifndef SUPERVISE_STORE_SESSION_H
#define SUPERVISE_STORE_SESSION_H

#include <supervise/store/execution.h>

struct session {
    char *id, *workflow, *status, *close_reason;
    char *completeness, *next; /* derived by the view `completeness` */
    char *phase;
    int64_t phase_number, phase_count, round;
    int64_t started_at, updated_at, closed_at;
    char *totals;     /* JSON object */
    char *stages;     /* JSON array */
    char *executions; /* JSON array of UIDs, oldest first */

    /* Not in JSON, and NULL in lists: what a page shows. */
    char *definition; /* of its workflow, as it was when it began */
    char *rounds; /* JSON array of its openings, oldest first, with the columns of the table; times in ms */
    int64_t implicit; /* nobody began it: it closes by itself */
    char *needs;      /* JSON array: what closing as completed still needs */
};
extern const struct field session_fields[]; /* see execution.h */
extern const size_t session_field_count;
void session_free(struct session *session);

struct session_list {
    struct session **items;
    size_t count;
};
void session_list_free(struct session_list *list);

/* Newest first; `status` "active", "closed" or NULL; `limit` NO_INT: all. */
int sessions_list(struct ledger *ledger, const char *status, int64_t limit, struct session_list *list,
                  struct error *err);
/* The same one after another, however many: as executions_each(). */
int sessions_each(struct ledger *ledger, const char *status, int64_t limit,
                  int (*each)(const struct session *, void *), void *context, struct error *err);
int session_get(struct ledger *ledger, const char *id, struct session **session, struct error *err);

/* The workflow and its definition as the session keeps them: both NULL where it has none. The caller frees.
 */
int session_definition(struct ledger *ledger, const char *id, char **workflow, char **definition,
                       struct error *err);

/*
 * Which session a verb means (DESIGN 5): `option`, else that of the execution `execution_uid` (NULL: none),
 * else the only active one. *how is "option", "execution" or "only-active". ERR_NOT_FOUND, ERR_AMBIGUOUS
 * (with the candidates).
 */
int session_resolve(struct ledger *ledger, const char *option, const char *execution_uid, char **id,
                    const char **how, struct error *err);

enum begin_result { SESSION_CREATED, SESSION_RESUMED, SESSION_REOPENED };
struct begin_request {
    const char *id;            /* or NULL: the execution's own, else a made id */
    const char *workflow;      /* or NULL */
    const char *definition;    /* JSON of `workflow` */
    const char *execution_uid; /* or NULL */
};
/* *id is the session's, the caller frees it. */
int session_begin(struct ledger *ledger, const struct begin_request *request, enum begin_result *result,
                  char **id, struct error *err);

/*
 * Links an execution to a session that it is to drive, also after its end: it is then judged by the opening
 * in which it ended. *linked is false where it drives this one already. ERR_INVARIANT where it drives
 * another, or is in flight and the session is closed.
 */
int session_link(struct ledger *ledger, const char *id, const char *execution_uid, bool *linked,
                 struct error *err);

struct advance_request {
    const char *id;
    const char *phase;         /* NULL: complete the round */
    const int64_t *round;      /* --round; NULL where it wasn't given */
    const char *data;          /* the caller's JSON, stored with the event; or NULL */
    const char *execution_uid; /* the caller's, which is linked where it has no session; or NULL */
};
struct advance_result {
    bool moved;                               /* to another phase */
    bool round_completed;                     /* by this */
    bool round_started;                       /* the next one */
    char *phase;                              /* in which it is now; NULL: none. The caller frees */
    int64_t phase_number, phase_count, round; /* the same */
};
/*
 * Moves a session along an edge of its workflow, and completes the round where that leads into a final phase.
 * Where there is nothing to do nothing changes, and 0 is returned. ERR_INVARIANT: closed; ERR_ILLEGAL: no
 * such phase, no edge, another round; ERR_INVALID: `data` is no JSON.
 */
int session_advance(struct ledger *ledger, const struct advance_request *request,
                    struct advance_result *result, struct error *err);

struct close_request {
    const char *id;
    const char *reason;        /* "completed" or "aborted" */
    const char *why;           /* or NULL */
    const char *execution_uid; /* the caller's: it and its ancestors are spared; NULL */
    bool link;                 /* the session was found for it as the only active one: it is linked first */
    bool accept_failed;        /* items that have failed are no obstacle */
};
struct close_result {
    bool already;                /* it was closed: nothing changed */
    struct execution_list ended; /* the executions that got -4, whose supervisors are to be woken */
    char *needs;                 /* where it was refused: everything that is missing, however much; or NULL */
};
/* The caller gives the result to close_result_free() in either case. */
int session_close(struct ledger *ledger, const struct close_request *request, struct close_result *result,
                  struct error *err);
void close_result_free(struct close_result *result);

#endif
