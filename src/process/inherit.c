/* What was inherited, read once at the start: see the header. */
#include <supervise/process/inherit.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <supervise/base/buf.h>

void inherit_plug(bool closed[3])
{
    for (int fd = 0; fd < 3; fd++) {
        closed[fd] = fcntl(fd, F_GETFD) < 0;
        /* Opened the wrong way round: whoever reads or writes there meets EBADF, as with a closed descriptor.
         */
        if (closed[fd])
            open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    }
}

static void add_descriptor(struct inherited *inherited, int fd)
{
    size_t size = (inherited->descriptor_count + 1) * sizeof *inherited->descriptors;

    inherited->descriptors = mem_resize(inherited->descriptors, size);
    inherited->descriptors[inherited->descriptor_count++] = fd;
}

static void read_descriptors(struct inherited *inherited)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;

    if (!directory) { /* /proc isn't mounted: the first few hundred are where a shell or a daemon puts any */
        for (int fd = 3; fd < 256; fd++)
            if (fcntl(fd, F_GETFD) >= 0)
                add_descriptor(inherited, fd);
        return;
    }
    while ((entry = readdir(directory))) {
        int fd = atoi(entry->d_name);

        if (fd > 2 && fd != dirfd(directory))
            add_descriptor(inherited, fd);
    }
    closedir(directory);
}

void inherit_read(struct inherited *inherited, const bool closed[3])
{
    struct sigaction action;

    *inherited = (struct inherited){0};
    sigprocmask(SIG_SETMASK, NULL, &inherited->mask);
    sigemptyset(&inherited->ignored);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&inherited->ignored, number);
    for (int fd = 0; fd < 3; fd++)
        inherited->closed[fd] = closed[fd];
    read_descriptors(inherited);
    if (tree_has_children())
        tree_read_children(&inherited->children);
}

void inherit_free(struct inherited *inherited)
{
    free(inherited->descriptors);
    tree_free(&inherited->children);
    *inherited = (struct inherited){0};
}

void inherit_release(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->descriptor_count; i++)
        close(inherited->descriptors[i]);
    inherited->descriptor_count = 0;
}
