/*
 * The daemon's loop. All that it knows it reads from the ledger at each look; what it keeps itself is whom it
 * has started, and what has to wait because it could not be started. It looks when something was written to
 * the ledger, when a wrapper of its own has ended, and every second, whatever it was told. Who runs in which
 * slot: slots.c.
 */
#include "slots.h"

#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/process/terminal.h>
#include <supervise/store/queue.h>
#include <supervise/store/watch.h>
#include <supervise/supervisor/daemon.h>
#include <supervise/supervisor/log_sweep.h>
#include <supervise/supervisor/socket.h>
#include <supervise/supervisor/sweeper.h>
#include <supervise/supervisor/unsupervised.h>

enum { BUSY_MS = 200, TICK_MS = 1000, SETTLE_MIN_MS = 1, SETTLE_MAX_MS = 64 };

struct daemon {
    const struct daemon_plan *plan;
    struct inherited *inherited;
    struct ev_loop *loop;
    struct ledger *ledger; /* NULL: it can't be used at present */
    struct unsupervised *unsupervised;
    int lock, watch;
    int64_t version;    /* of the ledger at the last look */
    int64_t supervised; /* at the last look for commands without supervisor */
    struct slots slots;
    bool sweep_due;       /* the last one could not be done */
    bool folded;          /* no environment of what has started is left in the -wal */
    bool filled;          /* all that was due has been started once */
    bool ticked;          /* more is looked for than what can be started */
    int64_t idle_since;   /* awake; 0: it isn't idle */
    char *trouble;        /* what was said last of the ledger; NULL: it is well */
    struct error *failed; /* why it ended, in `result` -1 */
    int result;

    ev_io on_write;
    ev_timer on_tick, on_settle, on_sweep;
    ev_child on_child;
    ev_signal on_signal[3];
};

/* ---- Sweeps ---- */

/* Everything that is to be repaired now and then, in one place. */
static int repair(struct daemon *daemon, struct error *err)
{
    const struct settings *settings = daemon->plan->settings;
    struct sweep_report report = {0};
    int result = sweep_all(daemon->ledger, settings, false, &report, err);

    sweep_report_free(&report);
    if (result == 0)
        result = log_sweep(daemon->ledger, settings, err);
    if (result == 0 && daemon->unsupervised)
        result = unsupervised_watch(daemon->unsupervised, err);
    return result;
}

static int sweep_what_is_due(struct daemon *daemon, struct error *err)
{
    if (daemon->sweep_due && repair(daemon, err))
        return -1;
    daemon->sweep_due = false;
    return 0;
}

static void let_go_of_ledger(struct daemon *daemon)
{
    unsupervised_free(daemon->unsupervised);
    daemon->unsupervised = NULL;
    ledger_close(daemon->ledger);
    daemon->ledger = NULL;
}

/* ---- The ledger ---- */

/* With --once that is the end; else it is said once, and again when it is another, and tried again. */
static void in_trouble(struct daemon *daemon, const struct error *err)
{
    if (daemon->plan->once) {
        *daemon->failed = *err;
        daemon->result = -1;
        ev_break(daemon->loop, EVBREAK_ALL);
        return;
    }
    if (!daemon->trouble || strcmp(daemon->trouble, err->text) != 0)
        say_warning("%s; it is tried again", err->text);
    free(daemon->trouble);
    daemon->trouble = mem_strdup(err->text);
    if (err->code != ERR_BUSY)
        let_go_of_ledger(daemon);
}

static void rewatch(struct daemon *daemon);

/*
 * The directory may have gone with the lock in it. Where another daemon has been quicker with a new one, this
 * one is none any more.
 */
static bool keep_lock(struct daemon *daemon)
{
    const char *path = ledger_path(daemon->ledger);

    if (daemon_lock_in_place(path, daemon->lock))
        return true;
    fd_close(&daemon->lock);
    daemon->lock = daemon_lock(path, daemon->failed);
    if (daemon->lock < 0) {
        daemon->result = -1;
        ev_break(daemon->loop, EVBREAK_ALL);
    }
    return daemon->lock >= 0;
}

