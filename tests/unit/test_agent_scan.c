/*
 * The session id in an agent's output: what tells one, what doesn't, however the reads cut it and whatever
 * else passes. Random cases come from a fixed seed and are held against jansson.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>

#include <cmocka.h>
#include <jansson.h>

#include <supervise/base/buf.h>
#include <supervise/domain/agent_pattern.h>
#include <supervise/domain/agent_scan.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { OUT, ERR };

static struct agent_scan *scan_of(const char *key, const char *value)
{
    json_t *definition = json_pack("{s:[s], s:s}", "match", "x", key, value);
    struct agent_scan *scan = agent_scan_new(definition);

    json_decref(definition);
    assert_non_null(scan);
    return scan;
}

static void feed(struct agent_scan *scan, unsigned stream, const char *text)
{
    agent_scan_feed(scan, stream, text, strlen(text));
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What a whole output tells; `other` NULL: no different one. */
static void assert_told(const char *key, const char *value, const char *text, size_t length,
                        const char *session, const char *other)
{
    struct agent_scan *scan = scan_of(key, value);

    agent_scan_feed(scan, OUT, text, length);
    agent_scan_feed(scan, OUT, NULL, 0);
    if (!same(agent_scan_session(scan), session) || !same(agent_scan_other(scan), other))
        fail_msg("%.200s: %s, %s", text, agent_scan_session(scan) ? agent_scan_session(scan) : "none",
                 agent_scan_other(scan) ? agent_scan_other(scan) : "none");
    agent_scan_free(scan);
}

struct telling {
    const char *text, *session;
};

static void assert_all_told(const char *key, const char *value, const struct telling *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_told(key, value, cases[i].text, strlen(cases[i].text), cases[i].session, NULL);
}

/* --- which lines tell --- */

static void a_string_member_of_a_line_that_is_an_object_tells(void **state)
{
    static const struct telling cases[] = {
        {"{\"id\":\"a-B_9.:z\"}\n", "a-B_9.:z"},
        {"{\"id\":\"a\"}", "a"}, /* the output ended */
        {" \t{ \"x\" : 1 , \"id\" : \"a\" , \"y\" : [ ] } \n", "a"},
        {"hello\n\n{\"id\":\"a\"}\nbye\n", "a"},
        {"{\"x\":-1.5E+3,\"y\":true,\"z\":null,\"s\":\"\",\"o\":{},\"id\":\"a\"}\n", "a"},
        {"{\"x\":{\"y\":[{}, [\"]\", \"}\"], {\"z\":1}]},\"id\":\"a\",\"l\":[[[]]]}\n", "a"},
        {"{\"id\":\"a\",\"x\":\"the last string is longer than the id\",\"y\":\"\"}\n", "a"},
        {"{\"id\":5,\"id\":null,\"id\":{},\"id\":\"a b\",\"id\":\"c\",\"id\":\"d\"}\n", "c"},
        {"{\"x\":\"caf\xc3\xa9 \xff\xfe\x01\",\"id\":\"a\"}\n", "a"},
        {"[1]\n5\n\"x\"\n{}\n{\"id\":\"a\"}\n", "a"},
    };

    (void)state;
    assert_all_told("session_id", "id", cases, COUNT(cases));
}

static void nested_members_and_what_only_looks_alike_tell_nothing(void **state)
{
    static const struct telling cases[] = {
        {"{\"x\":{\"id\":\"a\"}}\n", NULL},
        {"{\"x\":[{\"id\":\"a\"}]}\n", NULL},
        {"[{\"id\":\"a\"}]\n", NULL},
        {"{\"x\":\"\\\"id\\\":\\\"a\\\"\"}\n", NULL},
        {"{\"x\":\"\\\\\\\",\\\"id\\\":\\\"a\\\"\"}\n", NULL},
        {"{\"x\":[\"\\\"]\", \"id\", \"a\"]}\n", NULL},
        {"{\"x\":\"id\",\"y\":\"a\"}\n", NULL},
        {"{\"idx\":\"a\"}\n{\"i\":\"a\"}\n{\"\":\"a\"}\n{\"ID\":\"a\"}\n{\"xid\":\"a\"}\n{\"iid\":\"a\"}\n",
         NULL},
        {"{\"id\":5}\n{\"id\":null}\n{\"id\":[\"a\"]}\n{\"id\":{\"id\":\"a\"}}\n", NULL},
        {"x {\"id\":\"a\"}\n", NULL},
        {"\"id\":\"a\"\n", NULL},
    };

    (void)state;
    assert_all_told("session_id", "id", cases, COUNT(cases));
}

