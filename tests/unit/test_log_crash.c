/* Logs that were cut off, damaged, mixed up: a reader shows what was written in its place, or nothing. */
#include "log_world.h"

struct copy {
    unsigned char *bytes;
    size_t size;
};

static struct copy copy_of(const char *path)
{
    struct copy copy = {.size = (size_t)world_size(path)};
    int fd = open(path, O_RDONLY);

    copy.bytes = malloc(copy.size + 1);
    assert_int_equal(read(fd, copy.bytes, copy.size), copy.size);
    close(fd);
    return copy;
}

/* The file has those bytes again; it stays the same file, for whoever has it open. */
static void put_back(const char *path, const struct copy *copy)
{
    /* Not O_TRUNC: some file systems wait for the disk when such a file is closed. */
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_int_equal(write(fd, copy->bytes, copy->size), copy->size);
    assert_int_equal(ftruncate(fd, (off_t)copy->size), 0);
    close(fd);
}

/* Bytes of data whose record, and all before it, lie in an index cut off at `size`: chunks of 50, one record
 * each. */
static int64_t recorded(int64_t size)
{
    int64_t records = size < LOG_HEADER_SIZE ? 0 : (size - LOG_HEADER_SIZE) / LOG_RECORD_SIZE;

    return records * 50;
}

static void a_log_cut_off_anywhere_shows_a_prefix(void **state)
{
    struct world *world = *state;
    struct copy data, index;

    world_begin(world, 0);
    for (int i = 0; i < 8; i++)
        world_append(world, world_stream(i), 1000 + i, 50);
    data = copy_of(world->log);
    index = copy_of(world->index);
    for (int64_t cut = (int64_t)index.size; cut >= -1; cut--) {
        assert_int_equal(cut < 0 ? unlink(world->index) : truncate(world->index, cut), 0);
        put_back(world->log, &data);
        /* Every length of the data beside each record's edge, a few in between. */
        for (int64_t size = (int64_t)data.size; size >= 0; size -= size % 50 < 2 || size % 50 > 47 ? 1 : 15) {
            int64_t whole = recorded(cut) < size / 50 * 50 ? recorded(cut) : size / 50 * 50;
            struct seen seen;

            assert_int_equal(truncate(world->log, size), 0);
            seen = world_read(world);
            assert_int_equal(seen.shown, size);
            assert_int_equal(seen.shown - seen.unknown, whole);
            assert_true(seen.gaps == 0 || (seen.gaps == 1 && seen.first_gap == size));
        }
    }
    free(data.bytes);
    free(index.bytes);
}

/* Of a ring nothing may be shown that isn't proven; the head is shown as far as it is there. */
static void a_ring_cut_off_anywhere_shows_only_what_is_in_its_place(void **state)
{
    static const int appends[] = {13, 57, 1100};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof appends / sizeof *appends; i++) {
        struct copy data, index;

        world_begin(world, 600);
        for (int k = 0; k < appends[i]; k++)
            world_append(world, world_stream(k), 1000 + k, 60);
        data = copy_of(world->log);
        index = copy_of(world->index);
        for (int64_t cut = (int64_t)index.size; cut >= LOG_HEADER_SIZE; cut -= i < 2 ? 1 : 131) {
            assert_int_equal(truncate(world->index, cut), 0);
            put_back(world->log, &data);
            for (int64_t size = (int64_t)data.size; size >= 0; size -= i < 2 ? 37 : 47) {
                struct seen seen;

                assert_int_equal(truncate(world->log, size), 0);
                seen = world_read(world);
                assert_true(seen.shown >= (size < 300 ? size : 300));
                assert_true(seen.end >= size);
            }
        }
        free(data.bytes);
        free(index.bytes);
    }
}

/* Killed between the data and their record, anywhere in the ring: the old bytes there are gone, the new not
 * vouched for. */
