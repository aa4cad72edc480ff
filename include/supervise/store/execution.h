/*
 * Executions: the row as the view `outcomes` shows it, how it is read, and every change of it.
 */
#ifndef SUPERVISE_STORE_EXECUTION_H
#define SUPERVISE_STORE_EXECUTION_H

#include <supervise/base/error.h>
#include <supervise/domain/agent_reader.h>
#include <supervise/store/ledger.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An integer that is NULL in SQL and in JSON. */
#define NO_INT INT64_MIN

/*
 * One execution. Integers are NO_INT, texts NULL, where the ledger has NULL; times are wall milliseconds.
 * JSON texts are valid JSON. Owns its strings: execution_free().
 */
struct execution {
    int64_t id;
    char *uid, *parent_uid, *name, *session;
    int64_t drives; /* 0 or 1 */
    char *workflow, *stages;
    char *command; /* JSON array of strings; bytes that are no UTF-8 stand as U+FFFD */
    char *cwd, *host;
    char *state, *outcome, *reason; /* derived by the view */
    int64_t exit_code, signal;
    char *stopped_by;
    int64_t spawn_errno, round, attempt;
    int64_t queued_at, started_at, finished_at, heartbeat_at, activity_at, progress_at, duration_ms;
    int64_t pid, supervisor_pid, cancel_requested_at;
    char *status_text, *log, *agent, *agent_session, *agent_result; /* agent_result: JSON */
    char *usage;                                                    /* JSON object */
    char *notes;                                                    /* JSON array of strings */

    /* Not in JSON: what explanations, liveness and `resume` need. */
    char *argv; /* the exact command, NUL-separated, argv_size bytes, where `command` could not say it; else
                   NULL */
    size_t argv_size;
    char *facts; /* JSON object of what was seen: see domain/explain.h */
    char *boot_id, *machine_id;
    int64_t pid_ns, pid_start, supervisor_start;
    char *socket;
    int64_t detached, require_session, agent_unfinished;
    char *session_status; /* of its session, now */
    char *settled_as; /* how the round it ended in was settled: "completed", "aborted", "stale", NULL: open */
    char *phase;      /* of its session, now */
    int64_t phase_number, phase_count;
    int64_t in_current_round; /* whether the session is still in the opening this execution is judged by */

    struct step_facts *steps; /* of the row that execution_finish() gives: see step_facts_read(); else NULL */
};

/* What a column of `struct execution` is; the same table drives the SELECT, the loading and the JSON. */
enum field_kind { FIELD_INT, FIELD_TEXT, FIELD_TIME, FIELD_BOOL, FIELD_JSON, FIELD_BLOB };
struct field {
    const char *name; /* of the column of the view and of the JSON member */
    enum field_kind kind;
    size_t offset; /* in the struct; a FIELD_BLOB's length follows its pointer */
    bool json;     /* stands in JSON */
};
extern const struct field execution_fields[];
extern const size_t execution_field_count;

void execution_free(struct execution *execution); /* NULL is allowed */

/* A list of executions, owned by the caller: execution_list_free(). */
struct execution_list {
    struct execution **items;
    size_t count;
};
void execution_list_free(struct execution_list *list);

struct execution_filter {
    const char *outcome, *state, *session, *name; /* NULL: any */
    int64_t since;                                /* started (or queued) at or after; NO_INT: ever */
    int64_t limit;                                /* NO_INT: all */
    bool in_flight;                               /* not finished only */
};

/* Newest first. */
int executions_list(struct ledger *ledger, const struct execution_filter *filter, struct execution_list *list,
                    struct error *err);

/* The same one after another, however many: `each` returns 0 to go on; what it gets lives until it returns.
 */
int executions_each(struct ledger *ledger, const struct execution_filter *filter,
                    int (*each)(const struct execution *, void *), void *context, struct error *err);

/* All that have started and not ended, without what only views derive: the queue may be long, and is not
 * read.
 */
int executions_running(struct ledger *ledger, struct execution_list *list, struct error *err);

/* The execution with that UID; *execution is NULL (and 0 returned) where there is none. */
int execution_get(struct ledger *ledger, const char *uid, struct execution **execution, struct error *err);

/* The newest execution that drives the session, not one that helped there; *execution is NULL where none
 * does.
 */
int execution_driver(struct ledger *ledger, const char *session, struct execution **execution,
                     struct error *err);

/*
 * What a REF means (DESIGN: @last, number, UID, session id, UID prefix, name, in this order). `prefer_open`:
 * where it could mean several, the one in flight or queued (cancel, wait, log -f). ERR_NOT_FOUND,
 * ERR_AMBIGUOUS (with the candidates).
 */
int execution_resolve(struct ledger *ledger, const char *ref, bool prefer_open, struct execution **execution,
                      struct error *err);

/* What the environment said of a parent. */
enum parent_state { PARENT_NONE, PARENT_IN_FLIGHT, PARENT_UNKNOWN, PARENT_ENDED };

/* How the execution with that UID stands: never PARENT_NONE. One whose process is still there is in flight.
 */
int execution_in_flight(struct ledger *ledger, const char *uid, enum parent_state *state, struct error *err);

