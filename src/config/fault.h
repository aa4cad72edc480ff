/* What is wrong in a configuration file, said one way everywhere: "FILE:LINE: WHERE: expected X, found Y". */
#ifndef SUPERVISE_CONFIG_FAULT_H
#define SUPERVISE_CONFIG_FAULT_H

#include <supervise/config/toml.h>

#include <jansson.h>

/* "FILE:LINE: " and the text; ERR_INVALID; -1 always. */
int fault(struct error *err, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "FILE:LINE: WHAT: expected EXPECTED, found ..."; -1 always. `what`: the setting, as "run.timeout". */
int fault_expected(struct error *err, const char *file, const char *what, const char *expected,
                   const struct toml *found);

/* A key that isn't one of `known` (ended by NULL): names the nearest, else all of them; -1 always. */
int fault_unknown(struct error *err, const char *file, int line, const char *key, const char *table,
                  const char *const *known);

/* Refuses NULs in keys and strings anywhere in the tree: settings are C strings, and a cut one would be
 * another. */
int fault_if_nul(struct error *err, const char *file, const struct toml *root);

/* An array of strings as JSON, each held against name_fault(); NULL with the error filled. The caller owns
 * it. */
json_t *strings_from_toml(const char *file, const char *what, const struct toml *value, struct error *err);

/* Any value but a date or a time as JSON; NULL with the error filled. The caller owns it. */
json_t *json_from_toml(const char *file, const char *what, const struct toml *value, struct error *err);

#endif
