/* `db check`: is the file sound, and does every invariant of ours hold? */
#ifndef SUPERVISE_STORE_CHECK_H
#define SUPERVISE_STORE_CHECK_H

#include <supervise/store/ledger.h>

#include <jansson.h>
#include <stdbool.h>

/*
 * *damaged: SQLite itself finds the file broken. *sound: nothing was found at all. *findings: an array of
 * {"check": NAME, "finding": TEXT}, the caller's.
 */
int ledger_check(struct ledger *ledger, bool *sound, bool *damaged, json_t **findings, struct error *err);

/* Whether the ledger has an execution of that UID. */
int ledger_knows(struct ledger *ledger, const char *uid, bool *known, struct error *err);

#endif
