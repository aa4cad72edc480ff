/* The private directories of running supervisors: see the header. */
#include "runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>

static const char own_directory[] = "/tmp/supervise-"; /* and the user's number, or */
#define ALONE "XXXXXX"                                 /* for one supervisor alone */

void runtime_leave(const char *directory)
{
    AUTOFREE char *own = mem_printf("%s%u", own_directory, (unsigned)geteuid());
    size_t length = strlen(own_directory);

    if (strncmp(directory, own_directory, length) == 0 && strlen(directory + length) == strlen(ALONE) &&
        !strchr(directory + length, '/') && strcmp(directory, own) != 0)
        rmdir(directory);
}

int runtime_take(const char *directory)
{
    if (mkdir(directory, 0700) == 0)
        return 0;
    return errno == EEXIST && path_is_private_dir(directory) ? 0 : -1;
}

/* Ours, and nobody else may rename what is in it. */
static bool is_own(const char *runtime)
{
    struct stat status;

    return runtime && *runtime == '/' && lstat(runtime, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid() && (status.st_mode & 022) == 0;
}

static int find_place(runtime_use *use, void *context, char **alone)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    AUTOFREE char *in_runtime = is_own(runtime) ? mem_printf("%s/supervise", runtime) : NULL;
    AUTOFREE char *own = mem_printf("%s%u", own_directory, (unsigned)geteuid());
    AUTOFREE char *made = mem_printf("%s%s", own_directory, ALONE);
    int number;

    *alone = NULL;
    if ((in_runtime && use(context, in_runtime) == 0) || use(context, own) == 0)
        return 0;
    if (!mkdtemp(made))
        return -1;
    if (use(context, made) == 0) {
        *alone = made;
        made = NULL;
        return 0;
    }
    number = errno;
    rmdir(made);
    errno = number;
    return -1;
}

int runtime_place(runtime_use *use, void *context, char **alone)
{
    mode_t before = umask(077); /* the caller's may take from us what is our own */
    int result = find_place(use, context, alone);

    umask(before);
    return result;
}
