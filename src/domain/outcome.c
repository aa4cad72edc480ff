/*
 * The rules, in their order, as a table: the first whose conditions hold decides. What is seen of an
 * execution is a set of facts; a rule names those that must be there and those that must not.
 */
#include <supervise/domain/outcome.h>

#include <stddef.h>
#include <string.h>

enum fact {
    FINISHED = 1 << 0,
    CANCELLED = 1 << 1,
    CLOSED = 1 << 2,
    NEVER_STARTED = 1 << 3,
    ORPHANED = 1 << 4,
    DEADLINE = 1 << 5,
    DRIVES = 1 << 6,
    ROUND_COMPLETED = 1 << 7,
    ROUND_ABORTED = 1 << 8,
    ROUND_STALE = 1 << 9,
    ENDED_WELL = 1 << 10, /* exit 0, or stopped by us */
    SIGNAL = 1 << 11,
    ZERO = 1 << 12,
    AGENT_UNFINISHED = 1 << 13,
    SESSION_MISSING = 1 << 14, /* required, and none at all */
    WITH_STAGES = 1 << 15,
    STAGES_ALL_DONE = 1 << 16,
};

static const struct rule {
    unsigned present, absent;
    struct verdict verdict;
} rules[] = {
    {0, FINISHED, {OUTCOME_NONE, NULL}},
    {CANCELLED, 0, {OUTCOME_CANCELLED, "cancelled"}},
    {CLOSED, 0, {OUTCOME_CANCELLED, "session-closed"}},
    {NEVER_STARTED, 0, {OUTCOME_FAILED, "spawn"}},
    {ORPHANED, 0, {OUTCOME_FAILED, "orphaned"}},
    {DEADLINE, 0, {OUTCOME_FAILED, "deadline"}},
    {DRIVES | ROUND_COMPLETED | ENDED_WELL, 0, {OUTCOME_SUCCESS, "completed"}},
    {SIGNAL, 0, {OUTCOME_FAILED, "signal"}},
    {0, ZERO, {OUTCOME_FAILED, "exit"}},
    {AGENT_UNFINISHED, DRIVES, {OUTCOME_INCOMPLETE, "agent-unfinished"}},
    {SESSION_MISSING, DRIVES, {OUTCOME_INCOMPLETE, "no-session"}},
    {0, DRIVES, {OUTCOME_SUCCESS, "exit"}},
    {STAGES_ALL_DONE, 0, {OUTCOME_SUCCESS, "stages-done"}},
    {WITH_STAGES, 0, {OUTCOME_INCOMPLETE, "stages-unfinished"}},
    {ROUND_STALE, 0, {OUTCOME_INCOMPLETE, "session-stale"}},
    {ROUND_ABORTED, 0, {OUTCOME_INCOMPLETE, "session-aborted"}},
    {0, 0, {OUTCOME_INCOMPLETE, "session-active"}},
};

static unsigned fact_if(bool holds, enum fact fact)
{
    return holds ? (unsigned)fact : 0;
}

static unsigned facts_seen(const struct outcome_facts *facts)
{
    int code = facts->exit_code;

    return fact_if(facts->finished, FINISHED) | fact_if(code == EXIT_CANCELLED, CANCELLED) |
           fact_if(code == EXIT_SESSION_CLOSED, CLOSED) | fact_if(code == EXIT_NEVER_STARTED, NEVER_STARTED) |
           fact_if(code == EXIT_ORPHANED, ORPHANED) | fact_if(code == EXIT_DEADLINE, DEADLINE) |
           fact_if(facts->drives, DRIVES) | fact_if(facts->settled == SETTLED_COMPLETED, ROUND_COMPLETED) |
           fact_if(facts->settled == SETTLED_ABORTED, ROUND_ABORTED) |
           fact_if(facts->settled == SETTLED_STALE, ROUND_STALE) |
           fact_if(code == 0 || facts->stopped, ENDED_WELL) | fact_if(facts->signal != 0, SIGNAL) |
           fact_if(code == 0, ZERO) | fact_if(facts->agent_unfinished, AGENT_UNFINISHED) |
           fact_if(facts->require_session && !facts->session, SESSION_MISSING) |
           fact_if(facts->stages != STAGES_NONE, WITH_STAGES) |
           fact_if(facts->stages == STAGES_DONE, STAGES_ALL_DONE);
}

struct verdict outcome_of(const struct outcome_facts *facts)
{
    unsigned seen = facts_seen(facts);
    const struct rule *rule = rules;

    /* The last rule asks for nothing, so the walk ends. */
    while ((seen & rule->present) != rule->present || (seen & rule->absent) != 0)
        rule++;
    return rule->verdict;
}

static const char *const names[] = {
    [OUTCOME_NONE] = NULL,       [OUTCOME_SUCCESS] = "success",     [OUTCOME_INCOMPLETE] = "incomplete",
    [OUTCOME_FAILED] = "failed", [OUTCOME_CANCELLED] = "cancelled",
};

const char *outcome_name(enum outcome outcome)
{
    return names[outcome];
}

enum outcome outcome_from_name(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i] && strcmp(names[i], name) == 0)
            return (enum outcome)i;
    }
    return OUTCOME_NONE;
}

enum { STATUS_DEADLINE = 124, STATUS_UNKNOWN = 125, STATUS_SIGNAL = 128, STATUS_TERMINATED = 143 };

static int failed_status(int exit_code, int signal)
{
    if (exit_code == EXIT_DEADLINE)
        return STATUS_DEADLINE;
    if (exit_code < 0) /* never started, orphaned: there is no code of the command's own */
        return STATUS_UNKNOWN;
    return signal ? STATUS_SIGNAL + signal : exit_code;
}

int outcome_exit_status(const struct verdict *verdict, int exit_code, int signal, int incomplete_exit)
{
    switch (verdict->outcome) {
    case OUTCOME_SUCCESS:
        return 0;
    case OUTCOME_INCOMPLETE:
        return incomplete_exit & 0xFF;
    case OUTCOME_FAILED:
        return failed_status(exit_code, signal) & 0xFF;
    case OUTCOME_CANCELLED:
        return signal ? (STATUS_SIGNAL + signal) & 0xFF : STATUS_TERMINATED;
    case OUTCOME_NONE:
        break;
    }
    return STATUS_UNKNOWN; /* in flight, and nobody is there to end it */
}

enum settled settled_from_name(const char *name)
{
    static const char *const settlements[] = {
        [SETTLED_COMPLETED] = "completed", [SETTLED_ABORTED] = "aborted", [SETTLED_STALE] = "stale"};

    for (size_t i = SETTLED_COMPLETED; name && i < sizeof settlements / sizeof *settlements; i++)
        if (strcmp(settlements[i], name) == 0)
            return (enum settled)i;
    return SETTLED_OPEN;
}
