/*
 * Kept output as a recording that asciinema's players take: asciicast v2, a header and then an event a line.
 * Without I/O: chunks in, lines out; but for the file, which is there whole or not at all.
 */
#ifndef SUPERVISE_CLI_ASCIICAST_H
#define SUPERVISE_CLI_ASCIICAST_H

#include <supervise/cli/log_view.h>

/* What a terminal that isn't there is thought to be. */
enum { ASCIICAST_COLUMNS = 80, ASCIICAST_ROWS = 24 };

struct asciicast_header {
    int64_t columns, rows; /* NO_INT: unknown */
    int64_t started_at;    /* events are counted from here; NO_INT: from the first */
    const char *title;     /* UTF-8; NULL: none */
    bool terminal; /* the output is what a terminal was sent. Else its lines end as a terminal would end
                      them: with CR and LF */
};

struct asciicast;

/* Appends the header. */
struct asciicast *asciicast_new(const struct asciicast_header *header, struct buf *out);
void asciicast_free(struct asciicast *cast); /* NULL is allowed */

/* Appends the events of a chunk: "o" for its text, "m", a marker, for what is missing before it. */
void asciicast_chunk(struct asciicast *cast, const struct log_chunk *chunk, struct buf *out);
/* Appends what was held back because more of it could have come. Nothing may follow. */
void asciicast_end(struct asciicast *cast, struct buf *out);

/*
 * A file that is put in its place, 0600, once all of it is written, instead of what stood there; what a link
 * leads to is replaced, not the link. "-" is stdout; a device or FIFO is written to as it is. Until
 * cast_file_close() the signals that would end us are held back, so that nothing half is left behind.
 */
struct cast_file;

struct cast_file *cast_file_open(const char *path, struct error *err); /* NULL with err */
int cast_file_write(struct cast_file *file, const struct buf *text, struct error *err);
/* Whether a signal has come that is to end us. */
bool cast_file_over(const struct cast_file *file);
/* Puts the file in its place where it is `whole`, else removes it, and frees it. -1 with err: it is not
 * there. */
int cast_file_close(struct cast_file *file, bool whole, struct error *err);

#endif
