/*
 * The pump from the child's pipe to the log and to our own stdout or stderr: see the header. It never blocks:
 * a pipe or a terminal of ours is opened once more through /proc, so that O_NONBLOCK stays with us and does
 * not reach the others who share it; where that isn't allowed, only what fits without blocking (PIPE_BUF,
 * pipe(7)) is written when there is room.
 */
#include <supervise/supervisor/output.h>

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/time.h>

/* What a pipe holds: more than its reader can be given at once would only keep it waiting. */
enum { SIZE = 64 * 1024 };

enum sink_kind {
    SINK_FILE,    /* never blocks for long: write it all */
    SINK_OPEN,    /* opened again, non-blocking */
    SINK_SOCKET,  /* MSG_DONTWAIT */
    SINK_BLOCKING /* a pipe or terminal that couldn't be opened again: PIPE_BUF at a time */
};

struct output {
    struct ev_loop *loop;
    struct output_events events;
    struct log_writer *log;
    enum log_stream stream;
    int pipe;      /* -1: closed */
    bool terminal; /* it is the master of a terminal */
    int sink;      /* -1: gone */
    int standard;  /* 1 or 2 */
    enum sink_kind kind;
    int departed; /* an epoll that tells when nobody reads from the sink any more; -1: not to be told */
    ev_io readable, writable, sink_departed;
    char *bytes;
    size_t have, passed;
    int cut_at;    /* bytes still to be taken after output_cut(); -1: no cut */
    bool mid_line; /* the last byte was no newline */
    bool closed;
};

static void open_sink(struct output *output, int standard)
{
    struct stat status;
    char path[32];
    int again;

    output->sink = output->standard = standard;
    output->kind = SINK_FILE;
    if (fstat(standard, &status))
        return;
    if (S_ISSOCK(status.st_mode)) {
        output->kind = SINK_SOCKET;
    } else if (S_ISFIFO(status.st_mode) || isatty(standard)) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", standard);
        again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        output->kind = again < 0 ? SINK_BLOCKING : SINK_OPEN;
        output->sink = again < 0 ? standard : again;
    }
}

static void close_sink(struct output *output)
{
    if (output->sink < 0)
        return;
    ev_io_stop(output->loop, &output->writable);
    ev_io_stop(output->loop, &output->sink_departed);
    fd_close(&output->departed);
    if (output->sink != output->standard)
        close(output->sink);
    output->sink = -1;
    /* Who reads our stdout must see its end when the child ends it. stderr stays: our own words come there.
     */
    if (output->standard == STDOUT_FILENO) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null >= 0 && dup3(null, STDOUT_FILENO, O_CLOEXEC) >= 0)
            close(null);
    }
}

static void finish(struct output *output)
{
    if (output->closed)
        return;
    output->closed = true;
    ev_io_stop(output->loop, &output->readable);
    fd_close(&output->pipe);
    close_sink(output);
    output->events.came(output->events.context, output->stream, NULL, 0);
    output->events.closed(output->events.context);
}

/* A terminal takes less than PIPE_BUF at times: for this one write its description is made non-blocking, and
 * put back. */
static ssize_t write_without_blocking(int fd, const char *bytes, size_t length)
{
    int flags = fcntl(fd, F_GETFL), number;
    ssize_t written;

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    written = write(fd, bytes, length);
    number = errno;
    fcntl(fd, F_SETFL, flags);
    errno = number;
    return written;
}

