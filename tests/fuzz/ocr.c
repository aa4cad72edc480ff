/*
 * A row of Open Code Review, in lines: command, its arguments, uid, when it began, exit code, output.
 * Whatever stands in it gives a command, an end and ids that our rows can have.
 */
#include "fuzz.h"

#include <jansson.h>

#include <supervise/base/text.h>
#include <supervise/domain/ocr.h>

static void check_command(const char *command, const char *args)
{
    AUTOFREE char *text = ocr_command(command, args);
    json_t *words = json_loads(text, JSON_ALLOW_NUL, NULL), *word;
    size_t i;

    HOLDS(json_is_array(words));
    HOLDS(json_array_size(words) > 0 || !utf8_valid(command, strlen(command)));
    json_array_foreach(words, i, word)
        HOLDS(json_is_string(word));
    json_decref(words);
}

static void check_end(const struct ocr_recorded *recorded)
{
    struct ocr_end end = ocr_end_of(recorded);

    HOLDS(end.exit_code >= -5 && end.exit_code <= 255);
    HOLDS((end.exit_code == -3) || !end.unknown_end);
    HOLDS(!end.spawn_error ||
          (end.spawn_error >= recorded->output && end.spawn_error_length <= strlen(end.spawn_error)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTOFREE char *command = fuzz_line(&data, &size), *args = fuzz_line(&data, &size),
                  *id = fuzz_line(&data, &size), *began = fuzz_line(&data, &size),
                  *code = fuzz_line(&data, &size), *output = fuzz_text(data, size);
    AUTOFREE char *session = ocr_session_id(id, began);
    long long number = strtoll(code, NULL, 10);
    char uid[UID_LENGTH + 1];
    int64_t wall_ms = 0;

    check_command(command, args);
    check_command(command, NULL);
    check_end(&(struct ocr_recorded){*code != '\0', number, true, output});
    check_end(&(struct ocr_recorded){*code != '\0', number, false, NULL});
    HOLDS(!session_id_fault(session));
    ocr_uid(id, number, command, began, uid);
    HOLDS(uid_valid(uid));
    if (ocr_time(began, &wall_ms)) /* years 0 to 9999, and a day */
        HOLDS(wall_ms > INT64_C(-62170000000000) && wall_ms < INT64_C(253500000000000));
    ocr_event_of(began);
    ocr_kind_of(command, true);
    return 0;
}
