/*
 * The reader of a log. It walks the records by number and shows what their sums vouch for; a record that is
 * gone or overwritten is stepped over, and what is missing shows as the distance to the next that counts.
 */
#include <supervise/supervisor/log_reader.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/supervisor/log_index.h>

enum { STATUS_TAIL_MOST = 64 * 1024 };

struct log_reader {
    char *path, *uid;
    int data;
    struct log_index *index; /* NULL: none */
    bool ended;
    int64_t next;   /* the number of the record to look at; its beginning may have been shown */
    int64_t offset; /* all before it was shown, or is missing */
    unsigned char bytes[LOG_RECORD_MAX];
};

/* The writer makes the index before the data, so that whoever finds the data finds it. */
static int open_files(struct log_reader *reader, struct error *err)
{
    if (reader->data >= 0)
        return 0;
    reader->data = log_open_regular(reader->path);
    if (reader->data >= 0) {
        reader->index = log_index_open(reader->path, reader->uid);
        return 0;
    }
    if (errno == ENOENT || errno == ENOTDIR)
        return 0;
    if (errno)
        return error_errno(err, "cannot read the log %s", reader->path);
    return error_set(err, ERR_OTHER, "cannot read the log %s: it is no regular file", reader->path);
}

struct log_reader *log_reader_open(const char *path, const char *uid, struct error *err)
{
    struct log_reader *reader = mem_alloc(sizeof *reader);

    reader->path = mem_strdup(path);
    reader->uid = mem_strdup(uid);
    reader->data = -1;
    if (open_files(reader, err) == 0)
        return reader;
    log_reader_close(reader);
    return NULL;
}

void log_reader_close(struct log_reader *reader)
{
    if (!reader)
        return;
    log_index_close(reader->index);
    fd_close(&reader->data);
    free(reader->path);
    free(reader->uid);
    free(reader);
}

void log_reader_ended(struct log_reader *reader)
{
    reader->ended = true;
}

bool log_reader_missing(const struct log_reader *reader)
{
    return reader->data < 0;
}

bool log_reader_unindexed(const struct log_reader *reader)
{
    return reader->data >= 0 && !reader->index;
}

/* Reads a record's bytes. 1; 0 where they are not (or no longer) there; -1 with err. */
static int read_record(struct log_reader *reader, const struct log_record *record, struct error *err)
{
    int64_t position = log_position(log_index_geometry(reader->index), record->start);
    int64_t size = log_read_at(reader->data, reader->bytes, record->length, position);

    if (size < 0)
        return error_errno(err, "cannot read the log %s", reader->path);
    return size == record->length && log_sum(reader->bytes, record->length) == record->sum;
}

/*
 * Shows what of a record wasn't shown yet; the record stays the next one, since it may grow. 1; 0 where there
 * is nothing (more) of it to show; -1 with err.
 */
static int show_record(struct log_reader *reader, const struct log_record *record, struct log_chunk *chunk,
                       struct error *err)
{
    int64_t end = record->start + record->length;
    int64_t skip = reader->offset > record->start ? reader->offset - record->start : 0;
    int result;

    if (end <= reader->offset || log_index_outlived(reader->index, record))
        return 0;
    result = read_record(reader, record, err);
    if (result <= 0)
        return result;
    *chunk = (struct log_chunk){
        .wall_ms = record->wall_ms,
        .stream = record->stream,
        .data = reader->bytes + skip,
        .length = record->length - (size_t)skip,
        .gap_bytes = record->start > reader->offset ? record->start - reader->offset : 0,
    };
    reader->offset = end;
    return 1;
}

/* Shows what there is up to the newest known record, and stays at that. */
static int next_known(struct log_reader *reader, struct log_chunk *chunk, struct error *err)
{
    int64_t newest = log_index_newest(reader->index);
    struct log_record record;
    int result = 0;

    while (result == 0 && reader->next <= newest) {
        if (log_index_find(reader->index, reader->next, &record))
            result = show_record(reader, &record, chunk, err);
        if (result == 0 && reader->next == newest)
            break;
        if (result == 0)
            reader->next = log_index_after(reader->index, reader->next);
    }
    return result;
}

static int next_recorded(struct log_reader *reader, struct log_chunk *chunk, struct error *err)
{
    int result = next_known(reader, chunk, err);
    int64_t end;

    while (result == 0) {
        end = log_index_end(reader->index);
        log_index_refresh(reader->index);
        if (log_index_end(reader->index) == end)
            break;
        result = next_known(reader, chunk, err);
    }
    return result;
}

/*
 * Up to where the file is known to hold bytes in their order, whoever vouches for them: without index all of
 * it, else the head, which is never written twice, once nobody is about to record what lies there.
 */
static int64_t plain_end(const struct log_reader *reader)
{
    int64_t size = log_size_of(reader->data), head;

    if (!reader->index)
        return size;
    head = log_index_geometry(reader->index)->head;
    return !reader->ended ? 0 : size < head ? size : head;
}

/* Reads the bytes from `from` to `to`, as many of the first as there is room for; their number, or -1 with
 * err. */
static int64_t read_plain(struct log_reader *reader, int64_t from, int64_t to, struct error *err)
{
    int64_t length = to - from < LOG_RECORD_MAX ? to - from : LOG_RECORD_MAX;

    if (length <= 0)
        return 0;
    length = log_read_at(reader->data, reader->bytes, (size_t)length, from);
    return length < 0 ? error_errno(err, "cannot read the log %s", reader->path) : length;
}

