/*
 * A message of sd_notify(3): it says what its lines say one by one, of each key the first; and nothing where
 * BARRIER=1 has company.
 */
#include "fuzz.h"

#include <supervise/domain/notify.h>

static void first_counts(int64_t *place, int64_t said, int64_t most)
{
    HOLDS(said == NOTIFY_NOT_SAID || (said >= 0 && said <= most));
    if (*place == NOTIFY_NOT_SAID)
        *place = said;
}

static void add(struct notification *sum, const struct notification *line)
{
    sum->activity |= line->activity;
    sum->ready |= line->ready;
    sum->stopping |= line->stopping;
    sum->watchdog |= line->watchdog;
    sum->watchdog_trigger |= line->watchdog_trigger;
    sum->wake |= line->wake;
    if (!sum->status) {
        sum->status = line->status;
        sum->status_length = line->status_length;
    }
    first_counts(&sum->watchdog_usec, line->watchdog_usec, INT64_MAX);
    first_counts(&sum->extend_usec, line->extend_usec, INT64_MAX);
    first_counts(&sum->error_number, line->error_number, 4095);
    first_counts(&sum->exit_status, line->exit_status, 255);
}

static bool same(const struct notification *a, const struct notification *b)
{
    return a->activity == b->activity && a->ready == b->ready && a->stopping == b->stopping &&
           a->watchdog == b->watchdog && a->watchdog_trigger == b->watchdog_trigger && a->wake == b->wake &&
           a->status == b->status && a->status_length == b->status_length &&
           a->watchdog_usec == b->watchdog_usec && a->extend_usec == b->extend_usec &&
           a->error_number == b->error_number && a->exit_status == b->exit_status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notification whole, sum, nothing, line;
    const char *bytes = (const char *)data;
    size_t length = size ? strnlen(bytes, size) : 0, lines = 0;
    bool barrier = false;

    notification_read("", 0, &nothing);
    notification_read(size ? bytes : "", size, &whole);
    sum = nothing;
    for (size_t at = 0, own; at < length; at += own + 1) {
        const char *newline = memchr(bytes + at, '\n', length - at);

        own = newline ? (size_t)(newline - bytes) - at : length - at;
        lines += own > 0;
        barrier |= own == 9 && memcmp(bytes + at, "BARRIER=1", own) == 0;
        notification_read(bytes + at, own, &line);
        HOLDS(!line.status || !memchr(line.status, '\n', line.status_length));
        add(&sum, &line);
    }
    HOLDS(same(&whole, barrier && lines > 1 ? &nothing : &sum));
    return 0;
}
