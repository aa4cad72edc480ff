/*
 * `run`: from options and settings to the plan of an execution, and from its end to the summary line and the
 * exit status. What is wrong with the command line or the configuration is found here, before anything is
 * spawned: 125.
 */
#include <supervise/cli/runner.h>
#include <supervise/cli/verbs.h>

#include "session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/cli/words.h>
#include <supervise/domain/id.h>
#include <supervise/domain/outcome.h>
#include <supervise/process/inherit.h>
#include <supervise/supervisor/detach.h>
#include <supervise/supervisor/run.h>

static const struct option options[] = {
    {'s', "session", "ID", "the session this run drives; made where it doesn't exist"},
    {'w', "workflow", "NAME", "the workflow of a new session"},
    {0, "stages", "A..B", "the stages it is to finish: done, they are a success, though the session goes on"},
    {'n', "name", "NAME", "a name to find this run by"},
    {0, "timeout", "D", "end it after D (90s, 15m, 1h30m), time asleep not counted"},
    {0, "idle-timeout", "D", "end it after D without output, report or heartbeat"},
    {0, "watchdog", "D", "end it when it sends no WATCHDOG=1 (sd_notify) for D"},
    {0, "kill-after", "D", "from SIGTERM to SIGKILL when it is ended (10s)"},
    {0, "capture", "auto|pty|pipe|none",
     "pty: a terminal of its own; none: our own descriptors, nothing kept"},
    {0, "require-session", NULL, "exit 0 without any session is incomplete"},
    {0, "resume-from", "CHECKPOINT", "with --session: its data in the file that SUPERVISE_CHECKPOINT names"},
    {0, "cwd", "DIR", "run it in DIR"},
    {0, "env", "K=V", "one more variable for the command; may be repeated"},
    {'d', "detach", NULL, "go on in the background; prints the UID"},
    {0, "stdin", "inherit|null", "null: the command reads /dev/null"},
    {0, "keep-stragglers", NULL, "leave processes that outlive the command"},
    {0, "exit-code", "outcome|child", "child: exit as the command did, whatever the outcome"},
    {0, "no-ledger-ok", NULL, "run it even where the ledger can't be opened"},
    {0},
};

/* ---- The plan ---- */

static int check_session(const char *id, struct error *err)
{
    const char *fault = id ? session_id_fault(id) : NULL;

    if (!fault)
        return 0;
    return error_set(err, ERR_USAGE, "cannot use \"%s\" as a session id: it %s", id, fault);
}

static int check_name(const char *name, struct error *err)
{
    if (name && (!*name || strlen(name) > 256 || !utf8_valid(name, strlen(name))))
        return error_set(err, ERR_USAGE, "cannot use \"%s\" as a name: it must be 1 to 256 bytes of UTF-8",
                         name);
    return 0;
}

static int check_checkpoint(const struct run_plan *plan, struct error *err)
{
    if (plan->resume_from && !plan->session)
        return error_set(err, ERR_USAGE,
                         "--resume-from %s needs --session: a checkpoint is one of a session's",
                         plan->resume_from);
    return 0;
}

static int check_stdin(const struct run_plan *plan, const char *input, struct error *err)
{
    if (plan->detached && input && strcmp(input, "inherit") == 0)
        return error_set(err, ERR_USAGE,
                         "--stdin=inherit doesn't go with --detach: what goes on in the background "
                         "reads /dev/null");
    return 0;
}

static int check_directory(const char *path, struct error *err)
{
    struct stat status;

    if (!path)
        return 0;
    if (stat(path, &status))
        return error_errno(err, "cannot run the command in %s", path);
    if (!S_ISDIR(status.st_mode))
        return error_set(err, ERR_USAGE, "cannot run the command in %s: it is not a directory", path);
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
        return error_errno(err, "cannot run the command in %s", path);
    return 0;
}

/* --env K=V, each as it was given, ended by NULL; the caller frees the list. */
static int extra_environment(const struct args *args, char ***list, struct error *err)
{
    size_t at = 0, count = 0;
    const char *given;

    *list = NULL;
    while ((given = args_next(args, "env", &at))) {
        if (*given == '=' || !strchr(given, '='))
            return error_set(err, ERR_USAGE, "--env takes NAME=VALUE, not \"%s\"", given);
        *list = mem_resize(*list, (count + 2) * sizeof **list);
        (*list)[count++] = (char *)(uintptr_t)given;
        (*list)[count] = NULL;
    }
    return 0;
}

/* Whether there is that session; a ledger that can't be read is met again, and said, by the run itself. */
static bool session_is_there(struct cli *cli, const char *id)
{
    struct session *session = NULL;
    struct error unread;
    bool there =
        cli_ledger(cli, LEDGER_READ, &unread) || session_get(cli->ledger, id, &session, &unread) || session;

    session_free(session);
    cli_ledger_close(cli);
    return there;
}

