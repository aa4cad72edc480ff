/* Paths: the XDG directories, private directories and files made without a race. */
#ifndef SUPERVISE_BASE_PATH_H
#define SUPERVISE_BASE_PATH_H

#include <supervise/base/error.h>

#include <stdbool.h>

/* $HOME; NULL where it isn't set, or relative: that would lead elsewhere from every directory. */
const char *path_home(void);

/*
 * $XDG_STATE_HOME, $XDG_CONFIG_HOME, with the defaults below $HOME of the XDG Base Directory Specification (a
 * relative value is ignored, as it asks); NULL where there is no HOME either. The caller frees.
 */
char *path_state_home(void);
char *path_config_home(void);

char *path_absolute(const char *path); /* against the working directory; the caller frees; NULL, errno */
char *path_parent(const char *path);   /* the directory a path stands in; the caller frees */

/*
 * Makes `path` and the directories above it that are missing, all 0700. One that exists is left as it is. 0,
 * or -1 with the first error.
 */
int path_make_private(const char *path, struct error *err);

/* Whether `path` is a directory (not a link to one) of ours that nobody else may enter or read. */
bool path_is_private_dir(const char *path);

#endif
