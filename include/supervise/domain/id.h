/* What an identifier may be: session ids, UIDs, names; and which of them a REF could be. */
#ifndef SUPERVISE_DOMAIN_ID_H
#define SUPERVISE_DOMAIN_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UID_LENGTH = 20, SESSION_ID_MAX = 128, LABEL_MAX = 128, ITEM_ID_MAX = 4096 };

/* NULL where `id` may be a session id; else what is wrong with it, as the end of a sentence ("is all
 * digits"). */
const char *session_id_fault(const char *id);

/* The same of a label that people choose: the id of a checkpoint, what a counter of usage is called. */
const char *label_fault(const char *label);

/* The same of a stage: a label that can stand in STAGE/STEP and in A..B. */
const char *stage_fault(const char *stage);

/*
 * The same of an item's id: 1 to 4096 bytes of UTF-8 without NUL. Where ids are `lines`, a control character
 * other than a tab is a fault too: the end of a line in another program's format, or an id that was cut.
 */
const char *item_id_fault(const char *id, size_t length, bool lines);
/* NULL where the text may name something that people chose the name of (a phase, a stage): not empty, UTF-8,
 * no control characters; else what is wrong with it, in the same form. */
const char *name_fault(const char *name);

/* A UID is 20 of a-z and 2-7, the first a letter (100 bits): never digits alone, so it can't be taken for a
 * number. */
void uid_from_random(const uint8_t random[UID_LENGTH], char uid[UID_LENGTH + 1]);
/* The same text gives the same UID, in every version of this program. */
void uid_from_text(const char *text, size_t length, char uid[UID_LENGTH + 1]);
bool uid_valid(const char *text);

/* "42" or "#42" as an execution's number; false where the text isn't one. Digits always are: *number is 0
 * where no execution can have it. */
bool ref_number(const char *ref, int64_t *number);

/* Whether `ref` could be the beginning of a UID: 4 or more of its characters. */
bool ref_uid_prefix(const char *ref);

#endif
