/*
 * What the files of one execution's life share: run.c (its course), stop.c (ending the tree), signals.c (what
 * reaches us), record.c (what the ledger gets to know), surroundings.c (environment and identity). The state
 * belongs to run.c; the others change only what their functions say.
 */
#ifndef SUPERVISOR_LIFE_H
#define SUPERVISOR_LIFE_H

#include <ev.h>

#include <supervise/domain/id.h>
#include <supervise/process/identity.h>
#include <supervise/process/spawn.h>
#include <supervise/process/tree.h>
#include <supervise/store/ledger.h>
#include <supervise/supervisor/log_writer.h>
#include <supervise/supervisor/output.h>
#include <supervise/supervisor/run.h>
#include <supervise/supervisor/socket.h>

#include <jansson.h>

enum stop_state { STOP_NONE, STOP_ASKED, STOP_KILLING };

struct life {
    const struct run_plan *plan;
    struct inherited *inherited;
    run_started *started; /* or NULL */
    void *started_context;
    struct ev_loop *loop;
    struct ledger *ledger; /* NULL: runs without (--no-ledger-ok) */
    struct machine machine;
    struct process self;
    char uid[UID_LENGTH + 1];
    struct execution_begun begun;
    struct control_socket control;
    char *log_path, *cwd; /* absolute; cwd is the command's, NULL where ours has been deleted */
    struct log_writer *log;
    struct output *outputs[2]; /* by enum log_stream; NULL: not captured */

    struct child child;
    pid_t child_pid; /* as recorded: stays after the reap */
    int64_t child_start;
    bool own_group;
    bool child_gone;
    int wait_status;
    struct spawn_report spawned;
    char *spawn_error;
    int spawn_status;

    int signal_fd;
    uint64_t received;  /* bit N: signal N reached us while the child lived */
    bool asked_to_stop; /* a SIGTERM reached us */
    bool child_stopped, stop_both;

    enum stop_state stopping;
    json_t *stragglers;    /* [{"pid", "command"}], or NULL */
    struct process *asked; /* who got SIGTERM from us, so that nobody gets it twice */
    size_t asked_count;
    int64_t stop_began_ticks;

    const char *deadline; /* "timeout", "idle-timeout": what struck; NULL */
    int64_t deadline_ms, deadline_struck_wall;
    bool deadline_written;
    int deadline_tries;

    int64_t started_wall, started_awake, started_boot, exited_wall, exited_awake, activity_wall;
    ev_tstamp activity_awake;
    int64_t oom_kills;
    bool spawned_written;
    bool output_held;
    char *log_lost_text; /* why the log is not whole; NULL: it is */

    ev_io on_signal, on_control, on_handshake;
    ev_child on_child, on_any_child;
    ev_timer on_timeout, on_idle, on_grace, on_nested, on_tree, on_drain, on_heartbeat, on_retry;
};

/* --- run.c --- */
/* Looks at what has happened and takes the next step of the course; called after every change. */
void life_go_on(struct life *life);

/* --- signals.c --- */
/* Takes every catchable signal that wasn't ignored as events of a signalfd(2); -1 with err. */
int signals_take(struct life *life, struct error *err);
void signals_start(struct life *life); /* what has come, and what comes, is forwarded: the child exists */
void signals_child_stopped(struct life *life);
/* Sends to the child's group where it has one of its own, else to the child; nothing where it is gone. */
void signals_to_child(struct life *life, int number);

/* --- stop.c --- */
/* SIGTERM (+CONT) to the whole tree, then the grace, then SIGKILL. Nothing where that is under way. */
void stop_tree(struct life *life);
void stop_grace_over(struct life *life); /* SIGKILL now, where a stop is under way */
/* Whether anything of the tree is left; what it is stands in `left` (may be NULL; tree_free() it). */
bool stop_left(struct life *life, struct tree *left);
void stop_end(struct life *life); /* frees what it holds, stops its timers */

/* --- record.c --- */
int record_begin(struct life *life, struct error *err);
void record_spawned(struct life *life); /* pid and start time; tried again where the ledger is busy */
/* The intent, before the signal: true once it is written, or can't be for a second. */
bool record_deadline(struct life *life);
/* What others ask of us in the ledger: stops the tree where they do, and puts off the idle deadline. */
void record_look(struct life *life);
void record_heartbeat(struct life *life);
/* Writes the end, to the ledger or else to the spool, and fills `result`. */
void record_end(struct life *life, struct run_result *result);

/* --- surroundings.c --- */
char **environment_make(const struct life *life); /* the caller frees it with environment_free() */
void environment_free(char **environment);
char *command_json(char **argv, bool *exact); /* the caller frees; *exact: nothing had to be replaced */
int64_t oom_kill_count(void);                 /* oom_kill of /proc/vmstat, or -1 */
bool needs_own_group(void); /* no controlling terminal, or ours isn't its foreground group */

#endif
