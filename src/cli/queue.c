/* `queue`: what waits, and changes of its order. How something gets into it: queue_add.c. */
#include <supervise/cli/pages.h>
#include <supervise/cli/queued.h>
#include <supervise/cli/verbs.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/store/queue.h>

/* ---- list ---- */

static int run_list(struct cli *cli, const struct args *args)
{
    struct execution_list list = {0};
    struct queue_standing standing;
    struct error err;

    (void)args;
    if (cli_ledger(cli, LEDGER_READ, &err) || queue_standing(cli->ledger, &standing, &err) ||
        queue_list(cli->ledger, &list, &err))
        return cli_fail(&err);
    if (cli->json)
        json_print(executions_json(cli, &list), false);
    else if (list.count > 0)
        executions_table(cli, &list);
    else
        say("the queue is empty%s", standing.paused ? ", and paused" : "");
    execution_list_free(&list);
    return 0;
}

const struct verb verb_queue_list = {
    .name = "queue list",
    .synopsis = "",
    .summary = "what waits to be started, the next one first, and what each waits for",
    .examples = "supervise queue list  # in the order in which they are started\n"
                "supervise queue list --json  # for programs: an array\n",
    .run = run_list,
};

/* ---- remove, move ---- */

/* What is meant, which has to wait still. */
static int find_waiting(struct cli *cli, const char *ref, struct execution **execution, struct error *err)
{
    long long number;

    if (execution_resolve(cli->ledger, ref, true, execution, err))
        return -1;
    number = (long long)(*execution)->id;
    if (strcmp((*execution)->state, "running") == 0)
        return error_set(err, ERR_INVARIANT,
                         "#%lld is not in the queue any more: it runs; `supervise cancel %lld` ends it",
                         number, number);
    if (strcmp((*execution)->state, "finished") == 0)
        return error_set(err, ERR_INVARIANT, "#%lld is not in the queue: it has ended (%s)", number,
                         (*execution)->outcome);
    return 0;
}

static int run_remove(struct cli *cli, const struct args *args)
{
    struct execution *execution = NULL;
    struct error err;
    int status = 0;

    if (cli_ledger_existing(cli, &err) || find_waiting(cli, args->words[0], &execution, &err) ||
        queue_remove(cli->ledger, execution->uid, &err))
        status = cli_fail(&err);
    else
        say("#%" PRId64 " is taken out of the queue: it is cancelled, and will not run", execution->id);
    execution_free(execution);
    return status;
}

const struct verb verb_queue_remove = {
    .name = "queue remove",
    .synopsis = "REF",
    .summary = "take what waits out of the queue: it is cancelled, and never runs",
    .examples = "supervise queue remove 42  # what waits for #42 to succeed is cancelled too\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_remove,
};

static int read_place(const struct args *args, enum queue_place *place, struct error *err)
{
    static const char *const places[] = {"first", "last", "before"};
    size_t words = args->word_count;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(args->words[1], places[i]) == 0 && words == (i == QUEUE_BEFORE ? 3 : 2)) {
            *place = (enum queue_place)i;
            return 0;
        }
    return error_set(err, ERR_USAGE, "cannot move it to \"%s%s%s\": it goes first, last, or before REF",
                     args->words[1], words > 2 ? " " : "", words > 2 ? args->words[2] : "");
}

static int move(struct cli *cli, const struct args *args, struct execution **moved, struct execution **before,
                struct error *err)
{
    enum queue_place place = QUEUE_FIRST;

    if (read_place(args, &place, err) || cli_ledger_existing(cli, err) ||
        find_waiting(cli, args->words[0], moved, err) ||
        (place == QUEUE_BEFORE && find_waiting(cli, args->words[2], before, err)))
        return -1;
    return queue_move(cli->ledger, (*moved)->uid, place, *before ? (*before)->uid : NULL, err);
}

static int run_move(struct cli *cli, const struct args *args)
{
    struct execution *moved = NULL, *before = NULL;
    struct error err;
    int result = move(cli, args, &moved, &before, &err);

    execution_free(moved);
    execution_free(before);
    return result ? cli_fail(&err) : 0;
}

const struct verb verb_queue_move = {
    .name = "queue move",
    .synopsis = "REF first|last|before [REF]",
    .summary = "change the order in which what waits is started",
    .examples = "supervise queue move 42 first  # the next one to be started\n"
                "supervise queue move 42 before 40  # and so before all that stands behind #40\n",
    .words_min = 2,
    .words_max = 3,
    .run = run_move,
};

/* ---- pause, resume ---- */

static int set_paused(struct cli *cli, bool paused)
{
    bool changed;
    struct error err;

    if (cli_ledger(cli, LEDGER_WRITE, &err) || queue_pause(cli->ledger, paused, &changed, &err))
        return cli_fail(&err);
    if (paused)
        say(changed ? "nothing more is started until `supervise queue resume`; what runs goes on"
                    : "the queue was paused already");
    else
        say(changed ? "the queue goes on" : "the queue was not paused");
    return 0;
}

static int run_pause(struct cli *cli, const struct args *args)
{
    (void)args;
    return set_paused(cli, true);
}

static int run_resume(struct cli *cli, const struct args *args)
{
    struct queue_standing standing;
    struct error err;
    int status = set_paused(cli, false);

    (void)args;
    if (status == 0 && queue_standing(cli->ledger, &standing, &err) == 0 && standing.waits)
        queued_see_to_daemon(cli);
    return status;
}

const struct verb verb_queue_pause = {
    .name = "queue pause",
    .synopsis = "",
    .summary = "start nothing more from the queue for now; what runs goes on",
    .examples = "supervise queue pause  # until `supervise queue resume`\n",
    .run = run_pause,
};

const struct verb verb_queue_resume = {
    .name = "queue resume",
    .synopsis = "",
    .summary = "go on with a queue that was paused",
    .examples = "supervise queue resume  # the next one is started at once, where a slot is free\n",
    .run = run_resume,
};
