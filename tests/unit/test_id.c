/* What may be a session id, a UID, a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/domain/id.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void a_session_id_may_have_letters_digits_and_seven_marks(void **state)
{
    static const char *const good[] = {"a",  "review-42", "A.b_c:d/e+f-g", "42a", "4.2", "_", "/", ".",
                                       "+1", "a-"};
    char longest[SESSION_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(session_id_fault(good[i]));
    memset(longest, 'x', SESSION_ID_MAX);
    longest[SESSION_ID_MAX] = '\0';
    assert_null(session_id_fault(longest));
}

static void what_is_wrong_with_a_session_id_is_said(void **state)
{
    static const struct {
        const char *id, *fault;
    } bad[] = {
        {"", "empty"},
        {"-x", "begins with '-'"},
        {"--", "begins with '-'"},
        {"42", "all digits"},
        {"0", "all digits"},
        {"a b", "a character other"},
        {"a\n", "a character other"},
        {"a@b", "a character other"},
        {"\xC3\xA9", "a character other"},
        {"a\\b", "a character other"},
        {"a,b", "a character other"},
        {"\x1b[2J", "a character other"},
    };
    char too_long[SESSION_ID_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *fault = session_id_fault(bad[i].id);

        assert_non_null(fault);
        assert_non_null(strstr(fault, bad[i].fault));
    }
    memset(too_long, 'x', SESSION_ID_MAX + 1);
    too_long[SESSION_ID_MAX + 1] = '\0';
    assert_non_null(strstr(session_id_fault(too_long), "longer than 128"));
}

static void assert_fault(const char *fault, const char *wanted)
{
    if (!wanted)
        assert_null(fault);
    else if (!fault || !strstr(fault, wanted))
        fail_msg("\"%s\" does not say \"%s\"", fault ? fault : "no fault", wanted);
}

static void what_is_wrong_with_a_label_or_a_stage_is_said(void **state)
{
    static const struct {
        const char *text, *label, *stage; /* NULL: nothing */
    } cases[] = {
        {"page 7", NULL, NULL},
        {"42", NULL, NULL},
        {"gr\xC3\xBC\xC3\x9F", NULL, NULL},
        {"tokens.input", NULL, NULL},
        {"a/b", NULL, "between names"},
        {"a..b", NULL, "between names"},
        {"v1.2", NULL, NULL},
        {".v1", NULL, "begins or ends"},
        {"v1.", NULL, "begins or ends"},
        {"", "empty", "empty"},
        {"-x", "begins with '-'", "begins with '-'"},
        {"a\tb", "control", "control"},
        {"a\x7f", "control", "control"},
        {"a\xC2\x9B", "control", "control"},
        {"a\xFF", "not UTF-8", "not UTF-8"},
    };
    char longest[LABEL_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_fault(label_fault(cases[i].text), cases[i].label);
        assert_fault(stage_fault(cases[i].text), cases[i].stage);
    }
    memset(longest, 'x', sizeof longest);
    longest[LABEL_MAX + 1] = '\0';
    assert_fault(label_fault(longest), "longer than 128");
    longest[LABEL_MAX] = '\0';
    assert_null(label_fault(longest));
    assert_null(stage_fault(longest));
}

static void what_is_wrong_with_an_item_is_said(void **state)
{
    static const struct {
        const char *id;
        size_t length;
        const char *word, *line; /* the fault of a word, of a line */
    } cases[] = {
        {"c7", 2, NULL, NULL},           {"a b\tc", 5, NULL, NULL},
        {"\xE2\x9C\x93", 3, NULL, NULL}, {"a\nb", 3, NULL, "-0"},
        {"a\r", 2, NULL, "-0"},          {"\x1b[2J", 4, NULL, "-0"},
        {"\xC2\x85", 2, NULL, "-0"},     {"", 0, "empty", "empty"},
        {"a\0b", 3, "NUL", "NUL"},       {"a\xC3", 2, "not UTF-8", "not UTF-8"},
    };
    static char longest[ITEM_ID_MAX + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_fault(item_id_fault(cases[i].id, cases[i].length, false), cases[i].word);
        assert_fault(item_id_fault(cases[i].id, cases[i].length, true), cases[i].line);
    }
    memset(longest, 'x', sizeof longest);
    assert_null(item_id_fault(longest, ITEM_ID_MAX, true));
    assert_fault(item_id_fault(longest, ITEM_ID_MAX + 1, true), "longer than 4096");
}

