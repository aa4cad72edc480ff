/* `heartbeat`: a command says that it is still doing something. For its own side: quick, and quiet where all
 * is well. */
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

static const char outside[] = "cannot tell whose heartbeat this is: not inside an execution "
                              "(SUPERVISE_EXECUTION_UID is not set to one in flight); run it under supervise";

static int run_heartbeat(struct cli *cli, const struct args *args)
{
    const char *named = getenv("SUPERVISE_EXECUTION_UID");
    const char *uid = NULL;
    AUTOFREE char *text = args_text(args, 0);
    struct error err;

    /* Outside, nothing needs to be opened to know it. */
    if (named && *named && (cli_ledger_existing(cli, &err) < 0 || cli_caller(cli, &uid, &err) < 0))
        return cli_fail(&err);
    if (!uid)
        error_set(&err, ERR_NOT_FOUND, "%s", outside);
    if (!uid || execution_activity(cli->ledger, uid, text, &err) < 0)
        return cli_fail(&err);
    return 0;
}

const struct verb verb_heartbeat = {
    .name = "heartbeat",
    .synopsis = "[MESSAGE...]",
    .summary = "say from inside a command that it is doing something, and what",
    .examples = "supervise heartbeat  # still at it: puts off --idle-timeout\n"
                "supervise heartbeat chapter 7 of 12  # shown by status, too\n",
    .words_max = SIZE_MAX,
    .run = run_heartbeat,
};
