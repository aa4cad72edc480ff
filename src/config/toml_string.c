/*
 * TOML strings: basic and literal, on one line or several. Control characters and broken UTF-8 are out of the
 * text before this reads it, so a newline is all that must be looked for.
 */
#include "toml_read.h"

#include <string.h>

static bool quotes_at(const struct toml_reader *reader, char quote, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (toml_peek(reader, i) != quote)
            return false;
    return true;
}

static void append_utf8(struct buf *out, uint32_t c)
{
    char bytes[4];
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = length; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[length] | c);
    buf_append(out, bytes, length);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The place is behind \u or \U. */
static int read_unicode(struct toml_reader *reader, size_t digits, struct buf *out)
{
    uint32_t c = 0;

    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(toml_peek(reader, i));
        if (digit < 0)
            return toml_fail(reader, reader->line, "expected %zu hexadecimal digits in a Unicode escape",
                             digits);
        c = c << 4 | (uint32_t)digit;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return toml_fail(reader, reader->line, "U+%04X is not a Unicode character", (unsigned)c);
    reader->at += digits;
    append_utf8(out, c);
    return 0;
}

/* A backslash at the end of a line takes the newline and all blanks and newlines that follow; false: it isn't
 * one. */
static bool skip_continuation(struct toml_reader *reader)
{
    struct toml_reader ahead = *reader;

    ahead.at++;
    toml_skip_blanks(&ahead);
    if (toml_peek(&ahead, 0) != '\n' && toml_peek(&ahead, 0) != '\r')
        return false;
    while (ahead.at < ahead.end && strchr(" \t\r\n", *ahead.at)) {
        ahead.line += *ahead.at == '\n';
        ahead.at++;
    }
    *reader = ahead;
    return true;
}

/* The place is at a backslash. */
static int read_escape(struct toml_reader *reader, bool multiline, struct buf *out)
{
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    int c = toml_peek(reader, 1);
    const char *name = c > 0 ? strchr(names, c) : NULL;

    if (name) {
        buf_append(out, &values[name - names], 1);
        reader->at += 2;
        return 0;
    }
    if (c == 'u' || c == 'U') {
        reader->at += 2;
        return read_unicode(reader, c == 'u' ? 4 : 8, out);
    }
    if (multiline && skip_continuation(reader))
        return 0;
    if (c > ' ' && c < 0x7f)
        return toml_fail(reader, reader->line, "unknown escape \\%c in a string; a backslash itself is \\\\",
                         c);
    return toml_fail(reader, reader->line,
                     "a backslash in a string without an escape; a backslash itself is \\\\");
}

/* The closing quotes may have one or two more before them, which belong to the string. */
static void close_multiline(struct toml_reader *reader, char quote, struct buf *out)
{
    for (int extra = 0; extra < 2 && quotes_at(reader, quote, 4); extra++) {
        buf_append(out, &quote, 1);
        reader->at++;
    }
    reader->at += 3;
}

int toml_read_string(struct toml_reader *reader, bool multiline, struct buf *out)
{
    char quote = *reader->at;
    bool several = multiline && quotes_at(reader, quote, 3);
    int line = reader->line;

    reader->at += several ? 3 : 1;
    if (several && toml_peek(reader, 0) == '\r')
        reader->at++;
    if (several && toml_peek(reader, 0) == '\n') {
        reader->at++;
        reader->line++;
    }
    buf_append(out, "", 0);
    while (reader->at < reader->end) {
        char c = *reader->at;

        if (several && quotes_at(reader, quote, 3)) {
            close_multiline(reader, quote, out);
            return 0;
        }
        if (c == quote && !several) {
            reader->at++;
            return 0;
        }
        if (c == '\n' && !several)
            break;
        if (c == '\\' && quote == '"') {
            if (read_escape(reader, several, out) < 0)
                return -1;
            continue;
        }
        reader->line += c == '\n';
        buf_append(out, reader->at++, 1);
    }
    return toml_fail(reader, line, "a string without its closing %c%s", quote,
                     several ? " (three of them)" : "");
}
