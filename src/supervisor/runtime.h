/* Where the private files of a running supervisor are: its socket, the checkpoint it hands to its command. */
#ifndef SUPERVISOR_RUNTIME_H
#define SUPERVISOR_RUNTIME_H

#include <stdbool.h>

/* Takes the directory by runtime_take(), and makes something in it: 0 where that was done. */
typedef int runtime_use(void *context, const char *directory);

/*
 * Goes through the private directories until one is used: below $XDG_RUNTIME_DIR where that is ours alone,
 * below /tmp, and one made for this alone: *alone is that, to be removed with what is in it (else NULL; the
 * caller frees). -1 with errno.
 */
int runtime_place(runtime_use *use, void *context, char **alone);

/*
 * Makes the directory (0700), or takes the one that is there if nobody else can get in: a file, a link,
 * another's directory or one that is open to others is left alone. -1 with errno.
 */
int runtime_take(const char *directory);

/* Removes the directory where it was made for one supervisor alone, and is empty. */
void runtime_leave(const char *directory);

#endif
