/*
 * The course of one execution: see the header. Two ends must come, in either order: the child is gone, and
 * its outputs are closed (or have been held open by somebody else for longer than run.drain). Then what is
 * left of the tree is ended, then the row. life_go_on() is the only place that takes a step of that course;
 * watchers only note what happened.
 */
#include "life.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>

/* ---- The course ---- */

static bool outputs_closed(const struct life *life)
{
    for (int i = 0; i < 2; i++)
        if (life->outputs[i] && !output_is_closed(life->outputs[i]))
            return false;
    return true;
}

static void on_drain(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    for (int i = 0; i < 2; i++) {
        if (life->outputs[i] && output_cut(life->outputs[i]))
            life->output_held = true;
        if (life->outputs[i] && life->stopping != STOP_NONE)
            output_give_up(life->outputs[i]);
    }
    life->drained = life->stopping == STOP_NONE ? DRAIN_CUT : DRAIN_GIVEN_UP;
    life_go_on(life);
}

static void start_drain(struct life *life)
{
    ev_timer_init(&life->on_drain, on_drain, (double)life->plan->settings->run_drain / 1000, 0);
    life->on_drain.data = life;
    ev_timer_start(life->loop, &life->on_drain);
}

/* True when nothing of the tree is left, or what is left may stay. */
static bool clear_tree(struct life *life)
{
    if (!stop_left(life, NULL) || (life->stopping == STOP_NONE && life->plan->keep_stragglers))
        return true;
    stop_tree(life);
    return false;
}

void life_go_on(struct life *life)
{
    if (life->deadline && life->stopping == STOP_NONE && !life->child_gone && record_deadline(life))
        stop_tree(life);
    if (!life->child_gone || life->child.handshake >= 0)
        return;
    /* Whoever is being asked to end may still have something to say, for as long as the grace lasts. */
    if (!outputs_closed(life) && life->stopping != STOP_NONE && stop_left(life, NULL))
        return;
    if (!outputs_closed(life)) {
        /* A reader of ours that is slow is waited for; not by who was asked to stop. */
        if (!ev_is_active(&life->on_drain) &&
            life->drained < (life->stopping == STOP_NONE ? DRAIN_CUT : DRAIN_GIVEN_UP))
            start_drain(life);
        return;
    }
    ev_timer_stop(life->loop, &life->on_drain);
    if (clear_tree(life))
        ev_break(life->loop, EVBREAK_ALL);
}

/* ---- What happens ---- */

static void output_came(void *context, enum log_stream stream, const char *bytes, size_t length)
{
    struct life *life = context;
    unsigned what;

    if (agent_scan_feed(life->scan, stream, bytes, length))
        record_agent_session(life);
    what = agent_reader_feed(life->reader, stream, bytes, length, agent_scan_session(life->scan));
    if (what & AGENT_ACTIVE)
        clocks_activity(life);
    if (what & AGENT_PLANNED)
        record_plan(life);
}

static void output_closed(void *context)
{
    life_go_on(context);
}

static void log_is_lost(void *context, const char *text)
{
    struct life *life = context;

    free(life->log_lost_text);
    life->log_lost_text = mem_strdup(text);
    say_warning("%s: the command goes on, its output is passed on and no longer kept", text);
}

static void child_is_gone(struct life *life, int status)
{
    life->child_gone = true;
    life->wait_status = status;
    life->stopped_first = life->stopping != STOP_NONE;
    life->exited_awake = awake_now_ms();
    life->child.pid = -1;
    signals_child_gone(life);
    clocks_child_gone(life);
}

/* As wait(2) tells it, from the kernel or from the leader of the child's session: stops and continues too. */
static void child_changed(struct life *life, int status)
{
    if (WIFSTOPPED(status))
        signals_child_stopped(life, WSTOPSIG(status));
    else if (WIFCONTINUED(status))
        life->child_stopped = false;
    else if (!life->child_gone)
        child_is_gone(life, status);
}

/*
 * Of anybody: the child, the leader of its session, or an orphan of the tree that was reaped and may have
 * been the last. A child whose leader was killed comes to us, too.
 */
