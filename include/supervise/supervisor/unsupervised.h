/*
 * Commands that live on without their supervisor: how one is ended, and how its end is seen by who is not its
 * parent, through a pidfd. Nothing is done to a process whose identity (boot, pid namespace, pid, start time)
 * isn't proven.
 */
#ifndef SUPERVISE_SUPERVISOR_UNSUPERVISED_H
#define SUPERVISE_SUPERVISOR_UNSUPERVISED_H

#include <supervise/domain/liveness.h>
#include <supervise/store/execution.h>

struct ev_loop;

/* Its supervisor is gone (or given up), and its command is proven to live. */
bool is_unsupervised(const struct liveness *liveness);

/*
 * Ends the command: SIGTERM (and SIGCONT) to it, to what is below it and to the group that it leads, the
 * grace, SIGKILL. Waits until it is gone, then writes the end: -2 or -5 as the row intends, or, where an end
 * stands, only that the process is gone. The intent must be in the ledger.
 */
int unsupervised_end(struct ledger *ledger, const struct execution *execution, int64_t kill_after_ms,
                     struct error *err);

/*
 * One step of that, without waiting: SIGTERM where nobody has asked it to end yet, SIGKILL where the grace is
 * over. *acted: a signal was due.
 */
int unsupervised_ask(struct ledger *ledger, const struct execution *execution, int64_t kill_after_ms,
                     bool *acted, struct error *err);

/*
 * Writes the end of what is gone, and takes away its socket. `threshold_ms`: as in presumed_end; `note`: or
 * NULL. Ends that wait in the spool are the caller's to take in first. *exit_code where it changed something.
 */
int unsupervised_settle(struct ledger *ledger, const struct execution *execution,
                        const struct liveness *liveness, const char *note, int64_t *exit_code, bool *changed,
                        struct error *err);

/* Of what ended with its session: process and socket are given up, and the socket is taken away. */
int unsupervised_release(struct ledger *ledger, const struct execution *execution,
                         const struct liveness *liveness, bool *changed, struct error *err);

/*
 * The watch of a program with a loop: unsupervised_watch() looks into the ledger for commands without
 * supervisor and watches those that it doesn't yet; when one of them ends, its execution is settled at once,
 * with the time. Call it after each sweep. Ledger and loop are the caller's, and outlive the watch.
 */
struct unsupervised;
struct unsupervised *unsupervised_new(struct ev_loop *loop, struct ledger *ledger);
int unsupervised_watch(struct unsupervised *watch, struct error *err);
void unsupervised_free(struct unsupervised *watch); /* stops its watchers; NULL is allowed */

#endif