/* One that isn't configured is refused for a new session alone: an existing one keeps its own definition. */
static int find_workflow(struct cli *cli, const struct run_plan *plan, char **definition, struct error *err)
{
    const json_t *workflow;

    if (!plan->workflow)
        return 0;
    workflow = session_workflow(cli, plan->workflow, err);
    if (workflow)
        *definition = json_dumps(workflow, JSON_COMPACT);
    return workflow || (plan->session && session_is_there(cli, plan->session)) ? 0 : -1;
}

static int make_plan(struct cli *cli, const struct args *args, struct run_plan *plan, char **definition,
                     struct error *err)
{
    const struct settings *settings;
    const char *input = args_get(args, "stdin"), *capture = args_get(args, "capture");
    const char *exit_code = args_get(args, "exit-code");

    if (cli_settings(cli, err))
        return -1;
    settings = cli->settings;
    capture = capture ? capture : settings->run_capture;
    *plan = (struct run_plan){
        .argv = args->words,
        .session = args_get(args, "session"),
        .workflow = args_get(args, "workflow"),
        .stages = args_get(args, "stages"),
        .resume_from = args_get(args, "resume-from"),
        .name = args_get(args, "name"),
        .cwd = args_get(args, "cwd"),
        .settings = settings,
        .attempt = 1,
        .timeout_ms = settings->run_timeout,
        .idle_timeout_ms = settings->run_idle_timeout,
        .kill_after_ms = settings->run_kill_after,
        .detached = args_has(args, "detach"),
        .stdin_null = args_has(args, "detach") || (input && strcmp(input, "null") == 0),
        .keep_stragglers = args_has(args, "keep-stragglers"),
        .require_session = settings->run_require_session || args_has(args, "require-session"),
        .no_ledger_ok = args_has(args, "no-ledger-ok"),
        .child_status = exit_code && strcmp(exit_code, "child") == 0,
        .capture = run_capture(capture, args_has(args, "detach")),
    };
    if (args_duration(args, "timeout", &plan->timeout_ms, err) ||
        args_duration(args, "idle-timeout", &plan->idle_timeout_ms, err) ||
        args_duration(args, "watchdog", &plan->watchdog_ms, err) ||
        args_duration(args, "kill-after", &plan->kill_after_ms, err) || check_session(plan->session, err) ||
        check_checkpoint(plan, err) || check_stdin(plan, input, err) || check_name(plan->name, err) ||
        check_directory(plan->cwd, err) || extra_environment(args, &plan->extra_environment, err) ||
        find_workflow(cli, plan, definition, err))
        return -1;
    plan->workflow_definition = *definition;
    return 0;
}

static int run_detached(struct cli *cli, const struct run_plan *plan, struct inherited *inherited)
{
    struct detach_report report;
    struct error err;

    if (detach_execution(plan, inherited, &report, &err))
        return run_fail(&err);
    if (report.status) {
        say_error("%s", report.text);
        return report.status;
    }
    if (cli->json)
        json_print(json_pack("{s:I, s:s}", "id", (json_int_t)report.number, "uid", report.uid), false);
    else
        printf("%s\n", report.uid);
    if (fflush(stdout)) {
        say_error("cannot write the UID to stdout: %s; it is %s", strerror(errno), report.uid);
        return ERR_OTHER;
    }
    if (report.number)
        say("#%lld runs in the background; `supervise wait %lld` waits for its end", (long long)report.number,
            (long long)report.number);
    return 0;
}

static int run(struct cli *cli, const struct args *args)
{
    AUTOFREE char *definition = NULL;
    struct inherited inherited;
    struct run_plan plan = {0};
    struct error err;
    int status;
    bool refused;

    run_inherit(&inherited);
    refused = make_plan(cli, args, &plan, &definition, &err) != 0;
    if (!refused && plan.detached)
        status = run_detached(cli, &plan, &inherited);
    else if (!refused)
        refused = run_here(cli, &plan, &inherited, &status, &err) != 0;
    if (refused)
        status = run_fail(&err);
    free(plan.extra_environment);
    inherit_free(&inherited);
    return status;
}

const struct verb verb_run = {
    .name = "run",
    .synopsis = "[OPTIONS] [--] COMMAND [ARG...]",
    .summary = "run a command, record it, and say how it really ended",
    .examples = "supervise -- make test                   # run it; `supervise list` shows it ever after\n"
                "supervise -s import-7 -- ./import.sh     # a part of session import-7: exit 0 alone is no "
                "success\n"
                "supervise --timeout 2h -- ./nightly.sh   # ended after two hours awake\n"
                "supervise -d -n crawl -- ./crawl.sh      # in the background; `supervise wait crawl`\n",
    .options = options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run,
    .command = true,
    .wraps = true,
};
