/* The ids that a report of items is about: the words of the command line, or what comes on stdin. */
#ifndef SUPERVISE_CLI_ITEM_IDS_H
#define SUPERVISE_CLI_ITEM_IDS_H

#include <supervise/base/error.h>

#include <stdbool.h>
#include <stddef.h>

/* Begin with `words` (ended by NULL), or with NULL for stdin; all else zero. */
struct item_ids {
    char **words;
    char end; /* of each id on stdin: '\n' or '\0' */

    size_t number, from, to; /* of the ids read so far, and where in `bytes` the rest stands */
    bool over;               /* stdin is at its end */
    char bytes[65536];
};

/* An item_source (store/item.h) for the struct above: an id that can't be one is ERR_USAGE, with its place.
 */
int item_ids_next(void *context, const char **id, size_t *length, struct error *err);

#endif
