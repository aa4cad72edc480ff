/* What the files of the importer share. All runs in its one transaction. */
#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

#include "ocr_source.h"
#include "rows.h"

struct import {
    struct ledger *ledger;
    struct ocr_source *source;
    const struct import_request *request;
    struct import_result *result;
    sqlite3_stmt *insert_event;
    json_t *sessions; /* the id there -> ours, of all that are in our ledger */
};

/* Counts one more `what` that is `why`, in `list` (the result's `left` or `altered`), with its name. */
void import_tally(json_t *list, const char *what, const char *why, const char *name);

/*
 * An event with this object as its data, which is freed, and in it, as `data`, what the caller of the event
 * gave: JSON, or any text; or NULL.
 */
int import_event(struct import *import, int64_t at, const char *type, const char *session, json_t *object,
                 const char *metadata, struct error *err);

int import_sessions(struct import *import, struct error *err);
int import_executions(struct import *import, struct error *err);

#endif
