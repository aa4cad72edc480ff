/*
 * The writer of a log: each chunk one write of data and one of its records, in that order. The first failure
 * is the last thing it does.
 */
#include <supervise/supervisor/log_writer.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/sequence.h>

enum {
    BATCH = 64 /* records in one write */,
    JOINED_MAX = 4096 /* bytes of a record that grows by small chunks */
};

/*
 * A line as it comes: the first bytes of it, without terminal sequences and controls. `more` than blanks
 * makes it one worth keeping.
 */
struct line {
    enum sequence sequence;
    char text[LOG_LAST_LINE_SIZE];
    size_t length;
    bool more;
};

struct log_writer {
    char *path, *uid;
    int64_t max_size;
    struct log_geometry geometry;
    int data, index;
    bool lost;
    int64_t end;                      /* bytes kept or overwritten so far: the offset of the next */
    struct log_record newest;         /* length 0: none yet */
    unsigned char joined[JOINED_MAX]; /* its bytes, where they are that few */
    int64_t credit;                   /* bytes of output not yet spent on records */
    struct line unfinished[2], last;  /* by stream; of both */
};

struct log_writer *log_writer_new(const char *path, const char *uid, int64_t max_size)
{
    struct log_writer *writer = mem_alloc(sizeof *writer);

    writer->path = mem_strdup(path);
    writer->uid = mem_strdup(uid);
    writer->max_size = max_size > 0 ? max_size : 0;
    writer->geometry = log_geometry(max_size);
    writer->credit = writer->geometry.ring_slots / 4 * writer->geometry.credit_per_record;
    writer->data = writer->index = -1;
    return writer;
}

/* Exclusively: a file that stands there already is none of ours, whatever it links to. */
static int create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
}

/* Writes all of it unless it fails: the number of bytes written, with errno where they are fewer than `size`.
 */
static size_t write_at(int fd, const unsigned char *bytes, size_t size, int64_t position)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)(position + (int64_t)done));

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR) {
            errno = n == 0 ? ENOSPC : errno;
            break;
        }
    }
    return done;
}

/* The index comes first: a reader that finds the data finds what explains them. */
static bool open_files(struct log_writer *writer, struct error *err)
{
    AUTOFREE char *directory = path_parent(writer->path);
    AUTOFREE char *index_path = log_index_path(writer->path);
    unsigned char header[LOG_HEADER_SIZE];

    if (path_make_private(directory, err) < 0)
        return false;
    log_header_encode(header, writer->uid, writer->max_size);
    writer->index = create(index_path);
    if (writer->index < 0 || write_at(writer->index, header, sizeof header, 0) < sizeof header) {
        error_errno(err, "cannot make %s", index_path);
        return false;
    }
    writer->data = create(writer->path);
    if (writer->data < 0) {
        error_errno(err, "cannot make %s", writer->path);
        return false;
    }
    return true;
}

/* Puts `count` records with numbers in a row, beginning with `first`, into their slots. */
static bool put_records(struct log_writer *writer, int64_t first, const unsigned char *raw, size_t count)
{
    size_t size = count * LOG_RECORD_SIZE;

    return write_at(writer->index, raw, size, log_slot_position(log_slot(&writer->geometry, first))) == size;
}

/*
 * Whether a chunk becomes part of the record before: nothing is lost by that within a millisecond; else only
 * where records cost more than is there, and only until the record is as long as it costs.
 */
static bool joins(const struct log_writer *writer, enum log_stream stream, int64_t wall_ms, size_t size)
{
    const struct log_record *newest = &writer->newest;
    int64_t price = writer->geometry.credit_per_record;
    int64_t longest = writer->geometry.record_max < JOINED_MAX ? writer->geometry.record_max : JOINED_MAX;

    if (newest->length == 0 || newest->stream != stream || (int64_t)(newest->length + size) > longest)
        return false;
    /* Nor may it cross the end of the head or of the ring, or begin behind it. */
    if (log_run(&writer->geometry, newest->start) < (int64_t)(newest->length + size))
        return false;
    return newest->wall_ms == wall_ms || (writer->credit < price && newest->length < price);
}

static bool join(struct log_writer *writer, const unsigned char *bytes, size_t size)
{
    struct log_record *newest = &writer->newest;
    unsigned char raw[LOG_RECORD_SIZE];

    memcpy(writer->joined + newest->length, bytes, size);
    newest->length += (uint32_t)size;
    newest->sum = log_sum(writer->joined, newest->length);
    log_record_encode(raw, newest);
    return put_records(writer, (int64_t)newest->number, raw, 1);
}

/* New records for bytes that are in the file, at most BATCH and in slots in a row. */
static bool add(struct log_writer *writer, enum log_stream stream, int64_t wall_ms,
                const unsigned char *bytes, size_t size)
{
    unsigned char raw[BATCH * LOG_RECORD_SIZE];
    uint64_t first = writer->newest.length ? writer->newest.number + 1 : 0;
    size_t count = 0, done = 0;

    while (done < size) {
        size_t left = size - done, longest = (size_t)writer->geometry.record_max;

        writer->newest = (struct log_record){
            .number = first + count,
            .start = writer->end + (int64_t)done,
            .wall_ms = wall_ms,
            .length = (uint32_t)(left < longest ? left : longest),
            .stream = stream,
        };
        writer->newest.sum = log_sum(bytes + done, writer->newest.length);
        log_record_encode(raw + count * LOG_RECORD_SIZE, &writer->newest);
        done += writer->newest.length;
        count++;
    }
    if (writer->newest.length <= JOINED_MAX)
        memcpy(writer->joined, bytes + size - writer->newest.length, writer->newest.length);
    writer->credit -= (int64_t)count * writer->geometry.credit_per_record;
    return put_records(writer, (int64_t)first, raw, count);
}

