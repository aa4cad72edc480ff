/* The rules of `--after`: see the header. */
#include <supervise/domain/queue.h>

#include <supervise/base/buf.h>

/*
 * What drives no session has no round that could still be completed: where that ended incomplete, it stays
 * so.
 */
enum after_rule after_rule(const struct predecessor *predecessor)
{
    if (!predecessor->finished)
        return AFTER_WAITS;
    if (predecessor->outcome == OUTCOME_SUCCESS)
        return AFTER_MET;
    if (predecessor->outcome == OUTCOME_INCOMPLETE && predecessor->drives &&
        predecessor->settled == SETTLED_OPEN)
        return AFTER_WAITS;
    return AFTER_LOST;
}

static const char *incomplete_words(const struct predecessor *predecessor)
{
    if (!predecessor->drives)
        return "ended incomplete, and has no session that could still be completed";
    switch (predecessor->settled) {
    case SETTLED_OPEN:
        return "is incomplete until its session is closed as completed or goes on to the next round";
    case SETTLED_ABORTED:
        return "ended incomplete in a session that was aborted";
    case SETTLED_STALE:
        return "ended incomplete in a session that was closed as stale";
    case SETTLED_COMPLETED:
        break;
    }
    return "ended incomplete";
}

static const char *state_words(const struct predecessor *predecessor)
{
    if (!predecessor->finished)
        return predecessor->started ? "is running" : "is queued";
    switch (predecessor->outcome) {
    case OUTCOME_SUCCESS:
        return "has succeeded";
    case OUTCOME_FAILED:
        return "has failed";
    case OUTCOME_CANCELLED:
        return "was cancelled";
    case OUTCOME_INCOMPLETE:
    case OUTCOME_NONE:
        break;
    }
    return incomplete_words(predecessor);
}

char *after_words(const struct predecessor *predecessor)
{
    return mem_printf("#%lld, which %s", (long long)predecessor->number, state_words(predecessor));
}
