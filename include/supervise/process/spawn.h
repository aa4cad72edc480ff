/*
 * Starting a command. fork(2) and execvp(3), never a shell. Between the two it is held, so that its pid can
 * be written down before it runs; who dies before letting it go leaves nothing behind. A close-on-exec pipe
 * tells whether the command runs: EOF is success, else the step that failed and its errno.
 */
#ifndef SUPERVISE_PROCESS_SPAWN_H
#define SUPERVISE_PROCESS_SPAWN_H

#include <supervise/base/error.h>
#include <supervise/process/inherit.h>

#include <stdbool.h>
#include <sys/types.h>

struct spawn_plan {
    char **argv;
    const char *cwd;    /* or NULL: ours */
    int descriptors[3]; /* what becomes 0, 1, 2; -1: as we inherited it, closed where it was closed */
    int terminal;       /* the slave of a terminal of its own, below a leader (leader.h); -1: none */
    bool own_group;     /* always so on a terminal of its own */
    bool die_with_parent;
    const struct inherited *inherited;
};

struct child {
    pid_t pid;     /* -1: none, or reaped */
    int handshake; /* readable once it is known whether the command runs; -1 afterwards */
    pid_t leader;  /* of its session, a child of ours; -1: it has none, and is our child itself */
    int relay;     /* where the leader tells each change of state, an int as wait(2) has it; -1 */
    int release;   /* closing it lets the leader reap the child; -1 */
    int hold;      /* what it is to go on with is written there, and it runs; -1 afterwards */
};
#define NO_CHILD ((struct child){-1, -1, -1, -1, -1, -1})

/*
 * Forks, and holds the child just before the command; -1, with err and errno, where that failed. All signals
 * must be blocked by the caller until it has noted the child.
 */
int spawn_hold(const struct spawn_plan *plan, struct child *child, struct error *err);
/* The command runs, with that environment (ended by NULL). */
void spawn_release(struct child *child, char *const *environment);
/* It never will: returns when nothing of it is left. */
void spawn_abandon(struct child *child);

enum spawn_step { SPAWN_RUNS, SPAWN_DIRECTORY, SPAWN_DESCRIPTORS, SPAWN_EXEC };
struct spawn_report {
    enum spawn_step step; /* SPAWN_RUNS, or what failed */
    int number;           /* errno */
};
/* Reads the handshake, which is readable (it blocks otherwise). */
void spawn_report_read(struct child *child, struct spawn_report *report);

/* Whether execvp(3) would find a file of that name, seen from the directory `cwd` (NULL: ours). */
bool spawn_finds(const char *name, const char *cwd);

/*
 * "cannot run CMD: no such command in PATH"... and the exit status for it: 127 not found, 126 found but not
 * to be run, 125 where it was we who could not.
 */
int spawn_report_explain(const struct spawn_report *report, const struct spawn_plan *plan, char *text,
                         size_t size);

#endif
