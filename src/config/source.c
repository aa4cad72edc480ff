/*
 * The configuration files. Each is opened once, without a look before: on the way to every wrapped command
 * this costs a few opens that fail.
 */
#include "source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/path.h>

#define SYSTEM_FILE "/etc/supervise/supervise.toml"

enum { FILE_SIZE_MAX = 16 * 1024 * 1024 }; /* bytes; what is larger is no configuration */

/* Not blocking, so that a FIFO in the way of a search can't hold us; what was named may be one. */
static void open_file(struct source *source)
{
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (source->named ? 0 : O_NONBLOCK));
    source->error = source->fd < 0 ? errno : 0;
}

void source_open_named(struct source *source, const char *path, const char *why)
{
    *source = (struct source){.path = mem_strdup(path), .why = why, .named = true};
    open_file(source);
}

static void open_searched(struct sources *sources, char *path, const char *why)
{
    struct source *source = &sources->items[sources->count++];

    *source = (struct source){.path = path, .why = why};
    open_file(source);
}

bool source_missing(const struct source *source)
{
    AUTOFREE char *directory = NULL;

    if (source->named || source->fd >= 0)
        return false;
    if (source->error != EACCES)
        return source->error == ENOENT || source->error == ENOTDIR;
    /* In a directory that we may not search (a HOME that isn't ours) nothing was found. */
    directory = path_parent(source->path);
    return eaccess(directory, X_OK) != 0;
}

static bool same_file(int fd, int other)
{
    struct stat a, b;

    return fd >= 0 && other >= 0 && fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* A file in a directory that others may write to (/tmp above us) must not say where our records go. */
static bool is_foreign(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_uid != geteuid() && status.st_uid != 0;
}

/* The nearest supervise.toml from `directory` upwards; the missing one in `directory` where there is none. */
static struct source nearest_above(char *directory)
{
    struct source nearest = {.fd = -1};

    if (strcmp(directory, "/") == 0)
        directory[0] = '\0';
    for (char *end = directory + strlen(directory); end; end = strrchr(directory, '/')) {
        struct source candidate = {.why = "nearest at or above the working directory", .found_above = true};

        *end = '\0';
        candidate.path = mem_printf("%s/supervise.toml", directory);
        open_file(&candidate);
        if (!source_missing(&candidate)) {
            source_close(&nearest);
            return candidate;
        }
        if (!nearest.path)
            nearest = candidate;
        else
            source_close(&candidate);
    }
    return nearest;
}

static void open_above(struct sources *sources)
{
    AUTOFREE char *directory = getcwd(NULL, 0);
    struct source source;

    if (!directory || directory[0] != '/') /* removed, or outside our root */
        return;
    source = nearest_above(directory);
    for (size_t i = 0; i < sources->count; i++)
        if (same_file(source.fd,
                      sources->items[i].fd)) { /* the user's own file, met again from inside ~/.config */
            source_close(&source);
            return;
        }
    source.ignored = source.fd >= 0 && is_foreign(source.fd);
    sources->items[sources->count++] = source;
}

void sources_open(struct sources *sources, const char *config_option)
{
    const char *variable = getenv("SUPERVISE_CONFIG");
    AUTOFREE char *config_home = path_config_home();

    sources->count = 0;
    open_searched(sources, mem_strdup(SYSTEM_FILE), "system");
    if (config_home)
        open_searched(sources, mem_printf("%s/supervise/supervise.toml", config_home), "user");
    if (config_option)
        source_open_named(&sources->items[sources->count++], config_option, "named by --config");
    else if (variable && *variable)
        source_open_named(&sources->items[sources->count++], variable, "named by $SUPERVISE_CONFIG");
    else
        open_above(sources);
}

void source_close(struct source *source)
{
    free(source->path);
    fd_close(&source->fd);
}

void sources_close(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        source_close(&sources->items[i]);
}

static int cannot_read(const struct source *source, int number, struct error *err)
{
    enum error_code code = source->named && number == ENOENT ? ERR_NOT_FOUND : ERR_INVALID;

    return error_set(err, code, "cannot read configuration %s (%s): %s", source->path, source->why,
                     strerror(number));
}

int source_read(const struct source *source, struct buf *text, struct error *err)
{
    struct stat status;

    if (source->fd < 0)
        return cannot_read(source, source->error, err);
    if (!source->named && fstat(source->fd, &status) == 0 && !S_ISREG(status.st_mode))
        return error_set(err, ERR_INVALID, "cannot read configuration %s (%s): not a regular file",
                         source->path, source->why);
    if (buf_read(text, source->fd, FILE_SIZE_MAX) == 0)
        return 0;
    if (errno == EFBIG)
        return error_set(err, ERR_INVALID, "cannot read configuration %s (%s): larger than 16 MiB",
                         source->path, source->why);
    return cannot_read(source, errno, err);
}
