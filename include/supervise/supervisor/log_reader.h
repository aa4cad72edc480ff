/*
 * Reads an execution's kept output (format: log_format.h): while it is written, after a crash, with or
 * without its index. Memory is constant. What is shown is what was written, in order, with every gap said.
 */
#ifndef SUPERVISE_SUPERVISOR_LOG_READER_H
#define SUPERVISE_SUPERVISOR_LOG_READER_H

#include <supervise/base/buf.h>
#include <supervise/base/error.h>
#include <supervise/store/execution.h>
#include <supervise/supervisor/log_format.h>

struct log_reader;

/* A piece of output. `wall_ms` NO_INT: unknown. `length` 0: only a gap, at the very end. */
struct log_chunk {
    int64_t wall_ms;
    enum log_stream stream;
    const unsigned char *data; /* until the next call */
    size_t length;             /* up to LOG_RECORD_MAX */
    int64_t gap_bytes;         /* what is missing just before it */
};

/*
 * A log that isn't there (yet) is an empty one, which may appear later. NULL with err where it is there and
 * can't be read, or is no regular file.
 */
struct log_reader *log_reader_open(const char *path, const char *uid, struct error *err);

/* 1 with the next chunk, 0 where there is no more at present, -1 with err. */
int log_reader_next(struct log_reader *reader, struct log_chunk *chunk, struct error *err);

/* Nothing will be written any more: from now on bytes whose record is missing are shown too. */
void log_reader_ended(struct log_reader *reader);

bool log_reader_missing(const struct log_reader *reader);   /* there is no log */
bool log_reader_unindexed(const struct log_reader *reader); /* there is one, without an index of its own */

/*
 * Goes to where the last `lines` lines of what is there begin, counting those of both streams (`only` -1) or
 * of one. An unfinished last line counts. Looks at no more than about `most` bytes, 0: any number.
 */
int log_reader_to_tail(struct log_reader *reader, int64_t lines, int only, int64_t most, struct error *err);

void log_reader_close(struct log_reader *reader); /* NULL is allowed */

/*
 * Appends the last lines of the output (at most the last 64 KiB of it), raw, with a line where something is
 * missing. Nothing where none was kept.
 */
int log_tail(const struct execution *execution, int lines, struct buf *out, struct error *err);

#endif
