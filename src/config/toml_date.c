/* TOML dates and times: RFC 3339 with seconds, checked against the calendar. Pure. */
#include "toml_read.h"

#include <ctype.h>

/* Reads exactly `digits` digits from *at, a number from `min` to `max`, and moves *at behind them. */
static bool take_number(const char **at, int digits, int min, int max, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)**at))
            return false;
        *number = *number * 10 + (*(*at)++ - '0');
    }
    return *number >= min && *number <= max;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **at)
{
    int year, month, day;

    return take_number(at, 4, 0, 9999, &year) && take_char(at, '-') && take_number(at, 2, 1, 12, &month) &&
           take_char(at, '-') && take_number(at, 2, 1, month_days(year, month), &day);
}

/* A leap second is a second: RFC 3339 has the 60. */
static bool take_time(const char **at)
{
    int hour, minute, second;

    if (!take_number(at, 2, 0, 23, &hour) || !take_char(at, ':') || !take_number(at, 2, 0, 59, &minute) ||
        !take_char(at, ':') || !take_number(at, 2, 0, 60, &second))
        return false;
    if (!take_char(at, '.'))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    while (isdigit((unsigned char)**at))
        (*at)++;
    return true;
}

static bool take_offset(const char **at)
{
    int hour, minute;

    if (take_char(at, 'Z') || take_char(at, 'z'))
        return true;
    return (take_char(at, '+') || take_char(at, '-')) && take_number(at, 2, 0, 23, &hour) &&
           take_char(at, ':') && take_number(at, 2, 0, 59, &minute);
}

bool toml_is_datetime(const char *token, enum toml_type *type)
{
    const char *at = token;

    if (take_time(&at)) {
        *type = TOML_LOCAL_TIME;
        return !*at;
    }
    at = token;
    if (!take_date(&at))
        return false;
    *type = TOML_LOCAL_DATE;
    if (!*at)
        return true;
    if ((!take_char(&at, 'T') && !take_char(&at, 't') && !take_char(&at, ' ')) || !take_time(&at))
        return false;
    *type = *at ? TOML_OFFSET_DATETIME : TOML_LOCAL_DATETIME;
    return !*at || (take_offset(&at) && !*at);
}
