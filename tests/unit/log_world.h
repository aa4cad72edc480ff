/*
 * What the tests of the log share: output in which every byte tells its offset, a directory that goes away,
 * and a reader that holds everything shown against what was written.
 */
#ifndef TESTS_LOG_WORLD_H
#define TESTS_LOG_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/supervisor/log_reader.h>
#include <supervise/supervisor/log_writer.h>

#define WORLD_UID "abcdefghijklmnopqrst"

struct world {
    char directory[64];
    char log[128], index[128];
    struct log_writer *writer;
    int64_t written; /* the offset of the next byte */
    unsigned errors; /* of appends */
    unsigned random;
};

static inline unsigned world_random(struct world *world, unsigned below)
{
    world->random = world->random * 1103515245U + 12345U;
    return (world->random >> 8) % below;
}

/* The byte at an offset of the output: another one at nearly every other offset of that low byte. */
static inline unsigned char world_byte(int64_t offset)
{
    uint64_t x = ((uint64_t)offset + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned char)(x >> 56);
}

static inline enum log_stream world_stream(int64_t piece)
{
    return piece % 3 == 1 ? LOG_ERR : LOG_OUT;
}

static inline int world_unlink(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    strcpy(world->directory, "/tmp/supervise-log-XXXXXX");
    if (!mkdtemp(world->directory))
        return -1;
    snprintf(world->log, sizeof world->log, "%s/logs/%s.log", world->directory, WORLD_UID);
    snprintf(world->index, sizeof world->index, "%s/logs/%s.idx", world->directory, WORLD_UID);
    world->random = 1;
    *state = world;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *world = *state;

    log_writer_close(world->writer);
    nftw(world->directory, world_unlink, 8, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

/* A new log in place of the one before. */
static inline void world_begin(struct world *world, int64_t max_size)
{
    log_writer_close(world->writer);
    unlink(world->log);
    unlink(world->index);
    world->writer = log_writer_new(world->log, WORLD_UID, max_size);
    world->written = 0;
    world->errors = 0;
}

static inline void world_append(struct world *world, enum log_stream stream, int64_t wall_ms, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    struct error err;

    for (size_t i = 0; i < size; i++)
        bytes[i] = world_byte(world->written + (int64_t)i);
    if (log_writer_append(world->writer, stream, wall_ms, bytes, size, &err) < 0)
        world->errors++;
    world->written += (int64_t)size;
    free(bytes);
}

static inline int64_t world_size(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (int64_t)status.st_size : -1;
}

/* What a reader showed, once every byte of it was found in its place. */
struct seen {
    int64_t shown, end;               /* bytes; the offset behind the last */
    int64_t first_gap, gaps, missing; /* the offset of the first gap, -1: none; their number and bytes */
    int64_t unknown;                  /* bytes without time */
};

static inline void seen_chunk(struct seen *seen, const struct log_chunk *chunk)
{
    if (chunk->gap_bytes > 0) {
        if (seen->gaps++ == 0)
            seen->first_gap = seen->end;
        seen->missing += chunk->gap_bytes;
        seen->end += chunk->gap_bytes;
    }
    assert_in_range(chunk->length, 0, LOG_RECORD_MAX);
    for (size_t i = 0; i < chunk->length; i++)
        if (chunk->data[i] != world_byte(seen->end + (int64_t)i))
            fail_msg("a byte is not that of offset %lld", (long long)seen->end + (long long)i);
    seen->shown += (int64_t)chunk->length;
    seen->end += (int64_t)chunk->length;
    if (chunk->wall_ms == NO_INT)
        seen->unknown += (int64_t)chunk->length;
}

/* Reads the log as that of an ended execution. */
static inline struct seen world_read(const struct world *world)
{
    struct seen seen = {.first_gap = -1};
    struct error err;
    struct log_reader *reader = log_reader_open(world->log, WORLD_UID, &err);
    struct log_chunk chunk;
    int result;

    assert_non_null(reader);
    log_reader_ended(reader);
    while ((result = log_reader_next(reader, &chunk, &err)) > 0)
        seen_chunk(&seen, &chunk);
    assert_int_equal(result, 0);
    log_reader_close(reader);
    return seen;
}

#endif
