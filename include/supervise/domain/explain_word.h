/* Words that explanations are made of. */
#ifndef SUPERVISE_DOMAIN_EXPLAIN_WORD_H
#define SUPERVISE_DOMAIN_EXPLAIN_WORD_H

#include <supervise/base/buf.h>

#include <stdbool.h>
#include <stdint.h>

bool word_is(const char *text, const char *wanted); /* false for NULL */
bool word_is_blank(const char *text);               /* true for NULL */

/* What others wrote, without the blanks around it: controls visible, cut to 120 columns. */
void word_text(struct buf *out, const char *text);

void word_duration(struct buf *out, int64_t ms); /* "7h 12m" */

/* " for 7h 12m"; nothing where `since` is 0, or later than `now`. */
void word_since(struct buf *out, int64_t since, int64_t now);

#endif