static int next_plain(struct log_reader *reader, struct log_chunk *chunk, struct error *err)
{
    int64_t length = read_plain(reader, reader->offset, plain_end(reader), err);

    if (length <= 0)
        return (int)length;
    *chunk = (struct log_chunk){
        .wall_ms = NO_INT, .stream = LOG_OUT, .data = reader->bytes, .length = (size_t)length};
    reader->offset += length;
    return 1;
}

/* What was recorded, or lies in the file, and could not be shown. */
static int next_loss(struct log_reader *reader, struct log_chunk *chunk)
{
    int64_t until = log_size_of(reader->data);

    if (!reader->index || !reader->ended)
        return 0;
    if (until < log_index_end(reader->index))
        until = log_index_end(reader->index);
    if (until <= reader->offset)
        return 0;
    *chunk =
        (struct log_chunk){.wall_ms = NO_INT, .data = reader->bytes, .gap_bytes = until - reader->offset};
    reader->offset = until;
    return 1;
}

int log_reader_next(struct log_reader *reader, struct log_chunk *chunk, struct error *err)
{
    int result = 0;

    if (open_files(reader, err) < 0)
        return -1;
    if (reader->data < 0)
        return 0;
    if (reader->index)
        result = next_recorded(reader, chunk, err);
    if (result == 0)
        result = next_plain(reader, chunk, err);
    return result ? result : next_loss(reader, chunk);
}

/* --- the tail --- */

/* A search for the beginning of the last lines, from the end backwards. */
struct tail {
    int64_t lines, most; /* still wanted */
    int only;
    bool any; /* the last byte was seen: if it is a newline, it ends the last line and begins none */
};

/* Looks for the beginning in a piece of output: its index, or -1 where it lies before. */
static int64_t tail_in(struct tail *tail, const unsigned char *bytes, int64_t length)
{
    int64_t at = length - 1;

    if (length > 0 && !tail->any) {
        tail->any = true;
        if (bytes[at] == '\n')
            at--;
    }
    for (; at >= 0; at--)
        if (bytes[at] == '\n' && --tail->lines == 0)
            return at + 1;
    if (length >= tail->most)
        return length - tail->most;
    tail->most -= length;
    return -1;
}

/* Among the bytes without record, which lie behind `from`. 1: found; 0: it lies before; -1 with err. */
static int tail_in_plain(struct log_reader *reader, struct tail *tail, int64_t from, struct error *err)
{
    int64_t to = plain_end(reader);

    while (to > from && tail->only != LOG_ERR) {
        int64_t begin = to - from > LOG_RECORD_MAX ? to - LOG_RECORD_MAX : from;
        int64_t length = read_plain(reader, begin, to, err);
        int64_t found = length < 0 ? -1 : tail_in(tail, reader->bytes, length);

        if (length < 0)
            return -1;
        if (found >= 0) {
            reader->next = reader->index ? log_index_newest(reader->index) + 1 : 0;
            reader->offset = begin + found;
            return 1;
        }
        to = begin;
    }
    return 0;
}

static int tail_in_records(struct log_reader *reader, struct tail *tail, struct error *err)
{
    struct log_record record;

    for (int64_t number = log_index_newest(reader->index); number >= 0;
         number = log_index_before(reader->index, number)) {
        int64_t found;
        int result;

        if (!log_index_find(reader->index, number, &record) || log_index_outlived(reader->index, &record) ||
            (tail->only >= 0 && tail->only != (int)record.stream))
            continue;
        result = read_record(reader, &record, err);
        if (result < 0)
            return -1;
        found = result ? tail_in(tail, reader->bytes, record.length) : -1;
        if (found >= 0) {
            reader->next = number;
            reader->offset = record.start + found;
            return 1;
        }
    }
    return 0;
}

/* To the end: nothing of what is there now is wanted. */
static void to_end(struct log_reader *reader)
{
    int64_t plain = plain_end(reader);

    if (reader->index) {
        reader->next = log_index_newest(reader->index) < 0 ? 0 : log_index_newest(reader->index);
        reader->offset = log_index_end(reader->index);
    }
    if (plain > reader->offset)
        reader->offset = plain;
}

int log_reader_to_tail(struct log_reader *reader, int64_t lines, int only, int64_t most, struct error *err)
{
    struct tail tail = {.lines = lines, .most = most > 0 ? most : INT64_MAX, .only = only};
    int result;

    if (open_files(reader, err) < 0)
        return -1;
    if (reader->data < 0)
        return 0;
    if (reader->index)
        log_index_refresh(reader->index);
    if (lines <= 0) {
        to_end(reader);
        return 0;
    }
    result = tail_in_plain(reader, &tail, reader->index ? log_index_end(reader->index) : 0, err);
    if (result == 0 && reader->index)
        result = tail_in_records(reader, &tail, err);
    return result < 0 ? -1 : 0;
}

int log_tail(const struct execution *execution, int lines, struct buf *out, struct error *err)
{
    struct log_reader *reader;
    struct log_chunk chunk;
    int result;

    if (!execution->log)
        return 0;
    reader = log_reader_open(execution->log, execution->uid, err);
    if (!reader)
        return -1;
    if (execution->finished_at != NO_INT)
        log_reader_ended(reader);
    result = log_reader_to_tail(reader, lines, -1, STATUS_TAIL_MOST, err);
    while (result == 0 && (result = log_reader_next(reader, &chunk, err)) > 0) {
        if (chunk.gap_bytes > 0)
            buf_printf(out, "\n[%lld bytes of output are missing here]\n", (long long)chunk.gap_bytes);
        buf_append(out, chunk.data, chunk.length);
        result = 0;
    }
    log_reader_close(reader);
    return result;
}
