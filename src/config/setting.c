/* One setting's value: from text or TOML into its place in struct settings, and back to JSON. */
#include "setting.h"

#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/text.h>
#include <supervise/domain/duration.h>

/* A hundred years: sums of times and clocks stay far from the end of int64_t. */
#define DURATION_MAX (INT64_C(36525) * 24 * 3600 * 1000)

static void *place_of(const struct setting *setting, const struct settings *settings)
{
    return (char *)(uintptr_t)settings + setting->offset;
}

static void set_text(const struct setting *setting, struct settings *settings, char *text)
{
    char **place = place_of(setting, settings);

    free(*place);
    *place = text;
}

static void free_names(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}

static int choice_of(const struct setting *setting, const char *text)
{
    for (int i = 0; setting->choices[i]; i++)
        if (strcmp(setting->choices[i], text) == 0)
            return i;
    return -1;
}

/* A number as it is written in text; -1 where it is none. */
static int parse_number(const struct setting *setting, const char *text, int64_t *number)
{
    if (setting->type == SETTING_DURATION)
        return duration_parse(text, number);
    if (setting->type == SETTING_SIZE)
        return size_parse(text, number);
    *number = strtoll(text, NULL, 10);
    return 0;
}

void setting_reset(const struct setting *setting, struct settings *settings)
{
    void *place = place_of(setting, settings);

    switch (setting->type) {
    case SETTING_PATH:
        break; /* depends on the environment */
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_INTEGER:
        parse_number(setting, setting->built_in, place);
        break;
    case SETTING_BOOLEAN:
        *(bool *)place = strcmp(setting->built_in, "true") == 0;
        break;
    case SETTING_SWITCH:
        *(bool *)place = choice_of(setting, setting->built_in) == 1;
        break;
    case SETTING_CHOICE:
    case SETTING_TEXT:
        set_text(setting, settings, mem_strdup(setting->built_in));
        break;
    case SETTING_NAMES:
        *(char ***)place = mem_alloc(sizeof(char *));
        break;
    }
}

void setting_free(const struct setting *setting, struct settings *settings)
{
    switch (setting->type) {
    case SETTING_PATH:
    case SETTING_CHOICE:
    case SETTING_TEXT:
        set_text(setting, settings, NULL);
        break;
    case SETTING_NAMES:
        free_names(*(char ***)place_of(setting, settings));
        break;
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_INTEGER:
    case SETTING_BOOLEAN:
    case SETTING_SWITCH:
        break;
    }
}

/* --- from TOML --- */

/* What is being read, so that every fault can say it. */
struct reading {
    const struct setting *setting;
    const struct setting_file *file;
    const struct toml *value;
    struct error *err;
    char what[64]; /* "run.timeout" */
};

static int expected(const struct reading *reading, const char *expected_text)
{
    return fault_expected(reading->err, reading->file->name, reading->what, expected_text, reading->value);
}

static void format_number(const struct setting *setting, int64_t number, char *text, size_t size)
{
    if (setting->type == SETTING_DURATION)
        duration_format(number, text, size);
    else if (setting->type == SETTING_SIZE)
        size_format(number, text, size);
    else
        snprintf(text, size, "%" PRId64, number);
}

static int check_range(const struct reading *reading, int64_t number)
{
    const struct setting *setting = reading->setting;
    int64_t bound = setting->type == SETTING_DURATION ? DURATION_MAX : INT64_MAX;
    int64_t max = setting->max ? setting->max : bound;
    char least[64], most[64], text[192];

    if (number >= setting->min && number <= max)
        return 0;
    format_number(setting, setting->min, least, sizeof least);
    format_number(setting, max, most, sizeof most);
    snprintf(text, sizeof text, max == INT64_MAX ? "%s or more" : "%s to %s", least, most);
    return expected(reading, text);
}

static int read_number(const struct reading *reading, int64_t *place)
{
    static const char *const forms[] = {
        [SETTING_DURATION] = "a duration such as \"90s\" or \"1h30m\" (\"0\" is none)",
        [SETTING_SIZE] = "a size such as \"64MiB\", or bytes",
        [SETTING_INTEGER] = "an integer",
    };
    const struct setting *setting = reading->setting;
    const struct toml *value = reading->value;
    int64_t number = value->as.integer;
    bool right;

    if (value->type == TOML_STRING && setting->type != SETTING_INTEGER)
        right = parse_number(setting, value->as.string.data, &number) == 0;
    else /* a bare number has no unit: none for a duration but 0 */
        right = value->type == TOML_INTEGER && (setting->type != SETTING_DURATION || number == 0);
    if (!right)
        return expected(reading, forms[setting->type]);
    if (check_range(reading, number) < 0)
        return -1;
    *place = number;
    return 0;
}

