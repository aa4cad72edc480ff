/* The log of an execution's output: what is written comes back, whole, in order, bounded, and while it is
 * written. */
#include "log_world.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void nothing_is_made_before_the_first_byte(void **state)
{
    struct world *world = *state;
    struct stat status;

    world_begin(world, 0);
    world_append(world, LOG_OUT, 1, 0);
    assert_int_equal(world_size(world->log), -1);
    world_append(world, LOG_OUT, 1, 3);
    assert_int_equal(stat(world->log, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(world->index, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    *strrchr(world->log, '/') = '\0';
    assert_int_equal(stat(world->log, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
}

static void chunks_come_back_with_time_and_stream(void **state)
{
    static const struct {
        int64_t wall_ms;
        enum log_stream stream;
        size_t length;
    } cases[] = {{1000, LOG_OUT, 5},
                 {1001, LOG_ERR, 1},
                 {1001, LOG_OUT, 3},
                 {1003, LOG_OUT, 70000},
                 {INT64_C(4102444800000), LOG_ERR, 65536},
                 {1002, LOG_OUT, 1}};
    struct world *world = *state;
    struct seen seen = {.first_gap = -1};
    struct log_chunk chunk;
    struct error err;
    struct log_reader *reader;

    world_begin(world, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        world_append(world, cases[i].stream, cases[i].wall_ms, cases[i].length);
    reader = log_reader_open(world->log, WORLD_UID, &err);
    for (size_t i = 0, left = cases[0].length; i < sizeof cases / sizeof *cases; left -= chunk.length) {
        assert_int_equal(log_reader_next(reader, &chunk, &err), 1);
        seen_chunk(&seen, &chunk);
        assert_int_equal(chunk.wall_ms, cases[i].wall_ms);
        assert_int_equal(chunk.stream, cases[i].stream);
        assert_true(chunk.length <= left);
        if (chunk.length == left && ++i < sizeof cases / sizeof *cases)
            left = cases[i].length + chunk.length;
    }
    assert_int_equal(log_reader_next(reader, &chunk, &err), 0);
    assert_int_equal(seen.end, world->written);
    log_reader_close(reader);
}

static void a_log_below_its_limit_is_the_plain_bytes(void **state)
{
    struct world *world = *state;
    unsigned char bytes[5000];
    int fd;

    world_begin(world, 5000);
    for (int i = 0; i < 50; i++)
        world_append(world, world_stream(i), i, 100);
    fd = open(world->log, O_RDONLY);
    assert_int_equal(read(fd, bytes, sizeof bytes), 5000);
    close(fd);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(bytes[i], world_byte(i));
    assert_int_equal(world_size(world->log), 5000);
}

/* max_size, bytes in each chunk, how many; then what is shown: the head, and the offset at which the tail
 * begins. */
static void the_gap_is_exact_at_its_boundaries(void **state)
{
    static const struct {
        int64_t max_size;
        size_t chunk;
        int count;
        int64_t head, tail;
    } cases[] = {
        {1000, 100, 9, 900, 900},
        {1000, 100, 10, 1000, 1000},
        {1000, 100, 11, 500, 600},
        {1000, 100, 15, 500, 1000},
        {1000, 100, 16, 500, 1100},
        {1000, 100, 1000, 500, 99500},
        {1000, 99, 11, 500, 594},
        {1001, 1001, 1, 1001, 1001},
        {1001, 1002, 1, 500, 756},
        {2, 1, 2, 2, 2},
        {2, 1, 5, 1, 4},
        {1, 1, 1, 1, 1},
        {1, 1, 3, 0, 2},
        {0, 1000, 100, 100000, 100000},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen;

        world_begin(world, cases[i].max_size);
        for (int k = 0; k < cases[i].count; k++)
            world_append(world, world_stream(k), 1000 + k, cases[i].chunk);
        seen = world_read(world);
        assert_int_equal(seen.end, world->written);
        assert_int_equal(seen.missing, cases[i].tail - cases[i].head);
        assert_int_equal(seen.first_gap, cases[i].tail > cases[i].head ? cases[i].head : -1);
        assert_int_equal(seen.gaps, cases[i].tail > cases[i].head);
    }
}

/* Head whole; tail whole but for the record that was overwritten in part; both streams as they were. */
static void any_chunks_in_any_log_leave_head_and_newest_tail(void **state)
{
    static const int64_t sizes[] = {1, 7, 100, 600, 4096, 10000, 65536, 300000, 1 << 20};
    struct world *world = *state;

    for (unsigned round = 0; round < 150; round++) {
        int64_t max_size = sizes[world_random(world, 9)];
        struct log_geometry geometry = log_geometry(max_size);
        size_t largest = 1 + world_random(world, round % 2 ? 200 : 200000);
        int64_t total = (int64_t)world_random(world, (unsigned)(4 * max_size + 2)), now = 0;
        struct seen seen;

        world_begin(world, max_size);
        while (world->written <= total) {
            /* Streams that change at every chunk are another test's: there the index may be full first. */
            world_append(world, world_stream(world->written / 5000), now,
                         1 + world_random(world, (unsigned)largest));
            now += world_random(world, 3);
        }
        seen = world_read(world);
        assert_int_equal(seen.end, world->written);
        assert_int_equal(seen.unknown, 0);
        assert_true(world_size(world->log) <= max_size);
        if (world->written <= max_size) {
            assert_int_equal(seen.gaps, 0);
            continue;
        }
        assert_int_equal(seen.gaps, 1);
        assert_int_equal(seen.first_gap, geometry.head);
        assert_true(seen.shown - geometry.head > geometry.ring - geometry.record_max);
        assert_true(seen.shown <= max_size);
    }
}

/* A line each 40 bytes, each at a time of its own: the index must last as long as the data do. */
static void small_chunks_over_a_long_time_do_not_fill_the_index(void **state)
{
    struct world *world = *state;
    struct log_geometry geometry = log_geometry(200000);
    struct seen seen;

    world_begin(world, 200000);
    for (int i = 0; i < 20000; i++)
        world_append(world, LOG_OUT, i * 1000, 40);
    seen = world_read(world);
    assert_int_equal(seen.first_gap, geometry.head);
    assert_true(seen.shown - geometry.head > geometry.ring - geometry.record_max);
    assert_true(world_size(world->index) <= log_slot_position(geometry.fixed_slots + geometry.ring_slots));
}

/* The one case in which the index is full first: still bounded, still right, and the gap still said. */
static void streams_that_alternate_in_tiny_chunks_stay_bounded_and_right(void **state)
{
    struct world *world = *state;
    struct log_geometry geometry = log_geometry(200000);
    struct seen seen;

    world_begin(world, 200000);
    for (int i = 0; i < 50000; i++)
        world_append(world, i % 2 ? LOG_ERR : LOG_OUT, i, 7);
    seen = world_read(world);
    assert_int_equal(seen.end, world->written);
    assert_int_equal(seen.gaps, 1);
    assert_true(seen.shown >= 7 * (geometry.fixed_slots + geometry.ring_slots));
    assert_true(world_size(world->index) <= log_slot_position(geometry.fixed_slots + geometry.ring_slots));
}

static void a_slow_log_keeps_every_time(void **state)
{
    struct world *world = *state;
    struct error err;
    struct log_reader *reader;
    struct log_chunk chunk;

    world_begin(world, 1 << 20);
    for (int i = 0; i < 500; i++)
        world_append(world, LOG_OUT, i * 10, 30);
    reader = log_reader_open(world->log, WORLD_UID, &err);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(log_reader_next(reader, &chunk, &err), 1);
        assert_int_equal(chunk.wall_ms, i * 10);
    }
    log_reader_close(reader);
}

/* Chunks of one millisecond join a record that was shown already: its rest must come, once. */
static void a_record_that_grows_is_followed(void **state)
{
    struct world *world = *state;
    struct seen seen = {.first_gap = -1};
    struct error err;
    struct log_reader *reader = log_reader_open(world->log, WORLD_UID, &err);
    struct log_chunk chunk;

    world_begin(world, 1000);
    assert_int_equal(log_reader_next(reader, &chunk, &err), 0);
    assert_true(log_reader_missing(reader));
    for (int i = 0; i < 400; i++) {
        world_append(world, LOG_OUT, i / 30, 7);
        if (i % 3)
            continue;
        while (log_reader_next(reader, &chunk, &err) > 0)
            seen_chunk(&seen, &chunk);
        assert_int_equal(seen.end, world->written);
        assert_int_equal(seen.gaps, 0);
    }
    assert_true(world_size(world->index) < log_slot_position(60));
    log_reader_close(reader);
}

static void write_fast(struct world *world, size_t largest)
{
    world->random = 7;
    for (int i = 0; i < 20000; i++)
        world_append(world, world_stream(i / 50), i / 20, 1 + world_random(world, (unsigned)largest));
}

/* A reader beside a writer that goes round and round: whatever it sees stands in its place, and it reaches
 * the end. */
static void a_reader_beside_a_writer_never_shows_what_is_not_there(void **state)
{
    static const struct {
        int64_t max_size;
        size_t largest;
    } cases[] = {{0, 50}, {3000, 50}, {100000, 3000}, {1 << 20, 3000}};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {.first_gap = -1};
        struct log_chunk chunk;
        struct error err;
        struct log_reader *reader;
        pid_t pid;
        int status = 0;
        bool ended = false;

        world_begin(world, cases[i].max_size);
        reader = log_reader_open(world->log, WORLD_UID, &err);
        pid = fork();
        if (pid == 0) {
            write_fast(world, cases[i].largest);
            _exit(world->errors ? 1 : 0);
        }
        for (bool last = false; !last;) {
            last = ended;
            while (log_reader_next(reader, &chunk, &err) > 0)
                seen_chunk(&seen, &chunk);
            if (!ended && waitpid(pid, &status, WNOHANG) == pid) {
                ended = true;
                log_reader_ended(reader);
            }
        }
        assert_int_equal(status, 0);
        log_reader_close(reader);
        world->random = 7;
        for (int k = 0; k < 20000; k++)
            world->written += 1 + world_random(world, (unsigned)cases[i].largest);
        assert_int_equal(seen.end, world->written);
        assert_int_equal(seen.unknown, 0);
        if (cases[i].max_size == 0)
            assert_int_equal(seen.gaps, 0);
    }
}

/* By RLIMIT_FSIZE, which fails a write in its middle as a full disk does. */
static void a_full_disk_is_said_once_and_what_was_kept_is_whole(void **state)
{
    static const struct {
        int64_t limit, max_size, shown;
    } cases[] = {{10000, 0, 10000}, {10007, 0, 10007}, {10007, 12000, 10007}, {500, 0, 500}, {0, 0, 0}};
    struct world *world = *state;
    struct rlimit before;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rlimit small = {(rlim_t)cases[i].limit, before.rlim_max};
        struct seen seen;

        world_begin(world, cases[i].max_size);
        setrlimit(RLIMIT_FSIZE, &small);
        for (int k = 0; k < 40; k++)
            world_append(world, world_stream(k), k, 1000);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(world->errors, 1);
        assert_true(log_writer_lost(world->writer));
        seen = world_read(world);
        assert_int_equal(seen.shown, cases[i].shown);
        assert_int_equal(seen.gaps, 0);
    }
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
}

static void a_place_that_takes_no_log_is_an_error_once(void **state)
{
    struct world *world = *state;

    world_begin(world, 0);
    *strrchr(world->log, '/') = '\0';
    put_file(world->log, "where the directory should be");
    world->log[strlen(world->log)] = '/';
    world_append(world, LOG_OUT, 1, 10);
    world_append(world, LOG_OUT, 1, 10);
    assert_int_equal(world->errors, 1);
    assert_true(log_writer_lost(world->writer));
}

/* A file, or a link to one, that somebody put where the log is to be. */
static void a_file_of_others_is_left_alone(void **state)
{
    struct world *world = *state;
    char target[160];

    snprintf(target, sizeof target, "%s/victim", world->directory);
    put_file(target, "precious");
    *strrchr(world->log, '/') = '\0';
    mkdir(world->log, 0700);
    world->log[strlen(world->log)] = '/';
    for (int symbolic = 0; symbolic < 2; symbolic++) {
        world_begin(world, 0);
        assert_int_equal(symbolic ? symlink(target, world->log) : link(target, world->log), 0);
        world_append(world, LOG_OUT, 1, 100);
        assert_int_equal(world->errors, 1);
        assert_int_equal(world_size(target), 8);
    }
}

static void a_log_removed_meanwhile_harms_nothing(void **state)
{
    struct world *world = *state;

    world_begin(world, 1000);
    world_append(world, LOG_OUT, 1, 10);
    unlink(world->log);
    unlink(world->index);
    for (int i = 0; i < 100; i++)
        world_append(world, LOG_OUT, i, 100);
    assert_int_equal(world->errors, 0);
    assert_false(log_writer_lost(world->writer));
}

static void the_last_line_is_known(void **state)
{
    static const struct {
        const char *chunks[4];
        const char *last;
    } cases[] = {
        {{""}, ""},
        {{"one\n"}, "one"},
        {{"one\ntwo\n\n \t \n"}, "two"},
        {{"one\ntw", "o"}, "two"},
        {{"one\ntw", "o\n", "\n"}, "two"},
        {{"10%\r20%\r"}, "20%"},
        {{"dos\r\n"}, "dos"},
        {{"half", "!err\n", " done\n"}, "half done"},
        {{"half", "!err\n"}, "err"},
        {{"prompt> ", "!err\n", " "}, "prompt>  "},
        {{"done\r\n\033[?25h\033(B\017\033]0;title\a\033P x\033\\"}, "done"},
        {{"done\n\033[?1", "006l\033", "]0;ab\a \n"}, "done"},
        {{"\033[31mred\033[0m and \177\001a\tb\n"}, "red and a\tb"},
        {{"a\033]never ends\nb\n"}, "b"},
    };
    struct world *world = *state;
    struct error err;
    char *large = malloc(100000);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_begin(world, 0);
        for (const char *const *chunk = cases[i].chunks; *chunk; chunk++) {
            bool is_err = **chunk == '!';

            log_writer_append(world->writer, is_err ? LOG_ERR : LOG_OUT, 1, *chunk + is_err,
                              strlen(*chunk) - is_err, &err);
        }
        assert_string_equal(log_writer_last_line(world->writer), cases[i].last);
    }

    /* Of a line of any length only so much, and never a byte beyond. */
    memset(large, 'x', 100000);
    world_begin(world, 0);
    log_writer_append(world->writer, LOG_OUT, 1, large, 100000, &err);
    assert_int_equal(strlen(log_writer_last_line(world->writer)), LOG_LAST_LINE_SIZE - 1);
    strcpy(large + 99990, "\nthe end\n");
    log_writer_append(world->writer, LOG_OUT, 1, large, 99999, &err);
    assert_string_equal(log_writer_last_line(world->writer), "the end");
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_made_before_the_first_byte, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(chunks_come_back_with_time_and_stream, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_log_below_its_limit_is_the_plain_bytes, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(the_gap_is_exact_at_its_boundaries, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(any_chunks_in_any_log_leave_head_and_newest_tail, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(small_chunks_over_a_long_time_do_not_fill_the_index, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(streams_that_alternate_in_tiny_chunks_stay_bounded_and_right,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_slow_log_keeps_every_time, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_record_that_grows_is_followed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_reader_beside_a_writer_never_shows_what_is_not_there, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said_once_and_what_was_kept_is_whole, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_place_that_takes_no_log_is_an_error_once, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_file_of_others_is_left_alone, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_log_removed_meanwhile_harms_nothing, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_last_line_is_known, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
