/* UTF-8, visible controls, columns, nearest words; and what say() makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void well_formed_utf8_is_told_from_what_only_looks_like_it(void **state)
{
    static const struct {
        const char *text;
        size_t length; /* of the sequence at its beginning */
    } cases[] = {
        {"a", 1},
        {"\x7F", 1},
        {"\xC2\x80", 2},
        {"\xDF\xBF", 2},
        {"\xE0\xA0\x80", 3},
        {"\xED\x9F\xBF", 3},
        {"\xEE\x80\x80", 3},
        {"\xEF\xBF\xBF", 3},
        {"\xF0\x90\x80\x80", 4},
        {"\xF4\x8F\xBF\xBF", 4},
        {"\x80", 0},
        {"\xBF", 0},
        {"\xC0\x80", 0},
        {"\xC1\xBF", 0},
        {"\xE0\x9F\xBF", 0},
        {"\xED\xA0\x80", 0},
        {"\xED\xBF\xBF", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"\xFF", 0},
        {"\xC3", 0},
        {"\xE2\x82", 0},
        {"\xF0\x9F\x98", 0},
        {"\xC3(", 0},
        {"\xE2(\xA1", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].text);

        assert_int_equal(utf8_length(cases[i].text, length), cases[i].length);
        assert_int_equal(utf8_valid(cases[i].text, length), cases[i].length == length);
    }
    assert_int_equal(utf8_length("", 0), 0);
    assert_int_equal(utf8_length("\xC3\xA9", 1), 0);
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0b", 3));
}

static void every_control_becomes_visible_and_print_stays(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *visible;
    } cases[] = {
        {"plain \xC3\xA9 \xE6\xBC\xA2 \\", 14, "plain \xC3\xA9 \xE6\xBC\xA2 \\"},
        {"a\nb\tc\x1b[31m", 10, "a\\nb\\tc\\e[31m"},
        {"\r\b\a", 3, "\\x0d\\x08\\x07"},
        {"\0", 1, "\\x00"},
        {"\x7F", 1, "\\x7f"},
        {"\xC2\x9B"
         "1m",
         4, "\\x9b1m"},
        {"\xC2\xA0", 2, "\xC2\xA0"},
        {"\xFF\xC3", 2, "\\xff\\xc3"},
        {"", 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = {0};

        text_visible(&out, cases[i].text, cases[i].length);
        assert_string_equal(out.data, cases[i].visible);
        buf_free(&out);
    }
}

/* What a terminal would act on: C0, DEL, and C1 in either encoding. */
static bool repaints(const char *text)
{
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if (*byte < 0x20 || *byte == 0x7F || (byte[0] == 0xC2 && byte[1] >= 0x80 && byte[1] < 0xA0))
            return true;
    }
    return false;
}

static void no_two_bytes_make_a_control_survive(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            char pair[2] = {(char)first, (char)second};
            struct buf out = {0}, utf8 = {0};

            text_visible(&out, pair, sizeof pair);
            assert_false(repaints(out.data));
            assert_true(utf8_valid(out.data, out.len));
            text_to_utf8(&utf8, pair, sizeof pair);
            assert_true(utf8_valid(utf8.data, utf8.len));
            buf_free(&out);
            buf_free(&utf8);
        }
    }
}

static void bytes_that_are_no_utf8_become_the_replacement_character(void **state)
{
    struct buf out = {0};

    (void)state;
    text_to_utf8(&out, "a\xFF\xC3\xA9\xE2\x82\nb", 8);
    assert_string_equal(out.data, "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\nb");
    buf_free(&out);
}

static void columns_are_those_of_a_terminal(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"\xC3\xA9", 1},
        {"e\xCC\x81", 1},
        {"\xE6\xBC\xA2\xE5\xAD\x97", 4},
        {"\xEA\xB0\x80", 2},
        {"\xEF\xBC\xA1", 2},
        {"\xF0\x9F\x98\x80", 2},
        {"\xE2\x9C\x93", 1},
        {"\xE2\x97\x90 x", 3},
        {"\xE2\x80\x8B", 0},
        {"\xF0\xA0\x80\x80", 2},
        {"\xE2\x80\xA6", 1},
        {"\xE1\x84\x80\xE1\x85\xA1", 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(text_columns(cases[i].text), cases[i].columns);
}

static void text_is_cut_between_characters_and_keeps_its_marks(void **state)
{
    (void)state;
    assert_int_equal(text_fit("abc", 2), 2);
    assert_int_equal(text_fit("abc", 3), 3);
    assert_int_equal(text_fit("abc", 9), 3);
    assert_int_equal(text_fit("abc", 0), 0);
    assert_int_equal(text_fit("\xE6\xBC\xA2\xE5\xAD\x97", 3), 3);
    assert_int_equal(text_fit("e\xCC\x81x", 1), 3);
}

