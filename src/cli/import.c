/* `session import`: the history of another program, taken into the ledger. */
#include <supervise/cli/verbs.h>

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/config/workflow.h>
#include <supervise/store/execution.h>
#include <supervise/store/import.h>
#include <supervise/supervisor/log_writer.h>

/* --- outputs --- */

/* Where they go, and those that were made: an import that fails takes them back. */
struct outputs {
    const struct settings *settings;
    char **made;
    size_t count;
};

static void unlink_log(const char *path)
{
    AUTOFREE char *index = log_index_path(path);

    unlink(path);
    unlink(index);
}

/* What stands in its place already was left by an import that was killed: the ledger has no such execution.
 */
static void keep_log(void *context, const char *uid, int64_t wall_ms, const char *output, size_t size,
                     struct import_log *log)
{
    struct outputs *outputs = context;
    char *path = mem_printf("%s/%s.log", outputs->settings->log_dir, uid);
    struct log_writer *writer = log_writer_new(path, uid, outputs->settings->log_max_size);
    struct error err;

    unlink_log(path);
    if (log_writer_append(writer, LOG_OUT, wall_ms, output, size, &err))
        log->lost = mem_strdup(err.text);
    if (*log_writer_last_line(writer))
        log->last_line = mem_strdup(log_writer_last_line(writer));
    log_writer_close(writer);
    if (access(path, F_OK) == 0)
        log->path = mem_strdup(path);
    outputs->made = mem_resize(outputs->made, (outputs->count + 1) * sizeof *outputs->made);
    outputs->made[outputs->count++] = path;
}

static void end_outputs(struct outputs *outputs, bool kept)
{
    for (size_t i = 0; i < outputs->count; i++) {
        if (!kept)
            unlink_log(outputs->made[i]);
        free(outputs->made[i]);
    }
    free(outputs->made);
}

/* --- workflows --- */

/* As they are configured, else as they are shipped. */
static void find_workflow(const struct cli *cli, struct import_workflow *workflow)
{
    const json_t *configured = json_object_get(cli->settings->workflows, workflow->name);
    json_t *shipped = workflow_shipped(workflow->name);
    size_t count = 0;

    if (configured)
        workflow->definitions[count++] = json_dumps(configured, JSON_COMPACT);
    if (shipped)
        workflow->definitions[count] = json_dumps(shipped, JSON_COMPACT);
    json_decref(shipped);
}

/* --- what is said of it --- */

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* "left 3 executions (17, 18, 20): why" */
static void say_tallies(const json_t *list, const char *lead)
{
    const json_t *line, *example;
    size_t i, at;

    json_array_foreach(list, i, line) {
        int64_t count = json_integer_value(json_object_get(line, "count"));
        const json_t *examples = json_object_get(line, "examples");
        AUTOBUF struct buf names = {0};

        json_array_foreach(examples, at, example)
            buf_printf(&names, "%s%s", at ? ", " : "", json_string_value(example));
        say("%s %" PRId64 " %s%s (%s%s): %s", lead, count, json_string_value(json_object_get(line, "what")),
            plural(count), names.data ? names.data : "",
            count > (int64_t)json_array_size(examples) ? ", …" : "",
            json_string_value(json_object_get(line, "why")));
    }
}

static void say_result(const char *file, const struct import_result *result, bool dry_run)
{
    int64_t known = result->sessions_known + result->executions_known;

    say("%s from %s: %" PRId64 " session%s (%" PRId64 " new), %" PRId64 " execution%s, %" PRId64 " event%s",
        dry_run ? "would take" : "took", file, result->sessions_new + result->sessions_changed,
        plural(result->sessions_new + result->sessions_changed), result->sessions_new, result->executions_new,
        plural(result->executions_new), result->events, plural(result->events));
    if (known)
        say("known already: %" PRId64 " session%s, %" PRId64 " execution%s", result->sessions_known,
            plural(result->sessions_known), result->executions_known, plural(result->executions_known));
    say_tallies(result->left, "left");
    say_tallies(result->altered, "altered");
}

static void print_result(const char *file, const struct import_result *result, bool dry_run)
{
    json_print(
        json_pack("{s:o, s:o, s:b, s:{s:I, s:I, s:I}, s:I, s:{s:I, s:I, s:I}, s:O, s:O}", "source",
                  text_json(file), "schema_version",
                  result->schema_version == NO_INT ? json_null() : json_integer(result->schema_version),
                  "dry_run", dry_run, "sessions", "new", (json_int_t)result->sessions_new, "changed",
                  (json_int_t)result->sessions_changed, "known", (json_int_t)result->sessions_known, "events",
                  (json_int_t)result->events, "executions", "new", (json_int_t)result->executions_new,
                  "known", (json_int_t)result->executions_known, "logs", (json_int_t)result->logs, "left",
                  result->left, "altered", result->altered),
        false);
}

/* --- the verb --- */

/* The source is looked at before a ledger is made for it. */
static int import(struct cli *cli, const char *file, bool dry_run, struct error *err)
{
    struct import_workflow workflows[] = {{.name = "review"}, {.name = "map"}, {.name = NULL}};
    struct outputs outputs = {0};
    struct import_request request = {
        .workflows = workflows, .dry_run = dry_run, .keep_log = keep_log, .context = &outputs};
    struct import_result result = {0};
    struct ocr_source *source;
    int code;

    if (cli_settings(cli, err) < 0)
        return -1;
    outputs.settings = cli->settings;
    signal(SIGXFSZ, SIG_IGN); /* a log that may not grow is an error of its own */
    source = ocr_source_open(file, cli->settings->store_busy_timeout, err);
    if (!source)
        return -1;
    for (struct import_workflow *workflow = workflows; workflow->name; workflow++)
        find_workflow(cli, workflow);
    code = dry_run ? cli_ledger_existing(cli, err) : cli_ledger(cli, LEDGER_WRITE, err);
    if (code == 0)
        code = import_ocr(cli->ledger, source, &request, &result, err);
    ocr_source_close(source);
    end_outputs(&outputs, code == 0);
    if (code == 0 && cli->json)
        print_result(file, &result, dry_run);
    else if (code == 0)
        say_result(file, &result, dry_run);
    import_result_free(&result);
    for (struct import_workflow *workflow = workflows; workflow->name; workflow++)
        for (char **definition = workflow->definitions; *definition; definition++)
            free(*definition);
    return code;
}

static int run_import(struct cli *cli, const struct args *args)
{
    const char *file = args_get(args, "from-ocr");
    struct error err;

    if (!file) {
        error_set(&err, ERR_USAGE, "cannot import: name the database with --from-ocr .ocr/data/ocr.db");
        return cli_fail(&err);
    }
    return import(cli, file, args_has(args, "dry-run"), &err) < 0 ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    {0, "from-ocr", "FILE", "the database of Open Code Review: .ocr/data/ocr.db; it is not changed"},
    {0, "dry-run", NULL, "say what would be taken and what left, and take nothing"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_import = {
    .name = "session import",
    .synopsis = "--from-ocr FILE [OPTIONS]",
    .summary = "take in the sessions and commands of Open Code Review; again: what is new since",
    .examples = "supervise session import --from-ocr .ocr/data/ocr.db --dry-run  # what it would take\n"
                "supervise session import --from-ocr .ocr/data/ocr.db  # any number of times\n",
    .options = options,
    .run = run_import,
};
