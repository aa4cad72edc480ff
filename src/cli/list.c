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
                                        .name = args_get(args, "name"),
                                        .since = NO_INT,
                                        .limit = DEFAULT_LIMIT};
    if (session_named(args, NO_WORD, &filter->session, err) ||
        read_since(args_get(args, "since"), &filter->since, err) < 0 ||
        args_integer(args, "limit", 1, &filter->limit, err) < 0)
        return -1;
    if (args_has(args, "all"))
        filter->limit = NO_INT;
    return 0;
}

struct listing {
    struct cli *cli;
    int64_t limit, count;
    struct json_rows rows; /* --json */
    struct table *table;   /* else */
    bool more;             /* than `limit` are there */
};

/* Each row goes out as it comes: there may be more of them than fit into memory. */
static int show_row(const struct execution *execution, void *context)
{
    struct listing *listing = context;

    if (listing->limit != NO_INT && listing->count == listing->limit) {
        listing->more = true;
        return 1;
    }
    listing->count++;
    if (listing->cli->json)
        json_rows_add(&listing->rows, execution_json(listing->cli, execution));
    else
        executions_table_row(listing->cli, listing->table, execution);
    return 0;
}

/* An array that broke off stays open: nobody shall take it for the whole. */
static void show_end(struct listing *listing, bool whole, bool filtered)
{
    if (!listing->cli->json)
        table_print(listing->table, listing->cli);
    if (!whole)
        return;
    if (listing->cli->json)
        json_rows_end(&listing->rows);
    else if (listing->count == 0)
        say("%s", filtered ? "no execution is like that" : "no execution is recorded yet");
    if (listing->more && isatty(STDOUT_FILENO))
        say("the newest %lld; there are older ones: see them with --all or -n", (long long)listing->limit);
}

static int run_list(struct cli *cli, const struct args *args)
{
    struct listing listing = {.cli = cli};
    struct execution_filter filter;
    struct error err;
    int result;

    if (read_filter(args, &filter, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0)
        return cli_fail(&err);
    listing.limit = filter.limit;
    if (filter.limit != NO_INT && filter.limit < INT64_MAX)
        filter.limit++; /* tells whether there are older ones */
    if (!cli->json)
        listing.table = executions_table_new();
    result = executions_each(cli->ledger, &filter, show_row, &listing, &err);
    show_end(&listing, result == 0,
             filter.outcome || filter.state || filter.session || filter.name || filter.since != NO_INT);
    return result < 0 ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    {0, "outcome", "success|incomplete|failed|cancelled", "only those with this outcome"},
    {0, "state", "queued|running|finished", "only those in this state"},
    {'s', "session", "ID", "only those of this session"},
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