static void a_writer_killed_between_data_and_record_leaves_no_mixture(void **state)
{
    struct world *world = *state;

    world_begin(world, 1000);
    world_append(world, LOG_OUT, 1, 1);
    for (int k = 0; k < 1500; k++) {
        struct copy before = copy_of(world->index), after;
        int64_t recorded_end = world->written;
        struct seen seen;

        world_append(world, world_stream(k), 1000 + k, 1 + world_random(world, 120));
        after = copy_of(world->index);
        put_back(world->index, &before);
        seen = world_read(world);
        assert_true(seen.end >= recorded_end);
        assert_true(seen.first_gap == -1 || seen.first_gap >= 500);
        put_back(world->index, &after);
        assert_int_equal(world_read(world).end, world->written);
        free(before.bytes);
        free(after.bytes);
    }
}

static void a_damaged_byte_hides_its_record_and_nothing_else(void **state)
{
    struct world *world = *state;
    struct copy data, index;

    world_begin(world, 0);
    for (int i = 0; i < 6; i++)
        world_append(world, world_stream(i), 1000 + i, 50);
    data = copy_of(world->log);
    index = copy_of(world->index);
    for (size_t at = LOG_HEADER_SIZE; at < index.size - LOG_RECORD_SIZE; at++) {
        struct seen seen;

        index.bytes[at] ^= 0x10;
        put_back(world->index, &index);
        index.bytes[at] ^= 0x10;
        seen = world_read(world);
        assert_int_equal(seen.shown, 250);
        assert_int_equal(seen.missing, 50);
    }
    put_back(world->index, &index);
    for (size_t at = 0; at < 250; at++) {
        struct seen seen;

        data.bytes[at] ^= 0x80;
        put_back(world->log, &data);
        data.bytes[at] ^= 0x80;
        seen = world_read(world);
        assert_int_equal(seen.shown, 250);
        assert_int_equal(seen.missing, 50);
    }
    free(data.bytes);
    free(index.bytes);
}

static void an_index_that_is_not_this_logs_is_none(void **state)
{
    struct world *world = *state;
    unsigned char header[LOG_HEADER_SIZE];
    struct log_reader *reader;
    struct error err;
    int fd;

    world_begin(world, 0);
    world_append(world, LOG_ERR, 1000, 50);
    log_header_encode(header, "another234567another", 0);
    fd = open(world->index, O_WRONLY);
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    close(fd);
    reader = log_reader_open(world->log, WORLD_UID, &err);
    assert_true(log_reader_unindexed(reader));
    log_reader_close(reader);
    assert_int_equal(world_read(world).unknown, 50);
}

/* While it runs, data may be waiting for their record: they come once, with it. */
static void data_without_record_wait_for_the_end(void **state)
{
    struct world *world = *state;
    struct log_reader *reader;
    struct log_chunk chunk;
    struct error err;

    world_begin(world, 0);
    world_append(world, LOG_ERR, 1000, 50);
    assert_int_equal(truncate(world->index, LOG_HEADER_SIZE + LOG_RECORD_SIZE - 1), 0);
    reader = log_reader_open(world->log, WORLD_UID, &err);
    assert_int_equal(log_reader_next(reader, &chunk, &err), 0);
    log_reader_ended(reader);
    assert_int_equal(log_reader_next(reader, &chunk, &err), 1);
    assert_int_equal(chunk.length, 50);
    assert_int_equal(chunk.wall_ms, NO_INT);
    assert_int_equal(chunk.stream, LOG_OUT);
    log_reader_close(reader);
}

static void what_is_no_file_is_not_waited_for(void **state)
{
    struct world *world = *state;
    struct error err;

    *strrchr(world->log, '/') = '\0';
    mkdir(world->log, 0700);
    world->log[strlen(world->log)] = '/';
    assert_int_equal(mkfifo(world->log, 0600), 0);
    assert_null(log_reader_open(world->log, WORLD_UID, &err));
    assert_non_null(strstr(err.text, "no regular file"));
}

/* --- the tail --- */

static void write_text(struct world *world, enum log_stream stream, const char *text)
{
    struct error err;

    assert_int_equal(log_writer_append(world->writer, stream, ++world->written, text, strlen(text), &err), 0);
}

