/* Commands without supervisor, ended and watched: see the header. */
#include <supervise/supervisor/unsupervised.h>

#include "others.h"

#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/store/spool.h>
#include <supervise/store/sweep.h>
#include <supervise/supervisor/liveness.h>
#include <supervise/supervisor/socket.h>

enum { LOOK_EVERY_MS = 20, NESTED_AFTER_MS = 5000, PAGE = 64 };

bool is_unsupervised(const struct liveness *liveness)
{
    return liveness->lost && liveness->child == LIFE_ALIVE;
}

/* ---- Its end, as far as it is known ---- */

int unsupervised_settle(struct ledger *ledger, const struct execution *execution,
                        const struct liveness *liveness, const char *note, int64_t *exit_code, bool *changed,
                        struct error *err)
{
    struct presumed_end end = {.at = wall_now_ms(),
                               .threshold_ms = liveness->threshold_ms,
                               .process_gone = liveness->child == LIFE_DEAD,
                               .note = note};

    if (execution_presume(ledger, execution, &end, exit_code, changed, err))
        return -1;
    if (*changed && execution->socket && liveness->supervisor == LIFE_DEAD)
        control_socket_remove(execution->socket);
    return 0;
}

int unsupervised_release(struct ledger *ledger, const struct execution *execution,
                         const struct liveness *liveness, bool *changed, struct error *err)
{
    if (execution_release(ledger, execution, changed, err))
        return -1;
    if (*changed && execution->socket && liveness->supervisor == LIFE_DEAD)
        control_socket_remove(execution->socket);
    return 0;
}

/* It is proven to be gone: its end is written, or, where one stands, that the process is gone. */
static int settle_gone(struct ledger *ledger, const struct execution *execution, const char *note,
                       struct error *err)
{
    static const struct liveness gone = {.supervisor = LIFE_DEAD, .child = LIFE_DEAD, .lost = true};
    int64_t exit_code;
    bool changed;

    spool_take_in(ledger);
    if (unsupervised_settle(ledger, execution, &gone, note, &exit_code, &changed, err))
        return -1;
    return changed ? 0 : unsupervised_release(ledger, execution, &gone, &changed, err);
}

/* ---- Ending it ---- */

/* The command with all that goes with it, and who of it isn't its own; reach_free() it. */
struct reach {
    struct tree tree;
    struct others others;
    pid_t command;
};

/* We have to outlive what we end. */
static enum tree_branch judge(const struct process *process, void *context)
{
    const struct reach *reach = context;

    return process->pid == getpid() ? TREE_LEAVE : others_judge(&reach->others, process, reach->command);
}

static void reach_free(struct reach *reach)
{
    tree_free(&reach->tree);
    others_free(&reach->others);
}

static int reach_read(struct ledger *ledger, const struct execution *execution, struct reach *reach,
                      struct error *err)
{
    *reach = (struct reach){.command = (pid_t)execution->pid};
    if (others_read(ledger, &reach->others, err))
        return -1;
    tree_read_from(&reach->tree, reach->command, execution->pid_start, judge, reach);
    return 0;
}

static void signal_all(const struct reach *reach, int number, int to_wrappers)
{
    for (size_t i = 0; i < reach->tree.count; i++) {
        const struct process *process = &reach->tree.items[i];

        identity_signal(process->pid, process->start,
                        supervisor_among(&reach->others.wrappers, process) ? to_wrappers : number);
    }
}

static void ask_all(const struct reach *reach)
{
    signal_all(reach, SIGTERM, SIGTERM);
    signal_all(reach, SIGCONT, SIGCONT);
}

/* Whether all are gone within that time. */
static bool are_gone(const struct reach *reach, int64_t within_ms)
{
    int64_t until = awake_now_ms() + within_ms;

    for (;;) {
        size_t alive = 0;

        for (size_t i = 0; i < reach->tree.count; i++)
            alive += identity_ask(reach->tree.items[i].pid, reach->tree.items[i].start) == PROCESS_LIVES;
        if (alive == 0 || awake_now_ms() >= until)
            return alive == 0;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
    }
}

/* What is left of the grace that began then; a time ahead of our clock counts for nothing. */
static int64_t grace_left(int64_t asked_at, int64_t kill_after_ms)
{
    int64_t age = wall_now_ms() - asked_at;

    return age < 0 || age >= kill_after_ms ? 0 : kill_after_ms - age;
}

/* Those that were asked, and what was started meanwhile. A wrapper has some time to write down its own end.
 */
static int kill_all(struct ledger *ledger, const struct execution *execution, const struct reach *asked,
                    struct error *err)
{
    struct reach late;

    if (reach_read(ledger, execution, &late, err))
        return -1;
    for (int turn = 0; turn < 2; turn++) {
        signal_all(asked, SIGKILL, turn == 0 ? SIGTERM : SIGKILL);
        signal_all(&late, SIGKILL, turn == 0 ? SIGTERM : SIGKILL);
        if (are_gone(asked, NESTED_AFTER_MS) && are_gone(&late, NESTED_AFTER_MS))
            break;
    }
    reach_free(&late);
    if (identity_ask((pid_t)execution->pid, execution->pid_start) == PROCESS_GONE)
        return 0;
    return error_set(err, ERR_OTHER, "cannot end #%lld: its process %lld does not go",
                     (long long)execution->id, (long long)execution->pid);
}

