/* Who is alive: whether an execution's supervisor is provably gone, and how it is woken. */
#ifndef SUPERVISE_SUPERVISOR_LIVENESS_H
#define SUPERVISE_SUPERVISOR_LIVENESS_H

#include <supervise/store/execution.h>

#include <stdbool.h>

/*
 * True where it is proven: nobody answers at its socket, or this machine has booted since, or the process of
 * that number is another one. False where it lives or where it can't be told from here (another host, another
 * pid namespace).
 */
bool supervisor_gone(const struct execution *execution);

/* True where that is proven, and that the process of its command is gone too. */
bool execution_gone(const struct execution *execution);

/* Tells the supervisor to look into the ledger; where it can't be told, it looks at its next heartbeat. */
void supervisor_wake(const struct execution *execution);

#endif
