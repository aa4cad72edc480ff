/*
 * `cancel`: the intent goes to the ledger, then its supervisor is woken; what becomes of the command is the
 * supervisor's. Where the ledger can't take it, nothing is done at all.
 */
#include <supervise/cli/verbs.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/store/spool.h>
#include <supervise/supervisor/unsupervised.h>

/* The data of the event: {"why": TEXT}, or NULL. The caller frees. */
static char *intent_data(const char *why)
{
    json_t *object;
    char *text;

    if (!why)
        return NULL;
    object = json_pack("{s:o}", "why", text_json(why));
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

/* "#42 build" */
static char *called(const struct execution *execution)
{
    return mem_printf("#%" PRId64 "%s%s", execution->id, execution->name ? " " : "",
                      execution->name ? execution->name : "");
}

/* What was written, as it is said to whoever asked. */
static void say_asked(const struct execution *execution, const char *what, bool written)
{
    if (!written)
        say("%s was already being stopped, or has just ended", what);
    else if (strcmp(execution->state, "queued") == 0)
        say("%s is cancelled: it was queued, and will not run", what);
    else
        say("asked the supervisor of %s to end it", what);
}

/* Its supervisor is gone: what is left of it is ended here. */
static int end_unsupervised(struct cli *cli, const struct execution *execution, const char *what,
                            struct error *err)
{
    say("%s has no supervisor any more: ending its process %" PRId64, what, execution->pid);
    return unsupervised_end(cli->ledger, execution, cli->settings->run_kill_after, err);
}

/* Nothing of it lives, or was ever known to: the end is what a sweep would write. */
static int settle_gone(struct cli *cli, const struct execution *execution, const struct liveness *liveness,
                       const char *what, struct error *err)
{
    int64_t exit_code;
    bool changed;

    spool_take_in(cli->ledger);
    if (unsupervised_settle(cli->ledger, execution, liveness, NULL, &exit_code, &changed, err) < 0)
        return -1;
    say("%s had already ended: its supervisor is gone, %s", what,
        execution->pid == NO_INT ? "and no process of it was ever recorded" : "and so is its process");
    return 0;
}

static int cancel_one(struct cli *cli, const struct execution *execution, const char *data, struct error *err)
{
    AUTOFREE char *what = called(execution);
    bool running = strcmp(execution->state, "running") == 0, written = false;
    struct liveness liveness = execution_liveness(cli, execution);

    if (strcmp(execution->state, "finished") == 0) {
        say("%s has already ended: %s", what, execution->outcome);
        return 0;
    }
    if (liveness.supervisor == LIFE_DEAD && (liveness.child == LIFE_DEAD || execution->pid == NO_INT))
        return settle_gone(cli, execution, &liveness, what, err);
    if (execution_intend_stop(cli->ledger, execution->uid, "cancel", data, &written, err) < 0)
        return -1;
    if (is_unsupervised(&liveness))
        return end_unsupervised(cli, execution, what, err);
    if (liveness.lost)
        return error_set(err, ERR_OTHER,
                         "cannot end %s: its supervisor is gone, and its process can't be reached from here; "
                         "the cancel is recorded",
                         what);
    say_asked(execution, what, written);
    /* Woken even where the intent stood already: the first datagram may have been lost. */
    if (running)
        supervisor_wake(execution);
    return 0;
}

/* All are found before the first is touched: a mistyped REF changes nothing. */
static int resolve_all(struct cli *cli, const struct args *args, struct execution **all, struct error *err)
{
    for (size_t i = 0; i < args->word_count; i++)
        if (execution_resolve(cli->ledger, args->words[i], true, &all[i], err) < 0)
            return -1;
    return 0;
}

static int run_cancel(struct cli *cli, const struct args *args)
{
    struct execution **all = mem_alloc(args->word_count * sizeof *all);
    AUTOFREE char *data = intent_data(args_get(args, "why"));
    struct error err;
    int status = 0;

    if (cli_ledger_existing(cli, &err) < 0 || resolve_all(cli, args, all, &err) < 0)
        status = cli_fail(&err);
    else
        for (size_t i = 0; i < args->word_count; i++) {
            int result = cancel_one(cli, all[i], data, &err) < 0 ? cli_fail(&err) : 0;

            status = status ? status : result;
        }
    for (size_t i = 0; i < args->word_count; i++)
        execution_free(all[i]);
    free(all);
    return status;
}

static const struct option options[] = {
    {0, "why", "TEXT", "the reason, kept with the record"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_cancel = {
    .name = "cancel",
    .synopsis = "[OPTIONS] REF...",
    .summary = "end executions, and have them recorded as cancelled",
    .examples = "supervise cancel 42  # SIGTERM, and SIGKILL after run.kill_after\n"
                "supervise cancel build --why 'wrong branch'  # by its name, with the reason\n",
    .options = options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_cancel,
};
