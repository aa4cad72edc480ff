/* What the parts of the TOML reader share: the place in the text, and the tree while it is being built. */
#ifndef SUPERVISE_CONFIG_TOML_READ_H
#define SUPERVISE_CONFIG_TOML_READ_H

#include <supervise/base/buf.h>
#include <supervise/config/toml.h>

/* Arrays, tables and dotted keys in each other; the reader recurses, so a bound keeps it off the end of the
 * stack. */
enum { TOML_DEPTH_MAX = 128 };

enum toml_flag {
    TOML_DEFINED = 1 << 0, /* a table that had its [header] */
    TOML_DOTTED = 1 << 1,  /* a table that dotted keys made: no [header] may define it again */
    TOML_CLOSED = 1 << 2,  /* an inline table: nothing may be added */
    TOML_TABLES = 1 << 3,  /* an array that [[headers]] made: only they may add to it */
};

struct toml_reader {
    const char *name; /* of the file, for errors */
    const char *at, *end;
    int line;
    struct error *err;
};

/* The byte `ahead` of the place, or -1 behind the end. */
int toml_peek(const struct toml_reader *reader, size_t ahead);
void toml_skip_blanks(struct toml_reader *reader); /* spaces and tabs */

/* Fills the error with "NAME:LINE: " and the text; -1 always. */
int toml_fail(const struct toml_reader *reader, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for what stands at the place: "expected WHAT, found '}'". */
int toml_expected(const struct toml_reader *reader, const char *what);

/* --- toml_string.c: appends the string whose opening quote is at the place. `multiline`: """ and ''' are
 * welcome. --- */
int toml_read_string(struct toml_reader *reader, bool multiline, struct buf *out);

/* --- toml_scalar.c: a number, boolean, date or time at the place; NULL with the error filled --- */
struct toml *toml_read_scalar(struct toml_reader *reader);

/* --- toml_date.c: whether the token is a date, a time or both, all of it; *type says which --- */
bool toml_is_datetime(const char *token, enum toml_type *type);

/* --- toml_tree.c --- */
struct toml *toml_new(enum toml_type type, int line);
struct toml *toml_new_string(enum toml_type type, int line, struct buf *text); /* takes the text */
const struct toml_member *toml_find(const struct toml *table, const char *key, size_t length);
/* Both take the value; the key must not be there yet. */
void toml_table_add(struct toml *table, const struct buf *key, int line, struct toml *value);
void toml_array_add(struct toml *array, struct toml *value);

#endif
