/* `db`: where the ledger is, and whether it is sound. */
#include <supervise/cli/verbs.h>

#include <stdio.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/store/check.h>

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

static void print_findings(const json_t *findings)
{
    size_t index;
    json_t *finding;

    json_array_foreach(findings, index, finding) {
        const char *check = json_string_value(json_object_get(finding, "check"));
        const char *text = json_string_value(json_object_get(finding, "finding"));
        AUTOFREE char *visible = text_visible_dup(text ? text : "not readable");

        printf("%s: %s\n", check ? check : "check", visible);
    }
}

static int run_check(struct cli *cli, const struct args *args)
{
    json_t *findings = NULL;
    bool sound = false, damaged = false;
    struct error err;

    (void)args;
    if (cli_ledger(cli, LEDGER_READ, &err) < 0 ||
        ledger_check(cli->ledger, &sound, &damaged, &findings, &err) < 0)
        return cli_fail(&err);
    if (cli->json)
        json_print(json_pack("{s:b, s:b, s:O}", "sound", sound, "damaged", damaged, "findings", findings),
                   false);
    else
        print_findings(findings);
    json_decref(findings);
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
