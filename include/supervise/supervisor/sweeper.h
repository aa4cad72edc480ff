/*
 * Both sweeps. Liveness: executions whose supervisor is gone; stale: sessions that nobody drives. Any number
 * at once, by any number of processes: each row changes once.
 */
#ifndef SUPERVISE_SUPERVISOR_SWEEPER_H
#define SUPERVISE_SUPERVISOR_SWEEPER_H

#include <supervise/config/settings.h>
#include <supervise/store/sweep.h>

/* What was done, or in a dry run would be. */
struct sweep_report {
    struct swept {
        int64_t number;
        char *uid, *name;   /* name: NULL where it has none */
        const char *action; /* static: see the table in sweeper.c */
    } * liveness;
    size_t liveness_count;
    struct name_list stale; /* sessions */
};
void sweep_report_free(struct sweep_report *report);

/*
 * All of it, now. The time is noted, so that no wrapper does it again before the next interval. The caller
 * frees the report, also after -1: what was done until then stands in it.
 */
int sweep_all(struct ledger *ledger, const struct settings *settings, bool dry_run,
              struct sweep_report *report, struct error *err);

/* The same bit by bit, for a loop that has other things to do. Ledger and settings outlive it. */
struct sweep;
/* NULL where another did it within the interval, or with err->text where the ledger can't be asked. */
struct sweep *sweep_in_turn(struct ledger *ledger, const struct settings *settings, struct error *err);
/* Goes on for about `budget_ms`. *done: it has come to the end. */
int sweep_some(struct sweep *sweep, int64_t budget_ms, bool *done, struct error *err);
void sweep_free(struct sweep *sweep); /* NULL is allowed */

#endif
