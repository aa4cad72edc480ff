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

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

static void start_timer(struct life *life, ev_timer *timer,
                        void (*callback)(struct ev_loop *, ev_timer *, int), double after, double repeat)
{
    ev_timer_init(timer, callback, after, repeat);
    timer->data = life;
    ev_timer_start(life->loop, timer);
}

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
    life->output_held = true;
    for (int i = 0; i < 2; i++)
        if (life->outputs[i])
            output_cut(life->outputs[i]);
    life_go_on(life);
}

/* What outlived the child is named before it is ended. */
static void note_stragglers(struct life *life, const struct tree *left)
{
    life->stragglers = json_array();
    for (size_t i = 0; i < left->count; i++) {
        AUTOBUF struct buf name = {0};

        text_to_utf8(&name, left->items[i].name, strlen(left->items[i].name));
        json_array_append_new(life->stragglers, json_pack("{s:i, s:s}", "pid", (int)left->items[i].pid,
                                                          "command", name.data ? name.data : ""));
    }
}

/* True when nothing of the tree is left, or what is left may stay. */
static bool clear_tree(struct life *life)
{
    struct tree left;

    if (!stop_left(life, &left))
        return true;
    if (life->stopping == STOP_NONE && life->plan->keep_stragglers) {
        tree_free(&left);
        return true;
    }
    if (life->stopping == STOP_NONE) {
        note_stragglers(life, &left);
        stop_tree(life);
    }
    tree_free(&left);
    return false;
}

void life_go_on(struct life *life)
{
    if (life->deadline && life->stopping == STOP_NONE && !life->child_gone && record_deadline(life))
        stop_tree(life);
    if (!life->child_gone || life->child.handshake >= 0)
        return;
    if (!outputs_closed(life)) {
        if (!ev_is_active(&life->on_drain) && !life->output_held)
            start_timer(life, &life->on_drain, on_drain, seconds(life->plan->settings->run_drain), 0);
        return;
    }
    ev_timer_stop(life->loop, &life->on_drain);
    if (clear_tree(life))
        ev_break(life->loop, EVBREAK_ALL);
}

/* ---- What happens ---- */

static void activity(void *context)
{
    struct life *life = context;

    life->activity_wall = wall_now_ms();
    life->activity_awake = ev_now(life->loop);
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
    life->exited_wall = wall_now_ms();
    life->exited_awake = awake_now_ms();
    life->child.pid = -1;
    ev_timer_stop(life->loop, &life->on_timeout);
    ev_timer_stop(life->loop, &life->on_idle);
}

/* Of the child: stops and continues too. */
static void on_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct life *life = watcher->data;

    (void)events;
    if (WIFSTOPPED(watcher->rstatus)) {
        signals_child_stopped(life);
    } else if (WIFCONTINUED(watcher->rstatus)) {
        life->child_stopped = false;
    } else {
        ev_child_stop(loop, watcher);
        child_is_gone(life, watcher->rstatus);
        life_go_on(life); /* the watcher of any child may have been called before this one */
    }
}

/* Of anybody: an orphan of the tree that was reaped may have been the last. */
static void on_any_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    (void)loop;
    (void)events;
    life_go_on(watcher->data);
}

static void on_control(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct life *life = watcher->data;
    char text[4096];
    ssize_t length;

    (void)loop;
    (void)events;
    while ((length = control_socket_read(&life->control, text, sizeof text)) >= 0) {
        if (length == 0)
            continue;
        if (strcmp(text, SOCKET_WAKE) == 0)
            record_look(life);
        else
            activity(life); /* a report of the child's, by sd_notify(3) */
    }
    life_go_on(life);
}

static void deadline_struck(struct life *life, const char *which, int64_t ms)
{
    if (life->deadline || life->child_gone || life->stopping != STOP_NONE)
        return;
    life->deadline = which;
    life->deadline_ms = ms;
    life->deadline_struck_wall = wall_now_ms();
    life_go_on(life);
}

static void on_timeout(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    deadline_struck(life, "timeout", life->plan->timeout_ms);
}

/* Reports of others reach the ledger only: it is asked before the deadline is said to have passed. */
static void on_idle(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;
    double limit = seconds(life->plan->idle_timeout_ms);

    (void)events;
    if (ev_now(loop) - life->activity_awake >= limit)
        record_look(life);
    if (ev_now(loop) - life->activity_awake >= limit)
        deadline_struck(life, "idle-timeout", life->plan->idle_timeout_ms);
    else
        start_timer(life, watcher, on_idle, life->activity_awake + limit - ev_now(loop), 0);
}

static void on_heartbeat(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    record_heartbeat(life);
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
    dup3(null, STDIN_FILENO, O_CLOEXEC);
    if (!life->plan->capture)
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
    ev_child_init(&life->on_child, on_child, life->child.pid, 1);
    ev_child_init(&life->on_any_child, on_any_child, 0, 0);
    life->on_child.data = life->on_any_child.data = life;
    ev_child_start(life->loop, &life->on_child);
    ev_child_start(life->loop, &life->on_any_child);
}

