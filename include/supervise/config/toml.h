/*
 * TOML 1.0.0 (https://toml.io/en/v1.0.0), complete: text in, a tree out. Every value knows the line it stands
 * on, so that whoever reads the tree can name it in an error.
 */
#ifndef SUPERVISE_CONFIG_TOML_H
#define SUPERVISE_CONFIG_TOML_H

#include <supervise/base/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum toml_type {
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_OFFSET_DATETIME,
    TOML_LOCAL_DATETIME,
    TOML_LOCAL_DATE,
    TOML_LOCAL_TIME,
    TOML_ARRAY,
    TOML_TABLE,
};

/* A string may hold NULs, so its length counts; dates and times keep their text in `string`, "T" and "Z" in
 * upper case. */
struct toml {
    enum toml_type type;
    int line; /* from 1: where the value, or the header of the table, stands */
    union {
        struct {
            char *data;
            size_t length;
        } string;
        int64_t integer;
        double real;
        bool boolean;
        struct {
            struct toml **items;
            size_t count;
        } array;
        struct {
            struct toml_member *members; /* in the order of the file */
            size_t count;
            uint32_t *slots; /* the reader's own: where members are found by hash, once there are many */
            size_t slot_count;
        } table;
    } as;
    unsigned flags; /* the reader's own: what may still be extended */
};

struct toml_member {
    char *key; /* may hold NULs, so its length counts */
    size_t key_length;
    int line;
    struct toml *value;
};

/*
 * Reads a document of `length` bytes, nested no deeper than 128 levels. The root table, which the caller
 * gives to toml_free(); or NULL with ERR_INVALID and a text "NAME:LINE: what is wrong".
 */
struct toml *toml_parse(const char *name, const char *text, size_t length, struct error *err);
void toml_free(struct toml *value);

/* The value of a table's key, or NULL. `key` ends with a NUL. */
const struct toml *toml_get(const struct toml *table, const char *key);

/* "a string", "an integer", "a table"...: for "expected X, found Y". */
const char *toml_type_name(enum toml_type type);

#endif
