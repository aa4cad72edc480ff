/* `status`: what runs, what waits, what has just ended; or everything about one execution or session. */
#include <supervise/cli/pages.h>
#include <supervise/cli/verbs.h>

#include <supervise/base/say.h>
#include <supervise/store/queue.h>

enum { RECENT = 10 };

struct overview {
    struct execution_list running, queued, recent;
    struct session_list sessions;
    int64_t snapshot; /* the newest event that all this takes account of */
};

static int overview_read(struct ledger *ledger, struct overview *overview, struct error *err)
{
    const struct {
        const char *state;
        int64_t limit;
        struct execution_list *list;
    } parts[] = {{"running", NO_INT, &overview->running}, {"finished", RECENT, &overview->recent}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct execution_filter filter = {.state = parts[i].state, .since = NO_INT, .limit = parts[i].limit};

        filter.in_flight = parts[i].limit == NO_INT;
        if (executions_list(ledger, &filter, parts[i].list, err) < 0)
            return -1;
    }
    if (queue_list(ledger, &overview->queued, err) || events_newest(ledger, &overview->snapshot, err))
        return -1;
    return sessions_list(ledger, "active", NO_INT, &overview->sessions, err);
}

/* As of one moment, so that whoever follows the events from there on misses none and sees none twice. */
static int overview_load(struct ledger *ledger, struct overview *overview, struct error *err)
{
    int result;

    if (ledger_hold(ledger, err))
        return -1;
    result = overview_read(ledger, overview, err);
    ledger_let_go(ledger);
    return result;
}

static void overview_free(struct overview *overview)
{
    execution_list_free(&overview->running);
    execution_list_free(&overview->queued);
    execution_list_free(&overview->recent);
    session_list_free(&overview->sessions);
}

static json_t *overview_json(struct cli *cli, const struct overview *overview)
{
    json_t *object = json_object();

    json_object_set_new(object, "running", executions_json(cli, &overview->running));
    json_object_set_new(object, "queued", executions_json(cli, &overview->queued));
    json_object_set_new(object, "recent", executions_json(cli, &overview->recent));
    json_object_set_new(object, "sessions", sessions_json(cli, &overview->sessions));
    json_object_set_new(object, "snapshot", json_integer(overview->snapshot));
    return object;
}

/* A heading, with an empty line before all but the first. */
static void heading(const char *text, size_t *printed)
{
    printf("%s%s\n", (*printed)++ ? "\n" : "", text);
}

static void overview_print(struct cli *cli, const struct overview *overview)
{
    const struct {
        const char *title;
        const struct execution_list *list;
    } parts[] = {
        {"Running", &overview->running}, {"Queued", &overview->queued}, {"Just ended", &overview->recent}};
    size_t printed = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].list->count > 0) {
            heading(parts[i].title, &printed);
            executions_table(cli, parts[i].list);
        }
    if (overview->sessions.count > 0) {
        heading("Active sessions", &printed);
        sessions_table(cli, &overview->sessions);
    }
    if (printed == 0)
        say("nothing is recorded yet; to run a command: supervise -- COMMAND");
}

static int status_overview(struct cli *cli)
{
    struct overview overview = {0};
    struct error err;
    int result = overview_load(cli->ledger, &overview, &err);

    if (result == 0 && cli->json)
        json_print(overview_json(cli, &overview), false);
    else if (result == 0)
        overview_print(cli, &overview);
    overview_free(&overview);
    return result < 0 ? cli_fail(&err) : 0;
}

static int status_of(struct cli *cli, const char *ref)
{
    struct execution *execution = NULL;
    struct session *session = NULL;
    struct error err;
    int result = 0;

    if (cli_resolve(cli, ref, &execution, &session, &err) < 0)
        return cli_fail(&err);
    if (cli->json)
        json_print(session ? session_json(cli, session) : execution_json(cli, execution), false);
    else if (session)
        result = session_page(cli, session, &err);
    else
        execution_page(cli, execution);
    execution_free(execution);
    session_free(session);
    return result < 0 ? cli_fail(&err) : 0;
}

static int run_status(struct cli *cli, const struct args *args)
{
    struct error err;

    if (cli_ledger(cli, LEDGER_READ, &err) < 0)
        return cli_fail(&err);
    return args->word_count > 0 ? status_of(cli, args->words[0]) : status_overview(cli);
}

const struct verb verb_status = {
    .name = "status",
    .synopsis = "[REF]",
    .summary = "what runs and what has just ended; with REF, everything about one execution or session",
    .examples = "supervise status  # the overview\n"
                "supervise status 42  # all about one execution, its last output included\n"
                "supervise status review-42  # all about one session\n"
                "supervise status @last --json  # for programs\n",
    .words_max = 1,
    .run = run_status,
};
