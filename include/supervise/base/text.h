/* Text for terminals and for JSON: control characters made visible, UTF-8 checked, width counted, nearest
 * word found. */
#ifndef SUPERVISE_BASE_TEXT_H
#define SUPERVISE_BASE_TEXT_H

#include <supervise/base/buf.h>

#include <stdbool.h>
#include <stddef.h>

/* The length in bytes (1 to 4) of the well-formed UTF-8 sequence (RFC 3629) at `text`, or 0 where there is
 * none. */
size_t utf8_length(const char *text, size_t length);

bool utf8_valid(const char *text, size_t length);

/* Whether there is a C0, DEL or C1 control in valid UTF-8. */
bool text_has_controls(const char *text);

/*
 * Appends the text so that a terminal or a JSON reader can take it whole: C0, DEL and C1 controls become
 * `\n`, `\t`, `\e` or `\xNN`, bytes that are no UTF-8 become `\xNN`; what is printable stays.
 */
void text_visible(struct buf *out, const char *text, size_t length);
char *text_visible_dup(const char *text); /* the caller frees */

/* Appends the text as UTF-8: each byte that is no part of a well-formed sequence becomes U+FFFD; all else
 * stays. */
void text_to_utf8(struct buf *out, const char *text, size_t length);

/* Appends the bytes in base64 (RFC 4648), on one line. */
void text_base64(struct buf *out, const void *bytes, size_t length);

/* Terminal columns of valid UTF-8 text: wide East Asian and emoji 2, combining marks 0. */
size_t text_columns(const char *text);

/* The number of bytes of `text` that fit into `columns` columns, marks of the last character included. */
size_t text_fit(const char *text, size_t columns);

/*
 * The word of the list (ended by NULL) that was meant by `word`: the shortest that begins with it, else the
 * nearest by edit distance (insert, delete, replace, swap); NULL where none is near enough. Four letters or
 * fewer may have one fault.
 */
const char *text_nearest(const char *word, const char *const *words);

#endif
