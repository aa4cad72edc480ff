/*
 * Changes to JSON that leave all the rest of the text as it was written: order, spaces, line ends, numbers.
 * The text must be valid JSON. What is taken out again after it was put in leaves the text as it was before.
 */
#ifndef SUPERVISE_BASE_JSON_TEXT_H
#define SUPERVISE_BASE_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Where a value stands: from its first byte to behind its last. */
struct json_span {
    size_t from, to;
};

struct json_span json_text_top(const char *text);

/* The place of the member `key` of the object, with its value where `value` isn't NULL; -1: it has none. */
int json_text_find(const char *text, struct json_span object, const char *key, struct json_span *value);

/* The value of member or element `index`; false where there are fewer. The key, for a member, goes to *key,
 * which the caller frees; NULL: not wanted. */
bool json_text_item(const char *text, struct json_span container, size_t index, char **key,
                    struct json_span *value);

/* The changed text, which the caller frees. `key`: NULL for an array. */
char *json_text_add(const char *text, struct json_span container, const char *key, const json_t *value);
char *json_text_remove(const char *text, struct json_span container, size_t index);
char *json_text_replace(const char *text, struct json_span place, const json_t *value);

#endif
