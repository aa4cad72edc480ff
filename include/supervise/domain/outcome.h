/*
 * The outcome of an execution: the table of rules, in their order. The view `outcomes` in the ledger's schema
 * says the same in SQL; a test holds the two together over every combination.
 */
#ifndef SUPERVISE_DOMAIN_OUTCOME_H
#define SUPERVISE_DOMAIN_OUTCOME_H

#include <stdbool.h>

/* What stands in exit_code where it is no process's own. */
enum exit_sentinel {
    EXIT_NEVER_STARTED = -1,
    EXIT_CANCELLED = -2,
    EXIT_ORPHANED = -3,
    EXIT_SESSION_CLOSED = -4,
    EXIT_DEADLINE = -5,
};

enum outcome { OUTCOME_NONE, OUTCOME_SUCCESS, OUTCOME_INCOMPLETE, OUTCOME_FAILED, OUTCOME_CANCELLED };

/* How the round in which an execution ended was settled. */
enum settled { SETTLED_OPEN, SETTLED_COMPLETED, SETTLED_ABORTED, SETTLED_STALE };
enum settled settled_from_name(const char *name); /* "completed", "aborted", "stale"; all else: open */

/* What `--stages` covers: nothing was given, all of it is done or skipped, or it isn't. */
enum stages_state { STAGES_NONE, STAGES_DONE, STAGES_UNFINISHED };

struct outcome_facts {
    bool finished;
    int exit_code; /* 0..255, 128+N, or a sentinel */
    int signal;    /* 0: none */
    bool stopped;  /* stopped_by is not null: a cancel or a deadline came first */
    bool session;  /* it has one: driven, or inherited from its parent */
    bool drives;
    bool require_session;
    bool agent_unfinished; /* the agent's own result record says that it did not finish */
    enum settled settled;
    enum stages_state stages;
};

struct verdict {
    enum outcome outcome;
    const char *reason; /* NULL while not finished */
};

struct verdict outcome_of(const struct outcome_facts *facts);

/* "success", "incomplete", "failed", "cancelled"; NULL for OUTCOME_NONE. */
const char *outcome_name(enum outcome outcome);
enum outcome outcome_from_name(const char *name); /* OUTCOME_NONE where there is no such */

/*
 * The status with which the wrapper (and `wait`) ends, 0..255. `signal`: what ended it, 0 where none.
 * `incomplete_exit`: the setting.
 */
int outcome_exit_status(const struct verdict *verdict, int exit_code, int signal, int incomplete_exit);

#endif
