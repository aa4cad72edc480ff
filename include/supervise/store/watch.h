/*
 * Told by the kernel (inotify(7)) that somebody writes to the ledger, so that who waits for a change needn't
 * ask all the time. It is a hint: what has been written may be seen a moment later only, and on some file
 * systems nothing is told at all, so ledger_version() is what counts, now and then asked anyway.
 */
#ifndef SUPERVISE_STORE_WATCH_H
#define SUPERVISE_STORE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* A descriptor that is readable once something was written; -1 where there is none to be had. close(2) it. */
int ledger_watch_open(const char *ledger_path);

/*
 * Forgets what was told up to now; true where it was of the ledger's own files. Of very much only a part:
 * then the descriptor is readable still.
 */
bool ledger_watch_read(int watch, const char *ledger_path);

/* Sleeps until something is told, or `ms` have passed; true where it was. */
bool ledger_watch_wait(int watch, const char *ledger_path, int64_t ms);

#endif
