/* A tree of processes, from one walk over /proc: see the header. */
#include <supervise/process/tree.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>

bool tree_has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* All that lives, zombies left out. */
static void read_all(struct tree *all)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;

    *all = (struct tree){0};
    while (directory && (entry = readdir(directory))) {
        struct process process;
        pid_t pid = atoi(entry->d_name);

        if (pid <= 1 || identity_process(pid, &process) || process.ended)
            continue;
        all->items = mem_resize(all->items, (all->count + 1) * sizeof *all->items);
        all->items[all->count++] = process;
    }
    if (directory)
        closedir(directory);
}

static bool has(const struct tree *tree, pid_t pid)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->items[i].pid == pid)
            return true;
    return false;
}

static void take(const struct tree *all, const struct process *process, struct tree *tree, tree_judge *judge,
                 void *context);

static void take_children(const struct tree *all, pid_t parent, struct tree *tree, tree_judge *judge,
                          void *context)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].parent == parent && all->items[i].pid != parent)
            take(all, &all->items[i], tree, judge, context);
}

static void take(const struct tree *all, const struct process *process, struct tree *tree, tree_judge *judge,
                 void *context)
{
    enum tree_branch branch = judge(process, context);

    if (has(tree, process->pid))
        return;
    if (branch == TREE_TAKE || branch == TREE_TAKE_ONE) {
        tree->items = mem_resize(tree->items, (tree->count + 1) * sizeof *tree->items);
        tree->items[tree->count++] = *process;
    }
    if (branch == TREE_TAKE || branch == TREE_PASS)
        take_children(all, process->pid, tree, judge, context);
}

void tree_read(struct tree *tree, tree_judge *judge, void *context)
{
    struct tree all;

    *tree = (struct tree){0};
    read_all(&all);
    take_children(&all, getpid(), tree, judge, context);
    tree_free(&all);
}

static bool group_of(const struct tree *all, pid_t pid, pid_t group)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].pid == pid)
            return all->items[i].group == group;
    return false;
}

void tree_read_from(struct tree *tree, pid_t root, int64_t start, tree_judge *judge, void *context)
{
    struct tree all;

    *tree = (struct tree){0};
    read_all(&all);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].pid == root && all.items[i].start == start)
            take(&all, &all.items[i], tree, judge, context);
    /* Whoever lost its parent is still of the group that the root leads; the rest is found below these. */
    for (size_t i = 0; tree->count > 0 && i < all.count; i++)
        if (all.items[i].group == root && !group_of(&all, all.items[i].parent, root))
            take(&all, &all.items[i], tree, judge, context);
    tree_free(&all);
}

void tree_free(struct tree *tree)
{
    free(tree->items);
    *tree = (struct tree){0};
}