static int read_choice(const struct reading *reading, int *choice)
{
    AUTOBUF struct buf all = {0};

    *choice = reading->value->type == TOML_STRING
                  ? choice_of(reading->setting, reading->value->as.string.data)
                  : -1;
    if (*choice >= 0)
        return 0;
    for (size_t i = 0; reading->setting->choices[i]; i++)
        buf_printf(&all, "%s\"%s\"", i ? ", " : "one of ", reading->setting->choices[i]);
    return expected(reading, all.data);
}

static int read_path(const struct reading *reading, struct settings *settings)
{
    const char *text = reading->value->as.string.data, *home = path_home();
    AUTOFREE char *joined = NULL;

    if (reading->value->type != TOML_STRING || !*text)
        return expected(reading, "a path");
    if (text[0] == '~') {
        if (text[1] && text[1] != '/')
            return expected(reading, "a path (of homes only \"~/\" is known)");
        if (!home)
            return fault(reading->err, reading->file->name, reading->value->line,
                         "%s: \"~\" needs HOME, which is not set to an absolute path", reading->what);
        joined = mem_printf("%s%s", home, text + 1);
    } else {
        joined = text[0] == '/' ? mem_strdup(text) : mem_printf("%s/%s", reading->file->directory, text);
    }
    set_text(reading->setting, settings, path_absolute(joined));
    return 0;
}

/* Whether the text may be the name of an environment variable, and of none that we set ourselves. */
static bool is_free_variable(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    static const char *const taken[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};

    if (!*name || name[strspn(name, allowed)] || (*name >= '0' && *name <= '9'))
        return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return false;
    return strncmp(name, "SUPERVISE_", strlen("SUPERVISE_")) != 0;
}

static int read_names(const struct reading *reading, char ***place)
{
    static const char form[] = "an array of names of environment variables, none of supervise's own";
    const struct toml *value = reading->value;
    char **names;

    if (value->type != TOML_ARRAY)
        return expected(reading, form);
    for (size_t i = 0; i < value->as.array.count; i++) {
        struct reading item = *reading;

        item.value = value->as.array.items[i];
        if (item.value->type != TOML_STRING || !is_free_variable(item.value->as.string.data))
            return expected(&item, form);
    }
    names = mem_alloc((value->as.array.count + 1) * sizeof *names);
    for (size_t i = 0; i < value->as.array.count; i++)
        names[i] = mem_strdup(value->as.array.items[i]->as.string.data);
    free_names(*place);
    *place = names;
    return 0;
}

int setting_read(const struct setting *setting, struct settings *settings, const struct setting_file *file,
                 const struct toml *value, struct error *err)
{
    struct reading reading = {.setting = setting, .file = file, .value = value, .err = err};
    void *place = place_of(setting, settings);
    int choice;

    snprintf(reading.what, sizeof reading.what, "%s.%s", setting->table, setting->name);
    switch (setting->type) {
    case SETTING_PATH:
        return read_path(&reading, settings);
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_INTEGER:
        return read_number(&reading, place);
    case SETTING_BOOLEAN:
        if (value->type != TOML_BOOLEAN)
            return expected(&reading, "true or false");
        *(bool *)place = value->as.boolean;
        return 0;
    case SETTING_CHOICE:
    case SETTING_SWITCH:
        if (read_choice(&reading, &choice) < 0)
            return -1;
        if (setting->type == SETTING_SWITCH)
            *(bool *)place = choice == 1;
        else
            set_text(setting, settings, mem_strdup(setting->choices[choice]));
        return 0;
    case SETTING_TEXT:
        if (value->type != TOML_STRING || !value->as.string.length)
            return expected(&reading, "a text");
        set_text(setting, settings, mem_strdup(value->as.string.data));
        return 0;
    case SETTING_NAMES:
        return read_names(&reading, place);
    }
    return -1;
}

/* --- to JSON --- */

json_t *json_from_bytes(const char *text)
{
    AUTOBUF struct buf utf8 = {0};

    if (!text)
        return json_null();
    text_to_utf8(&utf8, text, strlen(text));
    return json_string(utf8.data);
}

json_t *setting_origin(const struct setting_file *file, int line)
{
    AUTOFREE char *origin = mem_printf("%s:%d", file->name, line);

    return json_from_bytes(origin);
}

json_t *setting_json(const struct setting *setting, const struct settings *settings)
{
    const void *place = place_of(setting, settings);
    char text[64];
    json_t *list;

    switch (setting->type) {
    case SETTING_PATH:
    case SETTING_CHOICE:
    case SETTING_TEXT:
        return json_from_bytes(*(char *const *)place);
    case SETTING_DURATION:
    case SETTING_SIZE:
        format_number(setting, *(const int64_t *)place, text, sizeof text);
        return json_string(text);
    case SETTING_INTEGER:
        return json_integer(*(const int64_t *)place);
    case SETTING_BOOLEAN:
        return json_boolean(*(const bool *)place);
    case SETTING_SWITCH:
        return json_string(setting->choices[*(const bool *)place]);
    case SETTING_NAMES:
        list = json_array();
        for (char **name = *(char **const *)place; *name; name++)
            json_array_append_new(list, json_string(*name));
        return list;
    }
    return NULL;
}
