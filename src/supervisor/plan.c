/*
 * The agent's plan on its way to the ledger: what has changed is written as it comes, within 50 ms or later,
 * and what could not be written by then goes with the end.
 */
#include "life.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

static void forget(struct plan_item *item)
{
    free(item->key);
    free(item->name); /* NOLINT(clang-analyzer-unix.Malloc) */
}

/* The latest of each item is kept. Each has texts of its own, which an analyzer can't see. */
static void keep(struct life *life, const struct plan_item *item)
{
    for (size_t i = 0; i < life->planned_count; i++) {
        struct plan_item *known = &life->planned[i];

        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        if (strcmp(known->name, item->name) == 0) {
            forget(known);
            *known = *item; /* NOLINT(clang-analyzer-unix.Malloc) */
            return;
        }
    }
    life->planned = mem_resize(life->planned, (life->planned_count + 1) * sizeof *life->planned);
    life->planned[life->planned_count++] = *item;
}

void record_plan(struct life *life)
{
    struct plan_item item;
    struct error err;

    while (agent_reader_plan(life->reader, &item))
        keep(life, &item);
    if (!life->ledger || life->planned_count == 0)
        return;
    if (plan_report(life->ledger, life->uid, life->planned, life->planned_count, &err) == 0)
        plan_forget(life);
    else if (err.code == ERR_BUSY)
        record_again(life);
}

void plan_forget(struct life *life)
{
    for (size_t i = 0; i < life->planned_count; i++)
        forget(&life->planned[i]);
    free(life->planned);
    life->planned = NULL;
    life->planned_count = 0;
}

static void know(const struct plan_item *item, void *context)
{
    agent_reader_knows(context, item);
}

void plan_recall(struct life *life)
{
    struct error err;

    if (life->reader && life->ledger && life->plan->session)
        plan_each(life->ledger, life->uid, know, life->reader, &err);
}