static void on_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    if (watcher->rpid == life->child.pid)
        child_changed(life, watcher->rstatus);
    else if (watcher->rpid == life->child.leader && !WIFSTOPPED(watcher->rstatus) &&
             !WIFCONTINUED(watcher->rstatus))
        life->child.leader = -1;
    life_go_on(life);
}

/* What the leader tells. Once the end is noted the child's pid is let go. */
static void on_relay(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct life *life = watcher->data;
    ssize_t length;
    int status;

    (void)events;
    length = read(life->child.relay, &status, sizeof status);
    if (length == (ssize_t)sizeof status) {
        child_changed(life, status);
    } else if (length == 0) {
        ev_io_stop(loop, watcher);
        fd_close(&life->child.relay);
    }
    if (life->child_gone)
        fd_close(&life->child.release);
    life_go_on(life);
}

/* It is known whether the command runs. From here on nothing of the caller's is held. */
static void let_go(struct life *life)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    inherit_release(life->inherited);
    if (chdir("/"))
        say_detail("cannot leave the working directory");
    if (null < 0)
        return;
    if (!life->keyboard)
        dup3(null, STDIN_FILENO, O_CLOEXEC);
    if (life->plan->capture == CAPTURE_NONE)
        dup3(null, STDOUT_FILENO, O_CLOEXEC);
    close(null);
}

static void never_ran(struct life *life)
{
    struct spawn_plan named = {.argv = life->plan->argv, .cwd = life->plan->cwd};
    char text[1024];

    life->spawn_status = spawn_report_explain(&life->spawned, &named, text, sizeof text);
    life->spawn_error = mem_strdup(text);
}

static void on_handshake(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct life *life = watcher->data;

    (void)events;
    ev_io_stop(loop, watcher);
    spawn_report_read(&life->child, &life->spawned);
    if (life->spawned.step != SPAWN_RUNS)
        never_ran(life);
    let_go(life);
    if (life->started)
        life->started(life->started_context, life->begun.id, life->uid, !life->spawn_error);
    life_go_on(life);
}

/* ---- Setting out ---- */

static void watch_io(struct life *life, ev_io *watcher, void (*callback)(struct ev_loop *, ev_io *, int),
                     int fd)
{
    if (fd < 0)
        return;
    ev_io_init(watcher, callback, fd, EV_READ);
    watcher->data = life;
    ev_io_start(life->loop, watcher);
}

static void watch_child(struct life *life)
{
    ev_child_init(&life->on_child, on_child, 0, 1);
    life->on_child.data = life;
    ev_child_start(life->loop, &life->on_child);
}

/*
 * The fork, with all signals blocked, so that none is swallowed between fork and exec. It comes before the
 * ledger is opened, whose memory it would have to copy; what is forked waits for the row.
 */
static int hold_child(struct life *life, struct streams *streams, struct error *err)
{
    const struct run_plan *plan = life->plan;
    sigset_t all, before;
    int result;

    if (streams_open(life, streams, err))
        return -1;
    life->own_group = plan->capture == CAPTURE_PTY || needs_own_group();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    result = spawn_hold(
        &(struct spawn_plan){.argv = plan->argv,
                             .cwd = plan->cwd,
                             .descriptors = {streams->child[0], streams->child[1], streams->child[2]},
                             .terminal = streams->terminal.slave,
                             .own_group = life->own_group,
                             .die_with_parent = plan->settings->run_kill_on_supervisor_death,
                             .inherited = life->inherited},
        &life->child, err);
    if (result == 0)
        watch_child(life);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (result == 0 && identity_process(life->child.pid, &life->child_process))
        life->child_process.pid = life->child.pid;
    return result;
}

/* The row stands: the command may run. */
static void release_child(struct life *life)
{
    char **environment = environment_make(life);

    spawn_release(&life->child, environment);
    environment_free(environment);
}

/* While the child is on its way to exec: what needn't be done before it. */
static void beside_the_exec(struct life *life)
{
    life->oom_kills = oom_kill_count();
    if (life->ledger)
        execution_expect_end(life->ledger);
}

