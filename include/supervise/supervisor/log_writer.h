/*
 * Keeps an execution's output (format: log_format.h). Blocks on nothing but writes to regular files; memory
 * is constant, the disk bounded by max_size. What can't be kept is lost quietly after one error: the command
 * is never harmed. The caller has SIGXFSZ blocked or ignored.
 */
#ifndef SUPERVISE_SUPERVISOR_LOG_WRITER_H
#define SUPERVISE_SUPERVISOR_LOG_WRITER_H

#include <supervise/base/error.h>
#include <supervise/supervisor/log_format.h>

struct log_writer;

/* Touches no file: the log and the directories above it are made at the first byte. max_size in bytes, 0: no
 * limit. */
struct log_writer *log_writer_new(const char *path, const char *uid, int64_t max_size);

/*
 * Keeps `size` bytes that came at `wall_ms`. 0; -1 with err once, where the log can't be made or written:
 * what was kept by then stays readable, and all later calls return 0 and keep nothing.
 */
int log_writer_append(struct log_writer *writer, enum log_stream stream, int64_t wall_ms, const void *bytes,
                      size_t size, struct error *err);

/* Whether some output could not be kept. */
bool log_writer_lost(const struct log_writer *writer);

/*
 * The last line of output with more in it than blanks, finished or not, of either stream: its first bytes, as
 * they came (controls included, NULs left out). "" where there was none. Valid until the next call. Known
 * also when the log is lost.
 */
enum { LOG_LAST_LINE_SIZE = 257 };
const char *log_writer_last_line(const struct log_writer *writer);

void log_writer_close(struct log_writer *writer); /* frees it; NULL is allowed */

#endif
