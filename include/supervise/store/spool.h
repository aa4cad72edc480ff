/*
 * The spool: ends that the ledger couldn't take, a JSON file each (0600, written whole, synced, then renamed
 * into place), until the next verb that writes takes them in.
 */
#ifndef SUPERVISE_STORE_SPOOL_H
#define SUPERVISE_STORE_SPOOL_H

#include <supervise/store/execution.h>

#include <jansson.h>

/*
 * Keeps the whole row with its end in the first place that will have it: "spool" beside the ledger, below
 * $XDG_STATE_HOME/ supervise, below $XDG_RUNTIME_DIR/supervise, below /tmp/supervise-UID. *path is where, the
 * caller frees.
 */
int spool_write(const char *ledger_path, const struct execution_start *start,
                const struct execution_begun *begun, const struct execution_end *end, char **path,
                struct error *err);

/*
 * Takes in what waits for this ledger, each once. What isn't ours, 0600, in a directory of ours is left and
 * named on stderr; what can't be read is set aside (".bad") and named.
 */
void spool_take_in(struct ledger *ledger);

/* Whether something waits for the ledger of that path. */
bool spool_waits(const char *ledger_path);

/* The same for a reader's private copy: the ends are written there, the files stay, nothing is said. */
void spool_show(struct ledger *copy);

/*
 * What lies in the spool and concerns that ledger, or could: an array of {"path", "state"}, the caller's.
 * "waiting" to be taken in; "unreadable", and set aside when that is tried; "set-aside"; "half-written", by
 * who was killed over it; "ignored", since others could have written it.
 */
json_t *spool_list(const char *ledger_path);

#endif
