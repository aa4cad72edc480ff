/*
 * The reading of an agent's lines: see the header. Most lines are of no interest: one is parsed only where it
 * holds one of the texts without which no shape fits it.
 */
#include <supervise/domain/agent_reader.h>

#include "agent_lines.h"
#include "agent_plan.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/text.h>
#include <supervise/domain/shape.h>

enum { STREAMS = 2, TEXT_KEPT = 2048, TEXT_KEPT_SHORT = 256 };

struct agent_reader {
    const json_t *definition;
    json_t *needed; /* array of texts: a line that has none of them fits no shape */
    struct agent_lines lines[STREAMS];
    struct agent_plan plan;
    json_t *result;
    int64_t rate_limit;
};

/* ---- What a line must have in it ---- */

static void need_text(json_t *needed, const char *text)
{
    AUTOFREE char *quoted = mem_printf("\"%s\"", text);
    json_t *one;
    size_t i;

    json_array_foreach(needed, i, one)
        if (strcmp(json_string_value(one), quoted) == 0)
            return;
    json_array_append_new(needed, json_string(quoted));
}

/* One text of each of a shape's alternatives; `name` is that of the member it is the value of. */
static void need(json_t *needed, const char *name, const json_t *shape)
{
    const char *member;
    json_t *value;
    size_t i;

    if (json_is_string(shape)) {
        need_text(needed, json_string_value(shape));
    } else if (json_array_size(shape) > 0) {
        json_array_foreach((json_t *)shape, i, value)
            need(needed, name, value);
    } else if (json_is_object(shape) && json_object_size(shape) > 0) {
        json_object_foreach((json_t *)shape, member, value) {
            need(needed, member, value);
            break;
        }
    } else if (name) {
        need_text(needed, name);
    }
}

static json_t *all_needed(const json_t *definition)
{
    static const char *const shapes[] = {"result", "noise", "rate_limit"};
    json_t *needed = json_array(), *rule;
    size_t i;

    for (i = 0; i < sizeof shapes / sizeof *shapes; i++)
        need(needed, NULL, json_object_get(definition, shapes[i]));
    json_array_foreach(json_object_get(definition, "plan"), i, rule)
        need(needed, NULL, json_object_get(rule, "line"));
    return needed;
}

static bool may_fit(const struct agent_reader *reader, const char *line, size_t length)
{
    json_t *one;
    size_t i;

    json_array_foreach(reader->needed, i, one)
        if (memmem(line, length, json_string_value(one), json_string_length(one)))
            return true;
    return false;
}

/* ---- What it says ---- */

static json_t *parse(const char *line, size_t length)
{
    json_t *record = json_loadb(line, length, 0, NULL);

    if (!record && !utf8_valid(line, length)) {
        AUTOBUF struct buf clean = {0};

        text_to_utf8(&clean, line, length);
        record = json_loadb(clean.data, clean.len, 0, NULL);
    }
    return record;
}

/* Whether it is this agent's own word. */
static bool is_own(const struct agent_reader *reader, const json_t *record, const char *session)
{
    const char *field = json_string_value(json_object_get(reader->definition, "session_id"));
    const char *named = field ? json_string_value(json_object_get(record, field)) : NULL;

    return !named || !session || strcmp(named, session) == 0;
}

static void take_rate_limit(struct agent_reader *reader, const json_t *record)
{
    const char *path = json_string_value(json_object_get(reader->definition, "rate_limit_reset"));
    const json_t *reset = path ? shape_at(record, path) : NULL;

    if (json_is_number(reset) && json_number_value(reset) > 0 && json_number_value(reset) < 1e11)
        reader->rate_limit = (int64_t)(json_number_value(reset) * 1000);
}

static unsigned take_record(struct agent_reader *reader, const json_t *record, const char *session)
{
    const json_t *definition = reader->definition;
    unsigned what = AGENT_ACTIVE;

    if (!is_own(reader, record, session))
        return what;
    if (shape_fits(json_object_get(definition, "noise"), record))
        what = 0;
    if (shape_fits(json_object_get(definition, "rate_limit"), record))
        take_rate_limit(reader, record);
    if (agent_plan_take(&reader->plan, json_object_get(definition, "plan"), record))
        what |= AGENT_PLANNED;
    if (shape_fits(json_object_get(definition, "result"), record)) {
        json_decref(reader->result);
        reader->result = json_incref((json_t *)record);
    }
    return what;
}

static unsigned take_line(struct agent_reader *reader, const char *line, size_t length, const char *session)
{
    json_t *record = may_fit(reader, line, length) ? parse(line, length) : NULL;
    unsigned what = AGENT_ACTIVE;

    if (json_is_object(record))
        what = take_record(reader, record, session);
    json_decref(record);
    return what;
}

