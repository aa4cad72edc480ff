/*
 * The small process that leads the session on a command's own terminal: it makes the terminal the controlling
 * one, starts the command as the leader of a group below it (a group whose parent is in the session, so that
 * the kernel honours ^Z), and relays what becomes of it. It does nothing else, and ends when the command has
 * ended.
 */
#ifndef SUPERVISE_PROCESS_LEADER_H
#define SUPERVISE_PROCESS_LEADER_H

#include <sys/types.h>

struct leader_ends {
    int relay; /* writing: the command's pid (negative: -errno of the fork), then each change of its state as
                  wait(2) tells it */
    int release; /* reading: its end says that the command's end was noted, and its pid may be given to
                    another */
};

/*
 * Becomes the leader, after fork(2). `terminal`: the slave. `start` starts the command and returns its pid or
 * -1; it is called with all signals blocked, in the new session.
 */
_Noreturn void leader_live(int terminal, const struct leader_ends *ends, pid_t (*start)(void *context),
                           void *context);

#endif
