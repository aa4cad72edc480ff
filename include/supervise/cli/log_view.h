/*
 * How kept output is shown: raw, with the time before each line, made safe for a terminal, or as JSON. No
 * I/O: chunks in, text out. What is split over chunks (a line, a character, a sequence of a terminal) is
 * taken for what it is.
 */
#ifndef SUPERVISE_CLI_LOG_VIEW_H
#define SUPERVISE_CLI_LOG_VIEW_H

#include <supervise/base/buf.h>
#include <supervise/supervisor/log_reader.h>

/*
 * Output as UTF-8, in which characters that were split over the chunks of a stream are whole, and a byte that
 * is part of none is U+FFFD. All zero: nothing has come yet.
 */
struct log_joiner {
    struct {
        char bytes[4];
        size_t length;
    } part[2]; /* the beginning of a character, by stream */
};

void log_join(struct log_joiner *joiner, enum log_stream stream, const void *bytes, size_t length,
              struct buf *out);
/* Nothing more comes of that stream, or not what belongs to its unfinished character. */
void log_join_end(struct log_joiner *joiner, enum log_stream stream, struct buf *out);

/* None of them: raw. With `json` the others mean nothing. */
struct log_style {
    bool json; /* one object a chunk: {"at", "stream", "text"}, and {"gap"} where something is missing */
    bool timestamps; /* before each line when it began, "-" where that isn't known */
    bool visible;    /* controls made visible, but for newline, tab and colours; gaps are lines */
    bool plain;      /* with `visible`: without the colours */
};

struct log_view;

struct log_view *log_view_new(const struct log_style *style);
void log_view_free(struct log_view *view); /* NULL is allowed */

/* Appends what the chunk (and the gap before it) looks like. */
void log_view_chunk(struct log_view *view, const struct log_chunk *chunk, struct buf *out);

/* Appends what was held back because more of it could have come. Nothing may follow. */
void log_view_end(struct log_view *view, struct buf *out);

#endif
