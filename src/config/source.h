/* The configuration files: which are looked for, in their order, and their text. */
#ifndef SUPERVISE_CONFIG_SOURCE_H
#define SUPERVISE_CONFIG_SOURCE_H

#include <supervise/base/buf.h>
#include <supervise/base/error.h>

#include <stdbool.h>

struct source {
    char *path;
    const char *why;  /* it is looked for: "system", "user"...; static */
    bool named;       /* by --config or $SUPERVISE_CONFIG: it has to be there */
    bool found_above; /* found at or above the working directory: whoever made that directory may have written
                         it */
    bool ignored;     /* the same, and it belongs to another user */
    int fd;           /* -1: could not be opened, errno in `error` */
    int error;
};

struct sources {
    struct source items[3];
    size_t count;
};

/* Opens what is there; later ones outweigh earlier ones. */
void sources_open(struct sources *sources, const char *config_option);
void sources_close(struct sources *sources);

/* One file alone, as if it had been named with --config. */
void source_open_named(struct source *source, const char *path, const char *why);
void source_close(struct source *source);

/* Not there, and it need not be. */
bool source_missing(const struct source *source);

/* Appends the whole text. -1: it can't be read (ERR_NOT_FOUND: it was named and isn't there). */
int source_read(const struct source *source, struct buf *text, struct error *err);

#endif
