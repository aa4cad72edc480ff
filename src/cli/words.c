/* Words for people. Symbol, word and colour say the same thing three times, so that any one of them is
 * enough. */
#include <supervise/cli/words.h>

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/domain/duration.h>

enum { LABEL_WIDTH = 13 };

struct label {
    const char *word; /* a state, an outcome, or the status of a step */
    const char *text;
    const char *style;
};

static const struct label labels[] = {
    {"queued", "○ queued", "2"},    {"running", "● running", "36"},
    {"success", "✓ success", "32"}, {"incomplete", "◐ incomplete", "33"},
    {"failed", "✗ failed", "31"},   {"cancelled", "⊘ cancelled", "35"},
    {"idle", "○ idle", "2"},        {"done", "✓ done", "32"},
    {"error", "✗ error", "31"},     {"aborted", "⊘ aborted", "35"},
    {"skipped", "– skipped", "2"},
};

static const struct label troubles[] = {
    [STANDING_LOST] = {NULL, "! lost", "1;31"},
    [STANDING_STALLED] = {NULL, "! stalled", "1;33"},
};

struct liveness execution_liveness(const struct cli *cli, const struct execution *execution)
{
    if (!execution->state || strcmp(execution->state, "running") != 0)
        return (struct liveness){0};
    return liveness_look(execution, cli->settings);
}

enum standing execution_standing(const struct cli *cli, const struct execution *execution)
{
    struct liveness liveness = execution_liveness(cli, execution);

    if (liveness.lost)
        return STANDING_LOST;
    return liveness.stalled ? STANDING_STALLED : STANDING_FINE;
}

const char *state_label(const char *word, const char **style)
{
    for (size_t i = 0; word && i < sizeof labels / sizeof *labels; i++)
        if (strcmp(labels[i].word, word) == 0) {
            *style = labels[i].style;
            return labels[i].text;
        }
    *style = NULL;
    return "";
}

const char *outcome_label(const struct execution *execution, enum standing standing, const char **style)
{
    const char *word = execution->outcome ? execution->outcome : execution->state;

    if (standing != STANDING_FINE) {
        *style = troubles[standing].style;
        return troubles[standing].text;
    }
    return state_label(word, style);
}

/* One argument as a shell would take it. */
static void append_quoted(struct buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    bool quote = *word == '\0';

    for (const char *at = word; *at; at++)
        quote |= (unsigned char)*at < 0x80 && !strchr(plain, *at);
    if (!quote) {
        buf_puts(out, word);
        return;
    }
    buf_puts(out, "'");
    for (const char *at = word; *at; at++) {
        if (*at == '\'')
            buf_puts(out, "'\\''");
        else
            buf_append(out, at, 1);
    }
    buf_puts(out, "'");
}

char *words_command(const char *json_array)
{
    json_t *array = json_array ? json_loads(json_array, 0, NULL) : NULL;
    struct buf out = {0};
    size_t index;
    json_t *word;

    json_array_foreach(array, index, word) {
        if (index > 0)
            buf_puts(&out, " ");
        append_quoted(&out, json_is_string(word) ? json_string_value(word) : "");
    }
    json_decref(array);
    return buf_take(&out);
}

char *words_age(int64_t wall_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    int64_t age;

    if (wall_ms == NO_INT)
        return mem_strdup("");
    age = wall_now_ms() - wall_ms;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (age >= units[i].ms)
            return mem_printf("%lld%s ago", (long long)(age / units[i].ms), units[i].unit);
        if (age <= -units[i].ms)
            return mem_printf("in %lld%s", (long long)(-age / units[i].ms), units[i].unit);
    }
    return mem_strdup("just now");
}

char *words_time(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char text[64] = "";

    if (wall_ms != NO_INT && localtime_r(&seconds, &parts))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return mem_strdup(text);
}

char *words_took(const struct execution *execution)
{
    int64_t ms = execution->duration_ms;
    char text[64];

    if (ms == NO_INT && execution->started_at != NO_INT && execution->finished_at == NO_INT)
        ms = wall_now_ms() - execution->started_at;
    if (ms == NO_INT || ms < 0)
        return mem_strdup("");
    duration_human(ms, text, sizeof text);
    return mem_strdup(text);
}

char *words_phase(const char *phase, int64_t number, int64_t count)
{
    if (!phase)
        return mem_strdup("");
    if (number == NO_INT || count == NO_INT || count == 0)
        return mem_strdup(phase);
    return mem_printf("%s (%lld of %lld)", phase, (long long)number, (long long)count);
}

static char *counters(int64_t steps, json_t *usage)
{
    struct buf text = {0};
    const char *key;
    json_t *number;

    if (steps > 0)
        buf_printf(&text, "%lld step%s", (long long)steps, steps == 1 ? "" : "s");
    json_object_foreach(usage, key, number)
        buf_printf(&text, "%s%s %.16g", text.len ? ", " : "", key, json_number_value(number));
    return buf_take(&text);
}

char *words_counters(int64_t steps, const char *usage)
{
    json_t *object = usage ? json_loads(usage, 0, NULL) : NULL;
    char *text = counters(steps, object);

    json_decref(object);
    return text;
}

char *words_totals(const char *totals)
{
    json_t *object = totals ? json_loads(totals, 0, NULL) : NULL;
    char *text =
        counters(json_integer_value(json_object_get(object, "steps")), json_object_get(object, "usage"));

    json_decref(object);
    return text;
}

void words_line(const char *label, const char *value)
{
    AUTOFREE char *visible = NULL;

    if (!value || !*value)
        return;
    visible = text_visible_dup(value);
    printf("%s:%*s%s\n", label, (int)(strlen(label) < LABEL_WIDTH ? LABEL_WIDTH - strlen(label) : 1), "",
           visible);
}

void words_linef(const char *label, const char *format, ...)
{
    AUTOFREE char *value = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&value, format, args) < 0)
        value = NULL;
    va_end(args);
    words_line(label, value);
}
