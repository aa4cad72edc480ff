/* What a verb asks of the options it was given: values as text, as numbers, as durations, as sessions. */
#include <supervise/cli/cli.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/text.h>
#include <supervise/domain/duration.h>
#include <supervise/domain/id.h>

enum { TEXT_MAX = 4096 };

const char *args_next(const struct args *args, const char *name, size_t *at)
{
    while (*at < args->given_count) {
        const struct args_given *given = &args->given[(*at)++];

        if (strcmp(given->option->name, name) == 0)
            return given->value;
    }
    return NULL;
}

bool args_has(const struct args *args, const char *name)
{
    for (size_t i = 0; i < args->given_count; i++)
        if (strcmp(args->given[i].option->name, name) == 0)
            return true;
    return false;
}

const char *args_get(const struct args *args, const char *name)
{
    const char *last = NULL;
    size_t at = 0;

    for (const char *value; (value = args_next(args, name, &at));)
        last = value;
    return last;
}

char *args_text(const struct args *args, size_t from)
{
    struct buf text = {0};
    size_t length = 0;

    if (from >= args->word_count)
        return NULL;
    for (size_t i = from; i < args->word_count; i++) {
        if (i > from)
            buf_puts(&text, " ");
        text_to_utf8(&text, args->words[i], strlen(args->words[i]));
    }
    if (text.len > TEXT_MAX) {
        for (size_t next = 0; next <= TEXT_MAX - strlen("…"); next += utf8_length(text.data + next, 4))
            length = next;
        text.data[text.len = length] = '\0';
        buf_puts(&text, "…");
    }
    return buf_take(&text);
}

int args_duration(const struct args *args, const char *name, int64_t *ms, struct error *err)
{
    const char *text = args_get(args, name);

    if (text && duration_parse(text, ms) < 0)
        return error_set(err, ERR_USAGE,
                         "cannot take \"%s\" for --%s: it is no duration; write 90s, 15m, 1h30m or 0", text,
                         name);
    return 0;
}

int args_integer(const struct args *args, const char *name, int64_t min, int64_t *number, struct error *err)
{
    const char *text = args_get(args, name);
    char *end = NULL;
    long long value;

    if (!text)
        return 0;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || errno != 0 || *end || value < min)
        return error_set(err, ERR_USAGE, "cannot take \"%s\" for --%s: it is no whole number from %lld up",
                         text, name, (long long)min);
    *number = value;
    return 0;
}

int session_named(const struct args *args, size_t at, const char **id, struct error *err)
{
    const char *fault;

    *id = args_get(args, "session");
    if (*id && args->word_count > at)
        return error_set(err, ERR_USAGE, "the session is named twice: as \"%s\" and as \"%s\"", *id,
                         args->words[at]);
    if (args->word_count > at)
        *id = args->words[at];
    fault = *id ? session_id_fault(*id) : NULL;
    if (fault)
        return error_set(err, ERR_USAGE, "cannot take \"%s\" as a session's id: it %s", *id, fault);
    return 0;
}