/* Opens it where that is needed and can be done. Once it has gone nothing makes it anew: it may come back. */
static bool ledger_usable(struct daemon *daemon)
{
    const struct settings *settings = daemon->plan->settings;
    struct ledger_options options = {settings->store_path, BUSY_MS, settings->store_sync_full};
    struct error err;

    if (daemon->ledger && ledger_in_place(daemon->ledger))
        return true;
    let_go_of_ledger(daemon);
    if (access(settings->store_path, F_OK)) {
        error_errno(&err, "cannot use the ledger %s", settings->store_path);
        in_trouble(daemon, &err);
        return false;
    }
    daemon->ledger = ledger_open(&options, LEDGER_WRITE, &err);
    if (!daemon->ledger) {
        in_trouble(daemon, &err);
        return false;
    }
    rewatch(daemon);
    return keep_lock(daemon);
}

/* ---- The end ---- */

/*
 * Who queued something while we held the lock counts on us. So the lock is let go first, and the queue read
 * once more after that: whoever finds it held has written before we read.
 */
static void end_when_idle(struct daemon *daemon)
{
    struct queue_standing standing = {0};
    struct error err;

    fd_close(&daemon->lock);
    if (queue_standing(daemon->ledger, &standing, &err) == 0 && !standing.waits) {
        ev_break(daemon->loop, EVBREAK_ALL);
        return;
    }
    daemon->idle_since = 0;
    if ((daemon->lock = daemon_lock(ledger_path(daemon->ledger), &err)) < 0)
        ev_break(daemon->loop, EVBREAK_ALL); /* another has it, and looks after the queue */
}

/* Nothing waits for us but what is paused, and nothing runs that came from the queue. */
static int look_whether_idle(struct daemon *daemon, size_t busy, struct error *err)
{
    struct queue_standing standing;
    int64_t now = awake_now_ms();

    if (queue_standing(daemon->ledger, &standing, err))
        return -1;
    if (busy > 0 || standing.waits) {
        daemon->idle_since = 0;
        return 0;
    }
    if (daemon->idle_since == 0)
        daemon->idle_since = now;
    if (now - daemon->idle_since >= daemon->plan->settings->queue_idle)
        end_when_idle(daemon);
    return 0;
}

/* The same where there is no ledger any more: whoever makes a new one finds the lock free. */
static void end_without_ledger(struct daemon *daemon)
{
    if (!daemon->plan->until_idle || access(daemon->plan->settings->store_path, F_OK) == 0)
        return;
    fd_close(&daemon->lock);
    ev_break(daemon->loop, EVBREAK_ALL);
}

/* With --once: until all that was started has been taken by its wrapper, or hasn't. */
static int look_whether_done(struct daemon *daemon, struct error *err)
{
    bool waits;

    if (slots_wait(&daemon->slots, daemon->ledger, &waits, err))
        return -1;
    if (!waits)
        ev_break(daemon->loop, EVBREAK_ALL);
    return 0;
}

/* ---- The look ---- */

static int look_into(struct daemon *daemon, struct error *err)
{
    size_t busy = 0, slots = (size_t)daemon->plan->settings->queue_slots;

    daemon->version = ledger_version(daemon->ledger);
    /* Another's sweep may have found a command without supervisor. To look asks each supervisor that there
     * is. */
    if (daemon->ticked && daemon->supervised != daemon->version) {
        if (unsupervised_watch(daemon->unsupervised, err))
            return -1;
        daemon->supervised = daemon->version;
    }
    daemon->ticked = false;
    if (queue_settle(daemon->ledger, err))
        return -1;
    if (!(daemon->plan->once && daemon->filled) &&
        slots_fill(&daemon->slots, daemon->ledger, slots, &busy, err))
        return -1;
    daemon->filled = true;
    daemon->folded = busy == 0 && (daemon->folded || ledger_fold(daemon->ledger));
    if (daemon->plan->once)
        return look_whether_done(daemon, err);
    return daemon->plan->until_idle ? look_whether_idle(daemon, busy, err) : 0;
}

