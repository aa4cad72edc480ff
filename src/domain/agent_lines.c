/* Lines of an output: see the header. */
#include "agent_lines.h"

#include <string.h>

#include <supervise/domain/agent_reader.h>

enum { HELD_BETWEEN = 64 << 10 };

/* A new line begins: what the one before needed is let go of, where it was much. */
static void begin(struct agent_lines *lines)
{
    if (lines->held.cap > HELD_BETWEEN)
        buf_free(&lines->held);
    lines->held.len = 0;
}

static void pass_over(struct agent_lines *lines)
{
    lines->kind = LINE_OTHER;
    buf_free(&lines->held);
}

static void give(const char *line, size_t length, const char **object, size_t *object_length)
{
    *object = line;
    *object_length = length && line[length - 1] == '\r' ? length - 1 : length;
}

const char *agent_lines_next(struct agent_lines *lines, const char *at, const char *end, const char **object,
                             size_t *length, bool *other)
{
    const char *newline, *stop;

    *object = NULL;
    *other = false;
    if (lines->kind == LINE_NEW) {
        begin(lines);
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
            at++;
        if (at == end)
            return at;
        lines->kind = *at == '{' ? LINE_OBJECT : LINE_OTHER;
    }
    newline = memchr(at, '\n', (size_t)(end - at));
    stop = newline ? newline : end;
    if (lines->kind == LINE_OBJECT && lines->held.len + (size_t)(stop - at) > AGENT_RECORD_MAX)
        pass_over(lines);
    *other = lines->kind == LINE_OTHER;
    if (lines->kind == LINE_OBJECT && newline && lines->held.len == 0) {
        give(at, (size_t)(stop - at), object, length);
    } else if (lines->kind == LINE_OBJECT) {
        buf_append(&lines->held, at, (size_t)(stop - at));
        if (newline)
            give(lines->held.data, lines->held.len, object, length);
    }
    if (!newline)
        return end;
    lines->kind = LINE_NEW; /* what is held lives on until the next call */
    return newline + 1;
}

void agent_lines_end(struct agent_lines *lines, const char **object, size_t *length)
{
    *object = NULL;
    if (lines->kind == LINE_OBJECT)
        give(lines->held.data ? lines->held.data : "", lines->held.len, object, length);
    lines->kind = LINE_NEW;
}
