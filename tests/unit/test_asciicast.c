/* Recordings: the lines of asciicast v2, exactly, and the file that is there whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/cli/asciicast.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define HEADER "{\"version\":2,\"width\":80,\"height\":24}\n"

static const struct asciicast_header bare = {.columns = NO_INT, .rows = NO_INT, .started_at = NO_INT};

/* A chunk of a case: its time, NO_INT: unknown; END: there is none. */
struct piece {
    int64_t wall_ms;
    enum log_stream stream;
    const char *text;
    int64_t gap_bytes;
};
#define END INT64_MAX

/* The recording of some pieces, each cut into chunks of `step` bytes (0: whole). The caller frees. */
static char *record(const struct asciicast_header *header, const struct piece *pieces, size_t step)
{
    struct buf out = {0};
    struct asciicast *cast = asciicast_new(header, &out);

    for (; pieces->wall_ms != END; pieces++) {
        size_t length = strlen(pieces->text), size = step ? step : length, at = 0;

        do {
            struct log_chunk chunk = {.wall_ms = pieces->wall_ms,
                                      .stream = pieces->stream,
                                      .data = (const unsigned char *)pieces->text + at,
                                      .length = at + size > length ? length - at : size,
                                      .gap_bytes = at ? 0 : pieces->gap_bytes};

            asciicast_chunk(cast, &chunk, &out);
            at += size;
        } while (at < length);
    }
    asciicast_end(cast, &out);
    asciicast_free(cast);
    return buf_take(&out);
}

static void the_header_says_what_is_known_and_nothing_else(void **state)
{
    static const struct {
        struct asciicast_header header;
        const char *line;
    } cases[] = {
        {{.columns = NO_INT, .rows = NO_INT, .started_at = NO_INT}, HEADER},
        {{.columns = 132, .rows = 50, .started_at = 1700000000999, .title = "make \"all\""},
         "{\"version\":2,\"width\":132,\"height\":50,\"timestamp\":1700000000,"
         "\"title\":\"make \\\"all\\\"\"}\n"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *lines = record(&cases[i].header, (struct piece[]){{.wall_ms = END}}, 0);

        assert_string_equal(lines, cases[i].line);
    }
}

static void events_have_the_seconds_since_the_start(void **state)
{
    static const struct piece pieces[] = {
        {1500, LOG_OUT, "a", 0},  {13007, LOG_ERR, "b", 0}, {NO_INT, LOG_OUT, "no time", 0},
        {12000, LOG_OUT, "c", 0}, {12250, LOG_OUT, "d", 0}, {.wall_ms = END},
    };
    struct asciicast_header header = bare;
    AUTOFREE char *lines = NULL, *from_first = record(&bare, pieces, 0);
    (void)state;

    header.started_at = 1000;
    lines = record(&header, pieces, 0);
    assert_string_equal(strchr(lines, '\n') + 1, "[0.500,\"o\",\"a\"]\n[12.007,\"o\",\"b\"]\n"
                                                 "[12.007,\"o\",\"no time\"]\n[12.007,\"o\",\"c\"]\n"
                                                 "[12.257,\"o\",\"d\"]\n");
    assert_int_equal(strncmp(from_first, HEADER "[0.000,\"o\",\"a\"]\n[11.507,", strlen(HEADER) + 24), 0);
}

/* The texts of all events, one after the other. */
static char *texts_of(const char *lines)
{
    struct buf out = {0};

    buf_puts(&out, "");
    for (const char *at = lines; (at = strstr(at, "\"o\",\"")); at++) {
        const char *text = at + 5, *end = strstr(text, "\"]\n");

        buf_append(&out, text, (size_t)(end - text));
    }
    return buf_take(&out);
}

static void texts_are_json_however_they_were_split(void **state)
{
    static const struct {
        const char *text, *shown;
        bool terminal;
    } cases[] = {
        {"h\303\251llo \342\202\254 \360\237\230\200", "h\303\251llo \342\202\254 \360\237\230\200", false},
        {"\377 \303( \342\202", "\357\277\275 \357\277\275( \357\277\275\357\277\275", false},
        {"\033[31m\"\\\007\001", "\\u001B[31m\\\"\\\\\\u0007\\u0001", false},
        {"a\n\nb\r\nc\n", "a\\r\\n\\r\\nb\\r\\nc\\r\\n", false},
        {"a\n\nb\r\nc\n", "a\\n\\nb\\r\\nc\\n", true},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asciicast_header header = bare;

        header.terminal = cases[i].terminal;
        for (size_t step = 1; step <= strlen(cases[i].text); step++) {
            AUTOFREE char *lines =
                record(&header, (struct piece[]){{1, LOG_OUT, cases[i].text, 0}, {.wall_ms = END}}, step);
            AUTOFREE char *texts = texts_of(lines);

            assert_string_equal(texts, cases[i].shown);
        }
    }
}

static void each_stream_has_its_own_unfinished_character(void **state)
{
    static const struct piece pieces[] = {{1, LOG_OUT, "\342\202", 0},
                                          {2, LOG_ERR, "x\303", 0},
                                          {3, LOG_OUT, "\254", 0},
                                          {4, LOG_ERR, "\251", 0},
                                          {.wall_ms = END}};
    AUTOFREE char *lines = record(&bare, pieces, 0);
    (void)state;

    assert_string_equal(lines, HEADER "[0.001,\"o\",\"x\"]\n[0.002,\"o\",\"\342\202\254\"]\n"
                                      "[0.003,\"o\",\"\303\251\"]\n");
}

static void what_is_missing_is_a_marker_and_joins_nothing(void **state)
{
    static const struct piece pieces[] = {{1000, LOG_OUT, "a\342\202", 0},
                                          {2000, LOG_OUT, "\254b", 4711},
                                          {NO_INT, LOG_OUT, "", 12},
                                          {.wall_ms = END}};
    AUTOFREE char *lines = record(&bare, pieces, 0);
    (void)state;

    assert_string_equal(lines, HEADER "[0.000,\"o\",\"a\"]\n[0.000,\"o\",\"\357\277\275\357\277\275\"]\n"
                                      "[1.000,\"m\",\"4711 bytes of output are missing here\"]\n"
                                      "[1.000,\"o\",\"\357\277\275b\"]\n"
                                      "[1.000,\"m\",\"12 bytes of output are missing here\"]\n");
}

/* --- the file --- */

struct place {
    char directory[64], path[96];
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    strcpy(place->directory, "/tmp/supervise-cast-XXXXXX");
    if (!mkdtemp(place->directory))
        return -1;
    snprintf(place->path, sizeof place->path, "%s/it.cast", place->directory);
    *state = place;
    return 0;
}

/* The number of files in the directory; they are removed where `clear`. */
static int files_in(const struct place *place, bool clear)
{
    DIR *directory = opendir(place->directory);
    int count = 0;

    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            count++;
            if (clear)
                unlinkat(dirfd(directory), entry->d_name, 0);
        }
    closedir(directory);
    return count;
}