static void a_line_that_is_no_whole_object_tells_nothing(void **state)
{
    static const char *const lines[] = {
        "{\"id\":\"a\"",
        "{\"id\":\"a",
        "{\"id\":\"a\",",
        "{\"id\":\"a\",}",
        "{,\"id\":\"a\"}",
        "{\"id\" \"a\"}",
        "{\"id\"::\"a\"}",
        "{id:\"a\"}",
        "{\"id\":\"a\" \"b\":1}",
        "{\"id\":\"a\"} x",
        "{\"id\":\"a\"}{\"id\":\"a\"}",
        "{\"id\":\"a\"}}",
        "{\"id\":\"a\"]",
        "{\"id\":\"a\",\"x\":}",
        "{\"id\":\"a\",\"x\":1 2}",
        "{\"id\":\"a\",\"x\":[}",
        "{\"id\":\"a\",\"x\":'1'}",
        "{\"id\":\"a\",\"x\":\"}",
        "{\"id\":\"\\a\"}",
        "{\"\\id\":\"a\"}",
        "{\"id\":\"\\u00g1\"}",
        "{\"id\":\"a\\",
        "{{\"id\":\"a\"}",
        "{\"x\":1,\n\"id\":\"a\"}", /* an object of two lines */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        AUTOFREE char *two = mem_printf("%s\n{\"id\":\"b\"}\n", lines[i]);

        assert_told("session_id", "id", lines[i], strlen(lines[i]), NULL, NULL);
        assert_told("session_id", "id", two, strlen(two), "b", NULL); /* and does no harm to the next */
    }
}

static void escapes_are_read_in_names_and_in_ids(void **state)
{
    static const struct telling cases[] = {
        {"{\"a\\u002Fb\\u00e9\\\"\\u20ac\":\"\\u0061\\u002d\\u005F\"}\n", "a-_"},
        {"{\"a\\/b\xc3\xa9\\u0022\xe2\x82\xac\":\"x\"}\n", "x"},
        {"{\"a/b\xc3\xa9\\\"\xe2\x82\xac\\ud83d\":\"x\"}\n", NULL},
        {"{\"\\ud83da/b\xc3\xa9\\\"\xe2\x82\xac\":\"x\"}\n", NULL},
        {"{\"a\\\\b\xc3\xa9\\\"\xe2\x82\xac\":\"x\"}\n", NULL},
        {"{\"a/b\xc3\xa9\\\"\xe2\x82\xac\":\"x\\n\"}\n", NULL},
        {"{\"a/b\xc3\xa9\\\"\xe2\x82\xac\":\"\\u0000\"}\n", NULL},
    };

    (void)state;
    assert_all_told("session_id", "a/b\xc3\xa9\"\xe2\x82\xac", cases, COUNT(cases));
}

static void a_terminals_line_ends_and_colours_do_no_harm(void **state)
{
    static const struct telling cases[] = {
        {"{\"id\":\"a\"}\r\n", "a"},
        {"\r\n\r{\"id\":\"a\"}\r\n", "a"},
        {"50%\r\x1b[K{\"id\":\"a\"}\r\n", "a"},
        {"\x1b[0m\x1b[38;5;12m{\"id\":\"a\"}\x1b[0m\n", "a"},
        {"\x1b]0;{title\x07{\"id\":\"a\"}\n", "a"},
        {"\x1b]8;;x\x1b\\\x1b(B\x1b=\x1b[?25l{\"id\":\"a\"}\n", "a"},
        {"\x1b[1m{\x1b[34m\"id\"\x1b[0m:\x1b[32m\"a\"\x1b[0m,\"n\":\x1b[1m1\x1b[0m,\"l\":[\x1b[1m1\x1b[0m]}"
         "\n",
         "a"},
        {"\x1b[1{\"id\":\"b\"}\n{\"id\":\"a\"}\n", "a"}, /* one that is cut ends with its line */
        {"\x1b[1\n{\"id\":\"a\"}\n", "a"},
        {"\x1b]0\n{\"id\":\"a\"}\n", "a"},
        {"{\"\x1b]\":\"\x1b]\",\"id\":\"a\"}\n", "a"}, /* in a string it is text */
        {"{\"id\":\"\x1b[1ma\"}\n", NULL},
        {"{\"x\":[\x1b[0m],\"id\":\"a\"}\n", "a"},
        {"{\"n\":1\x1b[m2,\"id\":\"a\"}\n", NULL},
    };

    (void)state;
    assert_all_told("session_id", "id", cases, COUNT(cases));
}

