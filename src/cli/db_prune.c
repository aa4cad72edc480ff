/* `db prune`: history that is old enough goes, with its logs. */
#include <supervise/cli/hold.h>
#include <supervise/cli/verbs.h>

#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/store/prune.h>
#include <supervise/supervisor/log_sweep.h>

struct pruning {
    struct signal_hold hold;
    bool dry_run;
    int64_t logs;
};

static bool stopped(void *context)
{
    const struct pruning *pruning = context;

    return signals_waiting(&pruning->hold);
}

static void log_gone(void *context, const char *uid, const char *log)
{
    struct pruning *pruning = context;

    if (!log_is_of(log, uid) || access(log, F_OK))
        return;
    pruning->logs++;
    if (!pruning->dry_run)
        log_remove(log, uid);
}

static void print_result(const struct cli *cli, const struct pruning *pruning, int64_t before_ms,
                         const struct prune_result *result)
{
    char before[TIME_TEXT_SIZE];

    time_format(before_ms, before);
    if (cli->json)
        json_print(json_pack("{s:b, s:s, s:I, s:I, s:I, s:I, s:b}", "dry_run", pruning->dry_run, "before",
                             before, "executions", (json_int_t)result->executions, "sessions",
                             (json_int_t)result->sessions, "events", (json_int_t)result->events, "logs",
                             (json_int_t)pruning->logs, "interrupted", result->stopped),
                   false);
    else
        printf("%s from before %s: %lld executions, %lld sessions, %lld events, %lld logs\n",
               pruning->dry_run ? "would delete" : "deleted", before, (long long)result->executions,
               (long long)result->sessions, (long long)result->events, (long long)pruning->logs);
    if (result->changed)
        say("what was begun again meanwhile was left alone");
    if (result->stopped)
        say_warning("interrupted: the rest of what is that old is still there");
}

static int read_age(const struct args *args, int64_t *age, struct error *err)
{
    *age = 0;
    if (args_duration(args, "older-than", age, err))
        return -1;
    if (*age == 0)
        return error_set(err, ERR_USAGE,
                         "cannot prune: how old must it be? Name an age, as in --older-than 30d");
    return 0;
}

static int run_prune(struct cli *cli, const struct args *args)
{
    struct pruning pruning = {.dry_run = args_has(args, "dry-run")};
    struct prune_request request = {
        .dry_run = pruning.dry_run, .stopped = stopped, .log_gone = log_gone, .context = &pruning};
    struct prune_result result;
    struct error err;
    int64_t age;
    int code;

    if (read_age(args, &age, &err) ||
        (pruning.dry_run ? cli_ledger(cli, LEDGER_READ, &err) : cli_ledger_existing(cli, &err)))
        return cli_fail(&err);
    request.before_ms = wall_now_ms() - age;
    signals_hold(&pruning.hold);
    code = ledger_prune(cli->ledger, &request, &result, &err);
    print_result(cli, &pruning, request.before_ms, &result);
    fflush(stdout);
    signals_release(&pruning.hold);
    return code ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    {0, "older-than", "D", "what ended longer ago than this: 30d, 12h"},
    {0, "dry-run", NULL, "only say what would go"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_db_prune = {
    .name = "db prune",
    .synopsis = "--older-than D [--dry-run]",
    .summary = "delete executions and closed sessions that ended long ago, with their events and logs",
    .examples = "supervise db prune --older-than 90d --dry-run  # what would go\n"
                "supervise db prune --older-than 90d  # active sessions stay, with all that is of them\n",
    .options = options,
    .run = run_prune,
};
