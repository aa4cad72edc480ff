/* `sweep`: both sweeps, now. An absent ledger is an empty one; a dry run only reads. */
#include <supervise/cli/verbs.h>

#include <inttypes.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/supervisor/sweeper.h>

static json_t *report_json(const struct sweep_report *report, bool dry_run)
{
    json_t *liveness = json_array(), *stale = json_array();

    for (size_t i = 0; i < report->liveness_count; i++)
        json_array_append_new(liveness, json_pack("{s:s, s:s}", "uid", report->liveness[i].uid, "action",
                                                  report->liveness[i].action));
    for (size_t i = 0; i < report->stale.count; i++)
        json_array_append_new(stale, json_pack("{s:s}", "session", report->stale.items[i]));
    return json_pack("{s:b, s:o, s:o}", "dry_run", dry_run, "liveness", liveness, "stale", stale);
}

static void print_report(const struct cli *cli, const struct sweep_report *report)
{
    static const struct column columns[] = {
        {"#", YIELDS_LAST},      {"NAME", YIELDS_FIRST}, {"SESSION", YIELDS_LATE},
        {"ACTION", YIELDS_LAST}, {NULL, YIELDS_LAST},
    };
    struct table *table = table_new(columns);

    for (size_t i = 0; i < report->liveness_count; i++) {
        AUTOFREE char *number = mem_printf("%" PRId64, report->liveness[i].number);

        table_cell(table, number, NULL);
        table_cell(table, report->liveness[i].name, NULL);
        table_cell(table, NULL, NULL);
        table_cell(table, report->liveness[i].action, NULL);
    }
    for (size_t i = 0; i < report->stale.count; i++) {
        table_cell(table, NULL, NULL);
        table_cell(table, NULL, NULL);
        table_cell(table, report->stale.items[i], NULL);
        table_cell(table, "stale", NULL);
    }
    table_print(table, cli);
}

static void show(const struct cli *cli, const struct sweep_report *report, bool dry_run)
{
    if (cli->json)
        json_print(report_json(report, dry_run), false);
    else if (report->liveness_count + report->stale.count > 0)
        print_report(cli, report);
    else
        say("nothing to sweep");
    if (dry_run && report->liveness_count + report->stale.count > 0)
        say("nothing was changed: a dry run");
}

static int run_sweep(struct cli *cli, const struct args *args)
{
    bool dry_run = args_has(args, "dry-run");
    struct sweep_report report = {0};
    struct error err;
    int result;

    if ((dry_run ? cli_ledger(cli, LEDGER_READ, &err) : cli_ledger_existing(cli, &err)) < 0)
        return cli_fail(&err);
    result = sweep_all(cli->ledger, cli->settings, dry_run, &report, &err);
    show(cli, &report, dry_run);
    sweep_report_free(&report);
    return result < 0 ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    {0, "dry-run", NULL, "say what would be done, and change nothing"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_sweep = {
    .name = "sweep",
    .synopsis = "[OPTIONS]",
    .summary = "settle executions whose supervisor is gone, and sessions that nobody drives",
    .examples = "supervise sweep --dry-run  # what there is to settle\n"
                "supervise sweep  # settle it now, and not at the next sweep.interval\n",
    .options = options,
    .run = run_sweep,
};
