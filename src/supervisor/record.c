/*
 * What the ledger gets to know of a life: the row, with the pid of what waits for it to stand before it runs,
 * the intent to stop it before the signal, and the heartbeat. While the child runs a write waits 50 ms at
 * most and is tried again by a timer, so that the loop is never blocked. How the end is written: ending.c.
 */
#include "life.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/store/checkpoint.h>
#include <supervise/store/queue.h>
#include <supervise/supervisor/log_sweep.h>

enum { WHILE_RUNNING_MS = 50, DEADLINE_TRIES = 10, SWEEP_MS = 20 };
static const double RETRY_EVERY = 0.1; /* seconds */

/* ---- The beginning ---- */

static int take_uid(struct life *life, struct error *err)
{
    if (!life->plan->claim)
        return identity_uid(life->uid, err);
    snprintf(life->uid, sizeof life->uid, "%s", life->plan->claim);
    return 0;
}

static int open_ledger(struct life *life, struct error *err)
{
    const struct settings *settings = life->plan->settings;
    struct ledger_options options = {settings->store_path, settings->store_busy_timeout,
                                     settings->store_sync_full};

    life->ledger = life->plan->ledger;
    if (!life->ledger && settings_ledger(settings, err))
        life->ledger = ledger_open(&options, LEDGER_WRITE, err);
    return life->ledger ? 0 : -1;
}

/* The execution that our own environment names; NULL: none. */
static const char *parent_uid(void)
{
    const char *uid = getenv("SUPERVISE_EXECUTION_UID");

    return uid && *uid ? uid : NULL;
}

struct execution_start record_start(const struct life *life, const char *command, const struct buf *argv)
{
    const struct run_plan *plan = life->plan;

    return (struct execution_start){
        .uid = life->uid,
        .name = plan->name,
        .agent = life->agent,
        .parent_uid = parent_uid(),
        .session = plan->session,
        .workflow = plan->workflow,
        .workflow_definition = plan->workflow_definition,
        .stages = plan->stages,
        .command = command,
        .argv = argv->data,
        .argv_size = argv->len,
        .cwd = life->cwd,
        .host = life->machine.host,
        .boot_id = life->machine.boot_id,
        .machine_id = life->machine.machine_id,
        .log = life->log_path,
        .socket = life->control.path,
        .started_at = life->started_wall,
        .attempt = plan->attempt,
        .supervisor_pid = getpid(),
        .supervisor_start = life->self.start,
        .pid_ns = life->machine.pid_ns,
        .pid = life->child_process.pid,
        .pid_start = life->child_process.start,
        .capture = capture_name(plan->capture),
        .detached = plan->detached,
        .require_session = plan->require_session,
    };
}

static void say_parent(const struct life *life)
{
    const char *parent = parent_uid();

    if (life->begun.parent == PARENT_UNKNOWN)
        say_warning("SUPERVISE_EXECUTION_UID names %s, which is not in the ledger %s: taken as unset", parent,
                    ledger_path(life->ledger));
    else if (life->begun.parent == PARENT_ENDED)
        say_warning("SUPERVISE_EXECUTION_UID names %s, which has ended: taken as unset", parent);
}

void record_argv(const struct life *life, bool exact, struct buf *argv)
{
    for (char **argument = life->plan->argv; !exact && *argument; argument++)
        buf_append(argv, *argument, strlen(*argument) + 1);
}

/* Whoever started it was told what is wrong up to now; what it says from here on is for nobody's eyes. */
static void let_go_of_stderr(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null >= 0 && dup2(null, STDERR_FILENO) >= 0)
        close(null);
}

static int write_row(struct life *life, struct error *err)
{
    bool exact;
    AUTOFREE char *command = command_json(life->plan->argv, &exact);
    AUTOBUF struct buf argv = {0};
    struct execution_start start;

    record_argv(life, exact, &argv);
    start = record_start(life, command, &argv);
    if (life->plan->claim ? queue_claim(life->ledger, &start, &life->begun, err)
                          : execution_begin(life->ledger, &start, &life->begun, err))
        return -1;
    if (life->plan->claim)
        let_go_of_stderr();
    say_parent(life);
    ledger_set_busy_timeout(life->ledger, WHILE_RUNNING_MS);
    return 0;
}

/* What the command goes on from; found before anything is written or spawned. */
static int take_checkpoint(struct life *life, struct error *err)
{
    const struct run_plan *plan = life->plan;
    struct checkpoint *checkpoint;
    AUTOFREE char *data = NULL;
    int result = 0;

    if (!plan->resume_from)
        return 0;
    if (checkpoint_get(life->ledger, plan->session, plan->resume_from, &checkpoint, &data, err))
        return -1;
    if (data) /* else there is nothing to go on from but counters */
        result = checkpoint_file_write(&life->checkpoint, life->uid, data, (size_t)checkpoint->size, err);
    checkpoint_free(checkpoint);
    return result;
}

