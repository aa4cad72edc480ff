/* Logs that are no longer wanted: `log.keep`, what `db prune` let go of, and what nothing in the ledger
 * names. */
#ifndef SUPERVISE_SUPERVISOR_LOG_SWEEP_H
#define SUPERVISE_SUPERVISOR_LOG_SWEEP_H

#include <supervise/config/settings.h>
#include <supervise/store/ledger.h>

#include <jansson.h>
#include <stdbool.h>

/*
 * Does that, where log.keep is set and nobody did since sweep.interval ago. The row lets go of its log before
 * the files are unlinked, so that none ever names a log that was swept. Its cost is that of one look at the
 * log directory.
 */
int log_sweep(struct ledger *ledger, const struct settings *settings, struct error *err);

/* Whether that is the path of a log as we name them; only such files are ever removed. */
bool log_is_of(const char *path, const char *uid);
/* Removes the log and its index, once no row names them. */
void log_remove(const char *path, const char *uid);

/*
 * The files in that directory (NULL: none) that are named as logs of executions which the ledger doesn't
 * know: an array of paths, the caller's, also where -1 is returned. Another ledger may have its logs in the
 * same place.
 */
int log_orphans(struct ledger *ledger, const char *directory, json_t **paths, struct error *err);

#endif
