/*
 * What is sent to a supervisor's socket: sd_notify(3) of the child and of all who are with it, and wakes.
 * Each message is dealt with before the next is read, so that what answers BARRIER=1 comes after all before
 * it. However much is said, a row is written a few times a second at most; the latest is never lost, since
 * the end takes along what is not written by then.
 */
#include "life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>

enum {
    AT_A_TIME = 512, /* messages, before others have their turn */
    AT_THE_END = 4096,
    WINDOW_MS = 1000,
    WRITES_IN_WINDOW = 5,
    STATUS_MAX = 4000, /* bytes: with its key it fits into one message to our own NOTIFY_SOCKET */
};
static const double RETRY_EVERY = 0.1; /* seconds */

/* ---- What was said ---- */

/* As UTF-8, at most STATUS_MAX bytes of it. The caller frees. */
static char *clean_status(const struct notification *said)
{
    struct buf text = {0};

    text_to_utf8(&text, said->status, said->status_length);
    if (text.len > STATUS_MAX) {
        text.len = STATUS_MAX;
        while ((text.data[text.len] & 0xC0) == 0x80)
            text.len--;
        text.data[text.len] = '\0';
    }
    return buf_take(&text);
}

/* READY and STOPPING are said once; a number counts where it is another one. Returns what is news. */
static unsigned take(struct notified *notified, const struct notification *said)
{
    unsigned news = 0;

    if (said->ready && !(notified->said & SAID_READY))
        news |= SAID_READY;
    if (said->stopping && !(notified->said & SAID_STOPPING))
        news |= SAID_STOPPING;
    if (said->status) {
        news |= SAID_STATUS;
        free(notified->status);
        notified->status = clean_status(said);
    }
    if (said->error_number != NOTIFY_NOT_SAID &&
        !(notified->said & SAID_ERRNO && notified->error_number == said->error_number)) {
        news |= SAID_ERRNO;
        notified->error_number = said->error_number;
    }
    if (said->exit_status != NOTIFY_NOT_SAID &&
        !(notified->said & SAID_EXIT && notified->exit_status == said->exit_status)) {
        news |= SAID_EXIT;
        notified->exit_status = said->exit_status;
    }
    if (news)
        notified->at = wall_now_ms();
    notified->said |= news;
    notified->unwritten |= news;
    if (notified->above)
        notified->untold |= news & (SAID_READY | SAID_STATUS | SAID_STOPPING);
    return news;
}

/* ---- Where it goes ---- */

bool notify_unwritten(const struct life *life, struct execution_said *said)
{
    const struct notified *notified = &life->notified;
    unsigned news = notified->unwritten;

    *said = (struct execution_said){
        .ready = news & SAID_READY,
        .stopping = news & SAID_STOPPING,
        .status = news & SAID_STATUS ? notified->status : NULL,
        .error_number = news & SAID_ERRNO ? notified->error_number : NO_INT,
        .exit_status = news & SAID_EXIT ? notified->exit_status : NO_INT,
        .at = notified->at,
    };
    return news != 0;
}

/* False where the ledger is busy, and it is worth trying again soon. */
static bool write_down(struct life *life)
{
    struct execution_said said;
    struct error err;

    if (!life->ledger || !notify_unwritten(life, &said))
        return true;
    if (execution_said(life->ledger, life->uid, &said, &err) == 0)
        life->notified.unwritten = 0;
    return !life->notified.unwritten || err.code != ERR_BUSY;
}

/* True where it was taken, or never will be. */
static bool send_on(struct notified *notified, const char *text)
{
    if (notify_socket_send(notified->above, text) == 0)
        return true;
    if (errno == EAGAIN)
        return false;
    say_detail("cannot pass on to %s what the command says: %s", notified->above, strerror(errno));
    return true;
}

/* STOPPING has a message of its own: to systemd, only the last of the two in one counts. */
static bool tell_above(struct notified *notified)
{
    AUTOBUF struct buf text = {0};

    if (notified->untold & SAID_READY)
        buf_puts(&text, "READY=1\n");
    if (notified->untold & SAID_STATUS)
        buf_printf(&text, "STATUS=%s\n", notified->status);
    if (text.len && !send_on(notified, text.data))
        return false;
    notified->untold &= SAID_STOPPING;
    if (notified->untold && !send_on(notified, "STOPPING=1\n"))
        return false;
    notified->untold = 0;
    return true;
}