static void look(struct daemon *daemon)
{
    struct error err = {0};

    if (!ledger_usable(daemon)) {
        end_without_ledger(daemon);
    } else if (look_into(daemon, &err) || sweep_what_is_due(daemon, &err)) {
        in_trouble(daemon, &err);
    } else if (daemon->trouble) {
        say("the ledger %s can be used again", ledger_path(daemon->ledger));
        free(daemon->trouble);
        daemon->trouble = NULL;
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct daemon *daemon = watcher->data;

    (void)loop;
    (void)events;
    daemon->ticked = true;
    look(daemon);
}

static void watch_writes(struct daemon *daemon)
{
    ev_timer_stop(daemon->loop, &daemon->on_settle);
    if (daemon->watch >= 0)
        ev_io_start(daemon->loop, &daemon->on_write);
}

/*
 * Something is being written: what it is can be seen only a moment later. So the version is asked for, with
 * growing pauses, until nothing more is written, and meanwhile nobody tells us of each page. While our own
 * wrappers take all slots there is no hurry: what they write would wake us without end.
 */
static void await_writes(struct daemon *daemon)
{
    bool full = slots_full(&daemon->slots, (size_t)daemon->plan->settings->queue_slots);

    ev_io_stop(daemon->loop, &daemon->on_write);
    daemon->on_settle.repeat = (full ? SETTLE_MAX_MS : SETTLE_MIN_MS) / 1000.0;
    ev_timer_again(daemon->loop, &daemon->on_settle);
}

static void on_settle(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct daemon *daemon = watcher->data;
    bool more = ledger_watch_read(daemon->watch, daemon->plan->settings->store_path);
    bool changed = daemon->ledger && ledger_version(daemon->ledger) != daemon->version;

    (void)events;
    if (changed || !daemon->ledger)
        look(daemon);
    if (daemon->ledger && (changed || more)) {
        await_writes(daemon);
    } else if (daemon->ledger && watcher->repeat * 1000 < SETTLE_MAX_MS) {
        watcher->repeat *= 2;
        ev_timer_again(loop, watcher);
    } else {
        watch_writes(daemon);
    }
}

static void on_write(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct daemon *daemon = watcher->data;

    (void)loop;
    (void)events;
    if (ledger_watch_read(daemon->watch, daemon->plan->settings->store_path))
        await_writes(daemon);
}

static void rewatch(struct daemon *daemon)
{
    daemon->unsupervised = unsupervised_new(daemon->loop, daemon->ledger);
    daemon->version = daemon->supervised = NO_INT; /* each connection counts from the same number */
    ev_io_stop(daemon->loop, &daemon->on_write);
    fd_close(&daemon->watch);
    daemon->watch = ledger_watch_open(daemon->plan->settings->store_path);
    if (daemon->watch >= 0)
        ev_io_set(&daemon->on_write, daemon->watch, EV_READ);
    watch_writes(daemon);
}

/* Where it can't be done now, each look tries again. */
static void sweep(struct daemon *daemon)
{
    struct error err;

    daemon->sweep_due = true;
    if (ledger_usable(daemon) && sweep_what_is_due(daemon, &err))
        in_trouble(daemon, &err);
}

static void on_sweep(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    sweep(watcher->data);
}

static void on_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct daemon *daemon = watcher->data;

    (void)loop;
    (void)events;
    if (!slots_ended(&daemon->slots, daemon->ledger, watcher->rpid, watcher->rstatus))
        return;
    if (WIFSIGNALED(watcher->rstatus)) /* it may have left its row to be settled */
        sweep(daemon);
    look(daemon);
    if (ev_is_active(&daemon->on_settle))
        await_writes(daemon); /* a slot may be free now */
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* ---- Setting out ---- */

static void tell_manager(const char *state)
{
    const char *manager = getenv("NOTIFY_SOCKET");

    if (manager && *manager)
        notify_socket_send(manager, state);
}

static void start_watchers(struct daemon *daemon)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
    double interval = (double)daemon->plan->settings->sweep_interval / 1000;

    ev_init(&daemon->on_write, on_write);
    daemon->on_write.data = daemon;
    ev_timer_init(&daemon->on_tick, on_tick, 0, TICK_MS / 1000.0);
    daemon->on_tick.data = daemon;
    ev_timer_init(&daemon->on_settle, on_settle, 0, 0.001);
    daemon->on_settle.data = daemon;
    ev_timer_init(&daemon->on_sweep, on_sweep, interval, interval);
    daemon->on_sweep.data = daemon;
    ev_child_init(&daemon->on_child, on_child, 0, 0);
    daemon->on_child.data = daemon;
    ev_timer_start(daemon->loop, &daemon->on_sweep);
    ev_timer_start(daemon->loop, &daemon->on_tick);
    ev_child_start(daemon->loop, &daemon->on_child);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (sigismember(&daemon->inherited->ignored, ends[i])) /* nohup(1) */
            continue;
        ev_signal_init(&daemon->on_signal[i], on_signal, ends[i]);
        ev_signal_start(daemon->loop, &daemon->on_signal[i]);
    }
}