/* --- which ids --- */

static void an_id_has_letters_digits_and_four_marks_256_at_most(void **state)
{
    static const char *const bad[] = {"",   "-",    "-rf",      "--x", "a b", "a/b",  "a+b",
                                      "a@", "a\\n", "\xc3\xa9", "a;b", "$a",  "a\xff"};
    AUTOFREE char *longest = mem_printf("{\"id\":\"%0256d\"}\n", 0);
    AUTOFREE char *longer = mem_printf("{\"id\":\"%0257d\"}\n", 0);
    AUTOFREE char *zeros = mem_printf("%0256d", 0);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTOFREE char *line = mem_printf("{\"id\":\"%s\"}\n{\"id\":\"good\"}\n", bad[i]);
        AUTOFREE char *text = mem_printf("id=%s=\nid=good=\n", bad[i]);

        assert_told("session_id", "id", line, strlen(line), "good", NULL);
        assert_told("session_pattern", "id=(.*)=", text, strlen(text), "good", NULL);
    }
    assert_told("session_id", "id", longest, strlen(longest), zeros, NULL);
    assert_told("session_id", "id", longer, strlen(longer), NULL, NULL);
}

static void the_first_id_counts_and_one_that_differs_is_noted_once(void **state)
{
    struct agent_scan *scan = scan_of("session_id", "id");

    (void)state;
    assert_null(agent_scan_session(scan));
    assert_false(agent_scan_feed(scan, OUT, "{\"id\":\"a\"}", 10)); /* more may stand behind it */
    assert_true(agent_scan_feed(scan, OUT, "\n", 1));
    assert_string_equal(agent_scan_session(scan), "a");
    assert_null(agent_scan_other(scan));
    assert_false(agent_scan_feed(scan, OUT, "{\"id\":\"a\"}\n", 11));
    assert_null(agent_scan_other(scan));
    assert_true(agent_scan_feed(scan, ERR, "{\"id\":\"ab\"}\n", 12));
    assert_string_equal(agent_scan_other(scan), "ab");
    assert_false(agent_scan_feed(scan, OUT, "{\"id\":\"c\"}\n", 11));
    assert_string_equal(agent_scan_session(scan), "a");
    assert_string_equal(agent_scan_other(scan), "ab");
    agent_scan_free(scan);

    scan = scan_of("session_id", "id");
    assert_true(agent_scan_feed(scan, OUT, "{\"id\":\"ab\"}\n{\"id\":\"a\"}\n", 23));
    assert_string_equal(agent_scan_session(scan), "ab");
    assert_string_equal(agent_scan_other(scan), "a");
    agent_scan_free(scan);
}

static void stdout_and_stderr_are_read_apart(void **state)
{
    struct agent_scan *scan = scan_of("session_id", "id");

    (void)state;
    feed(scan, OUT, "{\"id\":");
    feed(scan, ERR, "noise\n{\"x\":\"");
    feed(scan, OUT, "\"a\"}");
    agent_scan_feed(scan, ERR, NULL, 0);
    assert_null(agent_scan_session(scan));
    assert_true(agent_scan_feed(scan, OUT, NULL, 0));
    assert_string_equal(agent_scan_session(scan), "a");
    agent_scan_free(scan);
}

static void an_agent_without_field_or_pattern_has_no_scan(void **state)
{
    json_t *definition = json_pack("{s:[s]}", "match", "x");

    (void)state;
    assert_null(agent_scan_new(definition));
    assert_null(agent_scan_new(NULL));
    json_decref(definition);
    assert_false(agent_scan_feed(NULL, OUT, "{\"id\":\"a\"}\n", 11));
    assert_null(agent_scan_session(NULL));
    assert_null(agent_scan_other(NULL));
    agent_scan_free(NULL);
}

