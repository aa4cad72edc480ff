/*
 * A log with an index of which every record is as somebody wanted it, with right sums: reading it ends, shows
 * nothing that isn't in the log, and what is shown can be printed. The input is a script of numbers, then the
 * log.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include <supervise/cli/asciicast.h>

#define LOG_UID "abcdefghijklmnopqrst"

enum { RECORDS_MAX = 32, SLOTS_MAX = 2048, CHUNKS_MAX = 4 * SLOTS_MAX };

static char directory[] = "/tmp/supervise-fuzz-XXXXXX", log_path[64], index_path[64];

static void remove_files(void)
{
    unlink(log_path);
    unlink(index_path);
    rmdir(directory);
}

static void make_directory(void)
{
    HOLDS(mkdtemp(directory));
    snprintf(log_path, sizeof log_path, "%s/a.log", directory);
    snprintf(index_path, sizeof index_path, "%s/a.idx", directory);
    atexit(remove_files);
}

struct script {
    const uint8_t *at, *end;
};

/* The next number: of a byte, of two behind 0xf0 to 0xfe, of eight behind 0xff. */
static uint64_t number(struct script *script)
{
    uint8_t first = script->at < script->end ? *script->at++ : 0;
    uint64_t value = 0;

    if (first < 0xf0)
        return first;
    for (int bytes = first == 0xff ? 8 : 2; bytes > 0 && script->at < script->end; bytes--)
        value = value << 8 | *script->at++;
    return value;
}

/* A record and the slot for it. Flags: 1 stderr, 2 a sum as the script has it, 4 such a slot. */
static int64_t make_record(struct script *script, const struct log_geometry *geometry,
                           struct log_record *record)
{
    uint64_t flags = number(script);

    record->number = number(script);
    record->start = (int64_t)number(script);
    record->wall_ms = (int64_t)number(script);
    record->length = (uint32_t)number(script);
    record->stream = flags & 1 ? LOG_ERR : LOG_OUT;
    record->sum = flags & 2 ? (uint32_t)number(script) : 0;
    if (flags & 4 || record->number >= INT64_MAX / 2)
        return (int64_t)(number(script) % SLOTS_MAX);
    return log_slot(geometry, (int64_t)record->number);
}

static void sum_up(const struct log_geometry *geometry, const struct script *log, struct log_record *record)
{
    int64_t size = log->end - log->at, position;

    if (record->sum || record->start < 0)
        return;
    position = log_position(geometry, record->start);
    if (position <= size && record->length <= size - position)
        record->sum = log_sum(log->at + position, record->length);
}

static void write_at(const char *path, int64_t position, const void *bytes, size_t size)
{
    AUTOCLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    HOLDS(fd >= 0 && pwrite(fd, bytes, size, position) == (ssize_t)size);
}

/* Leaves of the script what is the log. */
static void make_files(struct script *script)
{
    unsigned char raw[LOG_HEADER_SIZE];
    struct log_record records[RECORDS_MAX];
    int64_t slots[RECORDS_MAX], max_size = (int64_t)number(script);
    struct log_geometry geometry = log_geometry(max_size);
    size_t count = number(script) % RECORDS_MAX;

    log_header_encode(raw, LOG_UID, max_size);
    write_at(index_path, 0, raw, sizeof raw);
    for (size_t i = 0; i < count; i++)
        slots[i] = make_record(script, &geometry, &records[i]);
    for (size_t i = 0; i < count; i++) {
        sum_up(&geometry, script, &records[i]);
        log_record_encode(raw, &records[i]);
        if (slots[i] < SLOTS_MAX)
            write_at(index_path, log_slot_position(slots[i]), raw, LOG_RECORD_SIZE);
    }
    write_at(log_path, 0, script->at, (size_t)(script->end - script->at));
}

static void check_printed(const struct buf *out)
{
    for (const char *line = out->data; line && *line; line = strchr(line, '\n') + 1) {
        json_t *json = json_loadb(line, strcspn(line, "\n"), JSON_ALLOW_NUL, NULL);

        HOLDS(json && strchr(line, '\n'));
        json_decref(json);
    }
}

static void read_all(struct log_reader *reader, const struct script *log)
{
    struct log_view *view = log_view_new(&(struct log_style){.json = true});
    AUTOBUF struct buf printed = {0}, recorded = {0};
    struct asciicast *cast = asciicast_new(&(struct asciicast_header){80, 24, 0, NULL, false}, &recorded);
    struct log_chunk chunk;
    struct error err;
    int result, chunks = 0;

    while ((result = log_reader_next(reader, &chunk, &err)) > 0) {
        HOLDS(++chunks < CHUNKS_MAX && (chunk.length > 0 || chunk.gap_bytes > 0));
        HOLDS(chunk.gap_bytes >= 0 && chunk.length <= LOG_RECORD_MAX && chunk.stream <= LOG_ERR);
        HOLDS(memmem(log->at, (size_t)(log->end - log->at), chunk.data, chunk.length) || !chunk.length);
        log_view_chunk(view, &chunk, &printed);
        asciicast_chunk(cast, &chunk, &recorded);
    }
    HOLDS(result == 0);
    log_view_end(view, &printed);
    asciicast_end(cast, &recorded);
    check_printed(&printed);
    check_printed(&recorded);
    log_view_free(view);
    asciicast_free(cast);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};
    struct log_reader *reader;
    struct error err;
    uint64_t flags = number(&script), lines = number(&script);

    if (!*log_path)
        make_directory();
    unlink(log_path);
    unlink(index_path);
    make_files(&script);
    reader = log_reader_open(log_path, LOG_UID, &err);
    HOLDS(reader && !log_reader_unindexed(reader));
    if (flags & 1)
        log_reader_ended(reader);
    if (flags & 2)
        HOLDS(log_reader_to_tail(reader, (int64_t)(lines % 100), (int)(flags >> 2) % 3 - 1,
                                 flags & 16 ? 64 : 0, &err) == 0);
    read_all(reader, &script);
    log_reader_close(reader);
    return 0;
}
