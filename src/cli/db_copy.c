/* `db backup`, `db export`: the ledger elsewhere, as one moment left it. */
#include <supervise/cli/hold.h>
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/store/copy.h>

static bool stopped(void *context)
{
    return signals_waiting(context);
}

static int open_existing(struct cli *cli, struct error *err)
{
    if (cli_settings(cli, err) < 0 || !settings_ledger(cli->settings, err))
        return -1;
    if (access(cli->settings->store_path, F_OK))
        return error_set(err, ERR_NOT_FOUND, "cannot copy the ledger %s: there is none yet",
                         cli->settings->store_path);
    return cli_ledger(cli, LEDGER_READ, err);
}

static int print_backup(const struct cli *cli, const char *path)
{
    struct stat status = {0};

    stat(path, &status);
    if (cli->json)
        json_print(json_pack("{s:o, s:I}", "path", text_json(path), "size", (json_int_t)status.st_size),
                   false);
    else
        say("the ledger %s is copied to %s, %lld bytes", cli->settings->store_path, path,
            (long long)status.st_size);
    return 0;
}

static int run_backup(struct cli *cli, const struct args *args)
{
    AUTOFREE char *path = path_absolute(args->words[0]);
    struct signal_hold hold;
    struct error err;
    bool done;
    int result;

    if (!path) {
        error_errno(&err, "cannot copy the ledger to \"%s\"", args->words[0]);
        return cli_fail(&err);
    }
    if (open_existing(cli, &err))
        return cli_fail(&err);
    signals_hold(&hold);
    result = ledger_backup(cli->ledger, path, stopped, &hold, &done, &err);
    signals_release(&hold);
    if (result)
        return cli_fail(&err);
    return done ? print_backup(cli, path) : ERR_OTHER;
}

const struct verb verb_db_backup = {
    .name = "db backup",
    .synopsis = "FILE",
    .summary = "copy the ledger to a new file, whole or not at all, while it is in use",
    .examples = "supervise db backup ~/ledger-before.db  # supervise --db ~/ledger-before.db list reads it\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_backup,
};

static int print_row(const char *table, json_t *row, void *context)
{
    (void)context;
    json_print(json_pack("{s:s, s:O}", "table", table, "row", row), true);
    return ferror(stdout);
}

static int run_export(struct cli *cli, const struct args *args)
{
    struct error err;

    (void)args;
    if (cli_ledger(cli, LEDGER_READ, &err) || ledger_export(cli->ledger, print_row, NULL, &err))
        return cli_fail(&err);
    return 0;
}

const struct verb verb_db_export = {
    .name = "db export",
    .synopsis = "",
    .summary = "every row of every table, a JSON object a line: {\"table\", \"row\"}",
    .examples = "supervise db export >ledger.jsonl  # as one moment left it, times in milliseconds\n"
                "supervise db export | jq -c 'select(.table == \"executions\") | .row'  # one table\n",
    .run = run_export,
};
