/* The index of a log (format: log_format.h) as readers see it: records by number, while they are written. */
#ifndef SUPERVISE_SUPERVISOR_LOG_INDEX_H
#define SUPERVISE_SUPERVISOR_LOG_INDEX_H

#include <supervise/supervisor/log_format.h>

struct log_index;

/* The index beside a log; NULL where there is none of this uid's that can be read. */
struct log_index *log_index_open(const char *log_path, const char *uid);
void log_index_close(struct log_index *index); /* NULL is allowed */

const struct log_geometry *log_index_geometry(const struct log_index *index);

/*
 * Learns what the writer has recorded since. What is found afterwards is final, but for the newest record,
 * which may still grow.
 */
void log_index_refresh(struct log_index *index);
int64_t log_index_newest(const struct log_index *index); /* the last known number, -1: none */
int64_t log_index_end(const struct log_index *index);    /* the offset behind it; 0: none */

/* The record of that number; false where it was overwritten, or is damaged. */
bool log_index_find(struct log_index *index, int64_t number, struct log_record *record);

/* Whether the bytes of a record are known to be overwritten by newer ones. */
bool log_index_outlived(const struct log_index *index, const struct log_record *record);

/* The first number above `number` that can still be found. */
int64_t log_index_after(const struct log_index *index, int64_t number);
/* The last number below `number` that can still be found, -1: none. */
int64_t log_index_before(const struct log_index *index, int64_t number);

/* Opens a regular file to read; -1 with errno, 0 where it is something else: a FIFO would let us wait for
 * ever. */
int log_open_regular(const char *path);
/* Reads as much as is there, up to `size`; -1 with errno. */
int64_t log_read_at(int fd, void *bytes, size_t size, int64_t position);
/* The size of an open file in bytes. */
int64_t log_size_of(int fd);

#endif