/* --- patterns --- */

static void the_group_of_a_pattern_tells(void **state)
{
    static const struct telling cases[] = {
        {"Session: a-1\n", "a-1"},
        {"x Session:a-1 Session:b\r\n", "a-1"},
        {"\x1b[1mSession\x1b[0m: \x1b[32ma-\x1b[1m1\x1b[0m!\n", "a-1"},
        {"Session: a-1", "a-1"},
        {"loading\rSession: a-1\r\n", "a-1"},
        {"session: a-1\nSession\n: a-1\n", NULL},
        {"{\"id\":\"a\"}\n", NULL},
        {"Session: \n", NULL},
        {"Session: ?\n", NULL}, /* the group took no part */
    };
    static const char nul[] = "a\0Session: a\n";

    (void)state;
    assert_all_told("session_pattern", "Session: *([a-z0-9-]+|$)|\\?", cases, COUNT(cases));
    assert_told("session_pattern", "Session: *([a-z]+)", nul, sizeof nul - 1, "a", NULL);
    assert_told("session_pattern", "^([a-z]+)$", "ab\ncd\nab\n", 9, "ab", "cd");
}

static void a_text_line_counts_up_to_4096_bytes(void **state)
{
    AUTOFREE char *longest = mem_printf("%*s\n", AGENT_LINE_MAX, "id=a");
    AUTOFREE char *longer = mem_printf("id=a%*s\nid=b\n", AGENT_LINE_MAX - 3, "x");

    (void)state;
    assert_told("session_pattern", "id=(.)", longest, strlen(longest), "a", NULL);
    assert_told("session_pattern", "id=(.)", longer, strlen(longer), "b", NULL);
}

/* --- whatever comes, however it is cut --- */

static uint32_t random_state;

static uint32_t chance(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(random_state >> 8) * below >> 24);
}

/* Pieces of lines that are objects, are almost, or aren't. */
static void random_output(struct buf *out)
{
    static const char *const pieces[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "\"id\"",
                                         "\"id\":\"a\"",
                                         "\\",
                                         "\n",
                                         "\r\n",
                                         "\x1b[1m",
                                         "\x1b]0",
                                         "\x07",
                                         "\xc3\xa9",
                                         " ",
                                         "1",
                                         "null",
                                         "\\u0069",
                                         "id=a",
                                         "\"x\":{}",
                                         "{\"id\":\"",
                                         "\"}\n",
                                         "b",
                                         "\xff",
                                         "\x1b\\",
                                         "\"id\":\"c\"}\n"};

    for (uint32_t i = 0, count = 1 + chance(60); i < count; i++)
        if (chance(16))
            buf_puts(out, pieces[chance(COUNT(pieces))]);
        else
            buf_append(out, &(char){(char)chance(256)}, 1);
    for (uint32_t i = 0, count = chance(4); i < count; i++)
        buf_printf(out, "%s{\"t\":%u,\"id\":\"%c\"}%s", chance(2) ? "\n" : "", (unsigned)chance(10),
                   (char)('a' + chance(3)), chance(4) ? "\n" : "");
}

static void the_same_bytes_tell_the_same_however_they_are_cut(void **state)
{
    static const char *const how[][2] = {{"session_id", "id"}, {"session_pattern", "id[=\":]+([a-z]+)"}};
    int told = 0;

    (void)state;
    random_state = 1;
    for (int round = 0; round < 20000; round++) {
        struct agent_scan *whole = scan_of(how[round % 2][0], how[round % 2][1]);
        struct agent_scan *cut = scan_of(how[round % 2][0], how[round % 2][1]);
        AUTOBUF struct buf out = {0};
        uint32_t most = chance(4) ? 1 + chance(20) : 1;

        random_output(&out);
        agent_scan_feed(whole, OUT, out.data, out.len);
        agent_scan_feed(whole, OUT, NULL, 0);
        for (size_t at = 0, length; at < out.len; at += length) {
            /* a piece of its own, so that a read beyond it is seen */
            char *piece;

            length = 1 + chance(most);
            length = length < out.len - at ? length : out.len - at;
            piece = mem_alloc(length);
            memcpy(piece, out.data + at, length);
            agent_scan_feed(cut, OUT, piece, length);
            free(piece);
        }
        agent_scan_feed(cut, OUT, NULL, 0);
        if (!same(agent_scan_session(whole), agent_scan_session(cut)) ||
            !same(agent_scan_other(whole), agent_scan_other(cut)))
            fail_msg("round %d: %s", round, out.data);
        told += agent_scan_session(whole) != NULL;
        agent_scan_free(whole);
        agent_scan_free(cut);
    }
    assert_in_range(told, 5000, 19000);
}

