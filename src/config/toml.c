/*
 * The TOML 1.0.0 reader: documents, headers, keys, arrays and inline tables. The text is checked first
 * (UTF-8, control characters, line endings), so that what follows need not look for them. Recursive, and
 * bounded by TOML_DEPTH_MAX.
 */
#include "toml_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <supervise/base/text.h>

int toml_peek(const struct toml_reader *reader, size_t ahead)
{
    return (size_t)(reader->end - reader->at) > ahead ? (unsigned char)reader->at[ahead] : -1;
}

void toml_skip_blanks(struct toml_reader *reader)
{
    while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
        reader->at++;
}

int toml_fail(const struct toml_reader *reader, int line, const char *format, ...)
{
    AUTOFREE char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = mem_strdup(format);
    va_end(args);
    return error_set(reader->err, ERR_INVALID, "%s:%d: %s", reader->name, line, text);
}

int toml_expected(const struct toml_reader *reader, const char *what)
{
    int c = toml_peek(reader, 0);
    size_t length = c < 0 ? 0 : utf8_length(reader->at, (size_t)(reader->end - reader->at));

    if (c < 0)
        return toml_fail(reader, reader->line, "expected %s, found the end of the file", what);
    if (c == '\n' || c == '\r')
        return toml_fail(reader, reader->line, "expected %s, found the end of the line", what);
    return toml_fail(reader, reader->line, "expected %s, found '%.*s'", what, (int)length, reader->at);
}

/* TOML text is UTF-8 without control characters but tab and newline; a carriage return only before a newline.
 */