static char *read_tail(const struct world *world, int64_t lines, int only, int64_t most)
{
    struct buf text = {0};
    struct error err;
    struct log_reader *reader = log_reader_open(world->log, WORLD_UID, &err);
    struct log_chunk chunk;

    log_reader_ended(reader);
    assert_int_equal(log_reader_to_tail(reader, lines, only, most, &err), 0);
    while (log_reader_next(reader, &chunk, &err) > 0) {
        assert_int_equal(chunk.gap_bytes, 0);
        if (only < 0 || only == (int)chunk.stream)
            buf_append(&text, chunk.data, chunk.length);
    }
    log_reader_close(reader);
    return buf_take(&text);
}

static void the_tail_begins_at_a_line(void **state)
{
    static const struct {
        int64_t lines;
        int only;
        int64_t most;
        const char *text;
    } cases[] = {
        {0, -1, 0, ""},
        {1, -1, 0, "six"},
        {2, -1, 0, "five\nsix"},
        {3, -1, 0, "ERR 2\nfive\nsix"},
        {4, -1, 0, "four\nERR 2\nfive\nsix"},
        {100, -1, 0, "one\ntwo\nERR 1\nthree\nfour\nERR 2\nfive\nsix"},
        {1, LOG_ERR, 0, "ERR 2\n"},
        {2, LOG_ERR, 0, "ERR 1\nERR 2\n"},
        {9, LOG_ERR, 0, "ERR 1\nERR 2\n"},
        {2, LOG_OUT, 0, "five\nsix"},
        {3, LOG_OUT, 0, "four\nfive\nsix"},
        {100, -1, 5, "e\nsix"},
    };
    static const struct {
        enum log_stream stream;
        const char *text;
    } chunks[] = {{LOG_OUT, "one\ntw"}, {LOG_OUT, "o\n"},    {LOG_ERR, "ERR 1\n"}, {LOG_OUT, "three\nfour\n"},
                  {LOG_ERR, "ERR 2\n"}, {LOG_OUT, "five\n"}, {LOG_OUT, "six"}};
    struct world *world = *state;

    for (int unindexed = 0; unindexed < 2; unindexed++) {
        world_begin(world, 0);
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
            write_text(world, chunks[i].stream, chunks[i].text);
        if (unindexed)
            unlink(world->index);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            AUTOFREE char *text = NULL;

            if (unindexed && cases[i].only >= 0)
                continue;
            text = read_tail(world, cases[i].lines, cases[i].only, cases[i].most);
            assert_string_equal(text, cases[i].text);
        }
    }
}

static void the_tail_of_a_ring_is_its_newest_lines(void **state)
{
    struct world *world = *state;
    AUTOFREE char *tail = NULL;

    world_begin(world, 2000);
    for (int i = 0; i < 5000; i++) {
        AUTOFREE char *line = mem_printf("line %d\n", i);

        write_text(world, LOG_OUT, line);
    }
    tail = read_tail(world, 3, -1, 0);
    assert_string_equal(tail, "line 4997\nline 4998\nline 4999\n");
}

static void an_execution_has_its_last_lines(void **state)
{
    struct world *world = *state;
    struct execution execution = {.uid = (char *)WORLD_UID, .finished_at = 5};
    AUTOBUF struct buf text = {0};
    struct error err;

    assert_int_equal(log_tail(&execution, 2, &text, &err), 0);
    execution.log = world->log;
    assert_int_equal(log_tail(&execution, 2, &text, &err), 0);
    assert_int_equal(text.len, 0);
    world_begin(world, 0);
    write_text(world, LOG_OUT, "one\ntwo\nthree\n");
    assert_int_equal(log_tail(&execution, 2, &text, &err), 0);
    assert_string_equal(text.data, "two\nthree\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_cut_off_anywhere_shows_a_prefix, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_ring_cut_off_anywhere_shows_only_what_is_in_its_place, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_writer_killed_between_data_and_record_leaves_no_mixture,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_byte_hides_its_record_and_nothing_else, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(an_index_that_is_not_this_logs_is_none, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(data_without_record_wait_for_the_end, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_waited_for, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_tail_begins_at_a_line, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_tail_of_a_ring_is_its_newest_lines, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_execution_has_its_last_lines, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
