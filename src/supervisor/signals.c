/*
 * What reaches us, and to whom it goes on: every catchable signal but SIGCHLD, SIGPIPE and the kernel's own
 * faults, exactly once. signalfd(2) tells a key from a kill: what the terminal sent (SI_KERNEL) a child in
 * our process group has already.
 */
#include "life.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <supervise/base/time.h>

enum { ONE_BREATH_MS = 1000, STOP_BOTH_MS = 1000 };

/* What is never ours to forward: it can't be caught, or is about this very process. */
static const int excluded[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGFPE, SIGILL,
                               SIGSEGV, SIGBUS,  SIGABRT, SIGTRAP, SIGSYS, 0};
/* From the kernel these are about our own limits and descriptors, not the child's. */
static const int own_from_kernel[] = {SIGXCPU, SIGXFSZ, SIGURG, SIGIO, SIGALRM, SIGVTALRM, SIGPROF, 0};
static const int job_stops[] = {SIGTSTP, SIGTTIN, SIGTTOU, 0};

static bool among(const int *numbers, int number)
{
    for (; *numbers; numbers++)
        if (*numbers == number)
            return true;
    return false;
}

bool signals_reach_group(const struct life *life)
{
    return life->own_group && getpgid(life->child.pid) == life->child.pid;
}

void signals_to_child(struct life *life, int number)
{
    if (life->child.pid <= 1)
        return;
    if (number == SIGCONT) /* what is told of the stop before may come late */
        life->child_stopped = false;
    if (signals_reach_group(life))
        kill(-life->child.pid, number);
    else
        kill(life->child.pid, number);
}

/* Both stop, or neither: we stop when the child has, so that it can put its terminal in order first. */
static void stop_both(struct life *life)
{
    life->stop_both = false;
    if (life->keyboard)
        keyboard_stop_both(life->keyboard);
    else
        raise(SIGSTOP);
}

void signals_child_stopped(struct life *life, int number)
{
    life->child_stopped = true;
    if ((life->keyboard && among(job_stops, number)) ||
        (life->stop_both && awake_now_ms() - life->stop_both_at < STOP_BOTH_MS))
        stop_both(life);
}

void signals_stop_asked(struct life *life)
{
    life->stop_both = true;
    life->stop_both_at = awake_now_ms();
    if (life->child_stopped)
        stop_both(life);
}

/* The child has it from the terminal, unless only the leader of the session was told that the line is gone.
 */
static bool has_it_already(const struct life *life, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;

    return info->ssi_code == SI_KERNEL && !life->own_group && !(number == SIGHUP && getsid(0) == getpid());
}

/*
 * The first SIGTERM reaches the child with the whole tree, so that each gets it once; a second one ends the
 * grace. timeout(1), the parent that leads our group, sends one to us and one to the group in one breath:
 * that is one request, however the scheduler spreads it.
 */
static void asked_to_stop(struct life *life, pid_t sender)
{
    int64_t now = awake_now_ms();
    bool again = life->asked_to_stop_at != 0;

    if (again && sender == getppid() && sender == getpgrp() && now - life->asked_to_stop_at <= ONE_BREATH_MS)
        return;
    life->asked_to_stop_at = now;
    if (life->stopping == STOP_NONE)
        stop_tree(life);
    else if (again)
        stop_grace_over(life);
    else
        signals_to_child(life, SIGTERM);
}

static void on_one(struct life *life, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;
    bool alive = life->child.pid > 0;

    if (info->ssi_code == SI_KERNEL && among(own_from_kernel, number))
        return;
    if (number == SIGWINCH && life->keyboard) { /* the kernel tells who is in front on the child's terminal */
        keyboard_resize(life->keyboard);
        return;
    }
    if (alive && number < 64)
        life->received |= UINT64_C(1) << number;
    if (number == SIGTERM) {
        asked_to_stop(life, (pid_t)info->ssi_pid);
        return;
    }
    if (!has_it_already(life, info))
        signals_to_child(life, number);
    if (number == SIGCONT) {
        life->stop_both = false;
        clocks_continued(life);
        if (life->keyboard)
            keyboard_continued(life->keyboard);
    } else if (among(job_stops, number) && alive) {
        signals_stop_asked(life);
    }
}

/*
 * libev tells of children before it tells of descriptors: what waits there may be what ended the child, and
 * came first.
 */
void signals_child_gone(struct life *life)
{
    struct signalfd_siginfo info;

    while (read(life->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo < 64)
            life->received |= UINT64_C(1) << info.ssi_signo;
        on_one(life, &info);
    }
}

static void on_signal(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct life *life = watcher->data;
    struct signalfd_siginfo info;

    (void)loop;
    (void)events;
    while (read(life->signal_fd, &info, sizeof info) == sizeof info)
        on_one(life, &info);
    life_go_on(life);
}

int signals_take(struct life *life, struct error *err)
{
    sigset_t taken;

    sigemptyset(&taken);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (!among(excluded, number) && sigismember(&life->inherited->ignored, number) == 0)
            sigaddset(&taken, number);
    for (int number = 32; number < SIGRTMIN; number++)
        sigdelset(&taken, number); /* the C library's own */
    if (sigprocmask(SIG_BLOCK, &taken, NULL) ||
        (life->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return error_errno(err, "cannot watch for signals");
    return 0;
}

void signals_start(struct life *life)
{
    ev_io_init(&life->on_signal, on_signal, life->signal_fd, EV_READ);
    life->on_signal.data = life;
    ev_io_start(life->loop, &life->on_signal);
}
