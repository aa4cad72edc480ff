/* Plans of agents: see the header. */
#include "agent_plan.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/shape.h>

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
    *item = (struct planned){mem_strdup(key), mem_strdup(name), PLAN_PENDING, PLAN_PENDING, true};
    return item;
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

static const char *text_at(const json_t *item, const json_t *rule, const char *path)
{
    const char *where = json_string_value(json_object_get(rule, path));

    return where ? json_string_value(shape_at(item, where)) : NULL;
}

static void take_item(struct agent_plan *plan, const json_t *rule, const json_t *item)
{
    const char *name = text_at(item, rule, "name"), *key = text_at(item, rule, "key");
    struct planned *known;

    if (!key)
        key = name;
    if (!key)
        return;
    known = find(plan, key);
    if (!known)
        known = add(plan, key, name);
    if (!known)
        return;
    known->listed = true;
    /* What a list doesn't say to be done is to be done; of a single item only what is said changes. */
    known->state = state_of(rule, item, json_object_get(rule, "key") ? known->state : PLAN_PENDING);
}

static void take_list(struct agent_plan *plan, const json_t *rule, const json_t *list)
{
    json_t *item;
    size_t i;

    for (i = 0; i < plan->count; i++)
        plan->items[i].listed = false;
    json_array_foreach((json_t *)list, i, item)
        take_item(plan, rule, item);
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
            take_item(plan, rule, items);
        return true;
    }
    return false;
}

bool agent_plan_next(struct agent_plan *plan, struct plan_item *item)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct planned *planned = &plan->items[i];

        if (planned->state == planned->told)
            continue;
        planned->told = planned->state;
        *item = (struct plan_item){mem_strdup(planned->name), planned->state};
        return true;
    }
    return false;
}

size_t agent_plan_size(const struct agent_plan *plan)
{
    size_t size = 0;

    for (size_t i = 0; i < plan->count; i++)
        size += plan->items[i].state != PLAN_DROPPED;
    return size;
}

void agent_plan_free(struct agent_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->items[i].key);
        free(plan->items[i].name);
    }
    free(plan->items);
}
