/*
 * The clocks, and RFC 3339 in both directions. The calendar is computed here (proleptic Gregorian, days
 * counted from March so that the leap day is the last of its year): no time zone, no locale, no lock, and no
 * year that overflows.
 */
#include <supervise/base/time.h>

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

int64_t wall_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t awake_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t boot_now_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

int64_t slept_now_ms(void)
{
    int64_t awake = awake_now_ms();

    return boot_now_ms() - awake;
}

/* Division that rounds down, so that what is before the epoch falls into the right day. */
static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = year - (month <= 2);
    int64_t era = floor_div(from_march, 400);
    int64_t year_of_era = from_march - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           DAYS_TO_EPOCH;
}

static void date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t shifted = days + DAYS_TO_EPOCH;
    int64_t era = floor_div(shifted, DAYS_PER_ERA);
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

void time_format(int64_t wall_ms, char text[TIME_TEXT_SIZE])
{
    int64_t seconds = floor_div(wall_ms, MS_PER_SECOND);
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    int of_day = (int)(seconds - days * SECONDS_PER_DAY);
    int64_t year;
    int month, day;

    date_from_days(days, &year, &month, &day);
    snprintf(text, TIME_TEXT_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year, month, day,
             of_day / 3600, of_day / 60 % 60, of_day % 60,
             (int)((wall_ms % MS_PER_SECOND + MS_PER_SECOND) % MS_PER_SECOND));
}

/* Reads exactly `count` digits whose value lies in [low, high]. */
static bool read_digits(const char **at, int count, int low, int high, int *value)
{
    *value = 0;
    for (; count > 0; count--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return *value >= low && *value <= high;
}

static bool read_one_of(const char **at, const char *wanted)
{
    for (; *wanted; wanted++) {
        if (**at == *wanted) {
            (*at)++;
            return true;
        }
    }
    return false;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
        return 29;
    return days[month - 1];
}

/* A fraction of a second of any length, cut to milliseconds; none at all is 0. */
static bool read_fraction(const char **at, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (!read_one_of(at, "."))
        return true;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
        *ms += (**at - '0') * scale;
    return true;
}

static bool read_offset(const char **at, int *minutes)
{
    bool west = **at == '-';
    int hours, rest;

    *minutes = 0;
    if (read_one_of(at, "Zz"))
        return true;
    if (!read_one_of(at, "+-") || !read_digits(at, 2, 0, 23, &hours) || !read_one_of(at, ":") ||
        !read_digits(at, 2, 0, 59, &rest))
        return false;
    *minutes = (hours * 60 + rest) * (west ? -1 : 1);
    return true;
}

int time_parse(const char *text, int64_t *wall_ms)
{
    const char *at = text;
    int year, month, day, hour, minute, second, ms, offset;
    int64_t seconds;

    if (!read_digits(&at, 4, 0, 9999, &year) || !read_one_of(&at, "-") ||
        !read_digits(&at, 2, 1, 12, &month) || !read_one_of(&at, "-") ||
        !read_digits(&at, 2, 1, days_in_month(year, month), &day))
        return -1;
    if (!read_one_of(&at, "Tt ") || !read_digits(&at, 2, 0, 23, &hour) || !read_one_of(&at, ":") ||
        !read_digits(&at, 2, 0, 59, &minute) || !read_one_of(&at, ":") ||
        !read_digits(&at, 2, 0, 60, &second)) /* 60: a leap second, which is the first of the next minute */
        return -1;
    if (!read_fraction(&at, &ms) || !read_offset(&at, &offset) || *at != '\0')
        return -1;
    seconds =
        days_from_date(year, month, day) * SECONDS_PER_DAY + hour * 3600 + (minute - offset) * 60 + second;
    *wall_ms = seconds * MS_PER_SECOND + ms;
    return 0;
}
