/* What an agent plans to do: the items of its plan, which are steps of the stage "plan" once they begin. */
#ifndef SUPERVISE_STORE_PLAN_H
#define SUPERVISE_STORE_PLAN_H

#include <supervise/domain/agent_reader.h>
#include <supervise/store/ledger.h>

/*
 * What has changed in the plan of an execution, in one transaction: an item becomes a step when it begins;
 * one that is dropped and had begun is skipped. The same said twice changes nothing. Where a plan is no
 * measure of the execution (see plan.c), and where it has ended, nothing is written.
 */
int plan_report(struct ledger *ledger, const char *execution, const struct plan_item *items, size_t count,
                struct error *err);

/* The plan of the session that an execution drives, as it stands, an item after another; all texts are the
 * store's. */
int plan_each(struct ledger *ledger, const char *execution,
              void (*each)(const struct plan_item *item, void *context), void *context, struct error *err);

#endif
