/*
 * Why an execution has the outcome it has, in one sentence for people, and what to do about it. Pure: no
 * clock, no I/O.
 *
 * The column `facts` of an execution is a JSON object of what was seen while it ran. Every member may be
 * missing.
 *
 *   suspended_ms     number  how long the machine slept during the run
 *   oom_kills        number  by how much `oom_kill` in /proc/vmstat moved
 *   last_line        string  the last line of output that was not blank
 *   child_code       number  how the process ended, 0..255, where exit_code holds a sentinel and no signal
 *                            ended it
 *   core             true    it dumped core
 *   stragglers       array   the command name of each process that had to be killed after the end
 *   output_held      true    a survivor held the output open when draining ended
 *   log_lost         string  why the log is not whole
 *   deadline         object  {"kind": "timeout", "idle-timeout" or "watchdog", "ms": its length; 0: by
 *                            WATCHDOG=trigger}
 *   why              string  the reason given with a cancel or an abort
 *   spawn_error      string  the step that failed before the command ran, with its error
 *   capture          string  "pty", "pipe" or "none"
 *   recovered        true    it was presumed orphaned, and its supervisor came back
 *   threshold_ms     number  the age of the heartbeat that decided that it is orphaned
 *   unknown_end      string  what another program recorded of an end that it didn't know (imported)
 *
 * Beside what is told, for `wait`: `wrapper_status`, how the wrapper ended where the outcome doesn't say it
 * (it never ran, or --exit-code=child); for hooks:
 * `nudges`, {"count", "at"}: how often in a row its agent was told to go on, and when last.
 *
 * Beside what is told, for sweeps: `heartbeat_slept` and `activity_slept`, how long the machine had slept
 * since its boot at the time of heartbeat_at and activity_at; `asked_at`, when a command without supervisor
 * was asked to end.
 */
#ifndef SUPERVISE_DOMAIN_EXPLAIN_H
#define SUPERVISE_DOMAIN_EXPLAIN_H

#include <supervise/domain/outcome.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum explain_state { EXPLAIN_QUEUED, EXPLAIN_RUNNING, EXPLAIN_FINISHED };

/*
 * What is known. Zero, NULL and false mean "unknown" or "not seen", and nothing is made of them. Times are
 * wall milliseconds. Texts stay the caller's and may hold any bytes: what a child wrote is made visible here.
 */
struct explain_facts {
    enum explain_state state;
    struct verdict verdict; /* of what is finished */
    int64_t now_ms;

    int64_t number;      /* #42 */
    const char *command; /* its name, or its first words */

    int exit_code; /* as in the row, a sentinel included */
    int signal;
    bool core_dumped;
    bool child_code_known; /* beside a sentinel: the process's own code */
    int child_code;
    const char *stopped_by; /* "cancel" or "deadline" */
    const char *why;        /* the reason given with the cancel, or the abort of its session */
    int spawn_errno;
    const char *spawn_error;
    bool never_ran;    /* it ended while it was queued */
    const char *waits; /* what it is queued for: "waits for #4, which is running" */

    bool duration_known;
    int64_t duration_ms; /* awake */
    int64_t queued_at, started_at, activity_at,
        heard_of_at; /* heard_of_at: the supervisor's last sign of life */

    const char *session;
    const char *session_status; /* "active" or "closed", now */
    const char *session_next;   /* what is to be done about it, as the view `completeness` says; or NULL */
    const char *close_reason;   /* "completed", "aborted" or "stale", now */
    const char *phase;          /* of the session, now */
    int64_t phase_number, phase_count;
    int64_t round;         /* in which the execution ended */
    bool in_current_round; /* the session is still in the opening of the round in which it ended */
    bool drives;
    const char *stages; /* "A..B" */
    const char *left;   /* what of them, or of its session, isn't done, a list */

    const char *deadline; /* "timeout", "idle-timeout" or "watchdog" */
    int64_t deadline_ms;

    int64_t suspended_ms, oom_kills;
    const char *last_line;
    const char *const *stragglers; /* command names */
    size_t straggler_count;
    bool output_held;
    const char *log_lost;
    bool no_log; /* nothing was kept of its output */
    const char *step_in_error, *step_message;
    const char *agent_result;   /* the text of the agent's own result record */
    int64_t rate_limit_over_at; /* as the agent said it; 0: it named none */
    bool agent_session;         /* the agent's own conversation is known, and can be resumed */

    const char *capture;     /* "pty", "pipe" or "none" */
    int64_t threshold_ms;    /* the age of the heartbeat that gave it up; 0: its supervisor is proven gone */
    const char *unknown_end; /* what another program recorded of an end that it didn't know */
    bool lost, stalled, unsupervised, recovered;
};

/* One sentence without a full stop, UTF-8 without control characters. The caller frees; never NULL. */
char *explain(const struct explain_facts *facts);

/* One command, or NULL where there is nothing to do or the number is unknown. The caller frees. */
char *explain_next(const struct explain_facts *facts);

#endif
