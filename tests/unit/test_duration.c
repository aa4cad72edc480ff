/* Durations and sizes, in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/domain/duration.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void durations_are_read_exactly(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"250ms", 250},
        {"1.5s", 1500},
        {"90s", 90000},
        {"15m", 900000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"1h30m", 5400000},
        {"0.1s", 100},
        {"0.001s", 1},
        {"1.50s", 1500},
        {"1.5000000s", 1500},
        {"1d1h1m1s1ms", 90061001},
        {"1h0.5s", 3600500},
        {"0.5d", 43200000},
        {"1.000000000000000000000000s", 1000},
        {"9223372036854775807ms", INT64_MAX},
        {"106751991167d7h12m55.807s", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;

        assert_int_equal(duration_parse(cases[i].text, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_no_duration_is_refused_and_writes_nothing(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "1",
        "42",
        "00",
        "0.0",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "s",
        "1.s",
        ".5s",
        "1..5s",
        "1.5",
        "1.5ms",
        "0.0001s",
        "0.00000003125d",
        "1m1h",
        "1s1s",
        "1.5h30m",
        "1.0h30m",
        "1S",
        "1sec",
        "1w",
        "1e3s",
        "0x1s",
        "1,5s",
        "1h30",
        "9223372036854775808ms",
        "106751991167d7h12m55.808s",
        "106751991168d",
        "99999999999999999999s",
        "0.99999999999999999999s",
        "1\xC2\xA0s",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 42;

        assert_int_equal(duration_parse(cases[i], &ms), -1);
        assert_int_equal(ms, 42);
    }
}

static void a_duration_is_shown_as_it_would_be_written(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0"},          {-5, "0"},
        {1, "1ms"},        {250, "250ms"},
        {1000, "1s"},      {1500, "1.5s"},
        {1050, "1.05s"},   {1001, "1.001s"},
        {90000, "1m30s"},  {60250, "1m250ms"},
        {900000, "15m"},   {5400000, "1h30m"},
        {604800000, "7d"}, {90061001, "1d1h1m1.001s"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];

        duration_format(cases[i].ms, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void what_is_shown_reads_back_as_the_same(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < INT64_MAX / 3; ms = ms * 3 / 2 + 7) {
        char text[64];
        int64_t back = -1;

        duration_format(ms, text, sizeof text);
        assert_int_equal(duration_parse(text, &back), 0);
        assert_int_equal(back, ms);
        size_format(ms, text, sizeof text);
        assert_int_equal(size_parse(text, &back), 0);
        assert_int_equal(back, ms);
    }
}

static void people_see_two_units_at_most_and_never_more_than_there_was(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-1, "0ms"},          {0, "0ms"},           {340, "340ms"},
        {999, "999ms"},       {1000, "1s"},         {1200, "1.2s"},
        {12345, "12.3s"},     {59999, "59.9s"},     {60000, "1m"},
        {252000, "4m 12s"},   {2460000, "41m"},     {3599999, "59m 59s"},
        {3600000, "1h"},      {25920000, "7h 12m"}, {3605000, "1h"},
        {273600000, "3d 4h"}, {86400000, "1d"},     {86399999, "23h 59m"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];

        duration_human(cases[i].ms, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_small_buffer_is_never_overrun(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 8; size++) {
        char text[9] = "########";
        char untouched[9] = "########";

        duration_format(90061001, text, size);
        assert_memory_equal(text + size, untouched + size, sizeof text - size);
        duration_human(273600000, text, size);
        assert_memory_equal(text + size, untouched + size, sizeof text - size);
        size_format(1234567, text, size);
        assert_memory_equal(text + size, untouched + size, sizeof text - size);
    }
}

static void sizes_are_read_exactly(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"4096B", 4096},
        {"64MiB", 67108864},
        {"10KB", 10000},
        {"10kB", 10000},
        {"1KiB", 1024},
        {"1.5GiB", 1610612736},
        {"1.5TiB", INT64_C(1649267441664)},
        {"2MB", 2000000},
        {"1GB", 1000000000},
        {"1TB", INT64_C(1000000000000)},
        {"0.5KiB", 512},
        {"9223372036854775807", INT64_MAX},
        {"8388607TiB", INT64_MAX - (INT64_C(1) << 40) + 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t bytes = -1;

        assert_int_equal(size_parse(cases[i].text, &bytes), 0);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void what_is_no_size_is_refused_and_writes_nothing(void **state)
{
    static const char *const cases[] = {
        "",           "B",    "-1",     "+1",    "1.0",
        "1.5",        "1.5B", "0.1KiB", "1 KiB", "1K",
        "1M",         "1kib", "1mb",    "1KiBB", "1KiB1B",
        "64 MiB",     "1PB",  "0x10",   "1e3",   "9223372036854775808",
        "8388608TiB",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t bytes = 42;

        assert_int_equal(size_parse(cases[i], &bytes), -1);
        assert_int_equal(bytes, 42);
    }
}

static void a_size_is_shown_in_the_unit_that_divides_it(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-1, "0"},
        {1, "1"},
        {1023, "1023"},
        {1024, "1KiB"},
        {67108864, "64MiB"},
        {10000, "10KB"},
        {1610612736, "1536MiB"},
        {INT64_C(1) << 40, "1TiB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];

        size_format(cases[i].bytes, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_exactly),
        cmocka_unit_test(what_is_no_duration_is_refused_and_writes_nothing),
        cmocka_unit_test(a_duration_is_shown_as_it_would_be_written),
        cmocka_unit_test(what_is_shown_reads_back_as_the_same),
        cmocka_unit_test(people_see_two_units_at_most_and_never_more_than_there_was),
        cmocka_unit_test(a_small_buffer_is_never_overrun),
        cmocka_unit_test(sizes_are_read_exactly),
        cmocka_unit_test(what_is_no_size_is_refused_and_writes_nothing),
        cmocka_unit_test(a_size_is_shown_in_the_unit_that_divides_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