static void a_mistyped_word_meets_the_nearest_one(void **state)
{
    static const char *const verbs[] = {"run",       "status",         "list",   "log",
                                        "events",    "wait",           "cancel", "session",
                                        "--timeout", "--idle-timeout", NULL};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"stauts", "status"},
        {"statsu", "status"},
        {"lsit", "list"},
        {"lits", "list"},
        {"cancle", "cancel"},
        {"rum", "run"},
        {"rn", "run"},
        {"sesion", "session"},
        {"event", "events"},
        {"--timeuot", "--timeout"},
        {"--idel-timeout", "--idle-timeout"},
        {"log", "log"},
        {"xyzzy", NULL},
        {"", NULL},
        {"x", NULL},
        {"frobnicate", NULL},
        {"ab", NULL},
        {"true", NULL},
        {"waot", "wait"},
        {"waoit", "wait"},
        {"woat", NULL},
        {"waxox", NULL},
        {"woatt", "wait"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = text_nearest(cases[i].word, verbs);

        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
}

static void the_beginning_of_a_word_means_the_shortest_that_begins_so(void **state)
{
    static const char *const words[] = {"name", "config", "timeout", "outcome", "out-of-turn", "times", NULL};
    static const struct {
        const char *word, *meant;
    } cases[] = {
        {"time", "times"},       {"timeo", "timeout"}, {"out", "outcome"},
        {"out-", "out-of-turn"}, {"c", "config"},      {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *meant = text_nearest(cases[i].word, words);

        if (cases[i].meant)
            assert_string_equal(meant, cases[i].meant);
        else
            assert_null(meant);
    }
}

static void a_word_of_which_no_letter_is_right_was_not_meant(void **state)
{
    static const char *const words[] = {"n", "qr", NULL};

    (void)state;
    assert_null(text_nearest("x", words));
}

static void a_swap_of_neighbours_is_one_mistake_not_two(void **state)
{
    static const char *const words[] = {"axb", "ba", NULL};

    (void)state;
    assert_string_equal(text_nearest("ab", words), "axb");
    assert_string_equal(text_nearest("ab", words + 1), "ba");
}

/* Runs `speak` with stderr in a pipe and gives what came out. */
static const char *heard(void (*speak)(void))
{
    static char text[4096];
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t length;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    speak();
    dup2(saved, STDERR_FILENO);
    close(saved);
    length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void speak_at_every_level(void)
{
    say("said");
    say_detail("detail");
    say_warning("warned");
    say_error("failed");
}

static void speak_controls(void)
{
    say("%s", "a\n\x1b[2Jb");
}

static void the_level_decides_what_is_said(void **state)
{
    (void)state;
    assert_string_equal(heard(speak_at_every_level),
                        "supervise: said\nsupervise: warning: warned\nsupervise: failed\n");
    say_set_level(1);
    assert_string_equal(
        heard(speak_at_every_level),
        "supervise: said\nsupervise: detail\nsupervise: warning: warned\nsupervise: failed\n");
    say_set_level(-1);
    assert_string_equal(heard(speak_at_every_level), "supervise: warning: warned\nsupervise: failed\n");
    say_set_level(0);
}

static void what_is_said_is_one_line_without_controls(void **state)
{
    (void)state;
    assert_string_equal(heard(speak_controls), "supervise: a\\n\\e[2Jb\n");
}

static void speak_into_the_void(void)
{
    close(STDERR_FILENO);
    errno = EDOM;
    say_error("nobody hears this");
    assert_int_equal(errno, EDOM);
}

static void saying_something_keeps_errno(void **state)
{
    (void)state;
    assert_string_equal(heard(speak_into_the_void), "");
}

static void base64_is_that_of_rfc_4648(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *wanted;
    } cases[] = {
        {"", 0, NULL},
        {"f", 1, "Zg=="},
        {"fo", 2, "Zm8="},
        {"foo", 3, "Zm9v"},
        {"foob", 4, "Zm9vYg=="},
        {"fooba", 5, "Zm9vYmE="},
        {"foobar", 6, "Zm9vYmFy"},
        {"\0\xff\xfe", 3, "AP/+"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTOBUF struct buf out = {0};

        text_base64(&out, cases[i].bytes, cases[i].length);
        if (cases[i].wanted)
            assert_string_equal(out.data, cases[i].wanted);
        else
            assert_null(out.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(well_formed_utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(every_control_becomes_visible_and_print_stays),
        cmocka_unit_test(no_two_bytes_make_a_control_survive),
        cmocka_unit_test(bytes_that_are_no_utf8_become_the_replacement_character),
        cmocka_unit_test(columns_are_those_of_a_terminal),
        cmocka_unit_test(text_is_cut_between_characters_and_keeps_its_marks),
        cmocka_unit_test(a_mistyped_word_meets_the_nearest_one),
        cmocka_unit_test(the_beginning_of_a_word_means_the_shortest_that_begins_so),
        cmocka_unit_test(a_word_of_which_no_letter_is_right_was_not_meant),
        cmocka_unit_test(a_swap_of_neighbours_is_one_mistake_not_two),
        cmocka_unit_test(the_level_decides_what_is_said),
        cmocka_unit_test(what_is_said_is_one_line_without_controls),
        cmocka_unit_test(saying_something_keeps_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