static void start_clocks(struct life *life)
{
    const struct run_plan *plan = life->plan;
    double beat = seconds(plan->settings->sweep_heartbeat_interval);

    ev_now_update(life->loop);
    activity(life);
    if (plan->timeout_ms)
        start_timer(life, &life->on_timeout, on_timeout, seconds(plan->timeout_ms), 0);
    if (plan->idle_timeout_ms)
        start_timer(life, &life->on_idle, on_idle, seconds(plan->idle_timeout_ms), 0);
    start_timer(life, &life->on_heartbeat, on_heartbeat, beat, beat);
}

struct pipes {
    int ends[2][2]; /* by enum log_stream: reading, writing */
};

static void close_pipes(struct pipes *pipes)
{
    for (int i = 0; i < 2; i++)
        for (int side = 0; side < 2; side++)
            fd_close(&pipes->ends[i][side]);
}

/* A stream that is closed with us stays closed in the child: there is nothing to keep or to pass on. */
static int make_pipes(struct life *life, struct pipes *pipes, struct error *err)
{
    *pipes = (struct pipes){{{-1, -1}, {-1, -1}}};
    for (int i = 0; i < 2 && life->plan->capture; i++)
        if (!life->inherited->closed[i + 1] && pipe2(pipes->ends[i], O_CLOEXEC))
            return error_errno(err, "cannot run %s: pipe", life->plan->argv[0]);
    return 0;
}

static void pump(struct life *life, struct pipes *pipes)
{
    struct output_events events = {activity, output_closed, log_is_lost, life};

    if (!life->plan->capture)
        return;
    life->log = log_writer_new(life->log_path, life->uid, life->plan->settings->log_max_size);
    for (int i = 0; i < 2; i++) {
        fd_close(&pipes->ends[i][1]);
        if (pipes->ends[i][0] >= 0)
            life->outputs[i] =
                output_new(life->loop, (enum log_stream)i, pipes->ends[i][0], i + 1, life->log, &events);
        pipes->ends[i][0] = -1;
    }
}

/* The fork, with all signals blocked, so that none is swallowed between fork and exec. */
static int spawn(struct life *life, struct error *err)
{
    const struct run_plan *plan = life->plan;
    char **environment = environment_make(life);
    AUTOCLOSE int null = plan->stdin_null ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    struct pipes pipes;
    sigset_t all, before;
    int result;

    if (make_pipes(life, &pipes, err)) {
        close_pipes(&pipes);
        environment_free(environment);
        return -1;
    }
    life->own_group = needs_own_group();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    result = spawn_start(&(struct spawn_plan){.argv = plan->argv,
                                              .environment = environment,
                                              .cwd = plan->cwd,
                                              .descriptors = {null, pipes.ends[0][1], pipes.ends[1][1]},
                                              .own_group = life->own_group,
                                              .die_with_parent = plan->settings->run_kill_on_supervisor_death,
                                              .inherited = life->inherited},
                         &life->child, err);
    if (result == 0) {
        life->child_pid = life->child.pid;
        watch_child(life);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    environment_free(environment);
    if (result == 0)
        pump(life, &pipes);
    close_pipes(&pipes);
    return result;
}

/* While the child is on its way to exec: what needn't be done before it. */
static void beside_the_exec(struct life *life)
{
    struct process process;

    if (identity_process(life->child_pid, &process) == 0)
        life->child_start = process.start;
    record_spawned(life);
    life->oom_kills = oom_kill_count();
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
    for (int i = 0; i < 2; i++)
        output_free(life->outputs[i]);
    if (life->log)
        log_writer_close(life->log);
    control_socket_close(&life->control);
    ledger_close(life->ledger);
    fd_close(&life->signal_fd);
    if (life->loop)
        ev_loop_destroy(life->loop);
    json_decref(life->stragglers);
    free(life->begun.session);
    free(life->log_path);
    free(life->cwd);
    free(life->log_lost_text);
}

/* The row stands, and the command could not even be forked. */
static void could_not_fork(struct life *life, struct error *err)
{
    life->spawned = (struct spawn_report){SPAWN_EXEC, errno};
    life->spawn_error = mem_strdup(err->text);
    life->spawn_status = 125;
    life->child_gone = true;
    life->exited_wall = wall_now_ms();
    life->exited_awake = awake_now_ms();
}

static void live(struct life *life)
{
    struct error err;

    if (spawn(life, &err)) {
        could_not_fork(life, &err);
        return;
    }
    start_clocks(life);
    signals_start(life);
    watch_io(life, &life->on_control, on_control, life->control.fd);
    watch_io(life, &life->on_handshake, on_handshake, life->child.handshake);
    beside_the_exec(life);
    ev_run(life->loop, 0);
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
                        .child = {-1, -1},
                        .oom_kills = -1};

    *result = (struct run_result){0};
    life.started_wall = wall_now_ms();
    life.started_awake = awake_now_ms();
    life.started_boot = boot_now_ms();
    identity_machine(&life.machine);
    identity_process(getpid(), &life.self);
    if (make_loop(&life, err) || record_begin(&life, err)) {
        end_life(&life);
        return -1;
    }
    live(&life);
    record_end(&life, result);
    result->spawn_error = life.spawn_error;
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
