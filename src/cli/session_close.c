/* `session close`: as completed, where nothing is missing; or aborted, from anywhere. */
#include "session.h"

#include <inttypes.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/cli/verbs.h>
#include <supervise/cli/words.h>
#include <supervise/supervisor/liveness.h>
#include <supervise/supervisor/unsupervised.h>

/* By its supervisor; where that is gone, here. */
static void end_process(struct cli *cli, const struct execution *execution)
{
    struct liveness liveness = execution_liveness(cli, execution);
    struct error err;

    supervisor_wake(execution);
    if (is_unsupervised(&liveness) &&
        unsupervised_end(cli->ledger, execution, cli->settings->run_kill_after, &err) < 0)
        say_warning("%s; the next sweep tries again", err.text);
}

static void wake_ended(struct cli *cli, const struct execution_list *ended)
{
    for (size_t i = 0; i < ended->count; i++) {
        say("#%" PRId64 " ends with it", ended->items[i]->id);
        end_process(cli, ended->items[i]);
    }
}

static int close_session(struct cli *cli, const struct args *args, struct close_result *result,
                         struct error *err)
{
    struct close_request request = {.reason = args_has(args, "abort") ? "aborted" : "completed",
                                    .why = args_get(args, "why"),
                                    .accept_failed = args_has(args, "accept-failed")};
    AUTOFREE char *id = NULL;
    const char *named;

    if (request.why && !args_has(args, "abort"))
        return error_set(err, ERR_USAGE, "--why goes with --abort: a completed session needs no reason");
    if (request.accept_failed && args_has(args, "abort"))
        return error_set(err, ERR_USAGE,
                         "--accept-failed is for completed sessions: an aborted one asks for nothing");
    if (session_named(args, 0, &named, err) < 0 || cli_ledger_existing(cli, err) < 0 ||
        cli_session(cli, named, &request.execution_uid, &id, &request.link, err) < 0)
        return -1;
    request.id = id;
    if (session_close(cli->ledger, &request, result, err) < 0) {
        if (result->needs) /* too much for an error's one text, perhaps, and all of it counts */
            say_error("cannot close session %s as completed: %s", id, result->needs);
        return -1;
    }
    say(result->already ? "session %s was already closed" : "session %s closed as %s", id, request.reason);
    wake_ended(cli, &result->ended);
    return session_print(cli, id, false, err);
}

static int run_close(struct cli *cli, const struct args *args)
{
    struct close_result result = {0};
    struct error err;
    int status = 0;

    if (close_session(cli, args, &result, &err) < 0)
        status = result.needs ? (int)err.code : cli_fail(&err);
    close_result_free(&result);
    return status;
}

static const struct option close_options[] = {
    {'s', "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0, "accept-failed", NULL, "items that have failed are no obstacle"},
    {0, "abort", NULL, "close it as aborted, wherever it is"},
    {0, "why", "TEXT", "with --abort: the reason, kept with the record"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_close = {
    .name = "session close",
    .synopsis = "[OPTIONS] [ID]",
    .summary = "close a session as completed, or abort it; what it has in flight ends with it",
    .examples = "supervise session close review-42  # refused, with what is missing, until all is done\n"
                "supervise session close review-42 --abort --why 'wrong branch'  # from anywhere\n",
    .options = close_options,
    .words_max = 1,
    .run = run_close,
};