static json_t *random_value(int depth)
{
    static const char *const strings[] = {"",  "id", "a",          "\"id\":\"x\"", "\\",
                                          "}", "]{", "\xc3\xa9\n", "\x1b[1m",      "/"};

    switch (chance(depth > 0 ? 6 : 4)) {
    case 0:
        return json_string(strings[chance(COUNT(strings))]);
    case 1:
        return json_integer((json_int_t)chance(1000) - 500);
    case 2:
        return chance(2) ? json_null() : json_boolean(chance(2));
    case 3:
        return json_real(chance(1000) / 7.0 * 1e20);
    case 4: {
        json_t *array = json_array();

        for (uint32_t i = chance(4); i > 0; i--)
            json_array_append_new(array, random_value(depth - 1));
        return array;
    }
    default: {
        json_t *object = json_object();

        for (uint32_t i = chance(6); i > 0; i--)
            json_object_set_new(object, strings[chance(COUNT(strings))], random_value(depth - 1));
        return object;
    }
    }
}

/* The string that jansson finds in the line, where it may be an id. */
static const char *member_by_jansson(const json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id"));

    return id && (strcmp(id, "id") == 0 || strcmp(id, "a") == 0) ? id : NULL;
}

static void every_object_tells_what_jansson_reads_in_it(void **state)
{
    static const size_t ways[] = {JSON_COMPACT, 0, JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH | JSON_COMPACT,
                                  JSON_SORT_KEYS};
    int told = 0;

    (void)state;
    random_state = 2;
    for (int round = 0; round < 20000; round++) {
        json_t *object = json_object();
        AUTOFREE char *line = NULL;
        const char *expected;

        json_object_set_new(object, "x", random_value(4));
        if (chance(2))
            json_object_set_new(object, "id", random_value(1));
        json_object_set_new(object, "y", random_value(2));
        expected = member_by_jansson(object);
        line = json_dumps(object, ways[chance(COUNT(ways))]);
        assert_told("session_id", "id", line, strlen(line), expected, NULL);
        told += expected != NULL;
        json_decref(object);
    }
    assert_in_range(told, 200, 10000);
}

static void random_bytes_do_no_harm(void **state)
{
    struct agent_scan *scans[] = {scan_of("session_id", "id"), scan_of("session_pattern", "id=([a-z]+)x")};
    char bytes[4099];

    (void)state;
    random_state = 3;
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)chance(256);
        for (size_t i = 0; i < COUNT(scans); i++)
            agent_scan_feed(scans[i], (unsigned)round % 2, bytes, 1 + chance(sizeof bytes - 1));
    }
    for (size_t i = 0; i < COUNT(scans); i++) {
        assert_null(agent_scan_session(scans[i]));
        feed(scans[i], OUT, "\n{\"id\":\"a\",\"t\":\"id=ax\"}\n");
        assert_string_equal(agent_scan_session(scans[i]), "a");
        agent_scan_free(scans[i]);
    }
}

/* --- lines of 10 MB --- */

enum { MEGABYTES = 10, PIECE = 64 * 1024 };

static void feed_much(struct agent_scan *scan, const char *unit)
{
    static char piece[PIECE];
    size_t length = strlen(unit);

    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = unit[i % length];
    for (int i = 0; i < MEGABYTES << 4; i++)
        agent_scan_feed(scan, OUT, piece, PIECE - PIECE % length);
}

