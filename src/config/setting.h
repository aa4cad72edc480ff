/* One setting: what it may be, how its value is read from a file and shown. */
#ifndef SUPERVISE_CONFIG_SETTING_H
#define SUPERVISE_CONFIG_SETTING_H

#include <supervise/config/settings.h>
#include <supervise/config/toml.h>

#include <stddef.h>

enum setting_type {
    SETTING_PATH,     /* char *, absolute; NULL until a place for it is found */
    SETTING_DURATION, /* int64_t, ms */
    SETTING_SIZE,     /* int64_t, bytes */
    SETTING_INTEGER,  /* int64_t */
    SETTING_BOOLEAN,  /* bool */
    SETTING_CHOICE,   /* char *, one of the choices */
    SETTING_SWITCH,   /* bool: the second of two choices */
    SETTING_TEXT,     /* char *, not empty */
    SETTING_NAMES,    /* char **: names of environment variables, ends with NULL */
};

struct setting {
    const char *table, *name; /* "run", "timeout" */
    enum setting_type type;
    const char *built_in; /* as text; NULL for a path or none */
    size_t offset;        /* in struct settings */
    int64_t min, max;     /* of numbers; max 0: no bound but the type's own */
    const char *choices[5];
};

/* A file as its settings are read: relative paths start from its directory. */
struct setting_file {
    const char *name;      /* for errors and origins */
    const char *directory; /* absolute */
    bool found_above;      /* see struct source */
};

void setting_reset(const struct setting *setting, struct settings *settings); /* to the built-in value */
int setting_read(const struct setting *setting, struct settings *settings, const struct setting_file *file,
                 const struct toml *value, struct error *err);
json_t *setting_json(const struct setting *setting, const struct settings *settings); /* the caller owns it */
void setting_free(const struct setting *setting, struct settings *settings);

/* Text of any bytes as a JSON string; the caller owns it. */
json_t *json_from_bytes(const char *text);

/* "FILE:LINE"; the caller owns it. */
json_t *setting_origin(const struct setting_file *file, int line);

#endif
