/*
 * The log of an execution's output on disk: two files, UID.log and UID.idx, both 0600.
 *
 * UID.log holds the raw bytes. Each byte has an offset, its place in everything the command wrote. Up to
 * `max_size` bytes the file is just that, in order. Beyond, the first half (the head) stays as it is and the
 * second half is a ring in which the newest bytes replace the oldest (the tail); what lies between is the
 * gap. 0 is no limit.
 *
 * UID.idx holds a header (magic, version, uid, max_size), then slots of one size. A record says: bytes
 * [start, start + length) came on this stream at this time, and have this sum. Records are numbered from 0.
 * The first `fixed_slots` numbers keep their slots, later ones share a ring of `ring_slots`. All is
 * little-endian; numbers and offsets only grow.
 *
 * The writer puts data first, then its record, never syncs, and neither data nor record crosses the end of
 * the head or of the ring. A reader trusts nothing but sums: a record counts if its own sum is right and it
 * has the number looked for; its bytes count if they have the sum it says. So a writer that runs, was killed
 * anywhere, or overwrites what is being read, and files cut off anywhere, can hide output but never show what
 * wasn't written in that place.
 *  - A record without (all) its data is ignored. What is missing before a later record is a gap of exactly
 * that size.
 *  - Data of the head behind the last record came at an unknown time; shown as stdout once the execution has
 * ended.
 *  - Without index, or with that of another log, the file is shown as it lies: beyond max_size that isn't in
 * order.
 *
 * The index is bounded with the data. Chunks that come in the same millisecond on the same stream are one
 * record; and when records are spent faster than one a `credit_per_record` bytes, small chunks join the
 * record before, whose time is then that of its first byte. Only streams that alternate in tiny chunks for
 * long can fill the index first; they have a shorter head and tail.
 */
#ifndef SUPERVISE_SUPERVISOR_LOG_FORMAT_H
#define SUPERVISE_SUPERVISOR_LOG_FORMAT_H

#include <supervise/domain/id.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_stream { LOG_OUT = 0, LOG_ERR = 1 };

enum {
    LOG_HEADER_SIZE = 64,
    LOG_RECORD_SIZE = 40,
    LOG_RECORD_MAX = 64 * 1024 /* bytes of data a record covers */
};

struct log_record {
    uint64_t number;
    int64_t start, wall_ms;
    uint32_t length; /* 1 to LOG_RECORD_MAX */
    enum log_stream stream;
    uint32_t sum; /* log_sum() of its bytes */
};

/* What follows from max_size. Without limit head and fixed_slots are INT64_MAX and no ring is ever reached.
 */
struct log_geometry {
    int64_t head, ring; /* bytes */
    int64_t fixed_slots, ring_slots;
    int64_t record_max;        /* bytes: small in a small ring, since a record is lost with its first byte */
    int64_t credit_per_record; /* bytes of output that pay for one record */
};
struct log_geometry log_geometry(int64_t max_size);

/* Where in UID.log the byte with that offset lies, and how many from it on lie in a row (1 or more). */
int64_t log_position(const struct log_geometry *geometry, int64_t offset);
int64_t log_run(const struct log_geometry *geometry, int64_t offset);

/* The slot of a record, and how many records from it on have slots in a row (1 or more). */
int64_t log_slot(const struct log_geometry *geometry, int64_t number);
int64_t log_slot_run(const struct log_geometry *geometry, int64_t number);
int64_t log_slot_position(int64_t slot); /* in UID.idx */

/* A sum that tells other bytes by chance only (1 in 2^32); several bytes a cycle. */
uint32_t log_sum(const void *bytes, size_t length);

void log_header_encode(unsigned char raw[LOG_HEADER_SIZE], const char *uid, int64_t max_size);
/* False where it is no header of this version, damaged, or that of another uid. */
bool log_header_decode(const unsigned char raw[LOG_HEADER_SIZE], const char *uid, int64_t *max_size);

void log_record_encode(unsigned char raw[LOG_RECORD_SIZE], const struct log_record *record);
/* False where it is none: never written, half written, damaged. */
bool log_record_decode(const unsigned char raw[LOG_RECORD_SIZE], struct log_record *record);

/* UID.idx for UID.log; the caller frees. */
char *log_index_path(const char *log_path);

#endif
