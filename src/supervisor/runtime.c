/* The private directories of running supervisors: see the header. */
#include "runtime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>

/* Makes the directory, or takes the one that is there if nobody else can get in. */
static bool usable(const char *directory)
{
    return mkdir(directory, 0700) == 0 || (errno == EEXIST && path_is_private_dir(directory));
}

int runtime_place(runtime_use *use, void *context, char **alone)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    AUTOFREE char *own = mem_printf("/tmp/supervise-%u", (unsigned)geteuid());
    AUTOFREE char *made = mem_strdup("/tmp/supervise-XXXXXX");

    *alone = NULL;
    if (runtime && *runtime == '/') {
        AUTOFREE char *directory = mem_printf("%s/supervise", runtime);

        if (usable(directory) && use(context, directory) == 0)
            return 0;
    }
    if (usable(own) && use(context, own) == 0)
        return 0;
    if (!mkdtemp(made))
        return -1;
    if (use(context, made)) {
        int number = errno;

        rmdir(made);
        errno = number;
        return -1;
    }
    *alone = made;
    made = NULL;
    return 0;
}
