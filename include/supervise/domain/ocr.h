/*
 * What the records of Open Code Review mean in our words: its times, its event types, the codes with which
 * its commands ended, its ids. Pure: no I/O, no SQL, no clock.
 */
#ifndef SUPERVISE_DOMAIN_OCR_H
#define SUPERVISE_DOMAIN_OCR_H

#include <supervise/domain/id.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * "2026-02-03 04:05:06" (UTC, as SQLite writes it) and "2026-02-03T04:05:06.789Z", each with or without
 * fraction, stand in the same column. False where the text (or NULL) is no time.
 */
bool ocr_time(const char *text, int64_t *wall_ms);

/* What an event of theirs says. The last two have no counterpart among ours. */
enum ocr_event {
    OCR_CREATED,
    OCR_RESUMED,
    OCR_ROUND_STARTED,
    OCR_PHASE,
    OCR_ROUND_COMPLETED,
    OCR_MAP_COMPLETED,
    OCR_CLOSED,
    OCR_ABORTED,
    OCR_STALE,
    OCR_REASON, /* session_synced, session_legacy_import: permits a close, and says nothing of the work */
    OCR_UNKNOWN,
};
enum ocr_event ocr_event_of(const char *type);

/* Derived from the command and whether the row ever had a heartbeat. */
enum ocr_kind { OCR_UTILITY, OCR_SUPERVISOR, OCR_INSTANCE };
enum ocr_kind ocr_kind_of(const char *command, bool heartbeat);

struct ocr_recorded {
    bool has_code; /* exit_code is an integer */
    int64_t code;
    bool in_session;    /* its workflow_id names a session */
    const char *output; /* or NULL */
};

/* An end as our rows have it. Texts are static, but for `spawn_error`, which lies in the output. */
struct ocr_end {
    int exit_code;
    const char *stopped_by;  /* "cancel", "deadline" or NULL */
    const char *spawn_error; /* why it was never started; NULL */
    size_t spawn_error_length;
    const char *unknown_end; /* where how it ended isn't known (-3): what was recorded; NULL */
    const char *note;        /* what the code may mean besides; NULL */
};
struct ocr_end ocr_end_of(const struct ocr_recorded *recorded);

/*
 * Their command line and the JSON text of its arguments (or NULL) as one JSON array of words; the caller
 * frees. The command may or may not hold the arguments too.
 */
char *ocr_command(const char *command, const char *args);

/*
 * The UID that stands for a row: its own where that can be one of ours, else one made of its uid (else its
 * number and its command) and the time it began, as these are written there: the same for ever.
 */
void ocr_uid(const char *uid, int64_t number, const char *command, const char *started_at,
             char out[UID_LENGTH + 1]);

/* An id that a session of ours can have, made of theirs and of when it began; the caller frees. */
char *ocr_session_id(const char *id, const char *started_at);

#endif
