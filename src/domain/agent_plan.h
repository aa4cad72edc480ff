/*
 * An agent's plan, as rules of its definition find it in its lines: [{"line", "items", "name", "key",
 * "running", "done", "dropped"}]. "line" is the shape of a line that speaks of the plan, "items" the path to
 * its items: an array is the whole plan, an object one item of it. "name" and "key" are paths within an item;
 * without "key" the name is the key; an item that gets another name under its key is another one. The last
 * three are shapes of an item; what fits none is still to be done.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_PLAN_H
#define SUPERVISE_DOMAIN_AGENT_PLAN_H

#include <supervise/domain/agent_reader.h>

struct agent_plan {
    struct planned {
        char *key, *name;
        enum plan_state state, told_state;
        bool told, listed; /* listed: by the list that is being taken in */
    } * items;
    size_t count;
};

/* Whether the record spoke of the plan. */
bool agent_plan_take(struct agent_plan *plan, const json_t *rules, const json_t *record);
/* See agent_reader_plan() and agent_reader_knows(). */
bool agent_plan_next(struct agent_plan *plan, struct plan_item *item);
void agent_plan_know(struct agent_plan *plan, const struct plan_item *item);
void agent_plan_free(struct agent_plan *plan);

#endif
