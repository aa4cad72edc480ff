/* `session link`: an execution is to drive a session, also when it has ended. */
#include "session.h"

#include <inttypes.h>
#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/cli/verbs.h>

/* The execution that is named, else the one that calls; NULL with err. */
static struct execution *find_execution(struct cli *cli, const char *ref, const char *caller,
                                        struct error *err)
{
    struct execution *execution = NULL;

    if (!ref && !caller)
        error_set(err, ERR_NOT_FOUND,
                  "cannot tell which execution to link: not inside one; name it, as in `supervise session "
                  "link ID REF`");
    else if (ref)
        execution_resolve(cli->ledger, ref, false, &execution, err);
    else if (execution_get(cli->ledger, caller, &execution, err) == 0 && !execution)
        error_set(err, ERR_NOT_FOUND, "no execution %s in the ledger", caller);
    return execution;
}

static int link_execution(struct cli *cli, const struct args *args, struct error *err)
{
    bool given = args_get(args, "session") != NULL, only_active, linked;
    const char *ref = args->word_count > (given ? 0 : 1) ? args->words[given ? 0 : 1] : NULL;
    struct execution *execution;
    AUTOFREE char *id = NULL;
    const char *named, *caller;
    int result;

    if (session_named(args, given ? 1 : 0, &named, err) < 0 || cli_ledger_existing(cli, err) < 0 ||
        cli_session(cli, named, &caller, &id, &only_active, err) < 0)
        return -1;
    execution = find_execution(cli, ref, caller, err);
    if (!execution)
        return -1;
    result = session_link(cli->ledger, id, execution->uid, &linked, err);
    if (result == 0)
        say(linked ? "#%" PRId64 " drives session %s" : "#%" PRId64 " drives session %s already",
            execution->id, id);
    execution_free(execution);
    return result < 0 ? -1 : session_print(cli, id, false, err);
}

static int run_link(struct cli *cli, const struct args *args)
{
    struct error err;

    return link_execution(cli, args, &err) < 0 ? cli_fail(&err) : 0;
}

static const struct option link_options[] = {
    {'s', "session", "ID", "the session; without ID the calling execution's, or the only active one"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_link = {
    .name = "session link",
    .synopsis = "[OPTIONS] [ID] [REF]",
    .summary = "let an execution (the calling one, or REF) drive a session, also when it has ended",
    .examples = "supervise session link review-42  # inside a run: this is the session it works for\n"
                "supervise session link review-42 17  # execution 17 did, and did not say so\n",
    .options = link_options,
    .words_max = 2,
    .run = run_link,
};
