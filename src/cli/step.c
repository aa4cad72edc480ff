/* `step start`, `progress`, `done`, `error`, `skip`: what a command says of its steps. Quick, and quiet. */
#include "step.h"

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/cli/verbs.h>
#include <supervise/supervisor/liveness.h>

const struct option step_options[] = {
    {'s', "session", "ID", "the session; without it the calling execution's, or one of its own"},
    {0, "stage", "NAME", "the stage of the step; without it where the step is declared, else main"},
    {0},
};

/* Whoever runs the step is in flight by the ledger, but may be dead all the same. */
static bool holder_gone(struct cli *cli, const char *uid)
{
    struct execution *holder = NULL;
    struct error err;
    bool gone = execution_get(cli->ledger, uid, &holder, &err) == 0 && holder && execution_gone(holder);

    execution_free(holder);
    return gone;
}

/* Once more where it was refused in favour of an execution that turns out to be dead. */
static int send_report(struct cli *cli, struct step_report *report, struct step_reported *reported,
                       struct error *err)
{
    AUTOFREE char *holder = NULL;

    if (step_report(cli->ledger, report, reported, err) == 0)
        return 0;
    if (!reported->holder || !holder_gone(cli, reported->holder))
        return -1;
    holder = mem_strdup(reported->holder);
    step_reported_free(reported);
    report->gone = holder;
    return step_report(cli->ledger, report, reported, err);
}

int step_send(struct cli *cli, const struct args *args, struct step_report *report,
              struct step_reported *reported, struct error *err)
{
    AUTOFREE char *stage = NULL, *name = NULL;
    int result;

    *reported = (struct step_reported){0};
    if (session_named(args, NO_WORD, &report->session, err) ||
        step_read_name(args->words[0], args_get(args, "stage"), &stage, &name, err) ||
        cli_ledger_existing(cli, err) || cli_caller(cli, &report->execution, err))
        return -1;
    report->stage = stage;
    report->name = name;
    result = send_report(cli, report, reported, err);
    if (!result)
        cli_say_session(reported->session, reported->how);
    return result;
}

static int report(struct cli *cli, const struct args *args, struct step_report step)
{
    struct step_reported reported;
    struct error err;
    int status = step_send(cli, args, &step, &reported, &err) ? cli_fail(&err) : 0;

    step_reported_free(&reported);
    return status;
}

static int run_start(struct cli *cli, const struct args *args)
{
    return report(cli, args, (struct step_report){.verb = STEP_START, .done = NO_INT, .total = NO_INT});
}

static int run_progress(struct cli *cli, const struct args *args)
{
    struct step_report step = {.verb = STEP_PROGRESS, .done = NO_INT, .total = NO_INT};
    bool counts = args->word_count > 1 && step_counts(args->words[1]);
    AUTOFREE char *message = args_text(args, counts ? 2 : 1);
    struct error err;

    if (counts && step_read_counts(args->words[1], &step.done, &step.total, &err))
        return cli_fail(&err);
    step.text = message;
    return report(cli, args, step);
}

static int run_done(struct cli *cli, const struct args *args)
{
    return report(cli, args, (struct step_report){.verb = STEP_DONE, .done = NO_INT, .total = NO_INT});
}

static int run_error(struct cli *cli, const struct args *args)
{
    AUTOFREE char *message = args_text(args, 1);

    return report(cli, args,
                  (struct step_report){.verb = STEP_ERROR, .text = message, .done = NO_INT, .total = NO_INT});
}

static int run_skip(struct cli *cli, const struct args *args)
{
    AUTOFREE char *why = args_text(args, 1);

    return report(cli, args,
                  (struct step_report){.verb = STEP_SKIP, .text = why, .done = NO_INT, .total = NO_INT});
}

const struct verb verb_step_start = {
    .name = "step start",
    .synopsis = "[OPTIONS] [STAGE/]STEP",
    .summary = "begin a step, or begin it again",
    .examples = "supervise step start extract/pages  # step pages of stage extract\n",
    .options = step_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_start,
};

const struct verb verb_step_progress = {
    .name = "step progress",
    .synopsis = "[OPTIONS] [STAGE/]STEP [N/M] [MESSAGE...]",
    .summary = "how far a step is; begins one that hasn't begun",
    .examples = "supervise step progress pages 3/10 page three  # shown by status, too\n",
    .options = step_options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_progress,
};

const struct verb verb_step_done = {
    .name = "step done",
    .synopsis = "[OPTIONS] [STAGE/]STEP",
    .summary = "a step is done",
    .examples = "supervise step done extract/pages  # whether it was begun or not\n",
    .options = step_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_done,
};

const struct verb verb_step_error = {
    .name = "step error",
    .synopsis = "[OPTIONS] [STAGE/]STEP MESSAGE...",
    .summary = "a step has failed",
    .examples = "supervise step error pages 'page 4 is damaged'  # and why\n",
    .options = step_options,
    .words_min = 2,
    .words_max = SIZE_MAX,
    .run = run_error,
};

const struct verb verb_step_skip = {
    .name = "step skip",
    .synopsis = "[OPTIONS] [STAGE/]STEP [WHY...]",
    .summary = "a step isn't needed: for its stage that is as good as done",
    .examples = "supervise step skip images 'there are none'  # before it has begun, or after it failed\n",
    .options = step_options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_skip,
};
