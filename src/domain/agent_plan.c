/* Plans of agents: see the header. */
#include "agent_plan.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/shape.h>

enum { TEXT_KEPT = 1024 }; /* bytes of a key or a name */

static struct planned *find(struct agent_plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->items[i].key, key) == 0)
            return &plan->items[i];
    return NULL;
}

static struct planned *add(struct agent_plan *plan, const char *key, const char *name)
{
    struct planned *item;

    if (plan->count == AGENT_PLAN_MAX || !name || !*name)
        return NULL;
    plan->items = mem_resize(plan->items, (plan->count + 1) * sizeof *plan->items);
    item = &plan->items[plan->count++];
    *item = (struct planned){.key = mem_strdup(key), .name = mem_strdup(name), .listed = true};
    return item;
}

/* Under a key that is somebody else's from now on. */
static void give_up(struct planned *item)
{
    item->state = PLAN_DROPPED;
    free(item->key);
    item->key = mem_strdup("");
}

static enum plan_state state_of(const json_t *rule, const json_t *item, enum plan_state otherwise)
{
    static const struct {
        const char *name;
        enum plan_state state;
    } states[] = {{"done", PLAN_DONE}, {"running", PLAN_RUNNING}, {"dropped", PLAN_DROPPED}};

    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (shape_fits(json_object_get(rule, states[i].name), item))
            return states[i].state;
    return otherwise;
}

/* At most TEXT_KEPT bytes of the text there; NULL where there is none. The caller frees. */
static char *text_at(const json_t *item, const json_t *rule, const char *path)
{
    const char *where = json_string_value(json_object_get(rule, path));
    const char *text = where ? json_string_value(shape_at(item, where)) : NULL;
    size_t length = text ? strnlen(text, TEXT_KEPT + 1) : 0;

    if (length > TEXT_KEPT)
        while (((unsigned char)text[--length] & 0xc0) == 0x80)
            ;
    return text ? mem_strndup(text, length) : NULL;
}

static void take_item(struct agent_plan *plan, const json_t *rule, const json_t *item, bool of_list)
{
    AUTOFREE char *name = text_at(item, rule, "name"), *own_key = text_at(item, rule, "key");
    const char *key = own_key ? own_key : name;
    struct planned *known;

    if (!key || !*key)
        return;
    known = find(plan, key);
    if (known && own_key && name && strcmp(known->name, name) != 0) {
        give_up(known);
        known = NULL;
    }
    if (!known)
        known = add(plan, key, name);
    if (!known)
        return;
    known->listed = true;
    /* What a list doesn't say to be done is to be done; of a single item only what is said changes. */
    known->state = state_of(rule, item, of_list ? PLAN_PENDING : known->state);
}

static void take_list(struct agent_plan *plan, const json_t *rule, const json_t *list)
{
    json_t *item;
    size_t i;

    for (i = 0; i < plan->count; i++)
        plan->items[i].listed = false;
    json_array_foreach((json_t *)list, i, item)
        take_item(plan, rule, item, true);
    for (i = 0; i < plan->count; i++)
        if (!plan->items[i].listed && plan->items[i].state != PLAN_DONE)
            plan->items[i].state = PLAN_DROPPED;
}

bool agent_plan_take(struct agent_plan *plan, const json_t *rules, const json_t *record)
{
    json_t *rule;
    size_t i;

    json_array_foreach((json_t *)rules, i, rule) {
        json_t *items;

        if (!shape_fits(json_object_get(rule, "line"), record))
            continue;
        items = shape_at(record, json_string_value(json_object_get(rule, "items")));
        if (json_is_array(items))
            take_list(plan, rule, items);
        else
            take_item(plan, rule, items, false);
        return true;
    }
    return false;
}

bool agent_plan_next(struct agent_plan *plan, struct plan_item *item)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct planned *planned = &plan->items[i];

        if (planned->told && planned->told_state == planned->state)
            continue;
        planned->told = true;
        planned->told_state = planned->state;
        *item = (struct plan_item){mem_strdup(planned->key), mem_strdup(planned->name), planned->state};
        return true;
    }
    return false;
}

void agent_plan_know(struct agent_plan *plan, const struct plan_item *item)
{
    struct planned *known = find(plan, item->key) ? NULL : add(plan, item->key, item->name);

    if (!known)
        return;
    known->told = true;
    known->told_state = known->state = item->state;
}

void agent_plan_free(struct agent_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->items[i].key);
        free(plan->items[i].name);
    }
    free(plan->items);
}
