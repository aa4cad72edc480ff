/* Liveness by socket, else by identity: see the header. */
#include <supervise/supervisor/liveness.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/process/identity.h>
#include <supervise/supervisor/socket.h>

static bool same_text(const char *stored, const char *ours)
{
    return stored && *stored && strcmp(stored, ours) == 0;
}

bool supervisor_gone(const struct execution *execution)
{
    struct machine machine;
    struct process process;
    bool this_boot;

    if (execution->supervisor_pid == NO_INT)
        return false;
    identity_machine(&machine);
    this_boot = same_text(execution->boot_id, machine.boot_id);
    if (!this_boot) /* the same machine, booted since; or another machine, of which nothing is known here */
        return execution->boot_id && same_text(execution->machine_id, machine.machine_id) &&
               same_text(execution->host, machine.host);
    if (execution->socket)
        switch (control_socket_probe(execution->socket)) {
        case 0:
            return true;
        case 1:
            return false;
        }
    /* No answer to be had there: the process itself. In another pid namespace the numbers mean nothing here.
     */
    if (execution->pid_ns != machine.pid_ns || identity_process(getpid(), &process))
        return false;
    return identity_process((pid_t)execution->supervisor_pid, &process) ||
           process.start != execution->supervisor_start || process.state == 'Z' || process.state == 'X';
}

bool execution_gone(const struct execution *execution)
{
    struct machine machine;
    struct process process;

    if (!supervisor_gone(execution))
        return false;
    identity_machine(&machine);
    if (execution->pid == NO_INT || !same_text(execution->boot_id, machine.boot_id))
        return true;
    return execution->pid_ns == machine.pid_ns &&
           (identity_process((pid_t)execution->pid, &process) || process.start != execution->pid_start ||
            process.state == 'Z' || process.state == 'X');
}

void supervisor_wake(const struct execution *execution)
{
    struct machine machine;
    struct process process;

    if (execution->socket)
        control_socket_send(execution->socket, SOCKET_WAKE);
    /* One that was stopped with its command (^Z) reads nothing: it is continued, to end it. */
    identity_machine(&machine);
    if (execution->supervisor_pid != NO_INT && execution->pid_ns == machine.pid_ns &&
        same_text(execution->boot_id, machine.boot_id) &&
        identity_process((pid_t)execution->supervisor_pid, &process) == 0 && process.state == 'T')
        identity_signal(process.pid, execution->supervisor_start, SIGCONT);
}
