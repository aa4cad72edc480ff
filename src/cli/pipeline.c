/* The pipeline: stages in their order, beneath each its steps, how far they are, and what failed. */
#include <supervise/cli/pages.h>

#include <stdio.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/cli/words.h>
#include <supervise/domain/duration.h>

enum { BAR_CELLS = 10 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Of a step, or of the items of a stage: "███░░░░░░░ 3/10"; "" where nothing was counted. The caller frees.
 */
static char *progress_of(const json_t *counted)
{
    const json_t *done = json_object_get(counted, "done"), *total = json_object_get(counted, "total");
    json_int_t of = json_integer_value(total);
    struct buf out = {0};

    for (int cell = 0; of > 0 && cell < BAR_CELLS; cell++) {
        double filled = (double)json_integer_value(done) / (double)of * BAR_CELLS;

        buf_puts(&out, cell < (int)filled ? "█" : "░");
    }
    if (of > 0)
        buf_printf(&out, " %lld/%lld", (long long)json_integer_value(done), (long long)of);
    return buf_take(&out);
}

/* How long it took, or has been running; "" where it didn't. The caller frees. */
static char *took_of(const json_t *step)
{
    const char *started = text_of(step, "started_at"), *finished = text_of(step, "finished_at");
    int64_t from, to = wall_now_ms();
    char text[64];

    if (!started || time_parse(started, &from) || (finished && time_parse(finished, &to)) || to < from)
        return mem_strdup("");
    duration_human(to - from, text, sizeof text);
    return mem_strdup(text);
}

static void step_row(struct table *table, const json_t *step)
{
    json_int_t attempt = json_integer_value(json_object_get(step, "attempt"));
    const char *error = text_of(step, "error"), *style, *label = state_label(text_of(step, "status"), &style);
    AUTOFREE char *name = mem_printf("  %s", text_of(step, "name"));
    AUTOFREE char *number = attempt > 1 ? mem_printf("%lld", (long long)attempt) : NULL;
    AUTOFREE char *progress = progress_of(step), *took = took_of(step);

    table_cell(table, name, NULL);
    table_cell(table, label, style);
    table_cell(table, number, NULL);
    table_cell(table, took, NULL);
    table_cell(table, progress, NULL);
    table_cell(table, error ? error : text_of(step, "message"), error ? style : NULL);
}

/* "12 items done, 1 failed", as far as the bar beside it doesn't say so; "" where there are none. The caller
 * frees. */
static char *items_of(const json_t *items)
{
    json_int_t done = json_integer_value(json_object_get(items, "done"));
    json_int_t failed = json_integer_value(json_object_get(items, "failed"));
    bool bar = json_integer_value(json_object_get(items, "total")) > 0;
    struct buf out = {0};

    if (items && !bar)
        buf_printf(&out, "%lld item%s done", (long long)done, done == 1 ? "" : "s");
    if (failed > 0)
        buf_printf(&out, "%s%lld failed", out.len ? ", " : "", (long long)failed);
    return buf_take(&out);
}

static void stage_row(struct table *table, const json_t *stage)
{
    const json_t *items = json_object_get(stage, "items");
    const char *style, *label = state_label(text_of(stage, "state"), &style);
    bool failed = json_integer_value(json_object_get(items, "failed")) > 0;
    AUTOFREE char *progress = progress_of(items), *counted = items_of(json_is_null(items) ? NULL : items);

    table_cell(table, text_of(stage, "name"), "1");
    table_cell(table, label, style);
    table_cell(table, NULL, NULL);
    table_cell(table, NULL, NULL);
    table_cell(table, progress, NULL);
    table_cell(table, counted, failed ? "31" : NULL);
}

/* Whole, however wide: in the table they are cut. */
static void error_lines(const json_t *stages)
{
    const json_t *stage, *step;
    size_t i, k;

    json_array_foreach(stages, i, stage)
        json_array_foreach(json_object_get(stage, "steps"), k, step)
            if (strcmp(text_of(step, "status"), "error") == 0) {
                AUTOFREE char *line = mem_printf("%s/%s: %s", text_of(step, "stage"), text_of(step, "name"),
                                                 text_of(step, "error"));
                AUTOFREE char *visible = text_visible_dup(line);

                printf("✗ %s\n", visible);
            }
}

void pipeline_print(struct cli *cli, const char *stages)
{
    static const struct column columns[] = {
        {"STAGE", YIELDS_LATE},    {"STATE", YIELDS_LAST},    {"ATTEMPT", YIELDS_LAST}, {"TOOK", YIELDS_LAST},
        {"PROGRESS", YIELDS_LAST}, {"MESSAGE", YIELDS_FIRST}, {NULL, YIELDS_LAST},
    };
    json_t *array = stages ? json_loads(stages, 0, NULL) : NULL, *stage, *step;
    struct table *table;
    size_t i, k;

    if (json_array_size(array) > 0) {
        puts("\nStages:");
        table = table_new(columns);
        json_array_foreach(array, i, stage) {
            stage_row(table, stage);
            json_array_foreach(json_object_get(stage, "steps"), k, step)
                step_row(table, step);
        }
        table_print(table, cli);
        error_lines(array);
    }
    json_decref(array);
}
