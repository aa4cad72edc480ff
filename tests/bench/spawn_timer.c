/*
 * spawn_timer AT_ONCE RUNS COMMAND [ARG...]: runs the command RUNS times, AT_ONCE of them at a time, with
 * /dev/null for stdin and stdout, and prints a line for each: wall time and CPU time in nanoseconds, peak
 * memory in KiB. The wall time goes from before the spawn to after the wait; CPU time and memory are those of
 * the command and of what it waited for. "{}" in an argument stands for a number that no other run has. Exits
 * 1 where a run fails.
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

struct run {
    pid_t pid;
    int64_t start;
};

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

/* Puts the number where the pattern has "{}"; the pattern itself where it hasn't. */
static char *numbered(char *pattern, int64_t number, char *place, size_t size)
{
    char *at = strstr(pattern, "{}");

    if (!at)
        return pattern;
    snprintf(place, size, "%.*s%" PRId64 "%s", (int)(at - pattern), pattern, number, at + 2);
    return place;
}

static int start(struct run *run, char **pattern, const posix_spawn_file_actions_t *actions)
{
    enum { ARGS = 64, LENGTH = 256 };
    static char texts[ARGS][LENGTH];
    char *argv[ARGS + 1] = {0};
    int error;

    run->start = now_ns();
    for (int i = 0; i < ARGS && pattern[i]; i++)
        argv[i] = numbered(pattern[i], run->start, texts[i], LENGTH);
    error = posix_spawnp(&run->pid, argv[0], actions, NULL, argv, environ);
    if (error)
        fprintf(stderr, "spawn_timer: cannot run %s: %s\n", argv[0], strerror(error));
    return error;
}

/* Waits for any of them, and says what it took; its place is free then. NULL where it failed. */
static struct run *finish(struct run *all, int count)
{
    struct rusage usage;
    int status, i = 0;
    pid_t pid = wait4(-1, &status, 0, &usage);
    int64_t end = now_ns();

    while (i < count && all[i].pid != pid)
        i++;
    if (i == count || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "spawn_timer: wait status %#x\n", (unsigned)status);
        return NULL;
    }
    printf("%" PRId64 " %" PRId64 " %ld\n", end - all[i].start,
           timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime), usage.ru_maxrss);
    all[i].pid = 0;
    return &all[i];
}

int main(int argc, char **argv)
{
    int at_once = argc > 3 ? atoi(argv[1]) : 0, runs = argc > 3 ? atoi(argv[2]) : 0, failed = 0;
    struct run *all = at_once > 0 && runs > 0 ? calloc((size_t)at_once, sizeof *all) : NULL, *place;
    posix_spawn_file_actions_t actions;

    if (!all) {
        fprintf(stderr, "usage: spawn_timer AT_ONCE RUNS COMMAND [ARG...]\n");
        return 2;
    }
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 2; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    for (int run = 0; run < runs && !failed; run++) {
        place = run < at_once ? &all[run] : finish(all, at_once);
        failed = !place || start(place, argv + 3, &actions);
    }
    for (int run = 0; run < at_once && run < runs && !failed; run++)
        failed = !finish(all, at_once);
    posix_spawn_file_actions_destroy(&actions);
    free(all);
    return failed;
}
