/* Paths: see the header. Nothing here resolves symbolic links: what is shown is what the user wrote. */
#include <supervise/base/path.h>

#include <supervise/base/buf.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that the environment names; NULL where it isn't set, or relative. */
static const char *named_directory(const char *variable)
{
    const char *value = getenv(variable);

    return value && value[0] == '/' ? value : NULL;
}

const char *path_home(void)
{
    return named_directory("HOME");
}

static char *xdg_home(const char *variable, const char *below_home)
{
    const char *value = named_directory(variable);
    const char *home = path_home();

    if (value)
        return mem_strdup(value);
    return home ? mem_printf("%s/%s", home, below_home) : NULL;
}

char *path_state_home(void)
{
    return xdg_home("XDG_STATE_HOME", ".local/state");
}

char *path_config_home(void)
{
    return xdg_home("XDG_CONFIG_HOME", ".config");
}

/* Appends the parts of `path`, each with a slash before it. ".." stays: what it leads to depends on links. */
static void append_parts(struct buf *out, const char *path)
{
    while (*path) {
        size_t length = strcspn(path, "/");

        if (length > 0 && !(length == 1 && path[0] == '.')) {
            buf_puts(out, "/");
            buf_append(out, path, length);
        }
        path += length;
        path += strspn(path, "/");
    }
}

char *path_absolute(const char *path)
{
    struct buf out = {0};

    if (path[0] == '\0') {
        errno = ENOENT;
        return NULL;
    }
    if (path[0] != '/') {
        AUTOFREE char *here = getcwd(NULL, 0);

        if (!here)
            return NULL;
        append_parts(&out, here);
    }
    append_parts(&out, path);
    if (out.len == 0)
        buf_puts(&out, "/");
    return buf_take(&out);
}

char *path_parent(const char *path)
{
    size_t length = strlen(path);

    while (length > 0 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0)
        return mem_strdup(path[0] == '/' ? "/" : ".");
    return mem_strndup(path, length);
}

static bool is_dir(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(status.st_mode);
}

/* From the bottom up, so that directories above the first missing one need not be writable, or even readable.
 */
static int make_dir(const char *path)
{
    AUTOFREE char *parent = NULL;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno == EEXIST)
        return is_dir(path) ? 0 : -1;
    if (errno != ENOENT)
        return -1;
    parent = path_parent(path);
    if (strcmp(parent, path) == 0 || make_dir(parent) != 0)
        return -1;
    if (mkdir(path, 0700) == 0)
        return 0;
    return errno == EEXIST && is_dir(path) ? 0 : -1;
}

int path_make_private(const char *path, struct error *err)
{
    if (path[0] == '\0')
        errno = ENOENT;
    else if (make_dir(path) == 0)
        return 0;
    return error_errno(err, "cannot create directory %s", path);
}

bool path_is_private_dir(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & 077) == 0;
}
