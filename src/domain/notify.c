/* What a message of sd_notify(3) says: see the header. */
#include <supervise/domain/notify.h>

#include <string.h>

enum { ERRNO_MOST = 4095, EXIT_STATUS_MOST = 255 };

static const struct flag {
    const char *line;
    size_t offset;
} flags[] = {
    {"READY=1", offsetof(struct notification, ready)},
    {"STOPPING=1", offsetof(struct notification, stopping)},
    {"WATCHDOG=1", offsetof(struct notification, watchdog)},
    {"WATCHDOG=trigger", offsetof(struct notification, watchdog_trigger)},
    {SOCKET_WAKE, offsetof(struct notification, wake)},
};

static const struct number {
    const char *key; /* with its '=' */
    int64_t most;
    size_t offset;
} numbers[] = {
    {"WATCHDOG_USEC=", INT64_MAX, offsetof(struct notification, watchdog_usec)},
    {"EXTEND_TIMEOUT_USEC=", INT64_MAX, offsetof(struct notification, extend_usec)},
    {"ERRNO=", ERRNO_MOST, offsetof(struct notification, error_number)},
    {"EXIT_STATUS=", EXIT_STATUS_MOST, offsetof(struct notification, exit_status)},
};

static const struct notification nothing = {.watchdog_usec = NOTIFY_NOT_SAID,
                                            .extend_usec = NOTIFY_NOT_SAID,
                                            .error_number = NOTIFY_NOT_SAID,
                                            .exit_status = NOTIFY_NOT_SAID};

static bool is(const char *line, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(line, text, length) == 0;
}

/* What stands behind the key; NULL where the line begins otherwise. */
static const char *behind(const char *line, size_t length, const char *key)
{
    size_t own = strlen(key);

    return length >= own && memcmp(line, key, own) == 0 ? line + own : NULL;
}

/* Decimal digits and nothing else, at most `most`; else NOTIFY_NOT_SAID. */
static int64_t read_number(const char *digits, size_t length, int64_t most)
{
    int64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        int digit = digits[i] - '0';

        if (digit < 0 || digit > 9 || value > (most - digit) / 10)
            return NOTIFY_NOT_SAID;
        value = value * 10 + digit;
    }
    return length ? value : NOTIFY_NOT_SAID;
}

static void read_line(const char *line, size_t length, struct notification *read)
{
    const char *value = behind(line, length, "STATUS=");

    if (value && !read->status) {
        read->status = value;
        read->status_length = length - (size_t)(value - line);
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (is(line, length, flags[i].line))
            *(bool *)((char *)read + flags[i].offset) = true;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t *place = (int64_t *)(void *)((char *)read + numbers[i].offset);

        value = behind(line, length, numbers[i].key);
        if (value && *place == NOTIFY_NOT_SAID)
            *place = read_number(value, length - (size_t)(value - line), numbers[i].most);
    }
}

void notification_read(const char *bytes, size_t length, struct notification *read)
{
    size_t lines = 0;
    bool barrier = false;

    *read = nothing;
    length = strnlen(bytes, length);
    for (size_t at = 0, own; at < length; at += own + 1) {
        const char *line = bytes + at, *end = memchr(line, '\n', length - at);

        own = end ? (size_t)(end - line) : length - at;
        if (own == 0)
            continue;
        lines++;
        barrier = barrier || is(line, own, "BARRIER=1");
        if (!is(line, own, SOCKET_WAKE) && *line != '=' && memchr(line, '=', own))
            read->activity = true;
        read_line(line, own, read);
    }
    if (barrier && lines > 1)
        *read = nothing;
}
