/* JSON changed in place: see the header. */
#include <supervise/base/json_text.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

static const char SPACE[] = " \t\r\n";

static size_t past_space(const char *text, size_t at)
{
    return at + strspn(text + at, SPACE);
}

/* ---- Where values stand ---- */

static size_t past_string(const char *text, size_t at)
{
    for (at++; text[at] && text[at] != '"'; at++)
        if (text[at] == '\\' && text[at + 1])
            at++;
    return text[at] ? at + 1 : at;
}

static size_t past_value(const char *text, size_t at)
{
    int depth = 0;

    do {
        if (text[at] == '"') {
            at = past_string(text, at);
            continue;
        }
        if (text[at] == '{' || text[at] == '[')
            depth++;
        else if (text[at] == '}' || text[at] == ']')
            depth--;
        else if (depth == 0)
            return at + strcspn(text + at, ",]} \t\r\n");
        at++;
    } while (depth > 0 && text[at]);
    return at;
}

/* One member or element: from its key or value to behind its value. */
struct item {
    struct json_span whole, value;
};

/* The item that begins at or behind `at`; false at the end of the container. */
static bool read_item(const char *text, size_t at, bool member, struct item *item)
{
    at = past_space(text, at);
    if (!text[at] || text[at] == '}' || text[at] == ']')
        return false;
    item->whole.from = at;
    if (member)
        at = past_space(text, past_space(text, past_string(text, at)) + 1);
    item->value.from = at;
    item->whole.to = item->value.to = past_value(text, at);
    return true;
}

static bool find_item(const char *text, struct json_span container, size_t index, struct item *item)
{
    size_t at = container.from + 1;

    while (read_item(text, at, text[container.from] == '{', item)) {
        if (index-- == 0)
            return true;
        at = past_space(text, item->whole.to);
        if (text[at] != ',')
            return false;
        at++;
    }
    return false;
}

struct json_span json_text_top(const char *text)
{
    size_t from = past_space(text, 0);

    return (struct json_span){from, past_value(text, from)};
}

static char *key_of(const char *text, const struct item *item)
{
    json_t *key = json_loadb(text + item->whole.from, past_string(text, item->whole.from) - item->whole.from,
                             JSON_DECODE_ANY, NULL);
    char *copy = mem_strdup(key ? json_string_value(key) : "");

    json_decref(key);
    return copy;
}

bool json_text_item(const char *text, struct json_span container, size_t index, char **key,
                    struct json_span *value)
{
    struct item item;

    if (!find_item(text, container, index, &item))
        return false;
    *value = item.value;
    if (key)
        *key = key_of(text, &item);
    return true;
}

int json_text_find(const char *text, struct json_span object, const char *key, struct json_span *value)
{
    struct item item;

    for (int i = 0; find_item(text, object, (size_t)i, &item); i++) {
        AUTOFREE char *its_key = key_of(text, &item);

        if (strcmp(its_key, key) != 0)
            continue;
        if (value)
            *value = item.value;
        return i;
    }
    return -1;
}

/* ---- How it is written ---- */

struct style {
    const char *newline; /* NULL: all on one line */
    char *unit;          /* of indentation */
};

/* As the top of the text is written: what is empty would be two spaces. */
static struct style style_of(const char *text)
{
    struct json_span top = json_text_top(text);
    size_t length = strspn(text + top.from + 1, SPACE);
    const char *lead = text + top.from + 1, *line = NULL;
    bool empty = strchr("}]", lead[length]) != NULL;

    for (size_t i = 0; i < length; i++)
        if (lead[i] == '\n')
            line = lead + i + 1;
    if (empty)
        return (struct style){strstr(text, "\r\n") ? "\r\n" : "\n", mem_strdup("  ")};
    if (!line)
        return (struct style){NULL, mem_strdup("")};
    return (struct style){line - lead > 1 && line[-2] == '\r' ? "\r\n" : "\n",
                          mem_strndup(line, (size_t)(lead + length - line))};
}

/* What stands before an item where it begins its line, else NULL. The caller frees. */
static char *indent_of(const char *text, size_t at)
{
    size_t from = at;

    while (from > 0 && (text[from - 1] == ' ' || text[from - 1] == '\t'))
        from--;
    return from > 0 && text[from - 1] == '\n' ? mem_strndup(text + from, at - from) : NULL;
}

