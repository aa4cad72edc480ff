/* `list`: the history of executions, newest first. */
#include <supervise/cli/pages.h>
#include <supervise/cli/verbs.h>

#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/domain/duration.h>

enum { DEFAULT_LIMIT = 20 };

/* "2h" is two hours ago; an RFC 3339 time is itself. */
static int read_since(const char *text, int64_t *wall_ms, struct error *err)
{
    int64_t ms;

    if (!text)
        return 0;
    if (duration_parse(text, &ms) == 0) {
        *wall_ms = wall_now_ms() - ms;
        return 0;
    }
    if (time_parse(text, wall_ms) == 0)
        return 0;
    return error_set(err, ERR_USAGE,
                     "cannot take \"%s\" for --since: it is neither a duration (2h, 7d) nor a time "
                     "(2026-02-03T04:05:06Z)",
                     text);
}

static int read_filter(const struct args *args, struct execution_filter *filter, struct error *err)
{
    *filter = (struct execution_filter){.outcome = args_get(args, "outcome"),
                                        .state = args_get(args, "state"),
                                        .session = args_get(args, "session"),
                                        .name = args_get(args, "name"),
                                        .since = NO_INT,
                                        .limit = DEFAULT_LIMIT};
    if (read_since(args_get(args, "since"), &filter->since, err) < 0 ||
        args_integer(args, "limit", 1, &filter->limit, err) < 0)
        return -1;
    if (args_has(args, "all"))
        filter->limit = NO_INT;
    return 0;
}

/* One more than was asked for was read: it tells whether there are older ones. */
static void drop_extra(struct execution_list *list, int64_t limit)
{
    if (limit == NO_INT || list->count <= (size_t)limit)
        return;
    execution_free(list->items[--list->count]);
    if (isatty(STDOUT_FILENO))
        say("the newest %lld; there are older ones: see them with --all or -n", (long long)limit);
}

static int run_list(struct cli *cli, const struct args *args)
{
    struct execution_filter filter;
    struct execution_list list = {0};
    struct error err;
    int64_t limit;

    if (read_filter(args, &filter, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0)
        return cli_fail(&err);
    limit = filter.limit;
    if (limit != NO_INT && limit < INT64_MAX)
        filter.limit++;
    if (executions_list(cli->ledger, &filter, &list, &err) < 0)
        return cli_fail(&err);
    drop_extra(&list, limit);
    if (cli->json)
        json_print(executions_json(cli, &list), false);
    else if (list.count > 0)
        executions_table(cli, &list);
    else
        say("%s", args->given_count > 0 ? "no execution is like that" : "no execution is recorded yet");
    execution_list_free(&list);
    return 0;
}

static const struct option options[] = {
    {0, "outcome", "success|incomplete|failed|cancelled", "only those with this outcome"},
    {0, "state", "queued|running|finished", "only those in this state"},
    {0, "session", "ID", "only those of this session"},
    {0, "since", "WHEN", "only those begun since: a duration ago (2h, 7d), or an RFC 3339 time"},
    {0, "name", "NAME", "only those of this name"},
    {'n', "limit", "N", "how many at most (20)"},
    {0, "all", NULL, "all of them, however many"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_list = {
    .name = "list",
    .synopsis = "[OPTIONS]",
    .summary = "the history of executions, newest first",
    .examples = "supervise list --outcome incomplete  # ended with 0, but the work isn't done\n"
                "supervise list --since 2h -n 100  # the last two hours\n"
                "supervise list --session review-42 --all  # all of one session\n"
                "supervise list --json  # for programs: an array\n",
    .options = options,
    .run = run_list,
};
