/* `checkpoint`: a command saves how far it has come, and what the next one needs to go on from there. */
#include <supervise/cli/verbs.h>
#include <supervise/store/checkpoint.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/cli/words.h>
#include <supervise/domain/duration.h>
#include <supervise/domain/id.h>

/* --- save --- */

static int read_counter(const char *option, const char *text, int64_t *number, struct error *err)
{
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 16 ||
        (*number = strtoll(text, NULL, 10)) > COUNTER_MAX)
        return error_set(err, ERR_USAGE,
                         "cannot take \"%.200s\" for --%s: it is no whole number from 0 to %lld", text,
                         option, (long long)COUNTER_MAX);
    return 0;
}

static int read_steps(const struct args *args, struct checkpoint_save *save, struct error *err)
{
    const char *own = args_get(args, "steps"), *all = args_get(args, "session-steps");

    save->steps = save->session_steps = NO_INT;
    if (own && all)
        return error_set(err, ERR_USAGE,
                         "--steps counts from the start of the execution, --session-steps from "
                         "the start of the session: give one of them");
    if (own)
        return read_counter("steps", own, &save->steps, err);
    return all ? read_counter("session-steps", all, &save->session_steps, err) : 0;
}

/* --usage KEY=N, each into the object. */
static int read_usage(const struct args *args, json_t *usage, struct error *err)
{
    size_t at = 0;
    const char *given;

    while ((given = args_next(args, "usage", &at))) {
        AUTOFREE char *key = mem_strndup(given, strcspn(given, "="));
        const char *fault = label_fault(key);
        int64_t number = 0;

        if (!strchr(given, '='))
            return error_set(err, ERR_USAGE, "--usage takes KEY=N, not \"%.200s\"", given);
        if (fault)
            return error_set(err, ERR_USAGE, "cannot take \"%.200s\" for --usage: its KEY %s", given, fault);
        if (json_object_get(usage, key))
            return error_set(err, ERR_USAGE, "--usage says twice what %s is", key);
        if (read_counter("usage", given + strlen(key) + 1, &number, err))
            return -1;
        json_object_set_new(usage, key, json_integer(number));
    }
    return 0;
}

/* A file that somebody is writing to would be saved half. */
static int check_data(const char *name, int fd, const struct buf *data, struct error *err)
{
    struct stat status;

    if (fd != STDIN_FILENO && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size != (off_t)data->len)
        return error_set(
            err, ERR_INVALID,
            "cannot save %s: %zu bytes came, and its size is %lld: it changed while it was read; "
            "nothing was saved",
            name, data->len, (long long)status.st_size);
    if (data->len == 0)
        return error_set(err, ERR_INVALID,
                         "cannot save %s: it is empty; nothing was saved; leave out --data to save counters "
                         "alone",
                         name);
    return 0;
}

/* All of it, before the ledger is touched. */
static int read_data(const char *path, int64_t max, struct buf *data, struct error *err)
{
    bool input = strcmp(path, "-") == 0;
    const char *name = input ? "stdin" : path;
    AUTOCLOSE int opened = input ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int fd = input ? STDIN_FILENO : opened;

    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "cannot save %s: there is no such file", path);
    if (fd >= 0 && buf_read(data, fd, (size_t)max) == 0)
        return check_data(name, fd, data, err);
    if (fd >= 0 && errno == EFBIG) {
        char limit[64];

        size_format(max, limit, sizeof limit);
        return error_set(err, ERR_INVALID,
                         "cannot save %s: it is larger than %s; nothing was saved; see the setting "
                         "checkpoint.max_size",
                         name, limit);
    }
    return error_errno(err, "cannot save %s: nothing was saved", name);
}

static int save(struct cli *cli, const struct args *args, struct checkpoint_save *request, json_t *usage,
                struct error *err)
{
    AUTOFREE char *id = NULL, *session = NULL, *usage_text = NULL;
    AUTOBUF struct buf data = {0};
    const char *path = args_get(args, "data"), *how = NULL, *fault;

