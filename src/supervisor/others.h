/*
 * Who is met below a command without being the command's own: the daemon of the ledger, which works for all,
 * whoever happened to start it, and wrappers, which look after their own trees. The ledger knows them, and
 * pid and start time prove it.
 */
#ifndef SUPERVISOR_OTHERS_H
#define SUPERVISOR_OTHERS_H

#include <supervise/process/tree.h>
#include <supervise/store/execution.h>

struct others {
    struct process daemon;          /* pid 0: none runs, or it isn't known */
    struct execution_list wrappers; /* of all that runs */
};

/* Also where that fails `others` is whole, without wrappers. others_free() it. */
int others_read(struct ledger *ledger, struct others *others, struct error *err);
void others_free(struct others *others);

/* What becomes of a process below the command `command`, which is the command's even where it is a daemon. */
enum tree_branch others_judge(const struct others *others, const struct process *process, pid_t command);

#endif
