/*
 * `queue claim UID`: the wrapper of what was queued, as the daemon starts it: in its directory, with its
 * environment. It takes the row, or ends quietly where somebody else has. Not for people: it asks nobody
 * whether a slot is free.
 */
#include <supervise/cli/runner.h>
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/store/queue.h>

enum { BUSY_MS = 10000 };

static int run_queued(struct cli *cli, const struct queued *queued, struct inherited *inherited)
{
    const struct settings *settings = cli->settings;
    char **words = runner_words(queued->command, queued->argv);
    struct run_plan plan = {
        .argv = words,
        .claim = queued->uid,
        .ledger = cli->ledger,
        .name = queued->name,
        .cwd = queued->cwd,
        .settings = settings,
        .attempt = queued->attempt,
        .timeout_ms = settings->run_timeout,
        .idle_timeout_ms = settings->run_idle_timeout,
        .kill_after_ms = settings->run_kill_after,
        .require_session = queued->require_session == 1,
        .capture = run_capture(settings->run_capture, true),
        .stdin_null = true,
        .detached = true,
    };
    struct run_result result;
    struct error err;
    int status = 0;

    cli->ledger = NULL;
    if (run_execution(&plan, inherited, NULL, NULL, &result, &err))
        status = err.code == ERR_NOT_FOUND ? 0 : run_fail(&err);
    else
        run_result_free(&result);
    runner_free_words(words);
    return status;
}

/*
 * Its settings are wrong, and would be at the next attempt: that is its end, in the ledger that the daemon
 * has named.
 */
static void refuse(const struct cli *cli, const char *uid, const char *why)
{
    struct ledger_options options = {.path = cli->db_option, .busy_timeout_ms = BUSY_MS};
    AUTOBUF struct buf clean = {0};
    struct ledger *ledger;
    struct error err;

    if (!cli->db_option || access(cli->db_option, F_OK))
        return;
    text_to_utf8(&clean, why, strlen(why));
    ledger = ledger_open(&options, LEDGER_WRITE, &err);
    if (!ledger || queue_refuse(ledger, uid, clean.data, &err))
        say_error("%s", err.text);
    ledger_close(ledger);
}

static int run_claim(struct cli *cli, const struct args *args)
{
    struct inherited inherited;
    struct queued queued = {0};
    struct error err;
    int status = 0;

    run_inherit(&inherited);
    if (cli_settings(cli, &err)) {
        status = run_fail(&err);
        if (err.code == ERR_INVALID)
            refuse(cli, args->words[0], err.text);
    } else if (cli_ledger(cli, LEDGER_WRITE, &err) || queue_get(cli->ledger, args->words[0], &queued, &err)) {
        status = run_fail(&err);
    } else if (queued.uid) {
        status = run_queued(cli, &queued, &inherited);
    }
    queued_free(&queued);
    inherit_free(&inherited);
    return status;
}

const struct verb verb_queue_claim = {
    .name = "queue claim",
    .synopsis = "UID",
    .summary = "become the wrapper of what was queued",
    .examples = "supervise queue claim UID  # as the daemon does\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_claim,
    .wraps = true,
};