/* How much of a chunk can be kept by one write of data and one of records. */
static size_t portion(const struct log_writer *writer, size_t size)
{
    int64_t number = writer->newest.length ? (int64_t)writer->newest.number + 1 : 0;
    int64_t records = log_slot_run(&writer->geometry, number);
    int64_t most = log_run(&writer->geometry, writer->end);

    if (records > BATCH)
        records = BATCH;
    if (most > records * writer->geometry.record_max)
        most = records * writer->geometry.record_max;
    return (uint64_t)most < size ? (size_t)most : size;
}

static void earn(struct log_writer *writer, size_t size)
{
    int64_t most = writer->geometry.ring_slots / 4 * writer->geometry.credit_per_record;

    writer->credit += (int64_t)size;
    if (writer->credit > most)
        writer->credit = most;
}

/* Keeps some of the bytes, *kept; false, with errno, where that fails. */
static bool keep(struct log_writer *writer, enum log_stream stream, int64_t wall_ms,
                 const unsigned char *bytes, size_t size, size_t *kept)
{
    bool joined = joins(writer, stream, wall_ms, size);
    size_t wanted = joined ? size : portion(writer, size);
    bool recorded = true;
    int failure;

    *kept = write_at(writer->data, bytes, wanted, log_position(&writer->geometry, writer->end));
    failure = errno;
    earn(writer, *kept);
    if (*kept) /* what got into the file before it was full is output like any other */
        recorded = joined ? join(writer, bytes, *kept) : add(writer, stream, wall_ms, bytes, *kept);
    writer->end += (int64_t)*kept;
    if (recorded)
        errno = failure;
    return recorded && *kept == wanted;
}

static void line_add(struct line *line, char c)
{
    if (sequence_takes(&line->sequence, c) || ((unsigned char)c < ' ' && c != '\t') || c == '\x7f')
        return;
    if (c != ' ' && c != '\t')
        line->more = true;
    if (line->length + 1 < sizeof line->text)
        line->text[line->length++] = c;
}

static void line_keep(struct line *last, const struct line *line)
{
    if (!line->more)
        return;
    *last = *line;
    last->text[last->length] = '\0';
}

/* A carriage return ends a line too: progress bars. */
static void note_bytes(struct log_writer *writer, struct line *line, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r') {
            line_add(line, (char)bytes[i]);
            continue;
        }
        line_keep(&writer->last, line);
        line->length = 0;
        line->more = false;
        line->sequence = NO_SEQUENCE;
    }
}

/*
 * Of a large chunk only its end is looked at, and where the line begins that reaches into it: of a line only
 * its first bytes are kept.
 */
static void note_lines(struct log_writer *writer, enum log_stream stream, const unsigned char *bytes,
                       size_t size)
{
    static const size_t enough = 1024;
    struct line *line = &writer->unfinished[stream];

    if (size > enough) {
        const unsigned char *newline = memrchr(bytes, '\n', size - enough);
        const unsigned char *begins = newline ? newline + 1 : bytes, *end = bytes + size - enough;
        size_t head = (size_t)(end - begins);

        if (newline)
            *line = (struct line){0};
        note_bytes(writer, line, begins, head < sizeof line->text ? head : sizeof line->text);
        line->sequence = NO_SEQUENCE; /* of what is passed over nobody knows where one ends */
        bytes = end;
        size = enough;
    }
    note_bytes(writer, line, bytes, size);
    line_keep(&writer->last, line);
}

int log_writer_append(struct log_writer *writer, enum log_stream stream, int64_t wall_ms, const void *bytes,
                      size_t size, struct error *err)
{
    const unsigned char *at = bytes;
    size_t kept;

    if (size == 0)
        return 0;
    note_lines(writer, stream, bytes, size);
    if (writer->lost)
        return 0;
    if (writer->data < 0 && !open_files(writer, err)) {
        writer->lost = true;
        return -1;
    }
    for (; size; at += kept, size -= kept) {
        if (!keep(writer, stream, wall_ms, at, size, &kept)) {
            writer->lost = true;
            return error_set(err, ERR_OTHER,
                             "cannot write the log %s: %s; the output from here on is not kept", writer->path,
                             strerror(errno));
        }
    }
    return 0;
}

bool log_writer_lost(const struct log_writer *writer)
{
    return writer->lost;
}

const char *log_writer_last_line(const struct log_writer *writer)
{
    return writer->last.text;
}

void log_writer_close(struct log_writer *writer)
{
    if (!writer)
        return;
    fd_close(&writer->data);
    fd_close(&writer->index);
    free(writer->path);
    free(writer->uid);
    free(writer);
}