static void on_write(struct ev_loop *loop, ev_timer *watcher, int events);

static void write_later(struct life *life, double seconds)
{
    ev_timer_init(&life->notified.on_write, on_write, seconds, 0);
    life->notified.on_write.data = life;
    ev_timer_start(life->loop, &life->notified.on_write);
}

/* What is said once is never put off, but by a ledger that is busy. */
static void pass_on(struct life *life, unsigned news)
{
    struct notified *notified = &life->notified;
    int64_t in_window = awake_now_ms() - notified->window_began;
    bool written, told;

    if (!(notified->unwritten | notified->untold) ||
        (ev_is_active(&notified->on_write) && !(news & (SAID_READY | SAID_STOPPING))))
        return;
    ev_timer_stop(life->loop, &notified->on_write);
    if (in_window >= WINDOW_MS) {
        notified->window_began += in_window;
        notified->written_in_window = 0;
        in_window = 0;
    }
    if (notified->written_in_window >= WRITES_IN_WINDOW && !(news & (SAID_READY | SAID_STOPPING))) {
        write_later(life, (double)(WINDOW_MS - in_window) / 1000);
        return;
    }
    notified->written_in_window++;
    written = write_down(life);
    told = tell_above(notified);
    if (!written || !told)
        write_later(life, RETRY_EVERY);
}

static void on_write(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    pass_on(watcher->data, 0);
}

/* ---- How it is read ---- */

/* What is said is written before what follows from it: a status tells why the watchdog is triggered. */
static void heed(struct life *life, const struct notification *said, unsigned news)
{
    pass_on(life, news);
    if (said->watchdog || news & SAID_READY)
        clocks_watch(life);
    if (said->watchdog_usec != NOTIFY_NOT_SAID)
        clocks_watchdog_usec(life, said->watchdog_usec);
    if (said->extend_usec != NOTIFY_NOT_SAID)
        clocks_extend(life, said->extend_usec);
    if (said->watchdog_trigger)
        clocks_watchdog_trigger(life);
}

/* The next message; *news is what it says that wasn't said before. False where none waits. */
static bool next_message(struct life *life, struct notification *said, unsigned *news)
{
    char bytes[NOTIFY_MESSAGE_MAX + 1];
    ssize_t length = control_socket_read(&life->control, bytes, sizeof bytes);

    if (length < 0)
        return false;
    notification_read(bytes, (size_t)length, said);
    *news = take(&life->notified, said);
    said->status = NULL; /* it goes with the bytes */
    if (said->activity)
        clocks_activity(life);
    return true;
}

static void on_control(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct life *life = watcher->data;
    struct notification said;
    bool wake = false;
    unsigned news;

    (void)loop;
    (void)events;
    for (int i = 0; i < AT_A_TIME && next_message(life, &said, &news); i++) {
        heed(life, &said, news);
        wake = wake || said.wake;
    }
    if (wake)
        record_look(life);
    life_go_on(life);
}

/* A vsock, the only other kind of address, is the way out of a virtual machine. */
static const char *own_socket(void)
{
    const char *address = getenv("NOTIFY_SOCKET");

    return address && (*address == '/' || *address == '@') && address[1] ? address : NULL;
}

void notify_start(struct life *life)
{
    if (life->control.fd < 0)
        return;
    life->notified.above = own_socket();
    ev_io_init(&life->on_control, on_control, life->control.fd, EV_READ);
    life->on_control.data = life;
    ev_io_start(life->loop, &life->on_control);
}

void notify_end(struct life *life)
{
    struct notification said;
    unsigned news;

    ev_timer_stop(life->loop, &life->notified.on_write);
    for (int i = 0; i < AT_THE_END && life->control.fd >= 0 && next_message(life, &said, &news); i++)
        ;
    tell_above(&life->notified);
}

void notify_free(struct life *life)
{
    free(life->notified.status);
}
