/* `session begin`, `show` and `list`; and what all verbs of `session` share. */
#include "session.h"

#include <supervise/cli/pages.h>
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>

enum { DEFAULT_LIMIT = 20 };

int session_say_drift(struct cli *cli, const char *id, struct error *err)
{
    AUTOFREE char *workflow = NULL;
    AUTOFREE char *text = NULL;
    const json_t *configured;
    json_t *definition;

    if (session_definition(cli->ledger, id, &workflow, &text, err) < 0)
        return -1;
    if (!workflow)
        return 0;
    configured = json_object_get(cli->settings->workflows, workflow);
    definition = json_loads(text, 0, NULL);
    if (!configured)
        say("session %s goes on by the definition of workflow %s that it began with: none of that name is "
            "configured "
            "any more",
            id, workflow);
    else if (!json_equal(configured, definition))
        say("session %s goes on by the definition of workflow %s that it began with: what is configured now "
            "is another",
            id, workflow);
    json_decref(definition);
    return 0;
}

int session_print(struct cli *cli, const char *id, bool page, struct error *err)
{
    struct session *session = NULL;
    int result = 0;

    if (!cli->json && !page)
        return 0;
    if (session_get(cli->ledger, id, &session, err) < 0)
        return -1;
    if (!session)
        return error_set(err, ERR_NOT_FOUND, "no session \"%s\"; see `supervise session list --all`", id);
    if (cli->json)
        json_print(session_json(cli, session), false);
    else
        result = session_page(cli, session, err);
    session_free(session);
    return result;
}

/* --- begin --- */

const json_t *session_workflow(struct cli *cli, const char *workflow, struct error *err)
{
    const json_t *definition = json_object_get(cli->settings->workflows, workflow);
    const char *names[128], *name, *nearest;
    size_t count = 0;
    json_t *value;

    if (definition)
        return definition;
    json_object_foreach(cli->settings->workflows, name, value)
        if (count < sizeof names / sizeof *names - 1)
            names[count++] = name;
    names[count] = NULL;
    nearest = text_nearest(workflow, names);
    error_set(err, ERR_NOT_FOUND, "no workflow \"%s\" is configured%s%s%s", workflow,
              nearest ? "; did you mean \"" : "; see `supervise config show`", nearest ? nearest : "",
              nearest ? "\"?" : "");
    return NULL;
}

/* Its JSON; the caller frees. */
static char *workflow_definition(struct cli *cli, const char *workflow, struct error *err)
{
    const json_t *definition = session_workflow(cli, workflow, err);

    return definition ? json_dumps(definition, JSON_COMPACT) : NULL;
}

/* First wins: who drives another session is told that this one doesn't become its own. */
static int say_own_session(struct cli *cli, const char *caller, const char *id, struct error *err)
{
    struct execution *execution = NULL;

    if (!caller)
        return 0;
    if (execution_get(cli->ledger, caller, &execution, err) < 0)
        return -1;
    if (execution && execution->session && strcmp(execution->session, id) != 0)
        say_warning("this execution drives session %s already, and goes on driving that one",
                    execution->session);
    execution_free(execution);
    return 0;
}

static int begin(struct cli *cli, const struct args *args, struct error *err)
{
    static const char *const did[] = {
        [SESSION_CREATED] = "created", [SESSION_RESUMED] = "resumed", [SESSION_REOPENED] = "reopened"};
    struct begin_request request = {.workflow = args_get(args, "workflow")};
    AUTOFREE char *definition = NULL;
    AUTOFREE char *id = NULL;
    enum begin_result result;
    struct error unknown = {0};

    if (session_named(args, 0, &request.id, err) < 0 || cli_settings(cli, err) < 0)
        return -1;
    /* A session keeps its own definition: a workflow that isn't configured any more is refused for a new one
     * only. */
    if (request.workflow)
        request.definition = definition = workflow_definition(cli, request.workflow, &unknown);
    if (cli_ledger(cli, LEDGER_WRITE, err) < 0 || cli_caller(cli, &request.execution_uid, err) < 0)
        return -1;
    if (session_begin(cli->ledger, &request, &result, &id, err) < 0) {
        if (request.workflow && !definition && err->code == ERR_NOT_FOUND)
            *err = unknown;
        return -1;
    }
    if (!request.id && result != SESSION_CREATED)
        cli_say_session(id, "execution");
    say_detail("session %s %s", id, did[result]);
    if (say_own_session(cli, request.execution_uid, id, err) < 0 || session_say_drift(cli, id, err) < 0)
        return -1;
    if (!cli->json)
        puts(id);
    return session_print(cli, id, false, err);
}

