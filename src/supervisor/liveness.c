/* The facts of who is alive, from sockets, /proc and clocks: see the header. */
#include <supervise/supervisor/liveness.h>

#include <signal.h>

#include <jansson.h>

#include <supervise/base/time.h>
#include <supervise/supervisor/socket.h>

/* Read once: whoever judges many executions asks for it each time, and it doesn't change. */
static const struct machine *our_machine(void)
{
    static struct machine machine;

    if (!machine.host[0])
        identity_machine(&machine);
    return &machine;
}

static enum life_host host_of(const struct execution *execution)
{
    const struct machine *ours = our_machine();

    return life_host(&(struct host_names){execution->boot_id, execution->machine_id, execution->host},
                     &(struct host_names){ours->boot_id, ours->machine_id, ours->host});
}

static bool is_same_pid_ns(const struct execution *execution)
{
    return execution->pid_ns > 0 && execution->pid_ns == our_machine()->pid_ns;
}

static enum process_answer ask(int64_t pid, int64_t start)
{
    return pid == NO_INT ? PROCESS_UNKNOWN : identity_ask((pid_t)pid, start);
}

/* How long ago, without what the machine has slept since the ledger was told. */
static int64_t age_of(int64_t at, int64_t slept_then)
{
    int64_t slept = slept_then == NO_INT ? 0 : slept_now_ms() - slept_then;

    return wall_now_ms() - at - (slept > 0 ? slept : 0);
}

/* What the machine had slept by then, where it is this boot's sleep that was counted. */
static int64_t slept_by(const json_t *facts, const char *key, enum life_host host)
{
    const json_t *slept = json_object_get(facts, key);

    return host == HOST_THIS_BOOT && json_is_integer(slept) ? (int64_t)json_integer_value(slept) : NO_INT;
}

static void take_ages(struct liveness_facts *to, const struct execution *from)
{
    json_t *facts = from->facts ? json_loads(from->facts, 0, NULL) : NULL;
    int64_t active = from->activity_at != NO_INT ? from->activity_at : from->started_at;

    to->heartbeat_known = from->heartbeat_at != NO_INT;
    if (to->heartbeat_known)
        to->heartbeat_age_ms = age_of(from->heartbeat_at, slept_by(facts, "heartbeat_slept", to->host));
    if (from->started_at != NO_INT)
        to->started_age_ms = age_of(from->started_at, NO_INT);
    if (active != NO_INT)
        to->activity_age_ms = age_of(active, slept_by(facts, "activity_slept", to->host));
    json_decref(facts);
}

struct liveness liveness_look(const struct execution *execution, const struct settings *settings)
{
    struct liveness_facts facts = {.host = host_of(execution), .same_pid_ns = is_same_pid_ns(execution)};
    struct liveness_limits limits = {0};

    if (settings)
        limits = (struct liveness_limits){settings->sweep_heartbeat_stale_after,
                                          settings->sweep_no_heartbeat_after, settings->sweep_stalled_after};
    if (execution->socket)
        facts.socket = control_socket_ask(execution->socket);
    if (facts.same_pid_ns) {
        facts.supervisor = ask(execution->supervisor_pid, execution->supervisor_start);
        facts.child = ask(execution->pid, execution->pid_start);
    }
    take_ages(&facts, execution);
    return liveness_of(&facts, &limits);
}

const struct execution *supervisor_among(const struct execution_list *list, const struct process *process)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->supervisor_pid == process->pid &&
            list->items[i]->supervisor_start == process->start && is_same_pid_ns(list->items[i]))
            return list->items[i];
    return NULL;
}

bool execution_gone(const struct execution *execution)
{
    struct liveness liveness = liveness_look(execution, NULL);

    return liveness.supervisor == LIFE_DEAD && liveness.child != LIFE_ALIVE;
}

void supervisor_wake(const struct execution *execution)
{
    struct process process;

    if (execution->socket)
        control_socket_send(execution->socket, SOCKET_WAKE);
    /* One that was stopped with its command (^Z) reads nothing: it is continued, to end it. */
    if (execution->supervisor_pid != NO_INT && is_same_pid_ns(execution) &&
        host_of(execution) == HOST_THIS_BOOT &&
        identity_process((pid_t)execution->supervisor_pid, &process) == 0 && process.state == 'T')
        identity_signal(process.pid, execution->supervisor_start, SIGCONT);
}
