/*
 * Lines on stderr: each is one write, so that lines of several processes don't mix; errno is kept, so that
 * saying something never changes what is said next. A stderr that is gone or full loses the line, never the
 * run.
 */
#include <supervise/base/say.h>

#include <supervise/base/text.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FULL_WAIT_MS = 100 };

static int level;

void say_set_level(int new_level)
{
    level = new_level;
}

/* A terminal or pipe may have been made non-blocking by whoever shares it: one short wait, then the rest is
 * dropped. */
static void write_line(const char *bytes, size_t length)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN && poll(&ready, 1, FULL_WAIT_MS) > 0)
            continue;
        if (written < 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
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
