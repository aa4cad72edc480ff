/*
 * Messages of sd_notify(3): lines KEY=VALUE, read up to the first NUL. As in systemd, of a key that stands
 * there twice the first counts, unknown keys and values that are none are passed over, and BARRIER=1 must
 * stand alone, or nothing counts. WATCHDOG=trigger outweighs WATCHDOG=1.
 */
#ifndef SUPERVISE_DOMAIN_NOTIFY_H
#define SUPERVISE_DOMAIN_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sent by `cancel` and `session close` of this program: look into the ledger. */
#define SOCKET_WAKE "X_SUPERVISE_WAKE=1"

enum { NOTIFY_NOT_SAID = -1 };

struct notification {
    bool activity; /* something was said, other than SOCKET_WAKE */
    bool ready, stopping, watchdog, watchdog_trigger, wake;
    const char *status; /* in the message, status_length bytes of any kind; NULL: not said */
    size_t status_length;
    int64_t watchdog_usec, extend_usec, error_number, exit_status; /* or NOTIFY_NOT_SAID */
};

/* What `length` bytes say. `read->status` points into them. */
void notification_read(const char *bytes, size_t length, struct notification *read);

#endif
