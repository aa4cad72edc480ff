/*
 * UTF-8 checked, controls made visible, the nearest word. No locale is asked: every byte means the same
 * everywhere. Columns are in width.c.
 */
#include <supervise/base/text.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_WORD = 4 };

/* First bytes and the range of the second: what RFC 3629 allows, so that overlong forms and surrogates have
 * no row. */
static const struct utf8_form {
    unsigned char first_low, first_high, second_low, second_high;
    unsigned char length;
} utf8_forms[] = {
    {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool utf8_matches(const struct utf8_form *form, const unsigned char *bytes, size_t length)
{
    if (bytes[0] < form->first_low || bytes[0] > form->first_high || length < form->length)
        return false;
    if (form->length > 1 && (bytes[1] < form->second_low || bytes[1] > form->second_high))
        return false;
    for (size_t i = 2; i < form->length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return false;
    }
    return true;
}

size_t utf8_length(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;

    if (length == 0)
        return 0;
    for (size_t i = 0; i < sizeof utf8_forms / sizeof *utf8_forms; i++) {
        if (utf8_matches(&utf8_forms[i], bytes, length))
            return utf8_forms[i].length;
    }
    return 0;
}

bool utf8_valid(const char *text, size_t length)
{
    while (length > 0) {
        size_t step = utf8_length(text, length);

        if (step == 0)
            return false;
        text += step;
        length -= step;
    }
    return true;
}

bool text_has_controls(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
            return true;
    return false;
}

static void append_escaped(struct buf *out, unsigned char byte)
{
    switch (byte) {
    case '\n':
        buf_puts(out, "\\n");
        break;
    case '\t':
        buf_puts(out, "\\t");
        break;
    case 0x1B:
        buf_puts(out, "\\e");
        break;
    default:
        buf_printf(out, "\\x%02x", byte);
    }
}

void text_visible(struct buf *out, const char *text, size_t length)
{
    buf_append(out, "", 0);
    while (length > 0) {
        const unsigned char *bytes = (const unsigned char *)text;
        size_t step = utf8_length(text, length);
        bool c1 = step == 2 && bytes[0] == 0xC2 && bytes[1] < 0xA0;

        if (step == 0 || bytes[0] < 0x20 || bytes[0] == 0x7F)
            append_escaped(out, bytes[0]);
        else if (c1)
            append_escaped(out, bytes[1]);
        else
            buf_append(out, text, step);
        step = step ? step : 1;
        text += step;
        length -= step;
    }
}

char *text_visible_dup(const char *text)
{
    struct buf out = {0};

    text_visible(&out, text, strlen(text));
    return buf_take(&out);
}

void text_base64(struct buf *out, const void *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned second = left > 1 ? from[i + 1] : 0, third = left > 2 ? from[i + 2] : 0;
        unsigned bits = (unsigned)from[i] << 16 | second << 8 | third;
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], left > 1 ? digits[bits >> 6 & 63] : '=',
                        left > 2 ? digits[bits & 63] : '='};

        buf_append(out, four, sizeof four);
    }
}

void text_to_utf8(struct buf *out, const char *text, size_t length)
{
    buf_append(out, "", 0);
    while (length > 0) {
        size_t step = utf8_length(text, length);

        if (step == 0)
            buf_puts(out, "\xEF\xBF\xBD");
        else
            buf_append(out, text, step);
        step = step ? step : 1;
        text += step;
        length -= step;
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
static size_t edit_distance(const char *from, const char *to)
{
    size_t rows = strlen(from), columns = strlen(to), width = columns + 1;
    size_t *cells = mem_alloc(3 * width * sizeof *cells);
    size_t *before = cells, *last = cells + width, *here = cells + 2 * width, result;

    for (size_t j = 0; j <= columns; j++)
        here[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *free_row = before;

        before = last;
        last = here;
        here = free_row;
        here[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            here[j] = least(least(last[j], here[j - 1]) + 1, last[j - 1] + (from[i - 1] != to[j - 1]));
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                here[j] = least(here[j], before[j - 2] + 1);
        }
    }
    result = here[columns];
    free(cells);
    return result;
}

/* The shortest of the words that begin with what was typed; NULL where none does. */
static const char *completion(const char *typed, const char *const *words)
{
    const char *shortest = NULL;
    size_t length = strlen(typed);

    for (; length > 0 && *words; words++)
        if (strncmp(*words, typed, length) == 0 && (!shortest || strlen(*words) < strlen(shortest)))
            shortest = *words;
    return shortest;
}

/* How many faults may be in a word: a third of the letters, but one has to be right, and in a short word
 * more than one fault makes another word. */
static size_t faults_allowed(size_t length, size_t longer)
{
    size_t third = (longer + 2) / 3;

    return least(length <= SHORT_WORD ? 1 : third, longer - 1);
}

const char *text_nearest(const char *word, const char *const *words)
{
    const char *nearest = completion(word, words);
    size_t nearest_distance = SIZE_MAX, length = strlen(word);

    if (nearest || length == 0)
        return nearest;
    for (; *words; words++) {
        size_t longer = strlen(*words) > length ? strlen(*words) : length;
        size_t distance = edit_distance(word, *words);

        if (distance < nearest_distance && distance <= faults_allowed(length, longer)) {
            nearest = *words;
            nearest_distance = distance;
        }
    }
    return nearest;
}