/*
 * SIGCHLD must arrive, whatever the caller did to it, before libev takes it; a loop that the user's
 * LIBEV_FLAGS can't change, and that leaves the signal mask alone.
 */
static int make_loop(struct life *life, struct error *err)
{
    sigset_t child;

    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &child, NULL);
    life->loop = ev_default_loop(EVFLAG_NOENV | EVFLAG_NOSIGMASK);
    if (!life->loop)
        return error_set(err, ERR_OTHER, "cannot make an event loop: is the limit of open files too low?");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return signals_take(life, err);
}

static void end_life(struct life *life)
{
    stop_end(life);
    keyboard_free(life->keyboard);
    for (int i = 0; i < 2; i++)
        output_free(life->outputs[i]);
    if (life->log)
        log_writer_close(life->log);
    control_socket_close(&life->control);
    checkpoint_file_remove(&life->checkpoint);
    sweep_free(life->sweep);
    ledger_leave(life->ledger);
    fd_close(&life->signal_fd);
    fd_close(&life->master);
    fd_close(&life->child.relay);
    fd_close(&life->child.release);
    if (life->loop)
        ev_loop_destroy(life->loop);
    notify_free(life);
    json_decref(life->stragglers);
    free(life->begun.session);
    agent_scan_free(life->scan);
    agent_reader_free(life->reader);
    plan_forget(life);
    free(life->log_path);
    free(life->cwd);
    free(life->log_lost_text);
}

/* The row stands, and the command could not even be forked. */
static void could_not_fork(struct life *life, int number, const struct error *err)
{
    life->spawned = (struct spawn_report){SPAWN_EXEC, number};
    life->spawn_error = mem_strdup(err->text);
    life->spawn_status = 125;
    life->child_gone = true;
    life->exited_awake = awake_now_ms();
}

static void live(struct life *life, struct streams *streams)
{
    struct output_events events = {output_came, output_closed, log_is_lost, life};

    release_child(life);
    streams_start(life, streams, &events);
    streams_close(streams);
    clocks_start(life);
    signals_start(life);
    notify_start(life);
    watch_io(life, &life->on_handshake, on_handshake, life->child.handshake);
    watch_io(life, &life->on_relay, on_relay, life->child.relay);
    beside_the_exec(life);
    ev_run(life->loop, 0);
    notify_end(life);
}

int run_execution(const struct run_plan *plan, struct inherited *inherited, run_started *started,
                  void *context, struct run_result *result, struct error *err)
{
    struct life life = {.plan = plan,
                        .inherited = inherited,
                        .started = started,
                        .started_context = context,
                        .signal_fd = -1,
                        .control.fd = -1,
                        .child = NO_CHILD,
                        .master = -1,
                        .oom_kills = -1};

    struct streams streams = NO_STREAMS;
    struct error refused;
    int held, number;

    *result = (struct run_result){0};
    life.started_wall = wall_now_ms();
    life.started_awake = awake_now_ms();
    life.started_slept = slept_now_ms();
    identity_machine(&life.machine);
    identity_process(getpid(), &life.self);
    if (make_loop(&life, err)) {
        end_life(&life);
        return -1;
    }
    held = hold_child(&life, &streams, &refused);
    number = errno;
    if (record_begin(&life, err)) {
        spawn_abandon(&life.child);
        streams_close(&streams);
        end_life(&life);
        return -1;
    }
    if (held == 0)
        live(&life, &streams);
    else
        could_not_fork(&life, number, &refused);
    streams_close(&streams);
    checkpoint_file_remove(&life.checkpoint); /* before anybody can see that it has ended */
    record_end(&life, result);
    result->spawn_error = life.spawn_error;
    result->mid_line = life.keyboard && life.outputs[LOG_OUT] && output_is_mid_line(life.outputs[LOG_OUT]);
    result->status = life.spawn_error                ? life.spawn_status
                     : WIFSIGNALED(life.wait_status) ? 128 + WTERMSIG(life.wait_status)
                                                     : WEXITSTATUS(life.wait_status);
    end_life(&life);
    return 0;
}

void run_result_free(struct run_result *result)
{
    execution_free(result->row);
    free(result->spawn_error);
    *result = (struct run_result){0};
}