static void put_indent(struct buf *out, const struct style *style, const char *base, size_t levels)
{
    buf_puts(out, style->newline);
    buf_puts(out, base);
    while (levels-- > 0)
        buf_puts(out, style->unit);
}

/* `base`: the indentation of the line it stands on; NULL: on one line. */
static void put_value(struct buf *out, const struct style *style, const char *base, const json_t *value)
{
    AUTOFREE char *text = json_dumps(value, JSON_ENCODE_ANY | (base ? JSON_INDENT(1) : 0));

    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");

        buf_append(out, line, length);
        line += length;
        if (*line) {
            size_t levels = strspn(++line, " ");

            put_indent(out, style, base, levels);
            line += levels;
        }
    }
}

static void put_item(struct buf *out, const struct style *style, const char *base, const char *key,
                     const json_t *value)
{
    if (key) {
        json_t *name = json_string(key);

        put_value(out, style, NULL, name);
        buf_puts(out, ": ");
        json_decref(name);
    }
    put_value(out, style, base, value);
}

/* ---- The changes ---- */

static char *spliced(const char *text, struct json_span place, const char *instead)
{
    return mem_printf("%.*s%s%s", (int)place.from, text, instead, text + place.to);
}

static int depth_at(const char *text, size_t end)
{
    int depth = 0;

    for (size_t at = 0; at < end;) {
        if (text[at] == '"') {
            at = past_string(text, at);
            continue;
        }
        if (text[at] == '{' || text[at] == '[')
            depth++;
        else if (text[at] == '}' || text[at] == ']')
            depth--;
        at++;
    }
    return depth;
}

/* Into what is empty: between its brackets. */
static char *add_first(const char *text, struct json_span container, const struct style *style,
                       const char *key, const json_t *value)
{
    int depth = depth_at(text, container.from);
    AUTOBUF struct buf base = {0};
    AUTOBUF struct buf out = {0};

    if (!style->newline) {
        put_item(&out, style, NULL, key, value);
        return spliced(text, (struct json_span){container.from + 1, container.to - 1}, out.data);
    }
    buf_puts(&base, "");
    for (int i = 0; i < depth; i++)
        buf_puts(&base, style->unit);
    put_indent(&out, style, base.data, 1);
    buf_puts(&base, style->unit);
    put_item(&out, style, base.data, key, value);
    base.data[base.len - strlen(style->unit)] = '\0';
    put_indent(&out, style, base.data, 0);
    return spliced(text, (struct json_span){container.from + 1, container.to - 1}, out.data);
}

static char *add_behind(const char *text, const struct item *last, const struct style *style, const char *key,
                        const json_t *value)
{
    AUTOFREE char *indent = style->newline ? indent_of(text, last->whole.from) : NULL;
    AUTOBUF struct buf out = {0};

    buf_puts(&out, ",");
    if (indent)
        put_indent(&out, style, indent, 0);
    else
        buf_puts(&out, " ");
    put_item(&out, style, indent, key, value);
    return spliced(text, (struct json_span){last->whole.to, last->whole.to}, out.data);
}

char *json_text_add(const char *text, struct json_span container, const char *key, const json_t *value)
{
    struct style style = style_of(text);
    struct item item, last;
    size_t count = 0;
    char *changed;

    while (find_item(text, container, count, &item)) {
        last = item;
        count++;
    }
    changed =
        count ? add_behind(text, &last, &style, key, value) : add_first(text, container, &style, key, value);
    free(style.unit);
    return changed;
}

char *json_text_remove(const char *text, struct json_span container, size_t index)
{
    struct item item, other;

    if (!find_item(text, container, index, &item))
        return mem_strdup(text);
    if (index > 0 && find_item(text, container, index - 1, &other))
        return spliced(text, (struct json_span){other.whole.to, item.whole.to}, "");
    if (find_item(text, container, 1, &other))
        return spliced(text, (struct json_span){item.whole.from, other.whole.from}, "");
    return spliced(text, (struct json_span){container.from + 1, container.to - 1}, "");
}

char *json_text_replace(const char *text, struct json_span place, const json_t *value)
{
    AUTOFREE char *instead = json_dumps(value, JSON_ENCODE_ANY);

    return spliced(text, place, instead);
}
