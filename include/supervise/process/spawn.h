/*
 * Starting a command. fork(2) and execvp(3), never a shell; between the two only async-signal-safe calls. A
 * close-on-exec pipe tells whether the command runs: EOF is success, else the step that failed and its errno.
 */
#ifndef SUPERVISE_PROCESS_SPAWN_H
#define SUPERVISE_PROCESS_SPAWN_H

#include <supervise/base/error.h>
#include <supervise/process/inherit.h>

#include <stdbool.h>
#include <sys/types.h>

struct spawn_plan {
    char **argv;
    char **environment;
    const char *cwd;    /* or NULL: ours */
    int descriptors[3]; /* what becomes 0, 1, 2; -1: as we inherited it, closed where it was closed */
    bool own_group;
    bool die_with_parent;
    const struct inherited *inherited;
};

struct child {
    pid_t pid;     /* -1: none, or reaped */
    int handshake; /* readable once it is known whether the command runs; -1 afterwards */
};

/* Forks; -1, with err and errno, where that failed. All signals must be blocked by the caller until it has
 * noted the child. */
int spawn_start(const struct spawn_plan *plan, struct child *child, struct error *err);

enum spawn_step { SPAWN_RUNS, SPAWN_DIRECTORY, SPAWN_DESCRIPTORS, SPAWN_EXEC };
struct spawn_report {
    enum spawn_step step; /* SPAWN_RUNS, or what failed */
    int number;           /* errno */
};
/* Reads the handshake, which is readable (it blocks otherwise). */
void spawn_report_read(struct child *child, struct spawn_report *report);

/*
 * "cannot run CMD: no such command in PATH"... and the exit status for it: 127 not found, 126 found but not
 * to be run, 125 where it was we who could not.
 */
int spawn_report_explain(const struct spawn_report *report, const struct spawn_plan *plan, char *text,
                         size_t size);

#endif
