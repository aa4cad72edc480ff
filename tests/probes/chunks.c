/*
 * chunks OUTFILE ERRFILE SEED: writes OUTFILE to stdout and ERRFILE to stderr, by turns, in pieces of odd
 * sizes from a byte to more than a pipe holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct source {
    const char *data;
    size_t size, done;
    int target;
};

static int source_open(struct source *source, const char *path, int target)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return -1;
    source->size = (size_t)status.st_size;
    source->done = 0;
    source->target = target;
    source->data = source->size ? mmap(NULL, source->size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
    close(fd);
    return source->data == MAP_FAILED ? -1 : 0;
}

static int source_write(struct source *source, size_t size)
{
    if (size > source->size - source->done)
        size = source->size - source->done;
    while (size) {
        ssize_t written = write(source->target, source->data + source->done, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        source->done += (size_t)written;
        size -= (size_t)written;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const size_t bounds[] = {7, 300, 5000, 70001, 200003};
    struct source sources[2];

    if (argc < 4 || source_open(&sources[0], argv[1], 1) != 0 || source_open(&sources[1], argv[2], 2) != 0)
        return 2;
    srandom((unsigned)atoi(argv[3]));
    while (sources[0].done < sources[0].size || sources[1].done < sources[1].size) {
        size_t bound = bounds[(size_t)random() % (sizeof bounds / sizeof *bounds)];
        if (source_write(&sources[random() & 1], 1 + (size_t)random() % bound) != 0)
            return 3;
    }
    return 0;
}
