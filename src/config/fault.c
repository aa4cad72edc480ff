/* Faults in configuration files: see the header. */
#include "fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/domain/id.h>

int fault(struct error *err, const char *file, int line, const char *format, ...)
{
    char text[1536];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, ERR_INVALID, "%s:%d: %s", file, line, text);
}

int fault_expected(struct error *err, const char *file, const char *what, const char *expected,
                   const struct toml *found)
{
    if (found->type == TOML_STRING)
        return fault(err, file, found->line, "%s: expected %s, found \"%.200s\"", what, expected,
                     found->as.string.data);
    if (found->type == TOML_INTEGER)
        return fault(err, file, found->line, "%s: expected %s, found %" PRId64, what, expected,
                     found->as.integer);
    return fault(err, file, found->line, "%s: expected %s, found %s", what, expected,
                 toml_type_name(found->type));
}

int fault_unknown(struct error *err, const char *file, int line, const char *key, const char *table,
                  const char *const *known)
{
    const char *nearest = text_nearest(key, known);
    AUTOBUF struct buf all = {0};

    if (nearest)
        return fault(err, file, line, "unknown key \"%.200s\" in %s; did you mean \"%s\"?", key, table,
                     nearest);
    for (size_t i = 0; known[i]; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", known[i]);
    return fault(err, file, line, "unknown key \"%.200s\" in %s; expected one of %s", key, table, all.data);
}

int fault_if_nul(struct error *err, const char *file, const struct toml *root)
{
    if (root->type == TOML_STRING && strlen(root->as.string.data) != root->as.string.length)
        return fault(err, file, root->line, "a string with a NUL in it");
    for (size_t i = 0; root->type == TOML_ARRAY && i < root->as.array.count; i++)
        if (fault_if_nul(err, file, root->as.array.items[i]) < 0)
            return -1;
    for (size_t i = 0; root->type == TOML_TABLE && i < root->as.table.count; i++) {
        const struct toml_member *member = &root->as.table.members[i];

        if (strlen(member->key) != member->key_length)
            return fault(err, file, member->line, "a key with a NUL in it");
        if (fault_if_nul(err, file, member->value) < 0)
            return -1;
    }
    return 0;
}

json_t *strings_from_toml(const char *file, const char *what, const struct toml *value, struct error *err)
{
    json_t *list;

    if (value->type != TOML_ARRAY) {
        fault_expected(err, file, what, "an array of strings", value);
        return NULL;
    }
    list = json_array();
    for (size_t i = 0; i < value->as.array.count; i++) {
        const struct toml *item = value->as.array.items[i];
        const char *wrong = item->type == TOML_STRING ? name_fault(item->as.string.data) : NULL;

        if (item->type != TOML_STRING)
            fault_expected(err, file, what, "an array of strings", item);
        else if (wrong)
            fault(err, file, item->line, "%s: a string in it %s", what, wrong);
        if (item->type != TOML_STRING || wrong) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, json_string(item->as.string.data));
    }
    return list;
}

json_t *json_from_toml(const char *file, const char *what, const struct toml *value, struct error *err)
{
    json_t *json;

    switch (value->type) {
    case TOML_STRING:
        return json_stringn_nocheck(value->as.string.data, value->as.string.length);
    case TOML_INTEGER:
        return json_integer(value->as.integer);
    case TOML_FLOAT:
        return json_real(value->as.real);
    case TOML_BOOLEAN:
        return json_boolean(value->as.boolean);
    case TOML_ARRAY:
        json = json_array();
        for (size_t i = 0; i < value->as.array.count; i++)
            if (json_array_append_new(json, json_from_toml(file, what, value->as.array.items[i], err))) {
                json_decref(json);
                return NULL;
            }
        return json;
    case TOML_TABLE:
        json = json_object();
        for (size_t i = 0; i < value->as.table.count; i++)
            if (json_object_setn_new_nocheck(
                    json, value->as.table.members[i].key, value->as.table.members[i].key_length,
                    json_from_toml(file, what, value->as.table.members[i].value, err))) {
                json_decref(json);
                return NULL;
            }
        return json;
    default:
        fault_expected(err, file, what, "what JSON can say", value);
        return NULL;
    }
}
