/* The directory of the ledger under inotify(7): see the header. */
#include <supervise/store/watch.h>

#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>

/* The directory, not the file: what is written goes to the -wal beside it, which comes and goes. */
int ledger_watch_open(const char *ledger_path)
{
    AUTOFREE char *directory = path_parent(ledger_path);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (watch >= 0 &&
        inotify_add_watch(watch, directory,
                          IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR) < 0)
        fd_close(&watch);
    return watch;
}

bool ledger_watch_read(int watch, const char *ledger_path)
{
    _Alignas(struct inotify_event) char events[16384];
    const char *slash = strrchr(ledger_path, '/'), *name = slash ? slash + 1 : ledger_path;
    bool touched = false;
    ssize_t length = read(watch, events, sizeof events);

    /* No more than that at a time: somebody may be writing there faster than it can be read. */
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(events + at);

        /* Without a name it is about the directory itself, or some were lost. */
        touched = touched || event->len == 0 || strncmp(event->name, name, strlen(name)) == 0;
        at += (ssize_t)(sizeof *event + event->len);
    }
    return touched;
}

bool ledger_watch_wait(int watch, const char *ledger_path, int64_t ms)
{
    struct pollfd ready = {.fd = watch, .events = POLLIN};

    return poll(&ready, watch >= 0, (int)ms) > 0 && ledger_watch_read(watch, ledger_path);
}