int record_begin(struct life *life, struct error *err)
{
    struct error refused;

    if (take_uid(life, err))
        return -1;
    life->agent = settings_agent_of(life->plan->settings, life->plan->argv);
    life->cwd =
        path_absolute(life->plan->cwd ? life->plan->cwd : "."); /* we leave for "/" once the command runs */
    if (life->plan->capture != CAPTURE_NONE && life->plan->settings->log_dir)
        life->log_path = mem_printf("%s/%s.log", life->plan->settings->log_dir, life->uid);
    if (control_socket_open(&life->control, life->uid, &refused))
        say_warning("%s: the command gets no NOTIFY_SOCKET%s, and `supervise cancel` is seen at the next "
                    "heartbeat only",
                    refused.text, life->plan->watchdog_ms ? " and no watchdog" : "");
    if (open_ledger(life, err) == 0 && take_checkpoint(life, err) == 0 && write_row(life, err) == 0)
        return 0;
    /* Without its checkpoint the command would begin anew what it was to go on with. */
    if (!life->plan->no_ledger_ok || err->code == ERR_INVARIANT || life->plan->resume_from)
        return -1;
    say_warning("%s: the command runs, without a record (--no-ledger-ok)", err->text);
    if (life->plan->capture != CAPTURE_NONE && !life->log_path)
        say_warning("cannot find a place for the log: its output is not kept; name one as log.dir");
    ledger_close(life->ledger);
    life->ledger = NULL;
    return 0;
}

/* ---- On the way ---- */

static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    record_agent_session(life);
    record_plan(life);
    life_go_on(life);
}

void record_again(struct life *life)
{
    if (ev_is_active(&life->on_retry))
        return;
    ev_timer_init(&life->on_retry, on_retry, RETRY_EVERY, 0);
    life->on_retry.data = life;
    ev_timer_start(life->loop, &life->on_retry);
}

char *record_deadline_data(const struct life *life)
{
    return mem_printf("{\"deadline\":\"%s\",\"threshold_ms\":%lld}", life->deadline,
                      (long long)life->deadline_ms);
}

void record_agent_session(struct life *life)
{
    const char *session = agent_scan_session(life->scan);
    struct error err;

    if (!life->ledger || life->agent_session_written || !session)
        return;
    life->agent_session_written = execution_agent_session(life->ledger, life->uid, session, &err) == 0;
    if (!life->agent_session_written && err.code == ERR_BUSY)
        record_again(life);
}

bool record_deadline(struct life *life)
{
    AUTOFREE char *data = record_deadline_data(life);
    struct error err;
    bool written;

    if (life->deadline_written || !life->ledger)
        return true;
    if (execution_intend_stop(life->ledger, life->uid, "deadline", data, &written, &err) == 0)
        life->deadline_written = true;
    else if (++life->deadline_tries < DEADLINE_TRIES)
        record_again(life);
    return life->deadline_written || life->deadline_tries >= DEADLINE_TRIES;
}

void record_look(struct life *life)
{
    struct execution_orders orders;
    struct error err;

    if (!life->ledger || execution_read_orders(life->ledger, life->uid, &orders, &err))
        return;
    if (orders.activity_at != NO_INT && orders.activity_at > life->activity_wall) {
        /* How long ago, by the wall clock, moved onto the stopwatch. */
        int64_t age = wall_now_ms() - orders.activity_at;

        life->activity_wall = orders.activity_at;
        life->activity_awake = awake_now_ms() - (age > 0 ? age : 0);
        life->activity_slept = NO_INT; /* stands in the ledger already */
    }
    if ((orders.ended || orders.stop_requested) && life->stopping == STOP_NONE)
        stop_tree(life);
}

/* Told once it is noticed, each sleep by itself. */
static void record_sleep(struct life *life)
{
    int64_t total = slept_now_ms() - life->started_slept;
    struct error err;

    if (total - life->slept_told >= SLEEP_MS &&
        execution_suspended(life->ledger, life->uid, total - life->slept_told, total, &err) == 0)
        life->slept_told = total;
}

void record_heartbeat(struct life *life)
{
    struct error err;

    if (!life->ledger)
        return;
    record_sleep(life);
    if (execution_heartbeat(life->ledger, life->uid, life->activity_wall, life->activity_slept, &err))
        say_detail("%s: the heartbeat waits for the next time", err.text);
    record_look(life);
}

bool record_sweep(struct life *life)
{
    const struct settings *settings = life->plan->settings;
    struct error err = {0};
    bool done = true;

    if (!life->ledger)
        return false;
    if (!life->sweep) {
        if (log_sweep(life->ledger, settings, &err))
            say_detail("%s: the sweep of old logs waits for the next time", err.text);
        life->sweep = sweep_in_turn(life->ledger, settings, &err);
        if (!life->sweep && err.text[0])
            say_detail("%s: the sweep waits for the next time", err.text);
    }
    if (life->sweep && sweep_some(life->sweep, SWEEP_MS, &done, &err)) {
        say_detail("%s: the rest of the sweep waits for the next time", err.text);
        done = true;
    }
    if (done) {
        sweep_free(life->sweep);
        life->sweep = NULL;
    }
    return !done;
}