    if (session_named(args, NO_WORD, &request->session, err))
        return -1;
    request->id = args_get(args, "id");
    fault = request->id ? label_fault(request->id) : NULL;
    if (fault)
        return error_set(err, ERR_USAGE, "cannot take \"%.200s\" as the id of a checkpoint: it %s",
                         request->id, fault);
    if (read_steps(args, request, err) || read_usage(args, usage, err) || cli_settings(cli, err) ||
        (path && read_data(path, cli->settings->checkpoint_max_size, &data, err)))
        return -1;
    usage_text = json_dumps(usage, JSON_COMPACT);
    request->usage = usage_text;
    request->data = data.data;
    request->size = data.len;
    if (cli_ledger_existing(cli, err) || cli_caller(cli, &request->execution, err) ||
        checkpoint_save(cli->ledger, request, &id, &session, &how, err))
        return -1;
    cli_say_session(session, how);
    if (cli->json)
        json_print(json_pack("{s:s, s:s}", "id", id, "session", session), false);
    else
        puts(id);
    return 0;
}

static int run_save(struct cli *cli, const struct args *args)
{
    struct checkpoint_save request = {0};
    json_t *usage = json_object();
    struct error err;
    int result = save(cli, args, &request, usage, &err);

    json_decref(usage);
    return result ? cli_fail(&err) : 0;
}

/* --- list --- */

struct listing {
    struct json_rows rows; /* --json */
    struct table *table;   /* else NULL */
    size_t count;
};

static char *size_words(int64_t size)
{
    return size ? mem_printf("%" PRId64 " byte%s", size, size == 1 ? "" : "s") : mem_strdup("");
}

static void table_row(struct table *table, const struct checkpoint *checkpoint)
{
    AUTOFREE char *number =
        checkpoint->execution_number == NO_INT ? NULL : mem_printf("#%" PRId64, checkpoint->execution_number);
    AUTOFREE char *counters = words_counters(checkpoint->steps, checkpoint->usage);
    AUTOFREE char *age = words_age(checkpoint->created_at);
    AUTOFREE char *size = size_words(checkpoint->size);

    table_cell(table, checkpoint->id, NULL);
    table_cell(table, number, NULL);
    table_cell(table, counters, NULL);
    table_cell(table, size, NULL);
    table_cell(table, age, NULL);
}

static int list_one(const struct checkpoint *checkpoint, void *context)
{
    struct listing *listing = context;

    listing->count++;
    if (listing->table)
        table_row(listing->table, checkpoint);
    else
        json_rows_add(&listing->rows, checkpoint_json(checkpoint));
    return 0;
}

/* The session that is meant, in a ledger that is only read. */
static int open_session(struct cli *cli, const struct args *args, char **session, struct error *err)
{
    const char *named, *caller;
    bool only_active;

    if (session_named(args, NO_WORD, &named, err) || cli_ledger(cli, LEDGER_READ, err))
        return -1;
    return cli_session(cli, named, &caller, session, &only_active, err);
}

static int run_list(struct cli *cli, const struct args *args)
{
    static const struct column columns[] = {
        {"CHECKPOINT", YIELDS_LATE}, {"BY", YIELDS_LAST},    {"COUNTED", YIELDS_FIRST},
        {"DATA", YIELDS_LAST},       {"SAVED", YIELDS_LAST}, {NULL, YIELDS_LAST},
    };
    struct listing listing = {0};
    AUTOFREE char *session = NULL;
    struct error err;
    int result;

    if (open_session(cli, args, &session, &err))
        return cli_fail(&err);
    listing.table = cli->json ? NULL : table_new(columns);
    result = checkpoints_each(cli->ledger, session, list_one, &listing, &err);
    if (listing.table)
        table_print(listing.table, cli);
    if (result)
        return cli_fail(&err);
    if (cli->json)
        json_rows_end(&listing.rows);
    else if (listing.count == 0)
        say("no checkpoint is saved in session %s", session);
    return 0;
}

/* --- show --- */

