/* A tree of processes, from one walk over /proc: see the header. */
#include <supervise/process/tree.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>

enum { LOOKS_MAX = 20 };

bool tree_has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | __WALL) == 0;
}

static void add(struct tree *tree, const struct process *process)
{
    tree->items = mem_resize(tree->items, (tree->count + 1) * sizeof *tree->items);
    tree->items[tree->count++] = *process;
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
        add(all, &process);
    }
    if (directory)
        closedir(directory);
}

/* Those that live; how many there are, those that have ended included. */
static size_t read_children(struct tree *living)
{
    FILE *file = fopen("/proc/thread-self/children", "re");
    size_t count = 0;
    int pid;

    *living = (struct tree){0};
    for (; file && fscanf(file, "%d", &pid) == 1; count++) {
        struct process process;

        if (identity_process(pid, &process) == 0 && !process.ended)
            add(living, &process);
    }
    if (file)
        fclose(file);
    return count;
}

void tree_read_children(struct tree *children)
{
    read_children(children);
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
    if (branch == TREE_TAKE || branch == TREE_TAKE_ONE)
        add(tree, process);
    if (branch == TREE_TAKE || branch == TREE_PASS)
        take_children(all, process->pid, tree, judge, context);
}

/*
 * Whose parent ended while /proc was read may have been met by nobody: it is a child of ours now. Twice the
 * same number of children, all of whom had ended the first time: nobody is left who could have one. False
 * where they come and go faster than they are counted.
 */
static bool take_orphans(struct tree *tree, tree_judge *judge, void *context)
{
    size_t count = 0, before;

    for (int look = 0; look < LOOKS_MAX; look++) {
        struct tree living;

        before = count;
        count = read_children(&living);
        for (size_t i = 0; i < living.count; i++) {
            enum tree_branch branch = judge(&living.items[i], context);

            if (branch == TREE_TAKE || branch == TREE_TAKE_ONE)
                add(tree, &living.items[i]);
        }
        tree_free(&living);
        if (tree->count > 0 || count == before)
            return true;
    }
    return false;
}

bool tree_read(struct tree *tree, tree_judge *judge, void *context)
{
    struct tree all;

    *tree = (struct tree){0};
    read_all(&all);
    take_children(&all, getpid(), tree, judge, context);
    tree_free(&all);
    return tree->count > 0 || take_orphans(tree, judge, context);
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
