/*
 * What the files of one execution's life share: run.c (its course), streams.c and keyboard.c (what the child
 * gets for 0, 1, 2 and its terminal), signals.c (what reaches us), stop.c (ending the tree), clocks.c
 * (deadlines and beats), notify.c (what the child says), plan.c (what an agent plans), record.c and ending.c
 * (what the ledger gets to know), surroundings.c (environment and identity). The state belongs to run.c; the
 * others change only what their functions say.
 */
#ifndef SUPERVISOR_LIFE_H
#define SUPERVISOR_LIFE_H

#include "checkpoint_file.h"

#include <ev.h>

#include <supervise/base/buf.h>
#include <supervise/domain/agent_reader.h>
#include <supervise/domain/agent_scan.h>
#include <supervise/domain/id.h>
#include <supervise/process/identity.h>
#include <supervise/process/spawn.h>
#include <supervise/process/terminal.h>
#include <supervise/process/tree.h>
#include <supervise/store/ledger.h>
#include <supervise/store/plan.h>
#include <supervise/supervisor/log_writer.h>
#include <supervise/supervisor/output.h>
#include <supervise/supervisor/run.h>
#include <supervise/supervisor/socket.h>
#include <supervise/supervisor/sweeper.h>

#include <jansson.h>

enum { SLEEP_MS = 1000 }; /* less is the clocks' own jitter */
enum stop_state { STOP_NONE, STOP_ASKED, STOP_KILLING };
enum drain_state { DRAIN_OPEN, DRAIN_CUT, DRAIN_GIVEN_UP };

/*
 * What the child said by sd_notify(3): the latest of each kind, and of these (bits of enum said) what is not
 * written yet, and what has not gone on to our own NOTIFY_SOCKET.
 */
enum said { SAID_READY = 1, SAID_STATUS = 2, SAID_STOPPING = 4, SAID_ERRNO = 8, SAID_EXIT = 16 };
struct notified {
    unsigned said, unwritten, untold;
    char *status;
    int64_t error_number, exit_status;
    int64_t at;        /* wall: of the latest */
    const char *above; /* our own NOTIFY_SOCKET; NULL: none that we can send to */
    int64_t window_began;
    int written_in_window;
    ev_timer on_write;
};

/* Processes by their identity, with when (awake) they were noted. */
struct noted_list {
    struct noted {
        pid_t pid;
        int64_t start, at_ms;
    } * items;
    size_t count;
};

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
    struct checkpoint_file checkpoint; /* what the command goes on from */
    char *log_path, *cwd;              /* absolute; cwd is the command's, NULL where ours has been deleted */
    struct log_writer *log;
    const char *agent;           /* which program it is, by the settings; NULL: none of them */
    struct agent_scan *scan;     /* for the agent's own session id; NULL: nothing to look for */
    struct agent_reader *reader; /* of what its lines say; NULL: nothing to look for */
    bool agent_session_written;
    struct plan_item *planned; /* what has changed in its plan, and isn't written yet */
    size_t planned_count;
    struct output *outputs[2]; /* by enum log_stream; NULL: not captured */

    struct child child;
    struct process child_process; /* as recorded: stays after the reap */
    bool own_group;
    bool child_gone;
    int wait_status;
    struct spawn_report spawned;
    char *spawn_error;
    int spawn_status;

    int signal_fd;
    uint64_t received;        /* bit N: signal N reached us while the child lived */
    bool stopped_first;       /* a stop was under way when the child went */
    int64_t asked_to_stop_at; /* awake: the last SIGTERM; 0: none */
    bool child_stopped, stop_both;
    int64_t stop_both_at; /* awake: when both were asked to stop; what stops the child long after is another
                             thing */

    enum stop_state stopping;
    json_t *stragglers;       /* [{"pid", "command"}], or NULL */
    struct noted_list asked;  /* who got SIGTERM from us, so that nobody gets it twice */
    struct noted_list nested; /* supervisors that were told that the grace is over */
    struct noted_list beyond; /* what we may not end */
    int64_t stop_began_ticks;
    int64_t left_seen_at; /* awake: when the tree was read last, and not empty; 0: never */

    struct notified notified;
    int64_t watchdog_ms;  /* how long it may be silent, now; 0: no watchdog */
    const char *deadline; /* "timeout", "idle-timeout", "watchdog": what struck; NULL */
    int64_t deadline_ms, deadline_struck_wall;
    bool deadline_written;
    int deadline_tries;

    int64_t started_wall, started_awake, started_slept, exited_awake;
    int64_t activity_wall, activity_awake, activity_slept; /* of the child, or of somebody for it */
    int64_t continued_awake;                               /* the last SIGCONT; 0: none */
    int64_t slept_told; /* what the ledger knows of sleep since the start */
    int64_t oom_kills;
    enum drain_state drained; /* what was done about outputs that didn't close by themselves */
    bool output_held;
    struct winsize size; /* of the child's terminal at its start */
    char *log_lost_text; /* why the log is not whole; NULL: it is */

    struct sweep *sweep; /* that goes on; NULL: none */

    ev_io on_signal, on_control, on_handshake, on_relay;
    ev_child on_child;
    int master;                /* of the child's terminal, for the keyboard; -1: none */
    struct keyboard *keyboard; /* with a terminal of its own; else NULL */
    ev_timer on_timeout, on_idle, on_watchdog, on_grace, on_tree, on_drain, on_heartbeat, on_retry, on_sweep;
};

/* --- run.c --- */
/* Looks at what has happened and takes the next step of the course; called after every change. */
void life_go_on(struct life *life);

