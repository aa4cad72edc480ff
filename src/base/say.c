/*
 * Lines on stderr: each is one write, so that lines of several processes don't mix; errno is kept, so that
 * saying something never changes what is said next. A stderr that is gone loses the line, one that nobody
 * reads when patience is over, and neither the run.
 */
#include <supervise/base/say.h>

#include <supervise/base/text.h>
#include <supervise/base/time.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 50 };

static int level;
static int64_t patience_ms = SAY_WAITS;

void say_set_level(int new_level)
{
    level = new_level;
}

void say_set_patience(int64_t ms)
{
    patience_ms = ms;
}

/* Whether a signal that asks us to end waits, since we have it blocked. */
static bool is_asked_to_end(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1 ||
            sigismember(&pending, SIGHUP) == 1 || sigismember(&pending, SIGQUIT) == 1);
}

/* True once there is room, or nobody there that it could be kept from. */
static bool await_room(int64_t until)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    while (poll(&ready, 1, LOOK_AGAIN_MS) <= 0)
        if (is_asked_to_end() || (patience_ms != SAY_WAITS && awake_now_ms() >= until))
            return false;
    return true;
}

/* Where there is room at all a pipe takes PIPE_BUF bytes at once. */
static void write_line(const char *bytes, size_t length)
{
    int64_t until = awake_now_ms() + patience_ms;

    while (length > 0 && await_room(until)) {
        ssize_t written = write(STDERR_FILENO, bytes, length < PIPE_BUF ? length : PIPE_BUF);

        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
}

void say_as_it_is(const char *line)
{
    int saved = errno;

    write_line(line, strlen(line));
    errno = saved;
}

static void say_line(const char *prefix, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void say_line(const char *prefix, const char *format, va_list args)
{
    int saved = errno;
    AUTOBUF struct buf line = {0};
    AUTOFREE char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    buf_puts(&line, prefix);
    if (text)
        text_visible(&line, text, strlen(text));
    buf_puts(&line, "\n");
    write_line(line.data, line.len);
    errno = saved;
}

#define SAY(prefix, format)                                                                                  \
    do {                                                                                                     \
        va_list args;                                                                                        \
        va_start(args, format);                                                                              \
        say_line(prefix, format, args);                                                                      \
        va_end(args);                                                                                        \
    } while (0)

void say(const char *format, ...)
{
    if (level >= 0)
        SAY("supervise: ", format);
}

void say_detail(const char *format, ...)
{
    if (level > 0)
        SAY("supervise: ", format);
}

void say_warning(const char *format, ...)
{
    SAY("supervise: warning: ", format);
}

void say_error(const char *format, ...)
{
    SAY("supervise: ", format);
}
