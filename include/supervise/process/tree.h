/*
 * The processes below us. We are a subreaper (prctl(2)), so nothing leaves the tree by double fork or setsid;
 * who is in it is read from /proc, when there is something to stop, never before.
 */
#ifndef SUPERVISE_PROCESS_TREE_H
#define SUPERVISE_PROCESS_TREE_H

#include <supervise/process/identity.h>

#include <stdbool.h>
#include <stddef.h>

struct tree {
    struct process *items; /* alive, parents before their children */
    size_t count;
};

/* Whether we have any child at all, dead or alive: one cheap call. None means that the tree is empty. */
bool tree_has_children(void);

/* Our own children that live, from the kernel's list of them: quicker by far than the whole tree. */
void tree_read_children(struct tree *children);

/* What becomes of a process that the walk meets, and of the branch below it. */
enum tree_branch {
    TREE_TAKE,     /* in the tree, and so is what is below */
    TREE_TAKE_ONE, /* in the tree, but it looks after what is below itself */
    TREE_PASS,     /* not in the tree, but what is below is */
    TREE_LEAVE,    /* not in the tree, nor what is below */
};
typedef enum tree_branch tree_judge(const struct process *process, void *context);

/*
 * Everything alive below this process, as `judge` says; a zombie's children count as ours already. False
 * where nobody was met, though somebody is there: it forks and dies faster than it can be read.
 */
bool tree_read(struct tree *tree, tree_judge *judge, void *context);
/*
 * The same of another process, proven by its start time: it, what is below it, and who has lost its parent
 * and is still in the group that it leads. Empty where it is gone.
 */
void tree_read_from(struct tree *tree, pid_t root, int64_t start, tree_judge *judge, void *context);
void tree_free(struct tree *tree);

#endif
