/* What writes the spool and what takes it in agree on. */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

enum { SPOOL_PLACES = 4, SPOOL_VERSION = 1 };

/* Where ends may wait, in order; a place that doesn't apply is NULL. */
void spool_places(const char *ledger_path, char *place[SPOOL_PLACES]);
void spool_places_free(char *place[SPOOL_PLACES]);

#endif
