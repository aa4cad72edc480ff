/*
 * Whom a daemon has started, and what it can't start for now. All else about slots stands in the ledger.
 */
#ifndef SUPERVISOR_SLOTS_H
#define SUPERVISOR_SLOTS_H

#include <supervise/domain/id.h>
#include <supervise/store/ledger.h>

#include <stddef.h>
#include <sys/types.h>

/* All zero: nobody yet. slots_free() it. */
struct slots {
    struct wrapper *wrappers; /* that live */
    size_t wrapper_count;
    struct delay *delays;
    size_t delay_count;
};

/* Whether wrappers of ours take that many slots, so that nothing can be started before one of them ends. */
bool slots_full(const struct slots *slots, size_t count);

/* Starts what is due, up to `count` at a time in all; *busy is how many slots are taken then. */
int slots_fill(struct slots *slots, struct ledger *ledger, size_t count, size_t *busy, struct error *err);

/*
 * A process has ended; false where it was no wrapper of ours. One that has left its row in the queue is put
 * off, longer each time. `ledger` may be NULL: it can't be used at present.
 */
bool slots_ended(struct slots *slots, struct ledger *ledger, pid_t pid, int status);

/* Whether a wrapper lives that has not taken its row yet. */
int slots_wait(const struct slots *slots, struct ledger *ledger, bool *waits, struct error *err);

void slots_free(struct slots *slots);

#endif
