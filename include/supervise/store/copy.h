/* The ledger elsewhere: `db backup` and `db export`. */
#ifndef SUPERVISE_STORE_COPY_H
#define SUPERVISE_STORE_COPY_H

#include <supervise/store/ledger.h>

#include <jansson.h>

/* Returns 0 to go on. The row is gone when it returns. */
typedef int export_row(const char *table, json_t *row, void *context);

/*
 * Every row of every table as one moment left it, parents before those that refer to them. Members are the
 * columns as they are stored, times in milliseconds; what JSON can't say is {"hex": ...}. One row is in
 * memory at a time.
 */
int ledger_export(struct ledger *ledger, export_row *each, void *context, struct error *err);

/*
 * Copies the ledger as one moment left it to the new file `path`, 0600, whole or not at all. What is there
 * already stays: ERR_OTHER. `stopped`, asked now and then, ends it early: then nothing is left, and *done is
 * false.
 */
int ledger_backup(struct ledger *ledger, const char *path, bool (*stopped)(void *), void *context, bool *done,
                  struct error *err);

#endif
