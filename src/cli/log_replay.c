/*
 * A replay sleeps in one poll(2), for its signals, for room in stdout, and for a reader that goes away. On a
 * terminal of ours, echo is off meanwhile: what the output asks of the terminal it asks again, and the
 * answers, which nobody reads, would be shown, or be typed to the shell that comes after us.
 */
#include <supervise/cli/log_replay.h>

#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <supervise/base/time.h>
#include <supervise/cli/log_terminal.h>

enum {
    STEP = 4096, /* PIPE_BUF: a pipe that has room takes so much without waiting */
    RESET_PATIENCE_MS = 1000
};

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

struct log_replay {
    struct log_timeline timeline;
    double speed;
    int64_t idle_limit_ms;
    int64_t began_ms; /* awake time; later by all that isn't made up for */
    sigset_t held, before;
    int signals;
    bool over;
    bool terminal, quiet;    /* stdout is one; its echo is off */
    struct termios settings; /* as they were */
    struct log_terminal written;
};

int64_t log_timeline_at(struct log_timeline *timeline, int64_t wall_ms, int64_t idle_limit_ms)
{
    int64_t last = timeline->last_wall_ms == NO_INT ? wall_ms : timeline->last_wall_ms, pause = 0;

    if (wall_ms == NO_INT)
        return timeline->at_ms;
    /* An index can name any time at all. */
    if (wall_ms > last && __builtin_sub_overflow(wall_ms, last, &pause))
        pause = INT64_MAX;
    if (idle_limit_ms > 0 && pause > idle_limit_ms)
        pause = idle_limit_ms;
    if (__builtin_add_overflow(timeline->at_ms, pause, &timeline->at_ms))
        timeline->at_ms = INT64_MAX;
    timeline->last_wall_ms = wall_ms;
    return timeline->at_ms;
}

/* --- the terminal --- */

/* Only where it is ours to change: from the background, changing it would stop us. */
static bool in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void echo_off(struct log_replay *replay)
{
    struct termios quiet;

    if (!replay->terminal || !in_foreground() || tcgetattr(STDIN_FILENO, &replay->settings) != 0)
        return;
    quiet = replay->settings;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    replay->quiet = tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0;
}

static void echo_back(struct log_replay *replay)
{
    /* With what has come in meanwhile: the terminal's answers. */
    if (replay->quiet && in_foreground())
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &replay->settings);
    replay->quiet = false;
}

/* --- signals --- */

static void hold_signals(struct log_replay *replay)
{
    sigemptyset(&replay->held);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        struct sigaction action;

        if (sigaction(watched[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&replay->held, watched[i]);
    }
    sigprocmask(SIG_BLOCK, &replay->held, &replay->before);
    replay->signals = signalfd(-1, &replay->held, SFD_CLOEXEC | SFD_NONBLOCK);
    if (replay->signals < 0) /* better ended in disorder than not at all */
        sigprocmask(SIG_SETMASK, &replay->before, NULL);
}

/* As ^Z stops a program that knows nothing of it. */
static void stop(struct log_replay *replay)
{
    sigset_t tstp;

    sigemptyset(&tstp);
    sigaddset(&tstp, SIGTSTP);
    echo_back(replay);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* here we stand until somebody continues us */
    sigprocmask(SIG_BLOCK, &tstp, NULL);
    echo_off(replay);
}

/* The signal that ends us is given back: it is to end us once all is as it was. */
static void take_signal(struct log_replay *replay)
{
    struct signalfd_siginfo info;
    int64_t since = awake_now_ms();

    if (read(replay->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGTSTP) {
        stop(replay);
        replay->began_ms += awake_now_ms() - since;
        return;
    }
    replay->over = true;
    raise((int)info.ssi_signo);
}

/* Waits for a signal, for what `events` says of stdout, or for `ms`; whether stdout is ready. */
static bool sleep_until(struct log_replay *replay, short events, int ms)
{
    struct pollfd fds[] = {{.fd = replay->signals, .events = POLLIN},
                           {.fd = STDOUT_FILENO, .events = events}};

    if (poll(fds, 2, ms) <= 0)
        return false;
    if (fds[0].revents & POLLIN) {
        take_signal(replay);
        return false;
    }
    return fds[1].revents != 0;
}

/* --- the replay --- */

struct log_replay *log_replay_begin(int64_t started_at, double speed, int64_t idle_limit_ms)
{
    struct log_replay *replay = mem_alloc(sizeof *replay);

    replay->timeline.last_wall_ms = started_at;
    replay->speed = speed;
    replay->idle_limit_ms = idle_limit_ms;
    replay->terminal = isatty(STDOUT_FILENO);
    replay->began_ms = awake_now_ms();
    hold_signals(replay);
    echo_off(replay);
    return replay;
}

bool log_replay_over(const struct log_replay *replay)
{
    return replay->over;
}

void log_replay_wait(struct log_replay *replay, int64_t wall_ms)
{
    double at = (double)log_timeline_at(&replay->timeline, wall_ms, replay->idle_limit_ms) / replay->speed;

    while (!replay->over) {
        double left = ceil(at - (double)(awake_now_ms() - replay->began_ms));

        if (left <= 0)
            return;
        /* Nothing is asked of stdout, so it is ready only once its reader is gone. */
        if (sleep_until(replay, 0, left < INT_MAX ? (int)left : INT_MAX)) {
            replay->over = true;
            raise(SIGPIPE);
        }
    }
}

int log_replay_write(struct log_replay *replay, const void *bytes, size_t length, struct error *err)
{
    const char *text = bytes;

    while (length > 0 && !replay->over) {
        int64_t since = awake_now_ms();
        ssize_t done;

        if (!sleep_until(replay, POLLOUT, -1))
            continue;
        replay->began_ms += awake_now_ms() - since;
        done = write(STDOUT_FILENO, text, length < STEP ? length : STEP);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return error_errno(err, "cannot write the output");
        if (done <= 0)
            continue;
        if (replay->terminal)
            log_terminal_bytes(&replay->written, text, (size_t)done);
        text += done;
        length -= (size_t)done;
    }
    return 0;
}

/* What is left behind in a terminal; one that takes nothing (^S) is not waited for for ever. */
static void reset_terminal(struct log_replay *replay)
{
    AUTOBUF struct buf reset = {0};
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    log_terminal_undo(&replay->written, &reset);
    if (replay->over && replay->written.in_line)
        buf_puts(&reset, "\r\n");
    if (reset.len && poll(&out, 1, RESET_PATIENCE_MS) > 0 && write(STDOUT_FILENO, reset.data, reset.len) < 0)
        replay->over = true;
}

void log_replay_end(struct log_replay *replay)
{
    if (!replay)
        return;
    if (replay->terminal)
        reset_terminal(replay);
    echo_back(replay);
    fd_close(&replay->signals);
    sigprocmask(SIG_SETMASK, &replay->before, NULL);
    free(replay);
}