static int check_text(const struct toml_reader *start)
{
    struct toml_reader reader = *start;

    while (reader.at < reader.end) {
        int c = toml_peek(&reader, 0);
        size_t length = c < 0x80 ? 1 : utf8_length(reader.at, (size_t)(reader.end - reader.at));

        if (!length)
            return toml_fail(&reader, reader.line, "byte 0x%02X is not UTF-8", (unsigned)c);
        if (c == '\r' ? toml_peek(&reader, 1) != '\n' : (c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
            return toml_fail(&reader, reader.line, "control character U+%04X", (unsigned)c);
        reader.line += c == '\n';
        reader.at += length;
    }
    return 0;
}

static void skip_comment(struct toml_reader *reader)
{
    if (toml_peek(reader, 0) == '#')
        while (toml_peek(reader, 0) >= 0 && toml_peek(reader, 0) != '\n')
            reader->at++;
}

/* Moves behind a newline, where there is one. */
static bool take_newline(struct toml_reader *reader)
{
    if (toml_peek(reader, 0) == '\r')
        reader->at++;
    if (toml_peek(reader, 0) != '\n')
        return false;
    reader->at++;
    reader->line++;
    return true;
}

/* Blanks, comments and newlines: what may stand between the values of an array. */
static void skip_lines(struct toml_reader *reader)
{
    do {
        toml_skip_blanks(reader);
        skip_comment(reader);
    } while (take_newline(reader));
}

static bool take(struct toml_reader *reader, char c)
{
    if (toml_peek(reader, 0) != c)
        return false;
    reader->at++;
    return true;
}

/* Behind a header or a pair nothing but a comment may follow. */
static int end_line(struct toml_reader *reader)
{
    toml_skip_blanks(reader);
    skip_comment(reader);
    if (reader->at == reader->end || take_newline(reader))
        return 0;
    return toml_expected(reader, "the end of the line");
}

static int check_depth(const struct toml_reader *reader, int depth)
{
    if (depth <= TOML_DEPTH_MAX)
        return 0;
    return toml_fail(reader, reader->line, "nested deeper than %d levels", TOML_DEPTH_MAX);
}

/* --- keys --- */

static bool is_bare(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* One part of a key, into `key`; the blanks around it are gone afterwards. */
static int read_key_part(struct toml_reader *reader, struct buf *key)
{
    const char *start;

    buf_free(key);
    toml_skip_blanks(reader);
    if (toml_peek(reader, 0) == '"' || toml_peek(reader, 0) == '\'') {
        if (toml_read_string(reader, false, key) < 0)
            return -1;
    } else {
        for (start = reader->at; is_bare(toml_peek(reader, 0));)
            reader->at++;
        if (reader->at == start)
            return toml_expected(reader, "a key");
        buf_append(key, start, (size_t)(reader->at - start));
    }
    toml_skip_blanks(reader);
    return 0;
}

static int fail_defined(const struct toml_reader *reader, const struct toml_member *member)
{
    return toml_fail(reader, reader->line, "\"%s\" is already defined at line %d", member->key, member->line);
}

/* The table that a part of a dotted key before the last one means: made where it is missing. */
static struct toml *enter_dotted(struct toml_reader *reader, struct toml *table, const struct buf *key)
{
    const struct toml_member *member = toml_find(table, key->data, key->len);
    struct toml *made;

    if (member && (member->value->type != TOML_TABLE || member->value->flags != TOML_DOTTED)) {
        fail_defined(reader, member);
        return NULL;
    }
    if (member)
        return member->value;
    made = toml_new(TOML_TABLE, reader->line);
    made->flags = TOML_DOTTED;
    toml_table_add(table, key, reader->line, made);
    return made;
}

static struct toml *read_value(struct toml_reader *reader, int depth);

/* KEY = VALUE into the table, which stands `depth` levels deep. */
static int read_pair(struct toml_reader *reader, struct toml *table, int depth)
{
    AUTOBUF struct buf key = {0};
    const struct toml_member *member;
    struct toml *value;
    int line = reader->line;

    for (;;) {
        if (read_key_part(reader, &key) < 0)
            return -1;
        if (!take(reader, '.'))
            break;
        table = enter_dotted(reader, table, &key);
        if (!table || check_depth(reader, ++depth) < 0)
            return -1;
    }
    if (!take(reader, '='))
        return toml_expected(reader, "\"=\" after a key");
    member = toml_find(table, key.data, key.len);
    if (member)
        return fail_defined(reader, member);
    toml_skip_blanks(reader);
    value = read_value(reader, depth + 1);
    if (!value)
        return -1;
    toml_table_add(table, &key, line, value);
    return 0;
}

/* --- values --- */

static int fill_array(struct toml_reader *reader, struct toml *array, int depth)
{
    reader->at++;
    for (;;) {
        struct toml *item;

        skip_lines(reader);
        if (take(reader, ']'))
            return 0;
        item = read_value(reader, depth + 1);
        if (!item)
            return -1;
        toml_array_add(array, item);
        skip_lines(reader);
        if (!take(reader, ',') && toml_peek(reader, 0) != ']')
            return toml_expected(reader, "\",\" or \"]\" in an array");
    }
}

static int fill_inline_table(struct toml_reader *reader, struct toml *table, int depth)
{
    reader->at++;
    toml_skip_blanks(reader);
    if (!take(reader, '}')) {
        do {
            if (read_pair(reader, table, depth) < 0)
                return -1;
            toml_skip_blanks(reader);
        } while (take(reader, ','));
        if (!take(reader, '}'))
            return toml_expected(reader, "\",\" or \"}\" in an inline table");
    }
    table->flags = TOML_CLOSED;
    return 0;
}

/* The value at the place, which stands `depth` levels deep; NULL with the error filled. */
static struct toml *read_value(struct toml_reader *reader, int depth)
{
    int c = toml_peek(reader, 0);
    struct toml *value;

    if (check_depth(reader, depth) < 0)
        return NULL;
    if (c == '"' || c == '\'') {
        AUTOBUF struct buf text = {0};
        int line = reader->line;

        return toml_read_string(reader, true, &text) < 0 ? NULL : toml_new_string(TOML_STRING, line, &text);
    }
    if (c != '[' && c != '{')
        return toml_read_scalar(reader);
    value = toml_new(c == '[' ? TOML_ARRAY : TOML_TABLE, reader->line);
    if ((c == '[' ? fill_array : fill_inline_table)(reader, value, depth) == 0)
        return value;
    toml_free(value);
    return NULL;
}

/* --- headers --- */

/* The table that a part of a header before the last one means, a level deeper or, the last one of an array of
 * tables, two; made where missing. */
static struct toml *enter_header(struct toml_reader *reader, struct toml *table, const struct buf *key,
                                 int *depth)
{
    const struct toml_member *member = toml_find(table, key->data, key->len);
    struct toml *value = member ? member->value : toml_new(TOML_TABLE, reader->line);

    if (!member)
        toml_table_add(table, key, reader->line, value);
    else if (value->type == TOML_ARRAY && value->flags & TOML_TABLES) {
        ++*depth;
        value = value->as.array.items[value->as.array.count - 1];
    } else if (value->type != TOML_TABLE || value->flags & TOML_CLOSED) {
        fail_defined(reader, member);
        return NULL;
    }
    ++*depth;
    return value;
}

static struct toml *define_table(struct toml_reader *reader, struct toml *table, const struct buf *key)
{
    const struct toml_member *member = toml_find(table, key->data, key->len);
    struct toml *value = member ? member->value : toml_new(TOML_TABLE, reader->line);

    if (!member) {
        toml_table_add(table, key, reader->line, value);
    } else if (value->type != TOML_TABLE || value->flags) {
        fail_defined(reader, member);
        return NULL;
    }
    value->flags = TOML_DEFINED;
    value->line = reader->line;
    return value;
}

static struct toml *append_table(struct toml_reader *reader, struct toml *table, const struct buf *key)
{
    const struct toml_member *member = toml_find(table, key->data, key->len);
    struct toml *array = member ? member->value : toml_new(TOML_ARRAY, reader->line);
    struct toml *item;

    if (!member) {
        array->flags = TOML_TABLES;
        toml_table_add(table, key, reader->line, array);
    } else if (!(array->flags & TOML_TABLES)) {
        fail_defined(reader, member);
        return NULL;
    }
    item = toml_new(TOML_TABLE, reader->line);
    item->flags = TOML_DEFINED;
    toml_array_add(array, item);
    return item;
}

/* [KEY] or [[KEY]]: the table that the pairs below it go into, and how deep it stands. */
static struct toml *read_header(struct toml_reader *reader, struct toml *root, int *depth)
{
    AUTOBUF struct buf key = {0};
    struct toml *table = root;
    bool array;

    reader->at++;
    array = take(reader, '[');
    for (*depth = array ? 2 : 1; table;) {
        if (read_key_part(reader, &key) < 0 || check_depth(reader, *depth) < 0)
            return NULL;
        if (!take(reader, '.'))
            break;
        table = enter_header(reader, table, &key, depth);
    }
    if (!table)
        return NULL;
    if (!take(reader, ']') || (array && !take(reader, ']'))) {
        toml_expected(reader, array ? "\"]]\" after the name of a table" : "\"]\" after the name of a table");
        return NULL;
    }
    return (array ? append_table : define_table)(reader, table, &key);
}

static int read_document(struct toml_reader *reader, struct toml *root)
{
    struct toml *table = root;
    int depth = 0;

    for (skip_lines(reader); reader->at < reader->end; skip_lines(reader)) {
        if (toml_peek(reader, 0) != '[') {
            if (read_pair(reader, table, depth) < 0)
                return -1;
        } else {
            table = read_header(reader, root, &depth);
            if (!table)
                return -1;
        }
        if (end_line(reader) < 0)
            return -1;
    }
    return 0;
}

struct toml *toml_parse(const char *name, const char *text, size_t length, struct error *err)
{
    struct toml_reader reader = {name, text, text + length, 1, err};
    struct toml *root;

    if (length > INT32_MAX) { /* lines and members are counted in 32 bits */
        toml_fail(&reader, 1, "larger than 2 GiB");
        return NULL;
    }
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        reader.at += 3;
    root = toml_new(TOML_TABLE, 1);
    if (check_text(&reader) == 0 && read_document(&reader, root) == 0)
        return root;
    toml_free(root);
    return NULL;
}
