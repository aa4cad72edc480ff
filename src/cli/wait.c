/*
 * `wait`: until all have ended, then with the status that the first unsuccessful wrapper of them ended with.
 * One whose supervisor is gone isn't waited for, though its command may live on: nobody will tell how it
 * ends.
 */
#include <supervise/cli/verbs.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/domain/outcome.h>

enum { STATUS_UNKNOWN = 125, LOOK_AGAIN_MS = 1000 };

struct awaited {
    char *uid;
    int64_t number;
    bool ended;
    int status; /* once it has */
};

/* Where the wrapper's own status doesn't follow from the outcome; else -1. */
static int status_of_its_own(const struct execution *execution)
{
    json_t *facts = execution->facts ? json_loads(execution->facts, 0, NULL) : NULL;
    const json_t *status = json_object_get(facts, "wrapper_status");
    int result = json_is_integer(status) ? (int)json_integer_value(status) : -1;

    json_decref(facts);
    return result;
}

static int wrapper_status(const struct cli *cli, const struct execution *execution)
{
    struct verdict verdict = {.outcome = outcome_from_name(execution->outcome), .reason = execution->reason};
    int own = status_of_its_own(execution), signal = execution->signal == NO_INT ? 0 : (int)execution->signal;

    return own >= 0 ? own
                    : outcome_exit_status(&verdict, (int)execution->exit_code, signal,
                                          (int)cli->settings->run_incomplete_exit);
}

/* Looks at one; *gone: it hasn't ended, but its supervisor can't tell any more. */
static int look(struct cli *cli, struct awaited *one, bool *gone, struct error *err)
{
    struct execution *execution = NULL;

    *gone = false;
    if (execution_get(cli->ledger, one->uid, &execution, err) < 0)
        return -1;
    if (!execution)
        return error_set(err, ERR_NOT_FOUND, "cannot wait for #%" PRId64 ": it is no longer in the ledger",
                         one->number);
    if (strcmp(execution->state, "finished") == 0) {
        one->ended = true;
        one->status = wrapper_status(cli, execution);
    } else if (strcmp(execution->state, "running") == 0) {
        *gone = execution_liveness(cli, execution).lost;
    }
    execution_free(execution);
    return 0;
}

/*
 * A supervisor that is gone may have ended between our reading of the row and of its life, or have left its
 * end in a spool file, which is taken in when the ledger is opened to write.
 */
static int look_twice(struct cli *cli, struct awaited *one, struct error *err)
{
    bool gone;

    if (look(cli, one, &gone, err) < 0)
        return -1;
    if (!gone)
        return 0;
    cli_ledger_close(cli);
    if (cli_ledger_existing(cli, err) < 0 && cli_ledger(cli, LEDGER_READ, err) < 0)
        return -1;
    if (look(cli, one, &gone, err) < 0)
        return -1;
    if (gone) {
        say_warning("#%" PRId64 ": its supervisor is gone, so that its end is not known; not waiting for it",
                    one->number);
        one->ended = true;
        one->status = STATUS_UNKNOWN;
    }
    return 0;
}

static int wait_all(struct cli *cli, struct awaited *all, size_t count, struct error *err)
{
    for (;;) {
        size_t open = 0;

        for (size_t i = 0; i < count; i++) {
            if (!all[i].ended && look_twice(cli, &all[i], err) < 0)
                return -1;
            open += !all[i].ended;
        }
        if (open == 0)
            return 0;
        if (cli_await_change(cli, LOOK_AGAIN_MS, err) < 0)
            return -1;
    }
}

static int first_status(const struct awaited *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].status != 0)
            return all[i].status;
    return 0;
}

static int resolve_all(struct cli *cli, const struct args *args, struct awaited *all, struct error *err)
{
    for (size_t i = 0; i < args->word_count; i++) {
        struct execution *execution = NULL;

        if (execution_resolve(cli->ledger, args->words[i], true, &execution, err) < 0)
            return -1;
        all[i].uid = mem_strdup(execution->uid);
        all[i].number = execution->id;
        execution_free(execution);
    }
    return 0;
}

static int run_wait(struct cli *cli, const struct args *args)
{
    struct awaited *all = mem_alloc(args->word_count * sizeof *all);
    struct error err;
    int status;

    if ((cli_ledger_existing(cli, &err) < 0 && cli_ledger(cli, LEDGER_READ, &err) < 0) ||
        resolve_all(cli, args, all, &err) < 0) {
        status = cli_fail(&err);
    } else if (wait_all(cli, all, args->word_count, &err) < 0) {
        cli_fail(&err);
        status = STATUS_UNKNOWN;
    } else {
        status = first_status(all, args->word_count);
    }
    for (size_t i = 0; i < args->word_count; i++)
        free(all[i].uid);
    free(all);
    return status;
}

const struct verb verb_wait = {
    .name = "wait",
    .synopsis = "REF...",
    .summary = "wait until executions have ended, and exit as the first unsuccessful of them did",
    .examples = "supervise wait 42  # exits as the wrapper of #42 does\n"
                "supervise wait build test  # both, by their names\n",
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_wait,
};