int unsupervised_end(struct ledger *ledger, const struct execution *execution, int64_t kill_after_ms,
                     struct error *err)
{
    struct reach reach;
    int64_t asked_at;
    bool first;
    int result = 0;

    if (execution_ask_to_end(ledger, execution, wall_now_ms(), &asked_at, &first, err) ||
        reach_read(ledger, execution, &reach, err))
        return -1;
    if (first)
        ask_all(&reach);
    if (!are_gone(&reach, asked_at == NO_INT ? 0 : grace_left(asked_at, kill_after_ms)))
        result = kill_all(ledger, execution, &reach, err);
    reach_free(&reach);
    return result ? result : settle_gone(ledger, execution, NULL, err);
}

int unsupervised_ask(struct ledger *ledger, const struct execution *execution, int64_t kill_after_ms,
                     bool *acted, struct error *err)
{
    struct reach reach;
    int64_t asked_at;
    bool first;

    *acted = false;
    if (execution_ask_to_end(ledger, execution, wall_now_ms(), &asked_at, &first, err))
        return -1;
    if (asked_at == NO_INT || (!first && grace_left(asked_at, kill_after_ms) > 0))
        return 0;
    if (reach_read(ledger, execution, &reach, err))
        return -1;
    if (first)
        ask_all(&reach);
    else
        signal_all(&reach, SIGKILL,
                   grace_left(asked_at, kill_after_ms + NESTED_AFTER_MS) ? SIGTERM : SIGKILL);
    *acted = reach.tree.count > 0;
    reach_free(&reach);
    return 0;
}

/* ---- Watching ---- */

struct watched {
    ev_io readable; /* the pidfd is, once the process is gone */
    struct unsupervised *watch;
    struct execution *execution;
    struct watched *next;
};

struct unsupervised {
    struct ev_loop *loop;
    struct ledger *ledger;
    struct watched *first;
};

struct unsupervised *unsupervised_new(struct ev_loop *loop, struct ledger *ledger)
{
    struct unsupervised *watch = mem_alloc(sizeof *watch);

    *watch = (struct unsupervised){.loop = loop, .ledger = ledger};
    return watch;
}

static void stop_watching(struct watched *watched)
{
    ev_io_stop(watched->watch->loop, &watched->readable);
    close(watched->readable.fd);
    execution_free(watched->execution);
    free(watched);
}

static void unlink_watched(struct watched *watched)
{
    struct watched **place = &watched->watch->first;

    while (*place != watched)
        place = &(*place)->next;
    *place = watched->next;
}

/* What can't be written now, the next sweep settles. */
static void on_gone(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct watched *watched = watcher->data;
    char at[TIME_TEXT_SIZE];
    AUTOFREE char *note = NULL;
    struct error err;

    (void)loop;
    (void)events;
    time_format(wall_now_ms(), at);
    note = mem_printf("the command, without supervisor by then, was seen to end at %s; how is not known", at);
    if (settle_gone(watched->watch->ledger, watched->execution, note, &err))
        say_warning("%s: the end of #%lld waits for the next sweep", err.text,
                    (long long)watched->execution->id);
    unlink_watched(watched);
    stop_watching(watched);
}

static bool is_watched(const struct unsupervised *watch, const char *uid)
{
    for (const struct watched *watched = watch->first; watched; watched = watched->next)
        if (strcmp(watched->execution->uid, uid) == 0)
            return true;
    return false;
}

/* Takes the execution over where its command is one to watch. */
static bool watch_one(struct unsupervised *watch, struct execution *execution)
{
    struct liveness liveness;
    struct watched *watched;
    int fd;

    if (is_watched(watch, execution->uid))
        return false;
    liveness = liveness_look(execution, NULL);
    if (!is_unsupervised(&liveness) || (fd = identity_open((pid_t)execution->pid, execution->pid_start)) < 0)
        return false;
    watched = mem_alloc(sizeof *watched);
    *watched = (struct watched){.watch = watch, .execution = execution, .next = watch->first};
    watch->first = watched;
    ev_io_init(&watched->readable, on_gone, fd, EV_READ);
    watched->readable.data = watched;
    ev_io_start(watch->loop, &watched->readable);
    return true;
}

static int watch_page(struct unsupervised *watch, enum sweep_of of, int64_t *after, size_t *count,
                      struct error *err)
{
    struct execution_list list;

    if (sweep_page(watch->ledger, of, *after, PAGE, &list, err))
        return -1;
    *count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        *after = list.items[i]->id;
        if (watch_one(watch, list.items[i]))
            list.items[i] = NULL;
    }
    execution_list_free(&list);
    return 0;
}

int unsupervised_watch(struct unsupervised *watch, struct error *err)
{
    for (enum sweep_of of = SWEEP_RUNNING; of <= SWEEP_CLOSED; of++) {
        int64_t after = 0;
        size_t count = 0;

        do
            if (watch_page(watch, of, &after, &count, err))
                return -1;
        while (count == PAGE);
    }
    return 0;
}

void unsupervised_free(struct unsupervised *watch)
{
    struct watched *next;

    for (struct watched *watched = watch ? watch->first : NULL; watched; watched = next) {
        next = watched->next;
        stop_watching(watched);
    }
    free(watch);
}
