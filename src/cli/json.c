/*
 * Rows as JSON: the members that their tables of fields name, in that order, each always there and null where
 * nothing is known. Bytes that are no UTF-8 become U+FFFD, so that every reader can take what we print.
 */
#include <supervise/cli/words.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/text.h>
#include <supervise/base/time.h>

json_t *text_json(const char *text)
{
    AUTOBUF struct buf utf8 = {0};

    if (!text)
        return json_null();
    text_to_utf8(&utf8, text, strlen(text));
    return json_string(utf8.data ? utf8.data : "");
}

static json_t *parsed_json(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;

    return value ? value : json_null();
}

static json_t *time_json(int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];

    time_format(wall_ms, text);
    return json_string(text);
}

static json_t *field_json(const struct field *field, const void *row)
{
    const void *member = (const char *)row + field->offset;
    int64_t number;

    switch (field->kind) {
    case FIELD_TEXT:
        return text_json(*(char *const *)member);
    case FIELD_JSON:
        return parsed_json(*(char *const *)member);
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_BOOL:
        number = *(const int64_t *)member;
        if (number == NO_INT)
            return json_null();
        if (field->kind == FIELD_TIME)
            return time_json(number);
        return field->kind == FIELD_BOOL ? json_boolean(number) : json_integer(number);
    case FIELD_BLOB:
        break;
    }
    return json_null();
}

/* `derive`, where given, adds what is derived here after the member it belongs behind. */
static json_t *row_json(const struct field *fields, size_t count, const void *row,
                        void (*derive)(json_t *object, const char *after, void *context), void *context)
{
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++) {
        if (!fields[i].json)
            continue;
        json_object_set_new(object, fields[i].name, field_json(&fields[i], row));
        if (derive)
            derive(object, fields[i].name, context);
    }
    return object;
}

struct derived {
    struct cli *cli;
    const struct execution *execution;
};

static void derive_execution(json_t *object, const char *after, void *context)
{
    const struct derived *from = context;

    if (strcmp(after, "reason") == 0) {
        AUTOFREE char *explanation = NULL;
        AUTOFREE char *next = NULL;

        words_explain(from->cli, from->execution, &explanation, &next);
        json_object_set_new(object, "explanation", text_json(explanation));
        json_object_set_new(object, "next", text_json(next));
    } else if (strcmp(after, "supervisor_pid") == 0) {
        bool running = strcmp(from->execution->state, "running") == 0;
        struct liveness liveness = execution_liveness(from->cli, from->execution);

        json_object_set_new(object, "supervised", running ? json_boolean(!liveness.lost) : json_null());
        json_object_set_new(object, "stalled", json_boolean(liveness.stalled));
        json_object_set_new(object, "lost", json_boolean(liveness.lost));
    }
}

json_t *execution_json(struct cli *cli, const struct execution *execution)
{
    struct derived from = {.cli = cli, .execution = execution};

    return row_json(execution_fields, execution_field_count, execution, derive_execution, &from);
}

json_t *session_json(struct cli *cli, const struct session *session)
{
    (void)cli;
    return row_json(session_fields, session_field_count, session, NULL, NULL);
}

json_t *event_json(const struct event *event)
{
    return row_json(event_fields, event_field_count, event, NULL, NULL);
}

json_t *item_json(const struct item *item)
{
    return row_json(item_fields, item_field_count, item, NULL, NULL);
}

json_t *checkpoint_json(const struct checkpoint *checkpoint)
{
    return row_json(checkpoint_fields, checkpoint_field_count, checkpoint, NULL, NULL);
}

void json_print(json_t *value, bool compact)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | (compact ? JSON_COMPACT : JSON_INDENT(2)));

    if (text)
        puts(text);
    free(text);
    json_decref(value);
}

void json_rows_add(struct json_rows *rows, json_t *row)
{
    json_t *array = json_pack("[o]", row);
    AUTOFREE char *text = json_dumps(array, JSON_INDENT(2));

    /* Of "[\n  {...}\n]" what stands between the brackets: it is indented already. */
    if (text)
        printf("%s%.*s", rows->count++ ? "," : "[", (int)strlen(text) - 3, text + 1);
    json_decref(array);
}

void json_rows_end(struct json_rows *rows)
{
    puts(rows->count ? "\n]" : "[]");
}
