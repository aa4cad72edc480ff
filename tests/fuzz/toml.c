/*
 * The TOML reader: what it takes is a sound tree, and the same when it is written down and read again; what
 * it refuses is told with a line of the text.
 */
#include "fuzz.h"

#include <math.h>

#include <supervise/base/text.h>
#include <supervise/config/toml.h>

enum { DEPTH_MAX = 128 };

static void write_string(struct buf *out, const char *text, size_t length)
{
    buf_puts(out, "\"");
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f || text[i] == '"' || text[i] == '\\')
            buf_printf(out, "\\u%04x", (unsigned)text[i]);
        else
            buf_append(out, &text[i], 1);
    buf_puts(out, "\"");
}

static void write_value(struct buf *out, const struct toml *value)
{
    switch (value->type) {
    case TOML_STRING:
        write_string(out, value->as.string.data, value->as.string.length);
        return;
    case TOML_INTEGER:
        buf_printf(out, "%lld", (long long)value->as.integer);
        return;
    case TOML_FLOAT:
        if (isfinite(value->as.real))
            buf_printf(out, "%.17e", value->as.real);
        else
            buf_puts(out, isnan(value->as.real) ? "nan" : value->as.real < 0 ? "-inf" : "inf");
        return;
    case TOML_BOOLEAN:
        buf_puts(out, value->as.boolean ? "true" : "false");
        return;
    case TOML_ARRAY:
        buf_puts(out, "[");
        for (size_t i = 0; i < value->as.array.count; i++) {
            write_value(out, value->as.array.items[i]);
            buf_puts(out, ",");
        }
        buf_puts(out, "]");
        return;
    case TOML_TABLE:
        buf_puts(out, "{");
        for (size_t i = 0; i < value->as.table.count; i++) {
            buf_puts(out, i ? "," : "");
            write_string(out, value->as.table.members[i].key, value->as.table.members[i].key_length);
            buf_puts(out, "=");
            write_value(out, value->as.table.members[i].value);
        }
        buf_puts(out, "}");
        return;
    default:
        buf_puts(out, value->as.string.data);
    }
}

static void check_text(const char *text, size_t length)
{
    HOLDS(text[length] == '\0' && utf8_valid(text, length));
}

static void check_tree(const struct toml *value, int lines, int depth)
{
    HOLDS(value->line >= 1 && value->line <= lines && depth <= DEPTH_MAX);
    if (value->type == TOML_STRING)
        check_text(value->as.string.data, value->as.string.length);
    for (size_t i = 0; value->type == TOML_ARRAY && i < value->as.array.count; i++)
        check_tree(value->as.array.items[i], lines, depth + 1);
    for (size_t i = 0; value->type == TOML_TABLE && i < value->as.table.count; i++) {
        const struct toml_member *member = &value->as.table.members[i];

        check_text(member->key, member->key_length);
        HOLDS(strlen(member->key) != member->key_length || toml_get(value, member->key) == member->value);
        check_tree(member->value, lines, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTOBUF struct buf once = {0}, twice = {0};
    struct error err = {0};
    struct toml *root = toml_parse("f", (const char *)data, size, &err), *again;
    char *end;
    long lines = 1, line;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (!root) {
        HOLDS(err.code == ERR_INVALID && strncmp(err.text, "f:", 2) == 0);
        line = strtol(err.text + 2, &end, 10);
        HOLDS(line >= 1 && line <= lines && strncmp(end, ": ", 2) == 0);
        HOLDS(utf8_valid(err.text, strlen(err.text)));
        return 0;
    }
    check_tree(root, (int)lines, 0);
    buf_puts(&once, "r=");
    write_value(&once, root);
    again = toml_parse("f", once.data, once.len, &err);
    if (!again) { /* a level deeper than it was, by "r" */
        HOLDS(strstr(err.text, "nested deeper"));
    } else {
        buf_puts(&twice, "r=");
        write_value(&twice, toml_get(again, "r"));
        HOLDS(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    }
    toml_free(again);
    toml_free(root);
    return 0;
}
