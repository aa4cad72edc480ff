/*
 * One execution's life, on libev's default loop: row written, child spawned, events, child ends, output
 * drained, leftovers ended, row finished. From the spawn on nothing of ours ends the run: there are warnings
 * only.
 */
#ifndef SUPERVISE_SUPERVISOR_RUN_H
#define SUPERVISE_SUPERVISOR_RUN_H

#include <supervise/config/settings.h>
#include <supervise/process/inherit.h>
#include <supervise/store/execution.h>

#include <stdbool.h>

enum capture {
    CAPTURE_NONE, /* the command gets our own descriptors; nothing is kept */
    CAPTURE_PIPE,
    CAPTURE_PTY, /* a terminal of its own */
};

struct run_plan {
    char **argv;       /* the command */
    const char *claim; /* UID of the queued execution that this is, with the row's command; NULL: a new one */
    struct ledger *ledger; /* open to write, and run_execution()'s from then on; NULL: it opens its own */
    const char *session, *workflow, *name, *cwd; /* or NULL */
    const char *resume_from;                     /* the id of a checkpoint of `session`, or NULL */
    const char *workflow_definition;             /* JSON, with `workflow` */
    const char *stages;                          /* "A..B" or "A" of the session's workflow, or NULL */
    char **extra_environment;                    /* "K=V", ends with NULL; or NULL */
    const struct settings *settings;
    int64_t attempt;                                    /* from 1 */
    int64_t timeout_ms, idle_timeout_ms, kill_after_ms; /* awake; 0: none (kill_after: at once) */
    int64_t watchdog_ms;                                /* the same */
    enum capture capture;
    bool stdin_null, keep_stragglers, require_session, no_ledger_ok, detached;
    bool child_status; /* the wrapper ends as the command did, whatever the outcome */
};

struct run_result {
    int status; /* of the child as a shell would tell it: 0..255, 128+N; 125..127 where it never ran */
    struct execution *
        row; /* as it ended: from the ledger, or what is known where that couldn't be written; NULL: no row */
    char *spawn_error; /* why it never ran, one line; NULL where it ran */
    bool mid_line;     /* what it last wrote to its terminal was no newline */
};

typedef void run_started(void *context, int64_t number, const char *uid, bool runs);

/*
 * Runs it to its end. -1 with err where it was refused and nothing was spawned (status 125). `started`, where
 * not NULL, is called once it is known whether the command runs, with the number (0: no row) and the UID.
 */
int run_execution(const struct run_plan *plan, struct inherited *inherited, run_started *started,
                  void *context, struct run_result *result, struct error *err);
void run_result_free(struct run_result *result);

/* A command as the ledger keeps it; the caller frees. *exact: nothing of it had to be replaced. */
char *command_json(char **argv, bool *exact);

#endif