/* --- signals.c --- */
/* Takes every catchable signal that wasn't ignored as events of a signalfd(2); -1 with err. */
int signals_take(struct life *life, struct error *err);
void signals_start(struct life *life); /* what has come, and what comes, is forwarded: the child exists */
/* The child was stopped by that signal: so are we, where somebody asked for both. */
void signals_child_stopped(struct life *life, int number);
/* Both are to stop, by a signal or by a key: we do so when the child has. */
void signals_stop_asked(struct life *life);
/* Sends to the child's group where it has one of its own, else to the child; nothing where it is gone. */
void signals_to_child(struct life *life, int number);
/* Whether that is a group: it may have left the one it was started in. */
bool signals_reach_group(const struct life *life);
/* The child was seen gone: what reached us before is taken as having come before, and nothing is sent any
 * more. */
void signals_child_gone(struct life *life);

/* --- streams.c --- */
/* What the child gets for 0, 1, 2 (-1: ours), the reading ends by enum log_stream, and its terminal; -1:
 * none. */
struct streams {
    int child[3];
    int ours[2];
    struct pseudo_terminal terminal;
};
#define NO_STREAMS ((struct streams){{-1, -1, -1}, {-1, -1}, {-1, -1}})
int streams_open(struct life *life, struct streams *streams, struct error *err);
/* After the fork: pumps and keyboard, which take our ends over. */
void streams_start(struct life *life, struct streams *streams, const struct output_events *events);
void streams_close(struct streams *streams);

/* --- keyboard.c --- */
/*
 * What is typed goes to the child's terminal, and ours is raw while we are in its foreground. `master` is the
 * caller's; NULL is never returned.
 */
struct keyboard *keyboard_new(struct life *life, int master);
/* The size of our terminal has changed. */
void keyboard_resize(struct keyboard *keyboard);
/* The child has stopped itself by ^Z or the like: we give our terminal back, stop, and both go on together.
 */
void keyboard_stop_both(struct keyboard *keyboard);
/* We have been continued: in the foreground or in the background? */
void keyboard_continued(struct keyboard *keyboard);
void keyboard_free(struct keyboard *keyboard); /* puts our terminal back; NULL is allowed */

/* --- stop.c --- */
/* SIGTERM (+CONT) to the whole tree, then the grace, then SIGKILL. Nothing where that is under way. */
void stop_tree(struct life *life);
void stop_grace_over(struct life *life); /* SIGKILL now, where a stop is under way */
/* Whether anything of the tree is left; what it is stands in `left` (may be NULL; tree_free() it). */
bool stop_left(struct life *life, struct tree *left);
void stop_end(struct life *life); /* frees what it holds, stops its timers */

/* --- record.c --- */
int record_begin(struct life *life, struct error *err);
/* The intent, before the signal: true once it is written, or can't be for a second. */
bool record_deadline(struct life *life);
/* What others ask of us in the ledger: stops the tree where they do, and puts off the idle deadline. */
void record_look(struct life *life);
void record_agent_session(
    struct life *life);               /* as soon as it is seen; tried again where the ledger is busy */
void record_again(struct life *life); /* soon, what the ledger was too busy for */
void record_heartbeat(struct life *life);
/* What is due by the clock of all wrappers together, a little of it: true where there is more to do. */
bool record_sweep(struct life *life);
/* The row as it began; texts and bytes are the caller's and the life's. */
struct execution_start record_start(const struct life *life, const char *command, const struct buf *argv);
/* The command's own bytes, where JSON can't say them. */
void record_argv(const struct life *life, bool exact, struct buf *argv);
const char *capture_name(enum capture capture);      /* as `facts` has it */
char *record_deadline_data(const struct life *life); /* of the event; the caller frees */

/* --- plan.c --- */
void record_plan(struct life *life); /* what its lines have told; tried again where the ledger is busy */
void plan_recall(struct life *life); /* what an earlier run has told of the plan of the same session */
void plan_forget(struct life *life);

/* --- ending.c --- */
/* Writes the end, to the ledger or else to the spool, and fills `result`. */
void record_end(struct life *life, struct run_result *result);

/* --- clocks.c --- */
/* Deadlines, heartbeat and sweeps begin to count; the deadlines stop when the child is gone. */
void clocks_start(struct life *life);
void clocks_child_gone(struct life *life);
/* The child, or somebody for it, did something. */
void clocks_activity(struct life *life);

/* Both were stopped, and go on: what is measured by signs of life counts anew. */
void clocks_continued(struct life *life);
void clocks_watch(struct life *life);                       /* the watchdog counts anew, where there is one */
void clocks_watchdog_usec(struct life *life, int64_t usec); /* another interval; 0: no watchdog any more */
void clocks_watchdog_trigger(struct life *life);            /* as if it had been missed */
void clocks_extend(struct life *life, int64_t usec);        /* neither timeout nor watchdog before that */

/* --- notify.c --- */
void notify_start(struct life *life); /* what is sent to our socket is read from now on */
/* The loop has ended: what still waits there is read. */
void notify_end(struct life *life);
/* What was said and isn't written yet; false where there is nothing. The text is the life's. */
bool notify_unwritten(const struct life *life, struct execution_said *said);
void notify_free(struct life *life);

/* --- surroundings.c --- */
char **environment_make(const struct life *life); /* the caller frees it with environment_free() */
void environment_free(char **environment);
int64_t oom_kill_count(void); /* oom_kill of /proc/vmstat, or -1 */
bool needs_own_group(void);   /* no controlling terminal, or ours isn't its foreground group */

#endif
