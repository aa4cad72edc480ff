/* The slots of a daemon: see the header. */
#include "slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/store/queue.h>
#include <supervise/supervisor/daemon.h>
#include <supervise/supervisor/liveness.h>

enum { DELAY_MIN_MS = 1000, DELAY_MAX_MS = 60000 };

struct wrapper {
    pid_t pid;
    int64_t number;
    char uid[UID_LENGTH + 1];
};

/* Could not be started, or its wrapper has ended without taking it: not tried again before `until` (awake).
 */
struct delay {
    char uid[UID_LENGTH + 1];
    int64_t until, length;
};

static struct wrapper *wrapper_of(const struct slots *slots, const char *uid)
{
    for (size_t i = 0; i < slots->wrapper_count; i++)
        if (strcmp(slots->wrappers[i].uid, uid) == 0)
            return &slots->wrappers[i];
    return NULL;
}

static struct delay *delay_of(const struct slots *slots, const char *uid)
{
    for (size_t i = 0; i < slots->delay_count; i++)
        if (strcmp(slots->delays[i].uid, uid) == 0)
            return &slots->delays[i];
    return NULL;
}

static int64_t put_off(struct slots *slots, const char *uid)
{
    struct delay *delay = delay_of(slots, uid);

    if (!delay) {
        slots->delays = mem_resize(slots->delays, (slots->delay_count + 1) * sizeof *slots->delays);
        delay = &slots->delays[slots->delay_count++];
        *delay = (struct delay){.length = DELAY_MIN_MS / 2};
        snprintf(delay->uid, sizeof delay->uid, "%s", uid);
    }
    delay->length = delay->length * 2 < DELAY_MAX_MS ? delay->length * 2 : DELAY_MAX_MS;
    delay->until = awake_now_ms() + delay->length;
    return delay->length;
}

static void forget_delay(struct slots *slots, const char *uid)
{
    struct delay *delay = delay_of(slots, uid);

    if (delay)
        *delay = slots->delays[--slots->delay_count];
}

bool slots_full(const struct slots *slots, size_t count)
{
    return slots->wrapper_count >= count;
}

/*
 * How many slots are taken: by wrappers of ours, and by those that an earlier daemon started. Where ours
 * alone take them all, the others aren't asked for.
 */
static int count_busy(const struct slots *slots, struct ledger *ledger, size_t count, size_t *busy,
                      struct error *err)
{
    struct execution_list running;

    *busy = slots->wrapper_count;
    if (slots_full(slots, count))
        return 0;
    if (queue_running(ledger, &running, err))
        return -1;
    for (size_t i = 0; i < running.count; i++)
        *busy += !wrapper_of(slots, running.items[i]->uid) && !execution_gone(running.items[i]);
    execution_list_free(&running);
    return 0;
}

static bool may_start(void *context, const char *uid)
{
    const struct slots *slots = context;
    const struct delay *delay = delay_of(slots, uid);

    return !wrapper_of(slots, uid) && (!delay || awake_now_ms() >= delay->until);
}

static void start_one(struct slots *slots, const struct ledger *ledger, const struct queued *queued)
{
    struct wrapper wrapper = {.number = queued->id};
    struct error err;

    if (daemon_start_wrapper(ledger_path(ledger), queued, &wrapper.pid, &err)) {
        say_warning("%s; it is tried again in %llds", err.text,
                    (long long)put_off(slots, queued->uid) / 1000);
        return;
    }
    snprintf(wrapper.uid, sizeof wrapper.uid, "%s", queued->uid);
    slots->wrappers = mem_resize(slots->wrappers, (slots->wrapper_count + 1) * sizeof *slots->wrappers);
    slots->wrappers[slots->wrapper_count++] = wrapper;
    say_detail("#%lld is started", (long long)queued->id);
}

int slots_fill(struct slots *slots, struct ledger *ledger, size_t count, size_t *busy, struct error *err)
{
    struct queued queued;

    if (count_busy(slots, ledger, count, busy, err))
        return -1;
    for (; *busy < count; ++*busy) {
        if (queue_next(ledger, may_start, slots, &queued, err))
            return -1;
        if (!queued.uid)
            return 0;
        start_one(slots, ledger, &queued);
        queued_free(&queued);
    }
    return 0;
}

/* Why one could not even begin, it has said itself. */
static void look_whether_it_began(struct slots *slots, struct ledger *ledger, const struct wrapper *wrapper,
                                  int status)
{
    struct error err;
    int64_t delay;
    bool waits;

    if (!ledger || queue_holds(ledger, wrapper->uid, &waits, &err))
        return;
    if (!waits) {
        forget_delay(slots, wrapper->uid);
        return;
    }
    delay = put_off(slots, wrapper->uid);
    if (status != 0)
        say_warning("the wrapper of #%lld ended before it began (%s %d); it is tried again in %llds",
                    (long long)wrapper->number, WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (long long)delay / 1000);
}

bool slots_ended(struct slots *slots, struct ledger *ledger, pid_t pid, int status)
{
    for (size_t i = 0; i < slots->wrapper_count; i++) {
        struct wrapper ended = slots->wrappers[i];

        if (ended.pid != pid)
            continue;
        slots->wrappers[i] = slots->wrappers[--slots->wrapper_count];
        look_whether_it_began(slots, ledger, &ended, status);
        return true;
    }
    return false;
}

int slots_wait(const struct slots *slots, struct ledger *ledger, bool *waits, struct error *err)
{
    *waits = false;
    for (size_t i = 0; i < slots->wrapper_count && !*waits; i++)
        if (queue_holds(ledger, slots->wrappers[i].uid, waits, err))
            return -1;
    return 0;
}

void slots_free(struct slots *slots)
{
    free(slots->wrappers);
    free(slots->delays);
}
