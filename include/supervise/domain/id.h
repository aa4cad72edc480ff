/* What an identifier may be: session ids, UIDs, names; and which of them a REF could be. */
#ifndef SUPERVISE_DOMAIN_ID_H
#define SUPERVISE_DOMAIN_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UID_LENGTH = 20, SESSION_ID_MAX = 128 };

/* NULL where `id` may be a session id; else what is wrong with it, as the end of a sentence ("is all
 * digits"). */
const char *session_id_fault(const char *id);

/* NULL where the text may name something that people chose the name of (a phase, a stage): not empty, UTF-8,
 * no control characters; else what is wrong with it, in the same form. */
const char *name_fault(const char *name);

/* A UID is 20 of a-z and 2-7, the first a letter (100 bits): never digits alone, so it can't be taken for a
 * number. */
void uid_from_random(const uint8_t random[UID_LENGTH], char uid[UID_LENGTH + 1]);
bool uid_valid(const char *text);

/* "42" or "#42" as an execution's number; false where the text isn't one. Digits always are: *number is 0
 * where no execution can have it. */
bool ref_number(const char *ref, int64_t *number);

/* Whether `ref` could be the beginning of a UID: 4 or more of its characters. */
bool ref_uid_prefix(const char *ref);

#endif
