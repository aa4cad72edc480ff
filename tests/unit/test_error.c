/* Errors: however long what they name, the reason stands at their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <supervise/base/error.h>
#include <supervise/base/text.h>

static char named[10241];

/* `unit` again and again, as long as an argument can be that nobody typed. */
static const char *fill(const char *unit)
{
    size_t length = strlen(unit), at = 0;

    for (; at + length < sizeof named; at += length)
        memcpy(named + at, unit, length);
    named[at] = '\0';
    return named;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void what_fits_stays_as_it_is(void **state)
{
    struct error err;
    char longest[sizeof err.text];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(error_set(&err, ERR_USAGE, "%s", longest), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.text, longest);
}

static void what_is_too_long_keeps_its_head_and_its_reason(void **state)
{
    static const char *const units[] = {"x", "ü", "…", "😀", "a\xcc\x88", "\x80"};
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        for (size_t shift = 0; shift < 4; shift++) {
            error_set(&err, ERR_USAGE, "cannot take%.*s \"%s\": it is too long%.*s", (int)shift, "....",
                      fill(units[i]), (int)(shift * 3 % 4), "....");
            assert_int_equal(strncmp(err.text, "cannot take", 11), 0);
            assert_non_null(strstr(err.text, "…"));
            assert_non_null(strstr(err.text, "\": it is too long"));
            assert_true(strlen(err.text) > sizeof err.text - 16);
            if (units[i][0] != '\x80')
                assert_true(utf8_valid(err.text, strlen(err.text)));
        }
}

static void what_the_system_says_stands_at_the_end(void **state)
{
    struct error err;

    (void)state;
    errno = ENOENT;
    assert_int_equal(error_errno(&err, "cannot read %s", fill("x")), -1);
    assert_int_equal(err.code, ERR_OTHER);
    assert_int_equal(strncmp(err.text, "cannot read xxx", 15), 0);
    assert_true(ends_with(err.text, ": No such file or directory"));
    errno = EACCES;
    error_errno(&err, "cannot read it");
    assert_string_equal(err.text, "cannot read it: Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_stays_as_it_is),
        cmocka_unit_test(what_is_too_long_keeps_its_head_and_its_reason),
        cmocka_unit_test(what_the_system_says_stands_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
