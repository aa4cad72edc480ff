/*
 * The queue: what waits to be started, in its order. It lives in the ledger alone; who starts what is next
 * takes the row by compare-and-set, so that any number may try and nothing runs twice.
 */
#ifndef SUPERVISE_STORE_QUEUE_H
#define SUPERVISE_STORE_QUEUE_H

#include <supervise/domain/queue.h>
#include <supervise/store/execution.h>

struct queue_request {
    struct execution_start start; /* `queued_at` instead of `started_at`, and nothing of a supervisor */
    const void *environment;      /* "K=V" texts, each ended by a NUL */
    size_t environment_size;
    const char *const *after; /* UIDs of what has to succeed first */
    size_t after_count;
};

/*
 * Puts it behind what waits, with what --session asks for, as execution_begin() does. ERR_INVARIANT: the
 * session is closed; ERR_NOT_FOUND: a stage of `stages` that the session's workflow doesn't have. Where what
 * it is to come after never will succeed, it is cancelled at once, and *cancelled says why; else that is
 * NULL. The caller frees begun->session and *cancelled.
 */
int queue_add(struct ledger *ledger, const struct queue_request *request, struct execution_begun *begun,
              char **cancelled, struct error *err);

/* Takes it out: it is cancelled, and never ran. ERR_INVARIANT where it doesn't wait (any more). */
int queue_remove(struct ledger *ledger, const char *uid, struct error *err);

enum queue_place { QUEUE_FIRST, QUEUE_LAST, QUEUE_BEFORE };
/* `before` is a UID, with QUEUE_BEFORE. ERR_INVARIANT where one of them doesn't wait (any more). */
int queue_move(struct ledger *ledger, const char *uid, enum queue_place place, const char *before,
               struct error *err);

/* While it is paused nothing is started. *changed: it wasn't so before. */
int queue_pause(struct ledger *ledger, bool paused, bool *changed, struct error *err);

/* All that waits, the next one first. */
int queue_list(struct ledger *ledger, struct execution_list *list, struct error *err);

/* How the queue stands. */
struct queue_standing {
    bool paused;
    bool waits;      /* something does, and it isn't paused */
    int64_t running; /* came from the queue and is in flight, whether its supervisor lives or not */
};
int queue_standing(struct ledger *ledger, struct queue_standing *standing, struct error *err);

/* The first thing that execution waits for, and what it is: false where it waits for none. -1 with err. */
int queue_waits_for(struct ledger *ledger, const char *uid, struct predecessor *predecessor,
                    struct error *err);

/* ---- For who starts what is next ---- */

/* What starting it takes. queued_free() it. */
struct queued {
    int64_t id, attempt;
    char *uid, *name, *cwd;
    char *command; /* JSON array */
    char *argv;    /* the exact command where `command` can't say it, argv_size bytes; or NULL */
    size_t argv_size;
    char *environment; /* as in struct queue_request */
    size_t environment_size;
    int64_t require_session;
};
void queued_free(struct queued *queued); /* what it owns, not itself */

/* What waits by that UID; queued->uid is NULL where nothing does. */
int queue_get(struct ledger *ledger, const char *uid, struct queued *queued, struct error *err);

/* Whether it waits still. */
int queue_holds(struct ledger *ledger, const char *uid, bool *holds, struct error *err);

/*
 * The first that is due and that `may` allows; queued->uid is NULL where there is none. Due is what waits for
 * nothing but its turn, in a queue that isn't paused.
 */
int queue_next(struct ledger *ledger, bool (*may)(void *context, const char *uid), void *context,
               struct queued *queued, struct error *err);

/*
 * What waits for something that has ended is let go, or cancelled with the reason, as the rules of `--after`
 * say; and so on with what waits for that.
 */
int queue_settle(struct ledger *ledger, struct error *err);

/*
 * Starts what waits by start->uid, where it is due and nobody else has taken it (ERR_NOT_FOUND otherwise):
 * its row gets what `start` says of the supervisor, and the queue forgets it and its environment.
 */
int queue_claim(struct ledger *ledger, const struct execution_start *start, struct execution_begun *begun,
                struct error *err);

/*
 * What is due by that UID never can be started: it ends (-1), with the reason (UTF-8). Nothing changes where
 * it isn't due, or somebody else has taken it.
 */
int queue_refuse(struct ledger *ledger, const char *uid, const char *why, struct error *err);

/* What came from the queue and is in flight, without what only views derive. */
int queue_running(struct ledger *ledger, struct execution_list *list, struct error *err);

#endif
