/* `db prune`: history that is old enough goes. */
#ifndef SUPERVISE_STORE_PRUNE_H
#define SUPERVISE_STORE_PRUNE_H

#include <supervise/store/ledger.h>

#include <stdbool.h>

struct prune_request {
    int64_t before_ms;              /* what ended, and was closed, before that */
    bool dry_run;                   /* only counts */
    bool (*stopped)(void *context); /* asked between two transactions */
    /* The row of that execution has gone (would go), and with it what named this log, a path. */
    void (*log_gone)(void *context, const char *uid, const char *log);
    void *context;
};

struct prune_result {
    int64_t executions, sessions, events;
    int64_t changed; /* parts left alone because they changed meanwhile */
    bool stopped;
};

/*
 * A session goes whole, with its executions and events, or stays whole: it goes once it was closed and all
 * its executions ended before that time. An execution without session goes once it ended before that time.
 * What is in flight or queued, what something queued waits for, an active session, and whatever the history
 * of one of these names, stays. In transactions of some hundred rows, with pauses, so that writers wait
 * little; each leaves a sound ledger.
 */
int ledger_prune(struct ledger *ledger, const struct prune_request *request, struct prune_result *result,
                 struct error *err);

#endif