/*
 * Started inside a supervised command it is none of it, and so not of its group, which is signalled when the
 * command is to end: unless it is in front on a terminal, whose keys are meant for it.
 */
static void leave_group(void)
{
    const char *command = getenv("SUPERVISE_EXECUTION_UID");
    AUTOCLOSE int terminal = -1;

    if (!command || !*command)
        return;
    terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || !terminal_foreground(terminal))
        setsid(); /* which fails where it leads a group of its own already */
}

/* The ledger is made where there is none: only then is there a place for the lock. */
static int set_out(struct daemon *daemon, struct error *err)
{
    const struct settings *settings = daemon->plan->settings;
    struct ledger_options options = {settings->store_path, settings->store_busy_timeout,
                                     settings->store_sync_full};

    leave_group();
    daemon->ledger = ledger_open(&options, LEDGER_WRITE, err);
    if (!daemon->ledger || (daemon->lock = daemon_lock(settings->store_path, err)) < 0)
        return -1;
    ledger_set_busy_timeout(daemon->ledger, BUSY_MS);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    daemon->loop = ev_default_loop(EVFLAG_NOENV);
    if (!daemon->loop)
        return error_set(err, ERR_OTHER, "cannot make an event loop: is the limit of open files too low?");
    if (chdir("/"))
        say_detail("cannot leave the working directory");
    return 0;
}

int daemon_run(const struct daemon_plan *plan, struct inherited *inherited, struct error *err)
{
    struct daemon daemon = {.plan = plan, .inherited = inherited, .lock = -1, .watch = -1, .failed = err};
    int result = set_out(&daemon, err);

    if (result == 0) {
        start_watchers(&daemon);
        rewatch(&daemon);
        inherit_release(inherited); /* whoever waits for it knows: we are ready */
        tell_manager("READY=1");
        sweep(&daemon);
        ev_run(daemon.loop, 0);
        tell_manager("STOPPING=1");
        if (daemon.ledger)
            ledger_fold(daemon.ledger);
        let_go_of_ledger(&daemon);
        ev_loop_destroy(daemon.loop);
        result = daemon.result;
    } else if (plan->once && daemon.ledger && err->code == ERR_INVARIANT) {
        say("%s", err->text);
        result = repair(&daemon, err); /* any number may sweep at once */
    }
    fd_close(&daemon.lock);
    fd_close(&daemon.watch);
    let_go_of_ledger(&daemon);
    free(daemon.trouble);
    slots_free(&daemon.slots);
    return result;
}
