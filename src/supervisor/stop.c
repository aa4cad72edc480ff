/*
 * Ending the tree: SIGTERM and SIGCONT to all, the grace, SIGKILL, and done the moment all are gone. A nested
 * supervisor gets SIGTERM alone and ends its own tree; when our grace is over so is its, and SIGKILL reaches
 * it 5 s later, so that it can record its end. A daemon, wrappers started by it or with --detach, and
 * children from before an exec are not part of the tree. Who is a wrapper the ledger knows, and pid and start
 * time prove it.
 */
#include "life.h"
#include "others.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/supervisor/liveness.h>

enum { NESTED_AFTER_MS = 5000, LOOK_ANEW_MS = 10, CHASE_MS = 20 };
static const double LOOK_EVERY = 0.05; /* seconds: not every death is told to us */

/* ---- Lists of processes ---- */

static const struct noted *find_noted(const struct noted_list *list, const struct process *process)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].pid == process->pid && list->items[i].start == process->start)
            return &list->items[i];
    return NULL;
}

static bool among(const struct noted_list *list, const struct process *process)
{
    return find_noted(list, process) != NULL;
}

static void note(struct noted_list *list, const struct process *process)
{
    list->items = mem_resize(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = (struct noted){process->pid, process->start, awake_now_ms()};
}

/* ---- Who is in it ---- */

struct judging {
    const struct life *life;
    struct others others;
};

static enum tree_branch judge(const struct process *process, void *context)
{
    struct judging *judging = context;
    const struct inherited *inherited = judging->life->inherited;

    if (process->pid == judging->life->child.leader)
        return TREE_PASS;
    for (size_t i = 0; i < inherited->children.count; i++)
        if (inherited->children.items[i].pid == process->pid &&
            inherited->children.items[i].start == process->start)
            return TREE_LEAVE;
    if (among(&judging->life->beyond, process)) /* it can't be ended by us, and is not waited for */
        return TREE_PASS;
    return others_judge(&judging->others, process, judging->life->child_process.pid);
}

static bool read_tree(struct life *life, struct tree *tree, struct judging *judging)
{
    struct error ignored;

    *judging = (struct judging){.life = life};
    if (life->ledger)
        others_read(life->ledger, &judging->others, &ignored);
    return tree_read(tree, judge, judging);
}

bool stop_left(struct life *life, struct tree *left)
{
    struct judging judging;
    struct tree tree = {0};
    bool children = tree_has_children(), any = false;

    /* However fast they die: each of these deaths is no reason to read the whole tree again. */
    if (children && !left && life->left_seen_at && awake_now_ms() - life->left_seen_at < LOOK_ANEW_MS)
        return true;
    if (children) {
        any = !read_tree(life, &tree, &judging) || tree.count > 0;
        others_free(&judging.others);
    }
    life->left_seen_at = any ? awake_now_ms() : 0;
    if (left)
        *left = tree;
    else
        tree_free(&tree);
    return any;
}

/* ---- SIGTERM ---- */

/* What one signal to the child reaches: it, or its whole group. */
static bool reached_with_child(const struct life *life, const struct process *process)
{
    return life->child.pid > 1 && (process->pid == life->child.pid ||
                                   (signals_reach_group(life) && process->group == life->child.pid));
}

/*
 * Asks those who were there before the first of them is told: what a handler of SIGTERM starts to clean up is
 * left to do its work. Each gets it once.
 */
static void ask_all(struct life *life)
{
    struct tree tree;

    stop_left(life, &tree);
    signals_to_child(life, SIGTERM);
    for (size_t i = 0; i < tree.count; i++) {
        note(&life->asked, &tree.items[i]);
        if (!reached_with_child(life, &tree.items[i]))
            identity_signal(tree.items[i].pid, tree.items[i].start, SIGTERM);
    }
    signals_to_child(life, SIGCONT);
    for (size_t i = 0; i < tree.count; i++)
        if (!reached_with_child(life, &tree.items[i]))
            identity_signal(tree.items[i].pid, tree.items[i].start, SIGCONT);
    tree_free(&tree);
}

/* Who was forked while the others were being asked, and has lost its parent since, is nobody's helper. */
static void ask_late_orphans(struct life *life)
{
    struct tree tree;

    stop_left(life, &tree);
    for (size_t i = 0; i < tree.count; i++) {
        const struct process *process = &tree.items[i];

        if (process->parent != getpid() || process->start > life->stop_began_ticks ||
            among(&life->asked, process))
            continue;
        note(&life->asked, process);
        identity_signal(process->pid, process->start, SIGTERM);
        identity_signal(process->pid, process->start, SIGCONT);
    }
    tree_free(&tree);
}

/* ---- SIGKILL ---- */

/* SIGKILL; one that another user runs can't be ended by us. False where it was gone already. */
static bool end_one(struct life *life, const struct process *process)
{
    if (identity_signal(process->pid, process->start, SIGKILL) == 0)
        return true;
    if (errno != EPERM)
        return false;
    note(&life->beyond, process);
    return true;
}

/* Whether there was one to be killed. No pid of ours is anybody else's before we reap it. */
static bool kill_orphans(struct judging *judging)
{
    struct tree children;
    bool any = false;

    tree_read_children(&children);
    for (size_t i = 0; i < children.count; i++)
        if (judge(&children.items[i], judging) == TREE_TAKE)
            any = kill(children.items[i].pid, SIGKILL) == 0 || any;
    tree_free(&children);
    return any;
}

/*
 * Whoever forks and dies faster than the whole tree is read, is never met in it. But the moment its parent is
 * gone it is a child of ours, and these are read at once.
 */
static void chase(struct judging *judging)
{
    int64_t until = awake_now_ms() + CHASE_MS;

    while (kill_orphans(judging) && awake_now_ms() < until)
        ;
}

/* A nested supervisor is told that its grace is over, and then has time to end its own and to write it down.
 */
static void end_nested(struct life *life, const struct process *process)
{
    const struct noted *told = find_noted(&life->nested, process);

    if (!told) {
        note(&life->nested, process);
        identity_signal(process->pid, process->start, SIGTERM);
    } else if (awake_now_ms() - told->at_ms >= NESTED_AFTER_MS) {
        end_one(life, process);
    }
}

static void kill_all(struct life *life)
{
    struct judging judging;
    struct tree tree;
    bool all_met = true;

    read_tree(life, &tree, &judging);
    for (size_t i = 0; i < tree.count; i++) {
        if (supervisor_among(&judging.others.wrappers, &tree.items[i]))
            end_nested(life, &tree.items[i]);
        else
            all_met = end_one(life, &tree.items[i]) && all_met;
    }
    if (!all_met || tree.count == 0)
        chase(&judging);
    /* Without a /proc of ours the tree can't be read; the child is ours all the same. */
    if (tree.count == 0)
        signals_to_child(life, SIGKILL);
    others_free(&judging.others);
    tree_free(&tree);
}

static void begin_killing(struct life *life)
{
    life->stopping = STOP_KILLING;
    ev_timer_stop(life->loop, &life->on_grace);
    kill_all(life);
}

static void on_grace(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    begin_killing(life);
    life_go_on(life);
}

/* Deaths below our own children aren't told to us; and what is forked while we kill must be killed too. */
static void on_tree(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    if (life->stopping == STOP_KILLING)
        kill_all(life);
    else
        ask_late_orphans(life);
    life_go_on(life);
}

void stop_grace_over(struct life *life)
{
    if (life->stopping == STOP_ASKED)
        begin_killing(life);
}

/* What outlived the child is named before it is ended. */
static void note_stragglers(struct life *life)
{
    struct tree left;

    stop_left(life, &left);
    if (left.count == 0)
        return;
    life->stragglers = json_array();
    for (size_t i = 0; i < left.count; i++) {
        AUTOBUF struct buf name = {0};

        text_to_utf8(&name, left.items[i].name, strlen(left.items[i].name));
        json_array_append_new(life->stragglers, json_pack("{s:i, s:s}", "pid", (int)left.items[i].pid,
                                                          "command", name.data ? name.data : ""));
    }
    tree_free(&left);
}

void stop_tree(struct life *life)
{
    if (life->stopping != STOP_NONE)
        return;
    life->stopping = STOP_ASKED;
    if (life->child_gone)
        note_stragglers(life);
    /* Clock ticks since boot, as in /proc/PID/stat. */
    life->stop_began_ticks = boot_now_ms() * sysconf(_SC_CLK_TCK) / 1000;
    ask_all(life);
    ev_timer_init(&life->on_grace, on_grace, (double)life->plan->kill_after_ms / 1000, 0);
    life->on_grace.data = life;
    ev_timer_start(life->loop, &life->on_grace);
    ev_timer_init(&life->on_tree, on_tree, LOOK_EVERY, LOOK_EVERY);
    life->on_tree.data = life;
    ev_timer_start(life->loop, &life->on_tree);
}

void stop_end(struct life *life)
{
    ev_timer_stop(life->loop, &life->on_grace);
    ev_timer_stop(life->loop, &life->on_tree);
    free(life->asked.items);
    free(life->nested.items);
    free(life->beyond.items);
}
