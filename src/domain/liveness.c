/* The rules of who is alive: see the header. */
#include <supervise/domain/liveness.h>

#include <string.h>

static bool is_known(const char *text)
{
    return text && *text;
}

static bool is_same(const char *one, const char *other)
{
    return is_known(one) && is_known(other) && strcmp(one, other) == 0;
}

enum life_host life_host(const struct host_names *recorded, const struct host_names *ours)
{
    if (!is_known(recorded->boot_id) || !is_known(ours->boot_id))
        return HOST_UNKNOWN;
    if (is_same(recorded->boot_id, ours->boot_id))
        return HOST_THIS_BOOT;
    return is_same(recorded->machine_id, ours->machine_id) && is_same(recorded->name, ours->name)
               ? HOST_EARLIER_BOOT
               : HOST_OTHER;
}

static enum life_state process_life(const struct liveness_facts *facts, enum process_answer answer)
{
    if (facts->host == HOST_EARLIER_BOOT)
        return LIFE_DEAD;
    /* In another pid namespace the numbers mean other processes. */
    if (facts->host != HOST_THIS_BOOT || !facts->same_pid_ns || answer == PROCESS_UNKNOWN)
        return LIFE_UNKNOWN;
    return answer == PROCESS_LIVES ? LIFE_ALIVE : LIFE_DEAD;
}

/*
 * A socket can only be bound in the kernel that is asked, and its name holds the UID: an answer is proof. A
 * refusal is one on the same boot alone: the file may lie on a file system that another host serves.
 */
static enum life_state supervisor_life(const struct liveness_facts *facts)
{
    if (facts->socket == SOCKET_ANSWERS && (facts->host == HOST_THIS_BOOT || facts->host == HOST_UNKNOWN))
        return LIFE_ALIVE;
    if (facts->socket == SOCKET_REFUSES && facts->host == HOST_THIS_BOOT)
        return LIFE_DEAD;
    return process_life(facts, facts->supervisor);
}

static bool is_past(int64_t age_ms, int64_t limit_ms)
{
    return limit_ms > 0 && age_ms > limit_ms;
}

/* The age that gives up a supervisor of which nothing can be known from here; 0: none does. */
static int64_t given_up_after(const struct liveness_facts *facts, const struct liveness_limits *limits)
{
    if (facts->heartbeat_known)
        return is_past(facts->heartbeat_age_ms, limits->heartbeat_stale_after) ? limits->heartbeat_stale_after
                                                                               : 0;
    return is_past(facts->started_age_ms, limits->no_heartbeat_after) ? limits->no_heartbeat_after : 0;
}

struct liveness liveness_of(const struct liveness_facts *facts, const struct liveness_limits *limits)
{
    struct liveness liveness = {.supervisor = supervisor_life(facts),
                                .child = process_life(facts, facts->child),
                                .stalled = is_past(facts->activity_age_ms, limits->stalled_after)};

    if (liveness.supervisor == LIFE_UNKNOWN)
        liveness.threshold_ms = given_up_after(facts, limits);
    liveness.lost = liveness.supervisor == LIFE_DEAD || liveness.threshold_ms > 0;
    return liveness;
}
