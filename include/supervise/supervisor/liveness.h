/* Who is alive: the facts of an execution's supervisor and child are gathered here and judged by the domain.
 */
#ifndef SUPERVISE_SUPERVISOR_LIVENESS_H
#define SUPERVISE_SUPERVISOR_LIVENESS_H

#include <supervise/config/settings.h>
#include <supervise/domain/liveness.h>
#include <supervise/process/identity.h>
#include <supervise/store/execution.h>

/*
 * How an execution stands that has started and has not ended: its socket is asked, then /proc. Ages are by
 * the wall clock, less what the machine has slept since where that is known (the same boot). A heartbeat from
 * the future is a fresh one. `settings` NULL: nothing is given up, and nothing is stalled.
 */
struct liveness liveness_look(const struct execution *execution, const struct settings *settings);

/* The execution of the list whose supervisor is that very process; NULL where it is none's. */
const struct execution *supervisor_among(const struct execution_list *list, const struct process *process);

/* True where that is proven, and that the process of its command is gone too. */
bool execution_gone(const struct execution *execution);

/* Tells the supervisor to look into the ledger; where it can't be told, it looks at its next heartbeat. */
void supervisor_wake(const struct execution *execution);

#endif
