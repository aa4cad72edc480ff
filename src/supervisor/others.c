/* Who is met below a command without being its own: see the header. */
#include "others.h"

#include <supervise/supervisor/daemon.h>
#include <supervise/supervisor/liveness.h>

int others_read(struct ledger *ledger, struct others *others, struct error *err)
{
    *others = (struct others){0};
    daemon_runs(ledger_path(ledger), &others->daemon);
    return executions_running(ledger, &others->wrappers, err);
}

void others_free(struct others *others)
{
    execution_list_free(&others->wrappers);
}

enum tree_branch others_judge(const struct others *others, const struct process *process, pid_t command)
{
    const struct execution *wrapper;

    if (process->pid == others->daemon.pid && process->start == others->daemon.start &&
        process->pid != command)
        return TREE_LEAVE;
    wrapper = supervisor_among(&others->wrappers, process);
    if (!wrapper)
        return TREE_TAKE;
    return wrapper->detached == 1 ? TREE_LEAVE : TREE_TAKE_ONE;
}
