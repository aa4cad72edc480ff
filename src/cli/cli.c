/*
 * What all verbs share: settings and ledger, opened once and only when asked for, and the one place where an
 * error becomes an exit status.
 */
#include <supervise/cli/cli.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/domain/id.h>

int cli_settings(struct cli *cli, struct error *err)
{
    if (!cli->settings)
        cli->settings = settings_load(cli->config_option, cli->db_option, err);
    return cli->settings ? 0 : -1;
}

int cli_ledger(struct cli *cli, enum ledger_mode mode, struct error *err)
{
    struct ledger_options options;

    if (cli->ledger)
        return 0;
    if (cli_settings(cli, err) < 0 || !settings_ledger(cli->settings, err))
        return -1;
    options = (struct ledger_options){.path = cli->settings->store_path,
                                      .busy_timeout_ms = cli->settings->store_busy_timeout,
                                      .sync_full = cli->settings->store_sync_full};
    cli->ledger = ledger_open(&options, mode, err);
    return cli->ledger ? 0 : -1;
}

int cli_ledger_existing(struct cli *cli, struct error *err)
{
    if (cli_settings(cli, err) < 0 || !settings_ledger(cli->settings, err))
        return -1;
    return cli_ledger(cli, access(cli->settings->store_path, F_OK) == 0 ? LEDGER_WRITE : LEDGER_READ, err);
}

static void let_go_of_ledger(struct cli *cli)
{
    cli->ledger = NULL;
    if (cli->awaiting)
        fd_close(&cli->watch);
    cli->awaiting = false;
}

void cli_ledger_close(struct cli *cli)
{
    ledger_close(cli->ledger);
    let_go_of_ledger(cli);
}

void cli_close(struct cli *cli)
{
    ledger_leave(cli->ledger);
    let_go_of_ledger(cli);
    if (cli->settings)
        settings_free(cli->settings);
    cli->settings = NULL;
}

int cli_fail(const struct error *err)
{
    say_error("%s", err->text);
    return (int)err->code;
}

int cli_caller(struct cli *cli, const char **uid, struct error *err)
{
    const char *named = getenv("SUPERVISE_EXECUTION_UID");
    enum parent_state state;

    *uid = NULL;
    if (!named || !*named)
        return 0;
    if (execution_in_flight(cli->ledger, named, &state, err) < 0)
        return -1;
    if (state == PARENT_UNKNOWN)
        say_warning("SUPERVISE_EXECUTION_UID names %s, which is not in this ledger: ignored", named);
    else if (state == PARENT_ENDED)
        say_warning("SUPERVISE_EXECUTION_UID names %s, which has ended: ignored", named);
    else
        *uid = named;
    return 0;
}

void cli_say_session(const char *id, const char *how)
{
    if (strcmp(how, "option") != 0)
        say("session %s (via %s)", id, how);
}

int cli_session(struct cli *cli, const char *named, const char **caller, char **id, bool *only_active,
                struct error *err)
{
    const char *how = NULL;

    if (cli_caller(cli, caller, err) < 0 || session_resolve(cli->ledger, named, *caller, id, &how, err) < 0)
        return -1;
    cli_say_session(*id, how);
    *only_active = strcmp(how, "only-active") == 0;
    return 0;
}

int cli_resolve(struct cli *cli, const char *ref, struct execution **execution, struct session **session,
                struct error *err)
{
    int64_t number;

    *execution = NULL;
    *session = NULL;
    /* What comes before a session's id in the order of REFs stays an execution. */
    if (strcmp(ref, "@last") != 0 && !ref_number(ref, &number)) {
        if (execution_get(cli->ledger, ref, execution, err) < 0)
            return -1;
        if (!*execution && session_get(cli->ledger, ref, session, err) < 0)
            return -1;
        if (*execution || *session)
            return 0;
    }
    return execution_resolve(cli->ledger, ref, false, execution, err);
}

bool cli_color(const struct cli *cli, FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    if (strcmp(cli->color, "auto") != 0)
        return strcmp(cli->color, "always") == 0;
    if ((no_color && *no_color) || !isatty(fileno(stream)))
        return false;
    return !term || strcmp(term, "dumb") != 0;
}
