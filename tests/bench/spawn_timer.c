/*
 * spawn_timer RUNS COMMAND [ARG...]: runs the command RUNS times, one after the other, with /dev/null for
 * stdin, stdout and stderr, and prints a line for each: wall and CPU time in nanoseconds. The wall time goes
 * from before the spawn to after the wait; the CPU time is that of the command and of what it waited for.
 * Exits 1 where a run fails.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t timeval_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

int main(int argc, char **argv)
{
    int runs = argc > 2 ? atoi(argv[1]) : 0;
    if (runs < 1) {
        fprintf(stderr, "usage: spawn_timer RUNS COMMAND [ARG...]\n");
        return 2;
    }

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);

    for (int run = 0; run < runs; run++) {
        struct rusage usage;
        pid_t pid;
        int status;
        int64_t start = now_ns();
        int error = posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ);

        if (error != 0) {
            fprintf(stderr, "spawn_timer: cannot run %s: %s\n", argv[2], strerror(error));
            return 1;
        }
        wait4(pid, &status, 0, &usage);
        int64_t wall = now_ns() - start;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "spawn_timer: %s: wait status %#x\n", argv[2], (unsigned)status);
            return 1;
        }
        printf("%" PRId64 " %" PRId64 "\n", wall, timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime));
    }
    posix_spawn_file_actions_destroy(&actions);
    return 0;
}