static void a_line_of_10_mb_costs_no_memory_and_is_read_to_its_end(void **state)
{
    static const struct {
        const char *head, *unit, *tail;
        bool tells;
    } cases[] = {
        {"{\"id\":\"a\",\"x\":\"", "x", "\"}\n", true},
        {"{\"x\":\"", "\\\"\xc3\xa9", "\",\"id\":\"a\"}\n", true},
        {"{\"x\":[", "{\"id\":\"b\"},", "1],\"id\":\"a\"}\n", true},
        {"{", "\"k\":1,", "\"id\":\"a\"}\n", true},
        {"{\"", "k", "\":1,\"id\":\"a\"}\n", true},
        {"{\"id\":\"", "k", "\",\"id\":\"a\"}\n", true},
        {"{\"x\":", "1", ",\"id\":\"a\"}\n", true},
        {"", " ", "{\"id\":\"a\"}\n", true},
        {"", "\x1b[1m", "{\"id\":\"a\"}\n", true},
        {"\x1b]", "0", "\x07{\"id\":\"a\"}\n", true},
        {"{\"x\":", "[", ",\"id\":\"a\"}\n", false},
        {"{\"id\":\"a\",\"x\":\"", "x", "\n", false},
        {"", "x", "{\"id\":\"a\"}\n", false},
        {"", "x\r", "{\"id\":\"a\"}\n", true},
        {"", "{\"id\":\"a\"", "\n", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct agent_scan *scan = scan_of("session_id", "id");
        size_t before = mallinfo2().uordblks;

        feed(scan, OUT, cases[i].head);
        feed_much(scan, cases[i].unit);
        assert_int_equal(mallinfo2().uordblks, before);
        assert_null(agent_scan_session(scan));
        feed(scan, OUT, cases[i].tail);
        if (!same(agent_scan_session(scan), cases[i].tells ? "a" : NULL))
            fail_msg("%s%s...", cases[i].head, cases[i].unit);
        feed(scan, OUT, "{\"id\":\"a\"}\n");
        assert_string_equal(agent_scan_session(scan), "a");
        agent_scan_free(scan);
    }
}

static void much_text_costs_a_pattern_no_memory(void **state)
{
    /* Each byte takes this automaton to a state that it was never in. */
    struct agent_scan *scan = scan_of("session_pattern", ".*[ax]([a-x]{60})=");
    char line[81];
    size_t before = mallinfo2().uordblks, most = 0;

    (void)state;
    random_state = 4;
    for (int i = 0; i < 2000; i++) {
        for (size_t j = 0; j < sizeof line; j++)
            line[j] = (char)('a' + chance(20));
        line[80] = '\n';
        agent_scan_feed(scan, OUT, line, sizeof line);
        if (mallinfo2().uordblks > before && mallinfo2().uordblks - before > most)
            most = mallinfo2().uordblks - before;
    }
    assert_null(agent_scan_session(scan));
    assert_in_range(most, 0, 24 << 20);
    feed_much(scan, "x");
    feed(scan, OUT, "\nzzza");
    for (int i = 0; i < 60; i++)
        feed(scan, OUT, "b");
    feed(scan, OUT, "=\n");
    assert_non_null(agent_scan_session(scan));
    agent_scan_free(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_member_of_a_line_that_is_an_object_tells),
        cmocka_unit_test(nested_members_and_what_only_looks_alike_tell_nothing),
        cmocka_unit_test(a_line_that_is_no_whole_object_tells_nothing),
        cmocka_unit_test(escapes_are_read_in_names_and_in_ids),
        cmocka_unit_test(a_terminals_line_ends_and_colours_do_no_harm),
        cmocka_unit_test(an_id_has_letters_digits_and_four_marks_256_at_most),
        cmocka_unit_test(the_first_id_counts_and_one_that_differs_is_noted_once),
        cmocka_unit_test(stdout_and_stderr_are_read_apart),
        cmocka_unit_test(an_agent_without_field_or_pattern_has_no_scan),
        cmocka_unit_test(the_group_of_a_pattern_tells),
        cmocka_unit_test(a_text_line_counts_up_to_4096_bytes),
        cmocka_unit_test(the_same_bytes_tell_the_same_however_they_are_cut),
        cmocka_unit_test(every_object_tells_what_jansson_reads_in_it),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(a_line_of_10_mb_costs_no_memory_and_is_read_to_its_end),
        cmocka_unit_test(much_text_costs_a_pattern_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
