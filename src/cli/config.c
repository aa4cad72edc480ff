/* `config show`, `config check`, `config path`: what is set, where it came from, and whether the files are
 * right. */
#include <supervise/cli/verbs.h>

#include <stdlib.h>

#include <supervise/base/buf.h>

/*
 * A value as people read it: text as it is, nothing as nothing, a workflow by its size (whole it would push
 * all else off the screen), the rest as JSON in one line. The caller frees.
 */
static char *value_text(const json_t *value)
{
    if (json_is_string(value) || json_is_null(value))
        return mem_strdup(json_is_null(value) ? "" : json_string_value(value));
    if (json_object_get(value, "phases"))
        return mem_printf("phases: %zu, stages: %zu", json_array_size(json_object_get(value, "phases")),
                          json_array_size(json_object_get(value, "stages")));
    return json_dumps(value, JSON_ENCODE_ANY);
}

static int run_show(struct cli *cli, const struct args *args)
{
    static const struct column columns[] = {
        {"KEY", YIELDS_LATE}, {"VALUE", YIELDS_FIRST}, {"ORIGIN", YIELDS_FIRST}, {NULL, YIELDS_LAST}};
    struct error err;
    struct table *table;
    json_t *rows, *row;
    size_t i;
    (void)args;

    if (cli_settings(cli, &err) < 0)
        return cli_fail(&err);
    rows = settings_json(cli->settings);
    if (cli->json) {
        json_print(rows, false);
        return 0;
    }
    table = table_new(columns);
    json_array_foreach(rows, i, row) {
        AUTOFREE char *value = value_text(json_object_get(row, "value"));

        table_cell(table, json_string_value(json_object_get(row, "key")), NULL);
        table_cell(table, value, NULL);
        table_cell(table, json_string_value(json_object_get(row, "origin")), NULL);
    }
    table_print(table, cli);
    json_decref(rows);
    return 0;
}

/* The paths of the files that are there; the caller owns the array. */
static json_t *found_files(const struct cli *cli)
{
    json_t *files = settings_files(cli->config_option), *found = json_array(), *file;
    size_t i;

    json_array_foreach(files, i, file)
        if (json_is_true(json_object_get(file, "found")))
            json_array_append(found, json_object_get(file, "path"));
    json_decref(files);
    return found;
}

/* Takes the array of paths. */
static int say_right(const struct cli *cli, json_t *files)
{
    AUTOBUF struct buf line = {0};
    const json_t *file;
    size_t i;

    if (cli->json) {
        json_print(json_pack("{s:b, s:o}", "ok", 1, "files", files), false);
        return 0;
    }
    json_array_foreach(files, i, file)
        buf_printf(&line, "%s%s", i ? ", " : "", json_string_value(file));
    printf("ok: %s\n", line.len ? line.data : "no configuration file, the built-in values");
    json_decref(files);
    return 0;
}

static int run_check(struct cli *cli, const struct args *args)
{
    struct error err;

    if (args->word_count) {
        if (settings_check_file(args->words[0], &err) < 0)
            return cli_fail(&err);
        return say_right(cli, json_pack("[o]", text_json(args->words[0])));
    }
    if (cli_settings(cli, &err) < 0)
        return cli_fail(&err);
    return say_right(cli, found_files(cli));
}

static int run_path(struct cli *cli, const struct args *args)
{
    static const struct column columns[] = {
        {"PATH", YIELDS_LATE}, {"FOUND", YIELDS_LAST}, {"WHY", YIELDS_FIRST}, {NULL, YIELDS_LAST}};
    json_t *files = settings_files(cli->config_option), *file;
    struct table *table;
    size_t i;
    (void)args;

    if (cli->json) {
        json_print(files, false);
        return 0;
    }
    table = table_new(columns);
    json_array_foreach(files, i, file) {
        table_cell(table, json_string_value(json_object_get(file, "path")), NULL);
        table_cell(table, json_is_true(json_object_get(file, "found")) ? "yes" : "no", NULL);
        table_cell(table, json_string_value(json_object_get(file, "why")), NULL);
    }
    table_print(table, cli);
    json_decref(files);
    return 0;
}

const struct verb verb_config_show = {
    .name = "config show",
    .synopsis = "",
    .summary = "every setting, its value, and where it came from",
    .examples = "supervise config show  # all of them\n"
                "supervise --config ci.toml config show --json  # as they would be with that file\n",
    .run = run_show,
};

const struct verb verb_config_check = {
    .name = "config check",
    .synopsis = "[FILE]",
    .summary = "whether the configuration is right: FILE, or all that would be read; exit 7 where it isn't",
    .examples = "supervise config check  # what a command here would be run with\n"
                "supervise config check supervise.toml  # one file, before it is put in its place\n",
    .words_max = 1,
    .run = run_check,
};

const struct verb verb_config_path = {
    .name = "config path",
    .synopsis = "",
    .summary = "the files that are looked for, in their order: a later one outweighs an earlier one",
    .examples = "supervise config path  # which of them are there\n",
    .run = run_path,
};
