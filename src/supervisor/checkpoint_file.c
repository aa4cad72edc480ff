/* A checkpoint's data for the command that goes on from it: see the header. */
#include "checkpoint_file.h"

#include "runtime.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <supervise/base/buf.h>

struct writing {
    struct checkpoint_file *file;
    const char *uid, *data;
    size_t size;
};

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t length = write(fd, data, size);

        if (length < 0 && errno != EINTR)
            return -1;
        data += length > 0 ? length : 0;
        size -= length > 0 ? (size_t)length : 0;
    }
    return 0;
}

static int write_in(void *context, const char *directory)
{
    const struct writing *writing = context;
    AUTOFREE char *path = mem_printf("%s/%s.checkpoint", directory, writing->uid);
    int fd, number;

    if (runtime_take(directory) ||
        (fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        return -1;
    number = write_all(fd, writing->data, writing->size) ? errno : 0;
    if (close(fd) == 0 && number == 0) {
        writing->file->path = path;
        path = NULL;
        return 0;
    }
    number = number ? number : errno;
    unlink(path);
    errno = number;
    return -1;
}

int checkpoint_file_write(struct checkpoint_file *file, const char *uid, const void *data, size_t size,
                          struct error *err)
{
    struct writing writing = {file, uid, data, size};

    if (runtime_place(write_in, &writing, &file->directory))
        return error_errno(err, "cannot write the checkpoint to a file in $XDG_RUNTIME_DIR or /tmp");
    return 0;
}

void checkpoint_file_remove(struct checkpoint_file *file)
{
    if (file->path)
        unlink(file->path);
    if (file->directory)
        rmdir(file->directory);
    free(file->path);
    free(file->directory);
    *file = (struct checkpoint_file){0};
}