struct execution_start {
    const char *uid, *name;
    const char *parent_uid;          /* as the environment has it, or NULL */
    const char *session;             /* --session, or NULL */
    const char *workflow;            /* --workflow, or NULL */
    const char *workflow_definition; /* its JSON, with `workflow` */
    const char *stages;              /* --stages, "A..B" or "A", or NULL */
    const char *command;             /* JSON array */
    const void *argv; /* exact bytes, NUL-separated, where `command` can't say them; else NULL */
    size_t argv_size;
    const char *cwd, *host, *boot_id, *machine_id, *log, *socket, *agent;
    int64_t queued_at, started_at; /* 0: not yet */
    int64_t attempt, supervisor_pid, supervisor_start, pid_ns;
    int64_t pid, pid_start; /* of the command, which waits to be let go; its start in clock ticks since boot.
                               0: there is none */
    const char *capture;    /* "pipe", "pty", "none"; NULL: not known */
    bool detached, require_session;
};

struct execution_begun {
    int64_t id;
    char *session; /* that it drives or helps, or NULL; the caller frees */
    bool drives;
    enum parent_state parent; /* PARENT_UNKNOWN and PARENT_ENDED count as none */
};

/*
 * Writes the row, started, with what --session and --workflow ask for: a session that doesn't exist is
 * created; without them the session of a parent in flight is helped. ERR_INVARIANT: the session is closed, of
 * another workflow, or without those stages; stages without a session that it drives.
 */
int execution_begin(struct ledger *ledger, const struct execution_start *start, struct execution_begun *begun,
                    struct error *err);

/* What others have asked of an execution, as its supervisor reads it. */
struct execution_orders {
    bool ended;          /* by somebody who may: with its session. A presumed end (-3) is none */
    bool stop_requested; /* a cancel was written */
    int64_t activity_at; /* the latest report; NO_INT: none */
};
int execution_read_orders(struct ledger *ledger, const char *uid, struct execution_orders *orders,
                          struct error *err);

/* The agent's own session id, the first that was seen: a second call changes nothing. */
int execution_agent_session(struct ledger *ledger, const char *uid, const char *session, struct error *err);

/*
 * The supervisor lives; `activity_at` is stored where it is later than what stands there (NO_INT: nothing
 * new). `activity_slept`: slept_now_ms() at that time.
 */
int execution_heartbeat(struct ledger *ledger, const char *uid, int64_t activity_at, int64_t activity_slept,
                        struct error *err);

/* The machine has slept for `ms`, and for `total_ms` during the run until now. */
int execution_suspended(struct ledger *ledger, const char *uid, int64_t ms, int64_t total_ms,
                        struct error *err);

/* The `heartbeat` verb: activity now, a status text or NULL. ERR_NOT_FOUND, ERR_INVARIANT where it has ended.
 */
int execution_activity(struct ledger *ledger, const char *uid, const char *status_text, struct error *err);

/* What a command said of itself by sd_notify(3). It is recorded, and is evidence of nothing. */
struct execution_said {
    bool ready, stopping;
    const char *status;                /* UTF-8; "" takes the one before back; NULL: not said */
    int64_t error_number, exit_status; /* NO_INT: not said */
    int64_t at;
};
/* Writes it with its events: a status that stands there already is no news. Nothing is taken after the end.
 */
int execution_said(struct ledger *ledger, const char *uid, const struct execution_said *said,
                   struct error *err);

/*
 * Intent before the signal. `stopped_by` is "cancel" or "deadline"; `data` is the event's JSON object or
 * NULL. The first intent stands: where there is one, or an end, nothing changes, 0 is returned and *written
 * is false. What is only queued is ended at once (-2).
 */
int execution_intend_stop(struct ledger *ledger, const char *uid, const char *stopped_by, const char *data,
                          bool *written, struct error *err);

/* What happened on the way and changes no row of its own: "stragglers_killed", "host_suspended". */
struct execution_event {
    const char *type;
    char *data; /* JSON object */
    int64_t at;
};

struct execution_end {
    const char *uid;
    int64_t exit_code;                                     /* the process's own, 128+N, or -1 */
    int64_t signal, spawn_errno, duration_ms, activity_at; /* NO_INT: none, unknown */
    int64_t finished_at;
    bool stopped;           /* it was asked to stop before it was gone: what the ledger intends did end it */
    const char *stopped_by; /* what the supervisor knows of: "cancel" (by signal) or "deadline"; or NULL */
    const char *agent_session;         /* where one stands in the row already, that stays; or NULL */
    const char *agent_result;          /* JSON; or NULL */
    bool agent_unfinished;             /* that result says that the agent did not finish */
    const char *note;                  /* added to the notes; or NULL */
    const char *usage, *facts;         /* JSON objects */
    const struct execution_said *said; /* at the last, and not written yet; or NULL */
    const struct plan_item *planned;   /* what changed in its plan, and isn't written yet */
    size_t planned_count;
    const struct execution_event *events; /* written before execution_finished, in the same transaction */
    size_t event_count;
};

/* Compiles what execution_finish() will need, while there is nothing else to do. */
void execution_expect_end(struct ledger *ledger);

/*
 * Writes the end, compare-and-set, and gives the row as it then stands (*row, the caller frees). Where a
 * cancel or a deadline came before the child was gone, and the round isn't settled as completed, -2 or -5 is
 * written instead of the code. Where an end stands already it stays: one that closed with its session gets
 * signal, usage and facts; a presumed one (-3) is replaced by the real end. *known is false, and nothing was
 * written, where the ledger doesn't know the execution. *row is NULL also where the end was written as it was
 * given and decides alone.
 */
int execution_finish(struct ledger *ledger, const struct execution_end *end, bool *known,
                     struct execution **row, struct error *err);

#endif