/* -1 with EAGAIN where there is no room now. */
static ssize_t write_some(struct output *output, const char *bytes, size_t length)
{
    switch (output->kind) {
    case SINK_SOCKET:
        return send(output->sink, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    case SINK_BLOCKING: {
        fd_set set;

        FD_ZERO(&set);
        FD_SET(output->sink, &set);
        if (select(output->sink + 1, NULL, &set, NULL, &(struct timeval){0}) <= 0) {
            errno = EAGAIN;
            return -1;
        }
        return write_without_blocking(output->sink, bytes, length < PIPE_BUF ? length : PIPE_BUF);
    }
    default:
        return write(output->sink, bytes, length);
    }
}

/* Keeps what came. The log says a loss once. */
static void keep(struct output *output, const char *bytes, size_t length)
{
    struct error err;

    output->events.came(output->events.context, output->stream, bytes, length);
    if (output->log && log_writer_append(output->log, output->stream, wall_now_ms(), bytes, length, &err))
        output->events.lost(output->events.context, err.text);
}

/* The reader has gone: what the child wrote by now is kept, and its next write meets a closed pipe, as it
 * would bare. */
static void lose_sink(struct output *output, int number)
{
    int waiting = 0; /* no more than that: a child that writes faster than we read must not hold us here */

    output->have = output->passed = 0;
    /* A full disk, or a terminal that is gone: the command would have met an error, not a signal. It goes on.
     */
    if (output->terminal || (number != EPIPE && number != ECONNRESET)) {
        if (number != EIO && number != EPIPE)
            say_warning("cannot pass the command's %s on: %s; it is kept in the log only",
                        output->standard == STDOUT_FILENO ? "stdout" : "stderr", strerror(number));
        close_sink(output);
        ev_io_start(output->loop, &output->readable);
        return;
    }
    ioctl(output->pipe, FIONREAD, &waiting);
    while (waiting > 0) {
        ssize_t length = read(output->pipe, output->bytes, SIZE);

        if (length <= 0)
            break;
        keep(output, output->bytes, (size_t)length);
        waiting -= (int)length;
    }
    finish(output);
}

static ssize_t pass_some(struct output *output)
{
    return output->passed < output->have && output->sink >= 0
               ? write_some(output, output->bytes + output->passed, output->have - output->passed)
               : 0;
}

/* Passes on what is held, of which a first write has taken `length` (-1: errno); true when nothing is left.
 */
static bool pass_on(struct output *output, ssize_t length)
{
    for (; output->passed < output->have && output->sink >= 0; length = pass_some(output)) {
        if (length >= 0) {
            output->passed += (size_t)length;
        } else if (errno == EAGAIN) {
            ev_io_stop(output->loop, &output->readable);
            ev_io_start(output->loop, &output->writable);
            return false;
        } else if (errno != EINTR) {
            lose_sink(output, errno);
            return false;
        }
    }
    output->have = output->passed = 0;
    return true;
}

static size_t room(const struct output *output)
{
    if (output->cut_at >= 0 && (size_t)output->cut_at < SIZE)
        return (size_t)output->cut_at;
    return SIZE;
}

/* Reads once; false where there is nothing to read now, or the output is over. */
static bool take(struct output *output)
{
    ssize_t length, passed;
    int number;

    do
        length = room(output) ? read(output->pipe, output->bytes, room(output)) : 0;
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN && output->cut_at < 0)
        return false;
    if (length <= 0) {
        finish(output);
        return false;
    }
    if (output->cut_at >= 0)
        output->cut_at -= (int)length;
    output->have = (size_t)length;
    output->passed = 0;
    output->mid_line = output->bytes[output->have - 1] != '\n';
    /* The reader has something to do while it is kept. */
    passed = pass_some(output);
    number = errno;
    keep(output, output->bytes, (size_t)length);
    errno = number;
    return pass_on(output, passed);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct output *output = watcher->data;

    (void)loop;
    (void)events;
    take(output);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct output *output = watcher->data;

    (void)events;
    if (!pass_on(output, pass_some(output)) || output->closed)
        return;
    ev_io_stop(loop, &output->writable);
    ev_io_start(loop, &output->readable);
    if (output->cut_at >= 0)
        while (take(output))
            ;
}

static void on_departed(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    lose_sink(watcher->data, EPIPE);
}

/* A pipe or socket tells when its last reader goes, also while nothing is being written. */
static void watch_departure(struct output *output)
{
    struct epoll_event nothing = {0};

    output->departed = -1;
    if (output->kind == SINK_FILE || isatty(output->standard) ||
        (output->departed = epoll_create1(EPOLL_CLOEXEC)) < 0)
        return;
    if (epoll_ctl(output->departed, EPOLL_CTL_ADD, output->sink, &nothing)) {
        fd_close(&output->departed);
        return;
    }
    ev_io_init(&output->sink_departed, on_departed, output->departed, EV_READ);
    output->sink_departed.data = output;
    ev_io_start(output->loop, &output->sink_departed);
}

struct output *output_new(struct ev_loop *loop, enum log_stream stream, int pipe, bool terminal, int sink,
                          struct log_writer *log, const struct output_events *events)
{
    struct output *output = mem_alloc(sizeof *output);

    output->loop = loop;
    output->events = *events;
    output->log = log;
    output->stream = stream;
    output->pipe = pipe;
    output->terminal = terminal;
    output->bytes = mem_resize(NULL, SIZE); /* not zeroed: most commands say little */
    output->cut_at = -1;
    fcntl(pipe, F_SETFL, O_NONBLOCK);
    open_sink(output, sink);
    ev_io_init(&output->readable, on_readable, pipe, EV_READ);
    ev_io_init(&output->writable, on_writable, output->sink, EV_WRITE);
    ev_io_init(&output->sink_departed, on_departed, -1, EV_READ);
    output->readable.data = output->writable.data = output;
    ev_set_priority(&output->readable,
                    stream == LOG_OUT ? 1 : 0); /* of two that came in one turn, stdout first */
    ev_io_start(loop, &output->readable);
    watch_departure(output);
    return output;
}

bool output_is_closed(const struct output *output)
{
    return output->closed;
}

bool output_is_mid_line(const struct output *output)
{
    return output->mid_line;
}

/* All who could write to it are gone: what is in it is all there will be. */
static bool writers_gone(int pipe)
{
    struct pollfd end = {.fd = pipe, .events = POLLIN};

    return poll(&end, 1, 0) > 0 && (end.revents & POLLHUP);
}

bool output_cut(struct output *output)
{
    if (output->closed || output->cut_at >= 0 || writers_gone(output->pipe))
        return false;
    output->cut_at = 0;
    ioctl(output->pipe, FIONREAD, &output->cut_at);
    if (!ev_is_active(&output->writable))
        while (take(output))
            ;
    return true;
}

void output_give_up(struct output *output)
{
    if (output->closed)
        return;
    output_cut(output);
    close_sink(output);
    ev_io_stop(output->loop, &output->writable);
    output->have = output->passed = 0;
    while (!output->closed && take(output))
        ;
    finish(output);
}

void output_free(struct output *output)
{
    if (!output)
        return;
    ev_io_stop(output->loop, &output->readable);
    ev_io_stop(output->loop, &output->writable);
    ev_io_stop(output->loop, &output->sink_departed);
    fd_close(&output->pipe);
    fd_close(&output->departed);
    if (output->sink >= 0 && output->sink != output->standard)
        close(output->sink);
    free(output->bytes);
    free(output);
}
