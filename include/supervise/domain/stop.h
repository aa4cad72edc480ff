/* Which ends a signal to the supervisor turns into a cancel, as a table. */
#ifndef SUPERVISE_DOMAIN_STOP_H
#define SUPERVISE_DOMAIN_STOP_H

#include <stdbool.h>

/*
 * Whether an execution whose supervisor got signal `received` while the child lived was cancelled by it.
 * `exit_code`: 0..255 as the child ended (128+N for signal N), `died_of`: the signal that killed it, or 0.
 */
bool stop_is_cancel(int received, int exit_code, int died_of);

/* The signals for which the answer can be yes; ends with 0. */
extern const int stop_signals[];

#endif
