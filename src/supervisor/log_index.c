/*
 * Reads the index of a log. Nothing but the numbers in the slots tells where the writer is, and any slot may
 * be half written or damaged: what has not its own sum and number isn't there.
 */
#include <supervise/supervisor/log_index.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>

enum { CACHED = 64 /* slots read at once */ };

struct log_index {
    int fd;
    struct log_geometry geometry;
    int64_t newest, end;
    int64_t cached_first, cached_count; /* slots */
    unsigned char cache[CACHED * LOG_RECORD_SIZE];
};

int64_t log_read_at(int fd, void *bytes, size_t size, int64_t position)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, (char *)bytes + done, size - done, (off_t)(position + (int64_t)done));

        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return (int64_t)done;
}

int64_t log_size_of(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 ? (int64_t)status.st_size : 0;
}

int log_open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        fd_close(&fd);
        errno = 0;
    }
    return fd;
}

struct log_index *log_index_open(const char *log_path, const char *uid)
{
    AUTOFREE char *path = log_index_path(log_path);
    int fd = log_open_regular(path);
    unsigned char header[LOG_HEADER_SIZE];
    struct log_index *index;
    int64_t max_size;

    if (fd < 0 || log_read_at(fd, header, sizeof header, 0) < LOG_HEADER_SIZE ||
        !log_header_decode(header, uid, &max_size)) {
        fd_close(&fd);
        return NULL;
    }
    index = mem_alloc(sizeof *index);
    index->fd = fd;
    index->geometry = log_geometry(max_size);
    index->newest = -1;
    return index;
}

void log_index_close(struct log_index *index)
{
    if (!index)
        return;
    fd_close(&index->fd);
    free(index);
}

const struct log_geometry *log_index_geometry(const struct log_index *index)
{
    return &index->geometry;
}

int64_t log_index_newest(const struct log_index *index)
{
    return index->newest;
}

int64_t log_index_end(const struct log_index *index)
{
    return index->end;
}

/* What stands in a slot; false where that is no record. */
static bool read_slot(struct log_index *index, int64_t slot, struct log_record *record)
{
    int64_t in_cache = slot - index->cached_first;

    if (in_cache < 0 || in_cache >= index->cached_count) {
        int64_t size;

        index->cached_first = slot / CACHED * CACHED;
        size =
            log_read_at(index->fd, index->cache, sizeof index->cache, log_slot_position(index->cached_first));
        index->cached_count = size < 0 ? 0 : size / LOG_RECORD_SIZE;
        in_cache = slot - index->cached_first;
    }
    return in_cache < index->cached_count &&
           log_record_decode(index->cache + in_cache * LOG_RECORD_SIZE, record);
}

bool log_index_find(struct log_index *index, int64_t number, struct log_record *record)
{
    return read_slot(index, log_slot(&index->geometry, number), record) && (int64_t)record->number == number;
}

static void note_newest(struct log_index *index, const struct log_record *record)
{
    if ((int64_t)record->number < index->newest)
        return;
    index->newest = (int64_t)record->number;
    index->end = record->start + record->length;
}

/* While there is no ring yet: the last slot, unless that one is damaged. */
static void find_newest_in_row(struct log_index *index, int64_t slots)
{
    struct log_record record;

    for (int64_t slot = slots - 1; slot >= 0 && slot >= index->newest; slot--) {
        if (!log_index_find(index, slot, &record))
            continue;
        note_newest(index, &record);
        return;
    }
}

/* Steps from the newest known to the newest there is; false where the writer went round the ring meanwhile.
 */
static bool step_to_newest(struct log_index *index)
{
    struct log_record record;
    int64_t number = index->newest;

    while (log_index_find(index, number, &record)) {
        note_newest(index, &record);
        number++;
    }
    return !read_slot(index, log_slot(&index->geometry, number), &record) || (int64_t)record.number < number;
}

static void find_newest_in_ring(struct log_index *index, int64_t slots)
{
    int64_t first = index->geometry.fixed_slots, end = first + index->geometry.ring_slots;
    struct log_record record;

    if (index->newest >= first && step_to_newest(index))
        return;
    for (int64_t slot = first; slot < slots && slot < end; slot++)
        if (read_slot(index, slot, &record) && log_slot(&index->geometry, (int64_t)record.number) == slot)
            note_newest(index, &record);
}

void log_index_refresh(struct log_index *index)
{
    int64_t slots = (log_size_of(index->fd) - LOG_HEADER_SIZE) / LOG_RECORD_SIZE;
    int64_t fixed = index->geometry.fixed_slots;

    index->cached_count = 0;
    if (slots > fixed)
        find_newest_in_ring(index, slots);
    if (index->newest < fixed)
        find_newest_in_row(index, slots < fixed ? slots : fixed);
    /* What was read along the way may have grown before its successor came. */
    index->cached_count = 0;
}

bool log_index_outlived(const struct log_index *index, const struct log_record *record)
{
    return record->start >= index->geometry.head && record->start < index->end - index->geometry.ring;
}

int64_t log_index_after(const struct log_index *index, int64_t number)
{
    int64_t oldest = index->newest - index->geometry.ring_slots + 1;

    number++;
    return number >= index->geometry.fixed_slots && number < oldest ? oldest : number;
}

int64_t log_index_before(const struct log_index *index, int64_t number)
{
    int64_t oldest = index->newest - index->geometry.ring_slots + 1;
    int64_t fixed = index->geometry.fixed_slots;

    number--;
    return number >= fixed && number < oldest ? fixed - 1 : number;
}
