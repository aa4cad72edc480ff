/* What sweeps need of the ledger: who does one, and what they change. */
#ifndef SUPERVISE_STORE_SWEEP_H
#define SUPERVISE_STORE_SWEEP_H

#include <supervise/store/execution.h>

#include <stdbool.h>

/* ---- Whose turn it is ---- */

/*
 * Whether the caller is to do the sweep of that name now: nobody did since `interval_ms` ago. Of several that
 * ask at once, one is told so; the time is noted in the same transaction.
 */
int sweep_claim(struct ledger *ledger, const char *name, int64_t now_ms, int64_t interval_ms, bool *claimed,
                struct error *err);

/* ---- Executions ---- */

/* Those that a liveness sweep looks at. */
enum sweep_of {
    SWEEP_RUNNING, /* started, and not ended */
    SWEEP_CLOSED,  /* ended with their session (-4), process or supervisor not known to be gone */
};

/* The next `limit` of them after the number `after`, in that order, without what only views derive. */
int sweep_page(struct ledger *ledger, enum sweep_of of, int64_t after, int64_t limit,
               struct execution_list *list, struct error *err);

/*
 * All below are compare-and-set: where the row isn't any more as it was `seen`, nothing changes and *changed
 * is false.
 */

/* Of one whose supervisor is gone and whose end nobody saw. */
struct presumed_end {
    int64_t at;
    int64_t threshold_ms; /* the age of the heartbeat that decided; 0: it is proven */
    bool process_gone;    /* proven: pid and socket mean nothing any more */
    const char *note;     /* or NULL */
};

/*
 * Writes -3, or, where it was asked to end after an intent was written (see below), -2 or -5. *exit_code is
 * what was written.
 */
int execution_presume(struct ledger *ledger, const struct execution *seen, const struct presumed_end *end,
                      int64_t *exit_code, bool *changed, struct error *err);

/* The code that this would write now. */
int execution_presumed_code(struct ledger *ledger, const struct execution *seen, int64_t *exit_code,
                            struct error *err);

/* `execution_unsupervised`, once: the command lives, its supervisor doesn't. `dry_run`: only whether. */
int execution_unsupervised(struct ledger *ledger, const struct execution *seen, int64_t at, bool dry_run,
                           bool *changed, struct error *err);

/*
 * A command without supervisor is asked to end: the time is kept, for the grace to count from. *asked_at is
 * the first such time; *changed: it is this one.
 */
int execution_ask_to_end(struct ledger *ledger, const struct execution *seen, int64_t at, int64_t *asked_at,
                         bool *changed, struct error *err);

/* What has ended has no process any more. */
int execution_release(struct ledger *ledger, const struct execution *seen, bool *changed, struct error *err);

/* ---- Sessions ---- */

struct name_list {
    char **items;
    size_t count;
};
void name_list_add(struct name_list *list, const char *name); /* a copy of it */
void name_list_free(struct name_list *list);

/* The active sessions with no event since `before`, and nothing in flight or queued: oldest first. */
int sessions_stale(struct ledger *ledger, int64_t before, struct name_list *ids, struct error *err);

/* Closes one of them as stale, if it still is. */
int session_close_stale(struct ledger *ledger, const char *id, int64_t at, int64_t threshold_ms,
                        bool *changed, struct error *err);

/* ---- When it is done ---- */

/* `sweep_finished`, of a sweep that changed something. */
int sweep_note(struct ledger *ledger, int64_t at, size_t executions, size_t sessions, struct error *err);

/*
 * Lets go of the log of an execution that ended before `before_ms`, with a note: *forgotten says whether it
 * did, and the file may go. What is in flight, unknown, or ended later keeps its log.
 */
int log_forget(struct ledger *ledger, const char *uid, int64_t before_ms, bool *forgotten, struct error *err);

#endif
