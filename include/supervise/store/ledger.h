/*
 * The ledger: one SQLite file. All SQL stands below src/store. Every change of state is one function there,
 * which writes the row and its event in one transaction (BEGIN IMMEDIATE).
 */
#ifndef SUPERVISE_STORE_LEDGER_H
#define SUPERVISE_STORE_LEDGER_H

#include <supervise/base/error.h>

#include <stdbool.h>
#include <stdint.h>

struct ledger;

enum ledger_mode {
    LEDGER_READ,  /* creates nothing: where there is no file, an empty ledger is read */
    LEDGER_WRITE, /* creates the file 0600, and its directory 0700; migrates; takes in what is spooled */
};

struct ledger_options {
    const char *path; /* absolute */
    int64_t busy_timeout_ms;
    bool sync_full;
};

/*
 * Opens the ledger. NULL with: ERR_INVALID no database, another program's, a newer schema, damaged; ERR_BUSY
 * locked for longer than the timeout; ERR_OTHER all else.
 */
struct ledger *ledger_open(const struct ledger_options *options, enum ledger_mode mode, struct error *err);
void ledger_close(struct ledger *ledger); /* NULL is allowed */
/*
 * The same for a process that is about to end: to take the schema apart would cost it as much as a row, and
 * the kernel lets go of the rest. Nothing waits to be written, and no other connection may follow.
 */
void ledger_leave(struct ledger *ledger);

const char *ledger_path(const struct ledger *ledger);

/* How long a statement waits for a lock from here on. The time left of it is tried again with jitter. */
void ledger_set_busy_timeout(struct ledger *ledger, int64_t ms);

/* Whether the path still leads to the file that is open. */
bool ledger_in_place(const struct ledger *ledger);

/* What is read between the two is as of one moment. */
int ledger_hold(struct ledger *ledger, struct error *err);
void ledger_let_go(struct ledger *ledger);

/*
 * Empties the -wal into the file, so that nothing is left there of what has been taken out; without waiting:
 * false where others are at it.
 */
bool ledger_fold(struct ledger *ledger);

/* A number that changes whenever another connection has changed the ledger (PRAGMA data_version). */
int64_t ledger_version(struct ledger *ledger);

#endif
