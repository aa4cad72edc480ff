/* Checkpoints: what a command saves so that the next one can go on from it. */
#ifndef SUPERVISE_STORE_CHECKPOINT_H
#define SUPERVISE_STORE_CHECKPOINT_H

#include <supervise/store/execution.h>

/* What any counter may come to, alone and in a session's totals: 2^53 - 1, which every JSON reader takes. */
#define COUNTER_MAX INT64_C(9007199254740991)

struct checkpoint {
    char *id, *session, *execution; /* the execution's UID */
    int64_t steps;
    char *usage; /* JSON object of integers */
    int64_t size, created_at;
    int64_t execution_number; /* not in JSON */
};
extern const struct field checkpoint_fields[]; /* see execution.h */
extern const size_t checkpoint_field_count;
void checkpoint_free(struct checkpoint *checkpoint);

/* Steps and usage are the execution's own, cumulative within it; NO_INT, or a key that is missing: as they
 * were. */
struct checkpoint_save {
    const char *session;   /* by the option, or NULL: see report_session() */
    const char *execution; /* the caller's UID, or NULL */
    const char *id;        /* or NULL: one is made */
    int64_t steps;
    int64_t session_steps; /* instead of `steps`: what the session has in all, the others' included */
    const char *usage;     /* JSON object */
    const void *data;      /* NULL: none */
    size_t size;
};

/*
 * A save that says nothing beyond what stands under its id already changes nothing; else it takes that one's
 * place, keeps its data where there is no other, and is the newest. ERR_INVARIANT where a total would be
 * greater than COUNTER_MAX. The caller frees *id and *session; *how is as of report_session().
 */
int checkpoint_save(struct ledger *ledger, const struct checkpoint_save *save, char **id, char **session,
                    const char **how, struct error *err);

/* Newest first; until `each` returns non-zero. Strings live during the call only. */
int checkpoints_each(struct ledger *ledger, const char *session,
                     int (*each)(const struct checkpoint *checkpoint, void *context), void *context,
                     struct error *err);

/*
 * The checkpoint of that id in the session, and its data (NULL: it has none); the caller frees both.
 * ERR_NOT_FOUND where the session has none of that id (with the sessions that do), ERR_INVALID where data is
 * not as long as it was saved.
 */
int checkpoint_get(struct ledger *ledger, const char *session, const char *id, struct checkpoint **checkpoint,
                   char **data, struct error *err);

/* The id of the session's newest checkpoint whose data is there, whole; NULL where there is none. The caller
 * frees. */
int checkpoint_last(struct ledger *ledger, const char *session, char **id, struct error *err);

#endif
