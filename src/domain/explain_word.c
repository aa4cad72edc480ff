/* The words that explanations are made of: see the header. */
#include <supervise/domain/explain_word.h>

#include <supervise/base/text.h>
#include <supervise/domain/duration.h>

#include <string.h>

enum { TEXT_COLUMNS = 120, DURATION_SIZE = 48 };

static const char blank[] = " \t\r\n";

bool word_is(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

bool word_is_blank(const char *text)
{
    return !text || text[strspn(text, blank)] == '\0';
}

void word_text(struct buf *out, const char *text)
{
    AUTOBUF struct buf visible = {0};
    size_t length, fit;

    text += strspn(text, blank);
    length = strlen(text);
    while (length > 0 && strchr(blank, text[length - 1]))
        length--;
    text_visible(&visible, text, length);
    fit = text_fit(visible.data, TEXT_COLUMNS);
    if (fit < visible.len)
        fit = text_fit(visible.data, TEXT_COLUMNS - 1);
    buf_append(out, visible.data, fit);
    if (fit < visible.len)
        buf_puts(out, "…");
}

void word_duration(struct buf *out, int64_t ms)
{
    char text[DURATION_SIZE];

    duration_human(ms, text, sizeof text);
    buf_puts(out, text);
}

void word_since(struct buf *out, int64_t since, int64_t now)
{
    if (since && now > since) {
        buf_puts(out, " for ");
        word_duration(out, now - since);
    }
}
