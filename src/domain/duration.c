/* Durations and sizes: exact, in integers alone, so that "0.1s" is 100 ms and an overflow is refused, not
 * wrapped. */
#include <supervise/domain/duration.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t worth;
};

/* From the largest to the smallest: the order in which they may follow one another. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

/* Sizes are shown in the first that divides them. */
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
    {"kB", 1000},
    {"B", 1},
    {NULL, 0},
};

/* "12" or "12.5" as read: fraction / scale is below 1. */
struct number {
    int64_t whole, fraction, scale;
    bool point;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool append_digit(int64_t *number, char digit)
{
    return !__builtin_mul_overflow(*number, 10, number) &&
           !__builtin_add_overflow(*number, digit - '0', number);
}

/* Trailing zeros say nothing and are not read: "1.50" is exact where "1.5" is. */
static bool read_fraction(const char **at, struct number *number)
{
    const char *end = *at, *last;

    while (is_digit(*end))
        end++;
    if (end == *at)
        return false;
    for (last = end; last > *at && last[-1] == '0';)
        last--;
    for (; *at < last; (*at)++) {
        if (!append_digit(&number->fraction, **at) ||
            __builtin_mul_overflow(number->scale, 10, &number->scale))
            return false;
    }
    *at = end;
    return true;
}

static bool read_number(const char **at, struct number *number)
{
    *number = (struct number){.scale = 1};
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++) {
        if (!append_digit(&number->whole, **at))
            return false;
    }
    if (**at != '.')
        return true;
    (*at)++;
    number->point = true;
    return read_fraction(at, number);
}

static const struct unit *read_unit(const char **at, const struct unit *units)
{
    const char *end = *at;
    size_t length;

    while (*end && !is_digit(*end))
        end++;
    length = (size_t)(end - *at);
    for (; units->name; units++) {
        if (strlen(units->name) == length && memcmp(units->name, *at, length) == 0) {
            *at = end;
            return units;
        }
    }
    return NULL;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Adds number × worth where that is whole and fits. The fraction is cancelled first, so its product can't
 * overflow. */
static bool add_amount(int64_t *sum, const struct number *number, int64_t worth)
{
    int64_t divisor = common_divisor(number->scale, worth);
    int64_t amount;

    if (number->fraction % (number->scale / divisor) != 0)
        return false;
    return !__builtin_mul_overflow(number->whole, worth, &amount) &&
           !__builtin_add_overflow(*sum, amount, sum) &&
           !__builtin_add_overflow(*sum, number->fraction / (number->scale / divisor) * (worth / divisor),
                                   sum);
}

int duration_parse(const char *text, int64_t *ms)
{
    const struct unit *units = duration_units;
    int64_t sum = 0;
    bool last = strcmp(text, "0") == 0;

    while (!last) {
        struct number number;
        const struct unit *unit;

        if (!read_number(&text, &number) || !(unit = read_unit(&text, units)) ||
            !add_amount(&sum, &number, unit->worth))
            return -1;
        units = unit + 1;
        last = *text == '\0';
        if (number.point && !last)
            return -1;
    }
    *ms = sum;
    return 0;
}

/* Adds formatted text to what stands in `text` already; what does not fit is cut. */
static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + length, size - length, format, args);
    va_end(args);
}

static void append_seconds(char *text, size_t size, int64_t ms)
{
    int fraction = (int)(ms % 1000), digits = 3;

    for (; fraction != 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    if (fraction != 0)
        append(text, size, "%lld.%0*ds", (long long)(ms / 1000), digits, fraction);
    else
        append(text, size, "%llds", (long long)(ms / 1000));
}

void duration_format(int64_t ms, char *text, size_t size)
{
    if (size == 0)
        return;
    text[0] = '\0';
    if (ms <= 0)
        append(text, size, "0");
    for (const struct unit *unit = duration_units; ms > 0 && unit->worth > 1000; unit++) {
        if (ms >= unit->worth)
            append(text, size, "%lld%s", (long long)(ms / unit->worth), unit->name);
        ms %= unit->worth;
    }
    if (ms >= 1000)
        append_seconds(text, size, ms);
    else if (ms > 0)
        append(text, size, "%lldms", (long long)ms);
}

/* What is cut off is cut off: nothing is shown as longer than it was. */
void duration_human(int64_t ms, char *text, size_t size)
{
    const struct unit *unit = duration_units;

    if (size == 0)
        return;
    text[0] = '\0';
    if (ms < 1000) {
        append(text, size, "%lldms", (long long)(ms > 0 ? ms : 0));
        return;
    }
    if (ms < 60000) {
        append_seconds(text, size, ms - ms % 100);
        return;
    }
    while (ms < unit->worth)
        unit++;
    append(text, size, "%lld%s", (long long)(ms / unit->worth), unit->name);
    ms %= unit->worth;
    unit++;
    if (ms >= unit->worth)
        append(text, size, " %lld%s", (long long)(ms / unit->worth), unit->name);
}

int size_parse(const char *text, int64_t *bytes)
{
    struct number number;
    const struct unit *unit;
    int64_t sum = 0;

    if (!read_number(&text, &number))
        return -1;
    if (*text == '\0' && !number.point) {
        *bytes = number.whole;
        return 0;
    }
    unit = read_unit(&text, size_units);
    if (!unit || *text != '\0' || !add_amount(&sum, &number, unit->worth))
        return -1;
    *bytes = sum;
    return 0;
}

void size_format(int64_t bytes, char *text, size_t size)
{
    const struct unit *unit = size_units;

    while (unit->worth > 1 && bytes % unit->worth != 0)
        unit++;
    if (bytes <= 0 || unit->worth == 1)
        snprintf(text, size, "%lld", (long long)(bytes > 0 ? bytes : 0));
    else
        snprintf(text, size, "%lld%s", (long long)(bytes / unit->worth), unit->name);
}
