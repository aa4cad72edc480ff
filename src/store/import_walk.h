/*
 * One session of Open Code Review on its way through ours: its events, one after another, make the openings
 * of its rounds; then its row there has the last word.
 */
#ifndef STORE_IMPORT_WALK_H
#define STORE_IMPORT_WALK_H

#include "import.h"

#include <supervise/domain/ocr.h>

/* Its row there; times in ms, as far as they can be read. Owns its texts. */
struct ocr_session {
    char *id, *status, *workflow, *phase, *branch, *directory;
    char *started_text, *updated_text; /* as they stand there */
    int64_t current_round, current_map_run;
    int64_t started_at, updated_at;
};

struct ocr_session_event {
    int64_t id, round, at; /* round NO_INT: none, or none that a round can have */
    char *type, *phase, *metadata;
};

struct walk {
    struct import *import;
    const struct ocr_session *row;
    const struct ocr_session_event *events; /* all of it there */
    size_t count, from;                     /* how many; the first that isn't taken yet */
    const char *id;                         /* ours */
    json_t *definition;                     /* NULL: no workflow */
    bool made;                              /* it is new here */
    bool was_active; /* when it was last taken; a stale sweep of ours may have closed it since */
};

/* The session's row and rounds stand in our ledger as they were made, or as the last import left them. */
int import_walk(struct walk *walk, struct error *err);

#endif
