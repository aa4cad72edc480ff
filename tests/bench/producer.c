/*
 * producer MIB FILE: writes that many MiB of lines to stdout, in blocks of 64 KiB, then its own CPU time, in
 * nanoseconds, to FILE: what a bench takes off when it wants to know what the program around it has used.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024, LINE = 64 };

static int64_t own_cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

int main(int argc, char **argv)
{
    static char block[BLOCK];
    long long left = argc == 3 ? atoll(argv[1]) * 1024 * 1024 : 0;

    if (left <= 0) {
        fprintf(stderr, "usage: producer MIB FILE\n");
        return 2;
    }
    memset(block, 'x', sizeof block);
    for (size_t end = LINE; end <= sizeof block; end += LINE)
        block[end - 1] = '\n';

    while (left > 0) {
        ssize_t written = write(STDOUT_FILENO, block, left < BLOCK ? (size_t)left : BLOCK);

        if (written < 0 && errno != EINTR) {
            fprintf(stderr, "producer: cannot write: %s\n", strerror(errno));
            return 1;
        }
        left -= written > 0 ? written : 0;
    }

    FILE *file = fopen(argv[2], "w");
    if (file == NULL || fprintf(file, "%" PRId64 "\n", own_cpu_ns()) < 0 || fclose(file) != 0) {
        fprintf(stderr, "producer: cannot write %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    return 0;
}
