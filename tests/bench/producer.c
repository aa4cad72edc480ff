/*
 * producer MIB BLOCK FILE: writes that many MiB of lines to stdout, in blocks of so many bytes; then to FILE
 * when it began to, on the monotonic clock, and its own CPU time, both in nanoseconds: what a bench takes off
 * when it wants to know what the program around it has used.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64 * 1024, LINE = 64 };

static int64_t own_cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
    static char bytes[MOST];
    long long left = argc == 4 ? atoll(argv[1]) * 1024 * 1024 : 0, block = argc == 4 ? atoll(argv[2]) : 0;
    int64_t began = now_ns();

    if (left <= 0 || block <= 0 || block > MOST) {
        fprintf(stderr, "usage: producer MIB BLOCK FILE\n");
        return 2;
    }
    memset(bytes, 'x', sizeof bytes);
    for (size_t end = LINE; end <= sizeof bytes; end += LINE)
        bytes[end - 1] = '\n';

    while (left > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, (size_t)(left < block ? left : block));

        if (written < 0 && errno != EINTR) {
            fprintf(stderr, "producer: cannot write: %s\n", strerror(errno));
            return 1;
        }
        left -= written > 0 ? written : 0;
    }

    FILE *file = fopen(argv[3], "w");
    if (file == NULL || fprintf(file, "%" PRId64 " %" PRId64 "\n", began, own_cpu_ns()) < 0 ||
        fclose(file) != 0) {
        fprintf(stderr, "producer: cannot write %s: %s\n", argv[3], strerror(errno));
        return 1;
    }
    return 0;
}