unsigned agent_reader_take(struct agent_reader *reader, const json_t *record)
{
    return reader ? take_record(reader, record, NULL) : 0;
}

unsigned agent_reader_feed(struct agent_reader *reader, unsigned stream, const void *bytes, size_t length,
                           const char *session)
{
    const char *at = bytes, *object;
    struct agent_lines *lines;
    size_t object_length;
    unsigned what = 0;
    bool other;

    if (!reader)
        return length > 0 ? AGENT_ACTIVE : 0;
    lines = &reader->lines[stream];
    for (const char *end = length ? at + length : at; at < end;) {
        at = agent_lines_next(lines, at, end, &object, &object_length, &other);
        if (object)
            what |= take_line(reader, object, object_length, session);
        else if (other)
            what |= AGENT_ACTIVE;
    }
    if (length == 0) {
        agent_lines_end(lines, &object, &object_length);
        if (object)
            what |= take_line(reader, object, object_length, session);
    }
    return what;
}

/* ---- The result ---- */

static size_t text_kept(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

/* A copy whose texts have `most` bytes at most; without what is nested where `flat`. */
static json_t *shortened(const json_t *value, size_t most, bool flat)
{
    const char *name, *text = json_string_value(value);
    json_t *copy, *member;
    size_t i;

    if (text && json_string_length(value) > most) {
        AUTOFREE char *head =
            mem_printf("%.*s…", (int)text_kept(text, json_string_length(value), most), text);

        return json_string(head);
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach((json_t *)value, i, member)
            json_array_append_new(copy, shortened(member, most, flat));
        return copy;
    }
    if (!json_is_object(value))
        return json_copy((json_t *)value);
    copy = json_object();
    json_object_foreach((json_t *)value, name, member)
        if (!flat || !(json_is_object(member) || json_is_array(member)))
            json_object_set_new(copy, name, shortened(member, most, flat));
    return copy;
}

char *agent_reader_result(const struct agent_reader *reader)
{
    static const struct {
        size_t most;
        bool flat;
    } tries[] = {{TEXT_KEPT, false}, {TEXT_KEPT_SHORT, true}, {16, true}};
    char *text = NULL;

    for (size_t i = 0; reader && reader->result && i < sizeof tries / sizeof *tries; i++) {
        json_t *kept = shortened(reader->result, tries[i].most, tries[i].flat);

        text = json_dumps(kept, JSON_COMPACT);
        json_decref(kept);
        if (text && strlen(text) <= AGENT_RESULT_MAX)
            return text;
        free(text);
        text = NULL;
    }
    return text;
}

char *agent_reader_text(const struct agent_reader *reader)
{
    struct buf text = {0};
    json_t *path;
    size_t i;

    if (!reader || !reader->result)
        return NULL;
    json_array_foreach(json_object_get(reader->definition, "result_text"), i, path) {
        const json_t *word = shape_at(reader->result, json_string_value(path));

        if (json_is_integer(word))
            buf_printf(&text, "%s%lld", text.len ? " " : "", (long long)json_integer_value(word));
        else if (json_string_length(word) > 0)
            buf_printf(&text, "%s%s", text.len ? " " : "", json_string_value(word));
    }
    return text.len ? buf_take(&text) : NULL;
}

bool agent_reader_unfinished(const struct agent_reader *reader)
{
    return reader && shape_fits(json_object_get(reader->definition, "unfinished"), reader->result);
}

int64_t agent_reader_rate_limit(const struct agent_reader *reader)
{
    return reader ? reader->rate_limit : 0;
}

bool agent_reader_plan(struct agent_reader *reader, struct plan_item *item)
{
    return reader && agent_plan_next(&reader->plan, item);
}

void agent_reader_knows(struct agent_reader *reader, const struct plan_item *item)
{
    if (reader)
        agent_plan_know(&reader->plan, item);
}

struct agent_reader *agent_reader_new(const json_t *definition)
{
    json_t *needed = all_needed(definition);
    struct agent_reader *reader;

    if (json_array_size(needed) == 0) {
        json_decref(needed);
        return NULL;
    }
    reader = mem_alloc(sizeof *reader);
    reader->definition = definition;
    reader->needed = needed;
    return reader;
}

void agent_reader_free(struct agent_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < STREAMS; i++)
        buf_free(&reader->lines[i].held);
    agent_plan_free(&reader->plan);
    json_decref(reader->needed);
    json_decref(reader->result);
    free(reader);
}
