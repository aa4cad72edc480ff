/* The tree below us, from one walk over /proc: see the header. */
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

        if (pid <= 1 || identity_process(pid, &process) || process.state == 'Z' || process.state == 'X')
            continue;
        all->items = mem_resize(all->items, (all->count + 1) * sizeof *all->items);
        all->items[all->count++] = process;
    }
    if (directory)
        closedir(directory);
}

static void take_children(const struct tree *all, pid_t parent, struct tree *tree, tree_judge *judge,
                          void *context)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct process *process = &all->items[i];
        enum tree_branch branch;

        if (process->parent != parent || process->pid == parent)
            continue;
        branch = judge(process, context);
        if (branch == TREE_TAKE || branch == TREE_TAKE_ONE) {
            tree->items = mem_resize(tree->items, (tree->count + 1) * sizeof *tree->items);
            tree->items[tree->count++] = *process;
        }
        if (branch == TREE_TAKE || branch == TREE_PASS)
            take_children(all, process->pid, tree, judge, context);
    }
}

void tree_read(struct tree *tree, tree_judge *judge, void *context)
{
    struct tree all;

    *tree = (struct tree){0};
    read_all(&all);
    take_children(&all, getpid(), tree, judge, context);
    tree_free(&all);
}

void tree_free(struct tree *tree)
{
    free(tree->items);
    *tree = (struct tree){0};
}