static void print_page(const struct checkpoint *checkpoint)
{
    AUTOFREE char *counters = words_counters(checkpoint->steps, checkpoint->usage);
    AUTOFREE char *time = words_time(checkpoint->created_at);
    AUTOFREE char *age = words_age(checkpoint->created_at);
    AUTOFREE char *size = size_words(checkpoint->size);

    words_line("Checkpoint", checkpoint->id);
    words_line("Session", checkpoint->session);
    if (checkpoint->execution_number != NO_INT)
        words_linef("Execution", "#%" PRId64, checkpoint->execution_number);
    words_line("Counted", counters);
    words_linef("Saved", "%s (%s)", time, age);
    if (checkpoint->size > 0)
        words_linef("Data", "%s; --raw prints it", size);
}

/* The data as a string: as it is where it is UTF-8, else in base64; which of them stands beside it. */
static json_t *with_data(const struct checkpoint *checkpoint, const char *data)
{
    json_t *object = checkpoint_json(checkpoint);
    size_t size = (size_t)checkpoint->size;
    bool text = data && utf8_valid(data, size);

    if (data && !text) {
        AUTOBUF struct buf base64 = {0};

        text_base64(&base64, data, size);
        json_object_set_new(object, "data", json_string(base64.data));
    } else {
        json_object_set_new(object, "data", data ? json_stringn(data, size) : json_null());
    }
    json_object_set_new(object, "data_encoding",
                        !data ? json_null() : json_string(text ? "utf-8" : "base64"));
    return object;
}

static int show(struct cli *cli, const struct args *args, struct error *err)
{
    struct checkpoint *checkpoint = NULL;
    AUTOFREE char *session = NULL;
    AUTOFREE char *data = NULL;

    if (args_has(args, "raw") && cli->json)
        return error_set(err, ERR_USAGE,
                         "--raw prints the data as it is, --json as a string: give one of them");
    if (open_session(cli, args, &session, err) ||
        checkpoint_get(cli->ledger, session, args->words[0], &checkpoint, &data, err))
        return -1;
    if (args_has(args, "raw") && data)
        fwrite(data, 1, (size_t)checkpoint->size, stdout);
    else if (args_has(args, "raw"))
        say("checkpoint %s has no data", checkpoint->id);
    else if (cli->json)
        json_print(with_data(checkpoint, data), false);
    else
        print_page(checkpoint);
    checkpoint_free(checkpoint);
    return 0;
}

static int run_show(struct cli *cli, const struct args *args)
{
    struct error err;

    return show(cli, args, &err) ? cli_fail(&err) : 0;
}

/* --- the verbs --- */

static const struct option save_options[] = {
    {'s', "session", "ID",
     "the session; without it the calling execution's, which is begun where there is none"},
    {0, "id", "ID", "what it is called; saved again, it is counted once"},
    {0, "steps", "N", "the steps that this execution has made so far"},
    {0, "session-steps", "N", "the steps that the session has made so far, those of others included"},
    {0, "usage", "KEY=N", "what this execution has used so far; may be repeated"},
    {0, "data", "FILE|-", "what the next one needs, from a file or stdin"},
    {0},
};

const struct verb verb_checkpoint_save = {
    .name = "checkpoint save",
    .synopsis = "[OPTIONS]",
    .summary = "save how far a command has come, and what the next one needs; prints the checkpoint's id",
    .examples =
        "supervise checkpoint save --steps 12 --usage tokens=4096  # counters, so far in this execution\n"
        "supervise checkpoint save --id page-7 --data state.json  # data, for --resume-from page-7\n",
    .options = save_options,
    .run = run_save,
};

static const struct option session_options[] = {
    {'s', "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0},
};

const struct verb verb_checkpoint_list = {
    .name = "checkpoint list",
    .synopsis = "[OPTIONS]",
    .summary = "the checkpoints of a session, newest first",
    .examples = "supervise checkpoint list --session import-7  # of one session\n",
    .options = session_options,
    .run = run_list,
};

static const struct option show_options[] = {
    {'s', "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0, "raw", NULL, "its data alone, byte for byte"},
    {0},
};

const struct verb verb_checkpoint_show = {
    .name = "checkpoint show",
    .synopsis = "[OPTIONS] ID",
    .summary = "one checkpoint, or its data",
    .examples = "supervise checkpoint show page-7  # what was counted, and when\n"
                "supervise checkpoint show page-7 --raw > state.json  # the data as it was saved\n",
    .options = show_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_show,
};
