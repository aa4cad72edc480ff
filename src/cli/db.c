/* `db`: where the ledger is, and whether it is sound. */
#include <supervise/cli/verbs.h>

#include <stdio.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/store/check.h>
#include <supervise/store/spool.h>
#include <supervise/supervisor/log_sweep.h>

static int run_path(struct cli *cli, const struct args *args)
{
    struct error err;

    (void)args;
    if (cli_settings(cli, &err) < 0 || !settings_ledger(cli->settings, &err))
        return cli_fail(&err);
    if (cli->json)
        json_print(json_pack("{s:o}", "path", text_json(cli->settings->store_path)), false);
    else
        puts(cli->settings->store_path);
    return 0;
}

static void print_line(const char *what, const json_t *text)
{
    AUTOFREE char *visible =
        text_visible_dup(json_is_string(text) ? json_string_value(text) : "not readable");

    printf("%s: %s\n", what, visible);
}

/* What is no fault of the ledger, but belongs to it. */
struct beside {
    json_t *spool, *orphans;
};

static int look_beside(struct cli *cli, struct beside *beside, struct error *err)
{
    beside->spool = spool_list(cli->settings->store_path);
    return log_orphans(cli->ledger, cli->settings->log_dir, &beside->orphans, err);
}

static void print_findings(const json_t *findings, const struct beside *beside)
{
    size_t index;
    json_t *entry;

    json_array_foreach(findings, index, entry) {
        const char *check = json_string_value(json_object_get(entry, "check"));

        print_line(check ? check : "check", json_object_get(entry, "finding"));
    }
    json_array_foreach(beside->spool, index, entry) {
        AUTOFREE char *what = mem_printf("spool, %s", json_string_value(json_object_get(entry, "state")));

        print_line(what, json_object_get(entry, "path"));
    }
    json_array_foreach(beside->orphans, index, entry)
        print_line("log of no execution here", entry);
}

static int run_check(struct cli *cli, const struct args *args)
{
    json_t *findings = NULL;
    struct beside beside = {0};
    bool sound = false, damaged = false;
    struct error err;

    (void)args;
    if (cli_ledger(cli, LEDGER_READ, &err) < 0 ||
        ledger_check(cli->ledger, &sound, &damaged, &findings, &err) < 0)
        return cli_fail(&err);
    if (look_beside(cli, &beside, &err))
        say_warning("%s", err.text);
    if (cli->json)
        json_print(json_pack("{s:b, s:b, s:O, s:O, s:O}", "sound", sound, "damaged", damaged, "findings",
                             findings, "spool", beside.spool, "orphaned_logs", beside.orphans),
                   false);
    else
        print_findings(findings, &beside);
    json_decref(findings);
    json_decref(beside.spool);
    json_decref(beside.orphans);
    if (sound) {
        say("ledger %s is sound", cli->settings->store_path);
        return 0;
    }
    say_error(damaged ? "ledger %s is damaged"
                      : "ledger %s is whole, but what has to hold in it does not hold",
              cli->settings->store_path);
    return damaged ? ERR_INVALID : ERR_INVARIANT;
}

const struct verb verb_db_check = {
    .name = "db check",
    .synopsis = "",
    .summary = "whether the ledger is sound: exit 6 where an invariant is broken, 7 where the file is",
    .examples = "supervise db check  # every finding is a line\n",
    .run = run_check,
};

const struct verb verb_db_path = {
    .name = "db path",
    .synopsis = "",
    .summary = "the path of the ledger",
    .examples = "sqlite3 \"$(supervise db path)\"  # look into it yourself\n",
    .run = run_path,
};