static int place_teardown(void **state)
{
    struct place *place = *state;

    files_in(place, true);
    rmdir(place->directory);
    free(place);
    return 0;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
    chmod(path, 0644);
}

static void assert_holds(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

static void write_cast(const char *path, bool whole)
{
    AUTOBUF struct buf text = {0};
    struct error err;
    struct cast_file *file = cast_file_open(path, &err);

    assert_non_null(file);
    buf_puts(&text, "new");
    assert_int_equal(cast_file_write(file, &text, &err), 0);
    assert_int_equal(cast_file_close(file, whole, &err), 0);
}

static void the_file_takes_the_place_of_the_old_one_once_it_is_whole(void **state)
{
    struct place *place = *state;
    struct stat status;

    put_file(place->path, "old");
    write_cast(place->path, false);
    assert_holds(place->path, "old");
    write_cast(place->path, true);
    assert_holds(place->path, "new");
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(files_in(place, false), 1);
}

static void what_a_link_leads_to_is_replaced_and_a_fifo_is_written_to(void **state)
{
    struct place *place = *state;
    char link[96], fifo[96];
    struct stat status;
    pid_t reader;
    int code;

    snprintf(link, sizeof link, "%s/link", place->directory);
    snprintf(fifo, sizeof fifo, "%s/fifo", place->directory);
    put_file(place->path, "old");
    assert_int_equal(symlink("it.cast", link), 0);
    write_cast(link, true);
    assert_holds(place->path, "new");
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));

    assert_int_equal(mkfifo(fifo, 0600), 0);
    reader = fork();
    if (reader == 0) {
        char found[8] = "";
        FILE *file = fopen(fifo, "r");

        _exit(file && fread(found, 1, 7, file) == 3 && strcmp(found, "new") == 0 ? 0 : 1);
    }
    write_cast(fifo, true);
    assert_int_equal(waitpid(reader, &code, 0), reader);
    assert_int_equal(code, 0);
    assert_int_equal(lstat(fifo, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
}

/* In a process of its own, which the signal ends. */
static void a_signal_waits_until_nothing_half_is_left(void **state)
{
    struct place *place = *state;
    int code;
    pid_t child = fork();

    if (child == 0) {
        struct error err;
        struct cast_file *file = cast_file_open(place->path, &err);

        if (!file || cast_file_over(file))
            _exit(1);
        raise(SIGTERM);
        if (!cast_file_over(file))
            _exit(2);
        cast_file_close(file, false, &err);
        _exit(3);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGTERM);
    assert_int_equal(files_in(place, false), 0);
}

static void a_place_that_cannot_be_is_an_error(void **state)
{
    struct place *place = *state;
    struct error err;
    char missing[128];

    snprintf(missing, sizeof missing, "%s/no/it.cast", place->directory);
    assert_null(cast_file_open(missing, &err));
    assert_non_null(strstr(err.text, missing));
    assert_null(cast_file_open(place->directory, &err));
    assert_int_equal(err.code, ERR_OTHER);
    assert_int_equal(files_in(place, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_what_is_known_and_nothing_else),
        cmocka_unit_test(events_have_the_seconds_since_the_start),
        cmocka_unit_test(texts_are_json_however_they_were_split),
        cmocka_unit_test(each_stream_has_its_own_unfinished_character),
        cmocka_unit_test(what_is_missing_is_a_marker_and_joins_nothing),
        cmocka_unit_test_setup_teardown(the_file_takes_the_place_of_the_old_one_once_it_is_whole, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(what_a_link_leads_to_is_replaced_and_a_fifo_is_written_to,
                                        place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_signal_waits_until_nothing_half_is_left, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_place_that_cannot_be_is_an_error, place_setup, place_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