static void whatever_the_random_bytes_a_uid_comes_out(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        uint8_t random[UID_LENGTH];
        char uid[UID_LENGTH + 1];
        int64_t number;

        memset(random, byte, sizeof random);
        uid_from_random(random, uid);
        assert_true(uid_valid(uid));
        assert_true(ref_uid_prefix(uid));
        assert_false(ref_number(uid, &number));
        assert_null(session_id_fault(uid));
    }
}

static void every_random_byte_matters_to_the_uid(void **state)
{
    uint8_t random[UID_LENGTH] = {0};
    char zero[UID_LENGTH + 1], uid[UID_LENGTH + 1];

    (void)state;
    uid_from_random(random, zero);
    for (size_t i = 0; i < UID_LENGTH; i++) {
        random[i] = 31;
        uid_from_random(random, uid);
        assert_int_not_equal(uid[i], zero[i]);
        random[i] = 0;
    }
    for (int i = 0; i < 256; i += 17) {
        char expected = (char)('a' + i * 26 / 256);

        random[0] = (uint8_t)i;
        uid_from_random(random, uid);
        assert_int_equal(uid[0], expected);
    }
}

static void only_twenty_of_the_alphabet_are_a_uid(void **state)
{
    static const char *const bad[] = {"",
                                      "abcdefghijklmnopqrs",
                                      "abcdefghijklmnopqrstu",
                                      "2bcdefghijklmnopqrst",
                                      "Abcdefghijklmnopqrst",
                                      "abcdefghijklmnopqrs1",
                                      "abcdefghijklmnopqrs8",
                                      "abcdefghijklmnopqr t"};

    (void)state;
    assert_true(uid_valid("abcdefghijklmnopqr27"));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(uid_valid(bad[i]));
}

static void four_characters_could_begin_a_uid(void **state)
{
    (void)state;
    assert_true(ref_uid_prefix("abcd"));
    assert_true(ref_uid_prefix("a234567"));
    assert_false(ref_uid_prefix(""));
    assert_false(ref_uid_prefix("abc"));
    assert_false(ref_uid_prefix("2abc"));
    assert_false(ref_uid_prefix("ab-d"));
    assert_false(ref_uid_prefix("abcdefghijklmnopqrstu"));
}

static void a_number_is_digits_with_or_without_the_sign(void **state)
{
    static const struct {
        const char *ref;
        int64_t number; /* 0: of no execution; -1: no number */
    } cases[] = {
        {"42", 42},
        {"#42", 42},
        {"1", 1},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", 0},
        {"92233720368547758070", 0},
        {"#99999999999999999999", 0},
        {"0", 0},
        {"#0", 0},
        {"", -1},
        {"#", -1},
        {"##1", -1},
        {"-1", -1},
        {"+1", -1},
        {"1a", -1},
        {" 1", -1},
        {"1 ", -1},
        {"1.0", -1},
        {"@last", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t number = -1;

        assert_int_equal(ref_number(cases[i].ref, &number), cases[i].number != -1);
        assert_int_equal(number, cases[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_id_may_have_letters_digits_and_seven_marks),
        cmocka_unit_test(what_is_wrong_with_a_session_id_is_said),
        cmocka_unit_test(what_is_wrong_with_a_label_or_a_stage_is_said),
        cmocka_unit_test(what_is_wrong_with_an_item_is_said),
        cmocka_unit_test(whatever_the_random_bytes_a_uid_comes_out),
        cmocka_unit_test(every_random_byte_matters_to_the_uid),
        cmocka_unit_test(only_twenty_of_the_alphabet_are_a_uid),
        cmocka_unit_test(four_characters_could_begin_a_uid),
        cmocka_unit_test(a_number_is_digits_with_or_without_the_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
