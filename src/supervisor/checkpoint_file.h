/* The data of a checkpoint as a file of its own (0600, in a private directory), for as long as the command
 * runs. */
#ifndef SUPERVISOR_CHECKPOINT_FILE_H
#define SUPERVISOR_CHECKPOINT_FILE_H

#include <supervise/base/error.h>

#include <stddef.h>

struct checkpoint_file {
    char *path;      /* NULL: none */
    char *directory; /* made for this file alone, removed with it; else NULL */
};

int checkpoint_file_write(struct checkpoint_file *file, const char *uid, const void *data, size_t size,
                          struct error *err);
void checkpoint_file_remove(struct checkpoint_file *file); /* once more does no harm */

#endif
