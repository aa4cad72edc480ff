/* Clocks and RFC 3339. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <supervise/base/time.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct {
    int64_t ms;
    const char *text;
} instants[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1770091506789, "2026-02-03T04:05:06.789Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {951868800000, "2000-03-01T00:00:00.000Z"},
    {4107542399999, "2100-02-28T23:59:59.999Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {1735689599999, "2024-12-31T23:59:59.999Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
};

static void an_instant_is_written_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(instants); i++) {
        char text[TIME_TEXT_SIZE];
        int64_t ms = 1;

        time_format(instants[i].ms, text);
        assert_string_equal(text, instants[i].text);
        assert_int_equal(time_parse(text, &ms), 0);
        assert_int_equal(ms, instants[i].ms);
    }
}

static void every_day_of_four_centuries_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -80000; day < 80000; day++) {
        time_t seconds = day * 86400 + 43200;
        char expected[TIME_TEXT_SIZE], text[TIME_TEXT_SIZE];
        struct tm tm;

        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&seconds, &tm));
        time_format((int64_t)seconds * 1000, text);
        assert_string_equal(text, expected);
    }
}

static void the_ends_of_the_range_are_written(void **state)
{
    char text[TIME_TEXT_SIZE];

    (void)state;
    time_format(INT64_MAX, text);
    assert_string_equal(text, "292278994-08-17T07:12:55.807Z");
    time_format(INT64_MIN, text);
    assert_string_equal(text, "-292275055-05-16T16:47:04.192Z");
}

static void every_form_of_rfc_3339_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2026-02-03T04:05:06Z", 1770091506000},       {"2026-02-03t04:05:06z", 1770091506000},
        {"2026-02-03 04:05:06Z", 1770091506000},       {"2026-02-03T04:05:06.7Z", 1770091506700},
        {"2026-02-03T04:05:06.78999Z", 1770091506789}, {"2026-02-03T04:05:06.000000000001Z", 1770091506000},
        {"2026-02-03T05:35:06+01:30", 1770091506000},  {"2026-02-02T23:05:06-05:00", 1770091506000},
        {"2026-02-03T04:05:06-00:00", 1770091506000},  {"2016-12-31T23:59:60Z", 1483228800000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 0;

        assert_int_equal(time_parse(cases[i].text, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_no_time_is_refused_and_writes_nothing(void **state)
{
    static const char *const cases[] = {
        "",
        "now",
        "2026-02-03",
        "2026-02-03T04:05:06",
        "2026-02-03T04:05Z",
        "2026-2-3T04:05:06Z",
        "2026-00-03T04:05:06Z",
        "2026-13-03T04:05:06Z",
        "2026-02-30T04:05:06Z",
        "2026-02-00T04:05:06Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-03T24:00:00Z",
        "2026-02-03T04:60:06Z",
        "2026-02-03T04:05:61Z",
        "2026-02-03T04:05:06.Z",
        "2026-02-03T04:05:06+0100",
        "2026-02-03T04:05:06+24:00",
        "2026-02-03T04:05:06+01:60",
        "2026-02-03T04:05:06ZZ",
        "2026-02-03T04:05:06Z ",
        " 2026-02-03T04:05:06Z",
        "2026-02-03_04:05:06Z",
        "-026-02-03T04:05:06Z",
        "1770091506789",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 42;

        assert_int_equal(time_parse(cases[i], &ms), -1);
        assert_int_equal(ms, 42);
    }
}

static void the_clocks_count_milliseconds(void **state)
{
    struct timespec pause = {.tv_nsec = 20 * 1000000}, since_boot;
    int64_t awake = awake_now_ms(), boot = boot_now_ms(), wall = wall_now_ms();

    (void)state;
    assert_true(llabs((long long)wall - (long long)time(NULL) * 1000) < 2000);
    assert_true(boot >= awake);
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &since_boot), 0);
    assert_in_range(since_boot.tv_sec * 1000 + 2000 - boot, 0, 4000);
    nanosleep(&pause, NULL);
    assert_in_range(awake_now_ms() - awake, 19, 10000);
    assert_in_range(boot_now_ms() - boot, 19, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instant_is_written_and_read_back),
        cmocka_unit_test(every_day_of_four_centuries_agrees_with_the_c_library),
        cmocka_unit_test(the_ends_of_the_range_are_written),
        cmocka_unit_test(every_form_of_rfc_3339_is_read),
        cmocka_unit_test(what_is_no_time_is_refused_and_writes_nothing),
        cmocka_unit_test(the_clocks_count_milliseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
