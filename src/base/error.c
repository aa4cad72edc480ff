/* Errors as values: see the header. */
#include <supervise/base/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

static const char LEFT_OUT[] = "…";

/* Neither half of a cut stands within a character of UTF-8. */
static size_t to_character(const char *text, size_t at, int step)
{
    for (int moved = 0; moved < 3 && ((unsigned char)text[at] & 0xc0) == 0x80; moved++)
        at += (size_t)step;
    return at;
}

/* What was named comes first and the reason last: what is too long loses its middle. */
static void take(struct error *err, const char *text)
{
    size_t length = strlen(text), half = (sizeof err->text - sizeof LEFT_OUT) / 2;
    size_t head, tail;

    if (length < sizeof err->text) {
        memcpy(err->text, text, length + 1);
        return;
    }
    head = to_character(text, half, -1);
    tail = to_character(text, length - half, 1);
    snprintf(err->text, sizeof err->text, "%.*s%s%s", (int)head, text, LEFT_OUT, text + tail);
}

static void format_text(struct error *err, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void format_text(struct error *err, const char *format, va_list args)
{
    AUTOFREE char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        text = mem_strdup(format);
    take(err, text);
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    format_text(err, format, args);
    va_end(args);
    err->code = code;
    return -1;
}

int error_errno(struct error *err, const char *format, ...)
{
    int number = errno;
    AUTOFREE char *text = NULL;
    va_list args;

    va_start(args, format);
    format_text(err, format, args);
    va_end(args);
    err->code = ERR_OTHER;
    text = mem_printf("%s: %s", err->text, strerror(number));
    take(err, text);
    return -1;
}
