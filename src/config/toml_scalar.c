/* TOML values of one word: booleans, integers, floats, dates and times. */
#include "toml_read.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/text.h>

enum { SHOWN = 64 }; /* columns of a word in an error */

static bool ends_word(int c)
{
    return c < 0 || strchr(" \t\r\n,]}#=", c);
}

/* The word at the place; with a date before a space and a digit, the time behind the space too. */
static void take_word(struct toml_reader *reader, struct buf *word)
{
    const char *start = reader->at;

    while (!ends_word(toml_peek(reader, 0)))
        reader->at++;
    if (reader->at - start == 10 && start[4] == '-' && toml_peek(reader, 0) == ' ' &&
        isdigit(toml_peek(reader, 1)))
        for (reader->at++; !ends_word(toml_peek(reader, 0));)
            reader->at++;
    buf_append(word, start, (size_t)(reader->at - start));
}

/* A run of digits of the base in which single underscores stand between digits; moves *at behind it. */
static bool take_digits(const char **at, const char *allowed, struct buf *digits)
{
    bool digit = false;

    while (**at && (strchr(allowed, **at) || **at == '_')) {
        if (**at == '_' && (!digit || !(*at)[1] || !strchr(allowed, (*at)[1])))
            return false;
        digit = **at != '_';
        if (digit)
            buf_append(digits, *at, 1);
        (*at)++;
    }
    return digit;
}

static struct toml *integer(struct toml_reader *reader, const char *word, const char *digits, int base)
{
    struct toml *value;
    long long number;

    errno = 0;
    number = strtoll(digits, NULL, base);
    if (errno == ERANGE) {
        toml_fail(reader, reader->line, "%.*s does not fit into 64 bits", (int)text_fit(word, SHOWN), word);
        return NULL;
    }
    value = toml_new(TOML_INTEGER, reader->line);
    value->as.integer = number;
    return value;
}

static struct toml *real(struct toml_reader *reader, double number)
{
    struct toml *value = toml_new(TOML_FLOAT, reader->line);

    value->as.real = number;
    return value;
}

/* The decimal point is a point in every locale. */
static double to_double(const char *digits)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    double number = c_locale ? strtod_l(digits, NULL, c_locale) : strtod(digits, NULL);

    if (c_locale)
        freelocale(c_locale);
    return number;
}

static struct toml *boolean(struct toml_reader *reader, bool truth)
{
    struct toml *value = toml_new(TOML_BOOLEAN, reader->line);

    value->as.boolean = truth;
    return value;
}

static struct toml *bad_word(struct toml_reader *reader, const char *word)
{
    if (*word)
        toml_fail(reader, reader->line, "\"%.*s\" is no TOML value; a string needs quotes",
                  (int)text_fit(word, SHOWN), word);
    else
        toml_expected(reader, "a value");
    return NULL;
}

/* 0x, 0o, 0b: no sign, any number of leading zeros. */
static struct toml *based(struct toml_reader *reader, const char *word)
{
    static const struct {
        char letter;
        int base;
        const char *digits;
    } bases[] = {{'x', 16, "0123456789abcdefABCDEF"}, {'o', 8, "01234567"}, {'b', 2, "01"}};
    AUTOBUF struct buf digits = {0};
    const char *at = word + 2;

    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (bases[i].letter == word[1] && take_digits(&at, bases[i].digits, &digits) && !*at)
            return integer(reader, word, digits.data, bases[i].base);
    return bad_word(reader, word);
}

static struct toml *decimal(struct toml_reader *reader, const char *word)
{
    static const char decimals[] = "0123456789";
    AUTOBUF struct buf digits = {0};
    const char *at = word, *whole;
    bool fraction = false;

    if (*at == '-' || *at == '+')
        buf_append(&digits, at++, 1);
    if (strcmp(at, "inf") == 0)
        return real(reader, *word == '-' ? -INFINITY : INFINITY);
    if (strcmp(at, "nan") == 0)
        return real(reader, *word == '-' ? -NAN : NAN);
    whole = at;
    if (!take_digits(&at, decimals, &digits) || (*whole == '0' && at - whole > 1))
        return bad_word(reader, word);
    if (!*at)
        return integer(reader, word, digits.data, 10);
    if (*at == '.') {
        buf_append(&digits, at++, 1);
        fraction = take_digits(&at, decimals, &digits);
        if (!fraction)
            return bad_word(reader, word);
    }
    if (*at == 'e' || *at == 'E') {
        buf_append(&digits, at++, 1);
        if (*at == '-' || *at == '+')
            buf_append(&digits, at++, 1);
        fraction = take_digits(&at, decimals, &digits);
    }
    return fraction && !*at ? real(reader, to_double(digits.data)) : bad_word(reader, word);
}

static struct toml *datetime(struct toml_reader *reader, enum toml_type type, struct buf *word)
{
    for (size_t i = 0; i < word->len; i++)
        if (word->data[i] == ' ' || word->data[i] == 't' || word->data[i] == 'z')
            word->data[i] = word->data[i] == 'z' ? 'Z' : 'T';
    return toml_new_string(type, reader->line, word);
}

struct toml *toml_read_scalar(struct toml_reader *reader)
{
    AUTOBUF struct buf word = {0};
    enum toml_type type;

    take_word(reader, &word);
    if (strcmp(word.data, "true") == 0 || strcmp(word.data, "false") == 0)
        return boolean(reader, *word.data == 't');
    if (toml_is_datetime(word.data, &type))
        return datetime(reader, type, &word);
    if (word.data[0] == '0' && word.data[1] && strchr("xob", word.data[1]))
        return based(reader, word.data);
    return decimal(reader, word.data);
}
