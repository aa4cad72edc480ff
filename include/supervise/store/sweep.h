/* What sweeps need of the ledger: who does one, and what they change. */
#ifndef SUPERVISE_STORE_SWEEP_H
#define SUPERVISE_STORE_SWEEP_H

#include <supervise/store/ledger.h>

#include <stdbool.h>

/*
 * Whether the caller is to do the sweep of that name now: nobody did since `interval_ms` ago. Of several that
 * ask at once, one is told so; the time is noted in the same transaction.
 */
int sweep_claim(struct ledger *ledger, const char *name, int64_t now_ms, int64_t interval_ms, bool *claimed,
                struct error *err);

/*
 * Lets go of the log of an execution that ended before `before_ms`, with a note: *forgotten says whether it
 * did, and the file may go. What is in flight, unknown, or ended later keeps its log.
 */
int log_forget(struct ledger *ledger, const char *uid, int64_t before_ms, bool *forgotten, struct error *err);

#endif
