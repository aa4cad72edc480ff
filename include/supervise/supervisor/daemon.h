/*
 * The daemon: starts what is due in the queue, each as a wrapper of its own in a session of its own, and
 * sweeps. The queue and what runs live in the ledger alone: killed at any moment, it loses nothing, and the
 * next one goes on.
 */
#ifndef SUPERVISE_SUPERVISOR_DAEMON_H
#define SUPERVISE_SUPERVISOR_DAEMON_H

#include <supervise/base/error.h>
#include <supervise/config/settings.h>
#include <supervise/process/identity.h>
#include <supervise/process/inherit.h>

#include <stdbool.h>
#include <sys/types.h>

struct daemon_plan {
    const struct settings *settings;
    bool once;       /* sweep, start what is due, and return once that has begun */
    bool until_idle; /* end when there was nothing to do for queue.idle */
};

/*
 * Runs until it is told to end by a signal, or as the plan says; what it has started goes on. 0, or -1 with
 * ERR_INVARIANT where another process is the daemon of this ledger.
 */
int daemon_run(const struct daemon_plan *plan, struct inherited *inherited, struct error *err);

/* ---- daemon_lock.c: one at a time ---- */

/* Takes the lock of that ledger: a descriptor that holds it until it is closed. -1 with err: ERR_INVARIANT
 * where another process has it. */
int daemon_lock(const char *ledger_path, struct error *err);

/* Whether the file at the place of the lock still is the one that is locked. */
bool daemon_lock_in_place(const char *ledger_path, int fd);

/* Whether somebody holds that lock, and who (pid 0: that isn't known); nothing is taken, not for a moment. */
bool daemon_runs(const char *ledger_path, struct process *who);

/* ---- daemon_start.c: who is started, and how ---- */

struct queued;

/*
 * The wrapper of what is queued: in its directory, with its environment and nothing of ours but stderr, which
 * it lets go of once it has taken its row. -1 with err.
 */
int daemon_start_wrapper(const char *ledger_path, const struct queued *queued, pid_t *pid, struct error *err);

/*
 * Starts a daemon in the background, which ends when idle, unless one runs, and waits until it is ready. What
 * it says goes to daemon.log beside the ledger. -1 with err.
 */
int daemon_autostart(const char *ledger_path, const char *config, struct error *err);

#endif
