/*
 * `step run`: a step that is one command. Begun, run as it would run without us, done or in error by how it
 * ended; then we end as it did.
 */
#include "step.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/cli/runner.h>
#include <supervise/cli/verbs.h>
#include <supervise/process/spawn.h>

/* What stays as it is: the terminal stops and continues us beside the command, and faults are our own. */
static const int not_held[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGPIPE, SIGFPE, SIGILL,
                               SIGSEGV, SIGBUS,  SIGABRT, SIGTRAP, SIGSYS,  0};

/* How the command ended. */
struct ended {
    int code, signal; /* signal 0: it exited */
    char *error;      /* for people, where that was no success; NULL */
};

/* Pid of the supervisor of the execution that called us, where it is of our pid namespace; -1. */
static pid_t supervisor_of(struct cli *cli, const char *caller)
{
    struct execution *execution = NULL;
    struct machine machine;
    struct error err;
    pid_t pid = -1;

    identity_machine(&machine);
    if (caller && execution_get(cli->ledger, caller, &execution, &err) == 0 && execution &&
        execution->pid_ns == machine.pid_ns)
        pid = (pid_t)execution->supervisor_pid;
    execution_free(execution);
    return pid;
}

/*
 * The terminal has given it to the command as to us. So has our supervisor, where it ends the whole tree, or
 * signals the group that it made for us.
 */
static bool command_has_it(const siginfo_t *info, pid_t supervisor)
{
    if (info->si_code == SI_KERNEL)
        return true;
    return supervisor > 0 && info->si_pid == supervisor &&
           (info->si_signo == SIGTERM || getpgid(supervisor) != getpgrp());
}

static int wait_for(pid_t pid, pid_t supervisor)
{
    sigset_t held;
    int status;

    sigfillset(&held);
    for (const int *number = not_held; *number; number++)
        sigdelset(&held, *number);
    sigprocmask(SIG_SETMASK, &held, NULL);
    while (waitpid(pid, &status, WNOHANG) != pid) {
        siginfo_t info;

        if (sigwaitinfo(&held, &info) > 0 && info.si_signo != SIGCHLD && !command_has_it(&info, supervisor))
            kill(pid, info.si_signo);
    }
    return status;
}

static void note_end(int status, struct ended *ended)
{
    const char *core = WIFSIGNALED(status) && WCOREDUMP(status) ? " (core dumped)" : "";

    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));

        ended->signal = WTERMSIG(status);
        ended->error = name ? mem_printf("killed by SIG%s%s", name, core)
                            : mem_printf("killed by signal %d%s", ended->signal, core);
    } else {
        ended->code = WEXITSTATUS(status);
        ended->error = ended->code ? mem_printf("exit %d", ended->code) : NULL;
    }
}

static void run_command(char **argv, struct inherited *inherited, pid_t supervisor, struct ended *ended)
{
    struct spawn_plan plan = {
        .argv = argv, .descriptors = {-1, -1, -1}, .terminal = -1, .inherited = inherited};
    struct spawn_report report;
    struct child child;
    struct error err;
    char text[512];
    sigset_t all;

    *ended = (struct ended){0};
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    if (spawn_hold(&plan, &child, &err)) {
        ended->code = 125;
        ended->error = mem_strdup(err.text);
        say_error("%s", ended->error);
        return;
    }
    spawn_release(&child, environ);
    inherit_release(inherited);
    spawn_report_read(&child, &report);
    note_end(wait_for(child.pid, supervisor), ended);
    if (report.step == SPAWN_RUNS)
        return;
    free(ended->error);
    ended->signal = 0;
    ended->code = spawn_report_explain(&report, &plan, text, sizeof text);
    ended->error = mem_strdup(text);
    say_error("%s", text);
}

/* In the session and stage in which it was begun. What the command has reported of the step itself stands. */
static void report_end(struct cli *cli, const struct ended *ended, struct step_report *report,
                       const struct step_reported *begun)
{
    struct step_reported reported = {0};
    struct error err;

    report->verb = ended->error ? STEP_ERROR : STEP_DONE;
    report->text = ended->error;
    report->session = begun->session;
    report->stage = begun->stage;
    report->name = begun->name;
    if (cli_ledger(cli, LEDGER_WRITE, &err) || step_report(cli->ledger, report, &reported, &err)) {
        if (err.code == ERR_ILLEGAL)
            say_detail("%s", err.text);
        else
            say_warning("the end of step %s/%s is not recorded: %s", begun->stage, begun->name, err.text);
    }
    step_reported_free(&reported);
}

/* As the command did: whoever waits for us sees the same. */
static int end_as(const struct ended *ended)
{
    sigset_t one;

    if (!ended->signal)
        return ended->code;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sigaction(ended->signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&one);
    sigaddset(&one, ended->signal);
    raise(ended->signal);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return 128 + ended->signal;
}

static int run_step(struct cli *cli, const struct args *args)
{
    struct step_report report = {.verb = STEP_START, .done = NO_INT, .total = NO_INT};
    struct step_reported begun;
    struct inherited inherited;
    struct ended ended = {0};
    struct error err;

    run_inherit(&inherited);
    if (step_send(cli, args, &report, &begun, &err)) {
        ended.code = cli_fail(&err);
    } else {
        pid_t supervisor = supervisor_of(cli, report.execution);

        /* Nothing of SQLite may be open across the fork. */
        cli_ledger_close(cli);
        run_command(args->words + 1, &inherited, supervisor, &ended);
        report_end(cli, &ended, &report, &begun);
    }
    step_reported_free(&begun);
    inherit_free(&inherited);
    free(ended.error);
    cli_close(cli);
    return end_as(&ended);
}

const struct verb verb_step_run = {
    .name = "step run",
    .synopsis = "[OPTIONS] [STAGE/]STEP -- COMMAND [ARG...]",
    .summary = "run a command as a step: done where it exits 0, else in error; exits as it did",
    .examples =
        "supervise step run extract/pages -- ./pages.sh book.pdf  # start, the command, done or error\n",
    .options = step_options,
    .words_min = 2,
    .words_max = SIZE_MAX,
    .run = run_step,
    .wraps = true,
};