static int run_begin(struct cli *cli, const struct args *args)
{
    struct error err;

    return begin(cli, args, &err) < 0 ? cli_fail(&err) : 0;
}

/* --- show and list --- */

static int run_show(struct cli *cli, const struct args *args)
{
    AUTOFREE char *id = NULL;
    const char *named, *caller;
    bool only_active;
    struct error err;

    if (session_named(args, 0, &named, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0 ||
        cli_session(cli, named, &caller, &id, &only_active, &err) < 0 ||
        session_say_drift(cli, id, &err) < 0 || session_print(cli, id, true, &err) < 0)
        return cli_fail(&err);
    return 0;
}

struct listing {
    struct cli *cli;
    size_t count;
    struct json_rows rows; /* --json */
    struct table *table;   /* else NULL */
};

/* Each goes out as it comes: there may be more of them than fit into memory. */
static int list_one(const struct session *session, void *context)
{
    struct listing *listing = context;

    listing->count++;
    if (listing->table)
        sessions_table_row(listing->table, session);
    else
        json_rows_add(&listing->rows, session_json(listing->cli, session));
    return ferror(stdout);
}

static int run_list(struct cli *cli, const struct args *args)
{
    struct listing listing = {.cli = cli};
    int64_t limit = DEFAULT_LIMIT;
    struct error err;
    int result;

    if (args_integer(args, "limit", 1, &limit, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0)
        return cli_fail(&err);
    listing.table = cli->json ? NULL : sessions_table_new();
    result = sessions_each(cli->ledger, args_get(args, "status"), args_has(args, "all") ? NO_INT : limit,
                           list_one, &listing, &err);
    if (listing.table)
        table_print(listing.table, cli);
    if (result)
        return cli_fail(&err);
    if (cli->json)
        json_rows_end(&listing.rows);
    else if (listing.count == 0)
        say("%s", args->given_count > 0 ? "no session is like that" : "no session is recorded yet");
    return 0;
}

/* --- the verbs --- */

static const struct option begin_options[] = {
    {'s', "session", "ID", "its id; without it the calling execution's session goes on, or a new id is made"},
    {'w', "workflow", "NAME", "the workflow it passes through"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_begin = {
    .name = "session begin",
    .synopsis = "[OPTIONS] [ID]",
    .summary = "begin a session, go on with an active one, or reopen a closed one; prints its id",
    .examples = "supervise session begin review-42 --workflow review  # safe to call again\n"
                "id=$(supervise session begin --workflow review)  # with an id that is made\n",
    .options = begin_options,
    .words_max = 1,
    .run = run_begin,
};

static const struct option show_options[] = {
    {'s', "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_show = {
    .name = "session show",
    .synopsis = "[OPTIONS] [ID]",
    .summary = "everything about one session",
    .examples = "supervise session show review-42  # by its id\n"
                "supervise session show --json  # the calling execution's, or the only active one\n",
    .options = show_options,
    .words_max = 1,
    .run = run_show,
};

static const struct option list_options[] = {
    {0, "status", "active|closed", "only those of this status"},
    {'n', "limit", "N", "how many at most (20)"},
    {0, "all", NULL, "all of them, however many"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_list = {
    .name = "session list",
    .synopsis = "[OPTIONS]",
    .summary = "sessions, newest first",
    .examples = "supervise session list --status active  # what is open\n",
    .options = list_options,
    .run = run_list,
};
