/* `log.keep`: the logs of what ended longer ago are removed. */
#ifndef SUPERVISE_SUPERVISOR_LOG_SWEEP_H
#define SUPERVISE_SUPERVISOR_LOG_SWEEP_H

#include <supervise/config/settings.h>
#include <supervise/store/ledger.h>

/*
 * Does that, where log.keep is set and nobody did since sweep.interval ago. The row lets go of its log before
 * the files are unlinked, so that none ever names a log that was swept. Its cost is that of one look at the
 * log directory.
 */
int log_sweep(struct ledger *ledger, const struct settings *settings, struct error *err);

#endif
