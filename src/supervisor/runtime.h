/* Where the private files of a running supervisor are: its socket, the checkpoint it hands to its command. */
#ifndef SUPERVISOR_RUNTIME_H
#define SUPERVISOR_RUNTIME_H

/* Makes something in the directory: 0 where it was taken. */
typedef int runtime_use(void *context, const char *directory);

/*
 * Goes through the private directories until one is taken: below $XDG_RUNTIME_DIR, below /tmp, and one made
 * for this alone: *alone is that, to be removed with what is in it (else NULL; the caller frees). -1 with
 * errno.
 */
int runtime_place(runtime_use *use, void *context, char **alone);

#endif
