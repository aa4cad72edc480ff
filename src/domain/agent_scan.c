/*
 * The scan for session ids: see the header. Each stream is a state that every byte moves on, so that where
 * the reads cut the output makes no difference.
 */
#include <supervise/domain/agent_scan.h>

#include "agent_object.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/sequence.h>
#include <supervise/domain/agent_pattern.h>

struct line {
    enum sequence sequence;
    bool passed; /* over: it tells nothing (any more) */
    struct agent_object object;
    char *text; /* AGENT_LINE_MAX bytes and a NUL, for a pattern */
    size_t length;
};

struct agent_scan {
    char *field;
    struct agent_pattern *pattern; /* NULL: the field counts */
    char *session, *other;
    struct line lines[AGENT_STREAMS];
};

static void tell(struct agent_scan *scan, const char *id, size_t length)
{
    if (!agent_is_id(id, length))
        return;
    if (!scan->session)
        scan->session = mem_strndup(id, length);
    else if (!scan->other && (strncmp(scan->session, id, length) != 0 || scan->session[length]))
        scan->other = mem_strndup(id, length);
}

static void begin_line(struct line *line)
{
    line->sequence = NO_SEQUENCE;
    line->passed = false;
    line->length = 0;
    agent_object_begin(&line->object);
}

static void search_text(struct agent_scan *scan, struct line *line)
{
    size_t start, end;

    line->text[line->length] = '\0';
    if (agent_pattern_find(scan->pattern, line->text, line->length, &start, &end))
        tell(scan, line->text + start, end - start);
}

static void end_line(struct agent_scan *scan, struct line *line)
{
    if (agent_object_has_id(&line->object))
        tell(scan, line->object.id, line->object.length);
    if (line->length && !line->passed)
        search_text(scan, line);
    begin_line(line);
}

/* --- bytes --- */

static void in_text(struct line *line, char byte)
{
    if (line->length < AGENT_LINE_MAX)
        line->text[line->length++] = byte;
    else
        line->passed = true;
}

/* Takes what run() left. */
static void move(struct agent_scan *scan, struct line *line, char byte)
{
    bool begins = !line->sequence;

    if (byte == '\n' || byte == '\r') {
        end_line(scan, line);
    } else if (sequence_takes(&line->sequence, byte)) {
        if (begins)
            agent_object_blank(&line->object);
    } else if (scan->pattern) {
        in_text(line, byte);
    }
}

/* `*newline`: where the next one was found, so that a text full of CR isn't searched again for each. */
static const char *line_end(const char *at, const char *end, const char **newline)
{
    const char *cr;

    if (!*newline || *newline < at)
        *newline = memchr(at, '\n', (size_t)(end - at));
    if (!*newline)
        *newline = end;
    cr = memchr(at, '\r', (size_t)(*newline - at));
    return cr ? cr : *newline;
}

/* Takes what needs no look at each byte here. */
static const char *run(const struct agent_scan *scan, struct line *line, const char *at, const char *end,
                       const char **newline)
{
    if (!line->passed && (line->sequence || scan->pattern))
        return at;
    if (!line->passed) {
        at = agent_object_run(&line->object, at, end);
        line->passed = agent_object_failed(&line->object);
    }
    return line->passed ? line_end(at, end, newline) : at;
}

/* --- the scan --- */

struct agent_scan *agent_scan_new(const json_t *agent_definition)
{
    const char *pattern = json_string_value(json_object_get(agent_definition, "session_pattern"));
    const char *field = json_string_value(json_object_get(agent_definition, "session_id"));
    struct agent_scan *scan;
    char why[128];

    if (!pattern && !field)
        return NULL;
    scan = mem_alloc(sizeof *scan);
    if (pattern && !(scan->pattern = agent_pattern_new(pattern, why, sizeof why))) {
        free(scan);
        return NULL;
    }
    scan->field = mem_strdup(field);
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        struct line *line = &scan->lines[i];

        line->object.field = scan->field;
        line->object.field_length = field ? strlen(field) : 0;
        line->text = pattern ? mem_alloc(AGENT_LINE_MAX + 1) : NULL;
        begin_line(line);
    }
    return scan;
}

void agent_scan_free(struct agent_scan *scan)
{
    if (!scan)
        return;
    for (size_t i = 0; i < AGENT_STREAMS; i++)
        free(scan->lines[i].text);
    agent_pattern_free(scan->pattern);
    free(scan->field);
    free(scan->session);
    free(scan->other);
    free(scan);
}

bool agent_scan_feed(struct agent_scan *scan, unsigned stream, const void *bytes, size_t length)
{
    const char *at = bytes, *newline = NULL;
    struct line *line;
    bool none;

    if (!scan || scan->other)
        return false;
    none = !scan->session;
    line = &scan->lines[stream];
    if (length == 0)
        end_line(scan, line);
    for (const char *end = length ? at + length : at;
         at < end && (at = run(scan, line, at, end, &newline)) < end; at++)
        move(scan, line, *at);
    return (none && scan->session) || scan->other;
}

const char *agent_scan_session(const struct agent_scan *scan)
{
    return scan ? scan->session : NULL;
}

const char *agent_scan_other(const struct agent_scan *scan)
{
    return scan ? scan->other : NULL;
}
