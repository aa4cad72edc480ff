/*
 * The tree that the TOML reader builds and others read. Members are found by hash once a table has many, so
 * that a table of n keys is read in time proportional to n.
 */
#include "toml_read.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FROM = 16 }; /* below that many members a walk over them is quicker than a hash */

struct toml *toml_new(enum toml_type type, int line)
{
    struct toml *value = mem_alloc(sizeof *value);

    value->type = type;
    value->line = line;
    return value;
}

struct toml *toml_new_string(enum toml_type type, int line, struct buf *text)
{
    struct toml *value = toml_new(type, line);

    value->as.string.length = text->len;
    value->as.string.data = buf_take(text);
    return value;
}

void toml_free(struct toml *value)
{
    if (!value)
        return;
    switch (value->type) {
    case TOML_ARRAY:
        for (size_t i = 0; i < value->as.array.count; i++)
            toml_free(value->as.array.items[i]);
        free(value->as.array.items);
        break;
    case TOML_TABLE:
        for (size_t i = 0; i < value->as.table.count; i++) {
            free(value->as.table.members[i].key);
            toml_free(value->as.table.members[i].value);
        }
        free(value->as.table.members);
        free(value->as.table.slots);
        break;
    case TOML_INTEGER:
    case TOML_FLOAT:
    case TOML_BOOLEAN:
        break;
    case TOML_STRING:
    case TOML_OFFSET_DATETIME:
    case TOML_LOCAL_DATETIME:
    case TOML_LOCAL_DATE:
    case TOML_LOCAL_TIME:
        free(value->as.string.data);
        break;
    }
    free(value);
}

static uint32_t hash_of(const char *key, size_t length) /* FNV-1a */
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return hash;
}

static bool key_is(const struct toml_member *member, const char *key, size_t length)
{
    return member->key_length == length && memcmp(member->key, key, length) == 0;
}

/* The slot of the key: it holds the number of its member plus one, or 0 where the key isn't there. */
static uint32_t *slot_of(const struct toml *table, const char *key, size_t length)
{
    size_t mask = table->as.table.slot_count - 1, at = hash_of(key, length) & mask;

    while (table->as.table.slots[at] &&
           !key_is(&table->as.table.members[table->as.table.slots[at] - 1], key, length))
        at = (at + 1) & mask;
    return &table->as.table.slots[at];
}

const struct toml_member *toml_find(const struct toml *table, const char *key, size_t length)
{
    const struct toml_member *members = table->as.table.members;

    if (table->as.table.slots) {
        uint32_t number = *slot_of(table, key, length);
        return number ? &members[number - 1] : NULL;
    }
    for (size_t i = 0; i < table->as.table.count; i++)
        if (key_is(&members[i], key, length))
            return &members[i];
    return NULL;
}

const struct toml *toml_get(const struct toml *table, const char *key)
{
    const struct toml_member *member = toml_find(table, key, strlen(key));

    return member ? member->value : NULL;
}

/* Room for one more in a list whose capacity is the next power of two. */
static void *grown(void *list, size_t count, size_t size)
{
    if (count & (count - 1))
        return list;
    return mem_resize(list, (count ? 2 * count : 1) * size);
}

/* Keeps the slots at most half full; makes them when the table has become large. */
static void index_member(struct toml *table, uint32_t number)
{
    const struct toml_member *members = table->as.table.members;

    if (number < SLOTS_FROM)
        return;
    if (2 * (size_t)number > table->as.table.slot_count) {
        free(table->as.table.slots);
        table->as.table.slot_count = 4 * SLOTS_FROM;
        while (table->as.table.slot_count < 4 * (size_t)number)
            table->as.table.slot_count *= 2;
        table->as.table.slots = mem_alloc(table->as.table.slot_count * sizeof *table->as.table.slots);
        for (uint32_t i = 0; i < number; i++)
            *slot_of(table, members[i].key, members[i].key_length) = i + 1;
    } else {
        *slot_of(table, members[number - 1].key, members[number - 1].key_length) = number;
    }
}

void toml_table_add(struct toml *table, const struct buf *key, int line, struct toml *value)
{
    size_t count = table->as.table.count;
    struct toml_member *member;

    table->as.table.members = grown(table->as.table.members, count, sizeof *member);
    member = &table->as.table.members[count];
    *member = (struct toml_member){mem_alloc(key->len + 1), key->len, line, value};
    if (key->len)
        memcpy(member->key, key->data, key->len);
    table->as.table.count++;
    index_member(table, (uint32_t)table->as.table.count);
}

void toml_array_add(struct toml *array, struct toml *value)
{
    size_t count = array->as.array.count;

    array->as.array.items = grown(array->as.array.items, count, sizeof *array->as.array.items);
    array->as.array.items[count] = value;
    array->as.array.count++;
}

const char *toml_type_name(enum toml_type type)
{
    static const char *const names[] = {
        [TOML_STRING] = "a string",
        [TOML_INTEGER] = "an integer",
        [TOML_FLOAT] = "a float",
        [TOML_BOOLEAN] = "a boolean",
        [TOML_OFFSET_DATETIME] = "a date-time",
        [TOML_LOCAL_DATETIME] = "a local date-time",
        [TOML_LOCAL_DATE] = "a date",
        [TOML_LOCAL_TIME] = "a time",
        [TOML_ARRAY] = "an array",
        [TOML_TABLE] = "a table",
    };

    return names[type];
}
