/* The detached supervisor and its report to who started it, over a pipe: see the header. */
#include <supervise/supervisor/detach.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>

struct reporter {
    int pipe; /* -1: reported */
    struct detach_report report;
};

static void send_report(struct reporter *reporter)
{
    if (reporter->pipe >= 0 && write(reporter->pipe, &reporter->report, sizeof reporter->report) < 0)
        reporter->report.status = 125; /* who started us is gone: nobody is left to be told */
    fd_close(&reporter->pipe);
}

static void note(struct reporter *reporter, int64_t number, const char *uid)
{
    reporter->report.number = number;
    snprintf(reporter->report.uid, sizeof reporter->report.uid, "%s", uid);
}

/* Called once it is known whether the command runs; why it doesn't is reported when run_execution() returns.
 */
static void on_started(void *context, int64_t number, const char *uid, bool runs)
{
    struct reporter *reporter = context;

    note(reporter, number, uid);
    if (runs)
        send_report(reporter);
}

static void nothing_at(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0 && dup2(null, fd) >= 0)
        close(null);
}

static _Noreturn void go_on_alone(const struct run_plan *plan, struct inherited *inherited, int pipe)
{
    struct reporter reporter = {.pipe = pipe};
    struct run_result result;
    struct error err;

    setsid();
    for (int fd = 0; fd < 3; fd++) {
        nothing_at(fd);
        inherited->closed[fd] = false;
    }
    if (run_execution(plan, inherited, on_started, &reporter, &result, &err)) {
        reporter.report.status = 125;
        snprintf(reporter.report.text, sizeof reporter.report.text, "%s", err.text);
    } else if (result.spawn_error) {
        reporter.report.status = result.status;
        snprintf(reporter.report.text, sizeof reporter.report.text, "%s", result.spawn_error);
        if (result.row)
            note(&reporter, result.row->id, result.row->uid);
    }
    send_report(&reporter);
    run_result_free(&result);
    _exit(reporter.report.status);
}

int detach_execution(const struct run_plan *plan, struct inherited *inherited, struct detach_report *report,
                     struct error *err)
{
    int ends[2];
    ssize_t length;
    pid_t pid;

    *report = (struct detach_report){0};
    if (pipe2(ends, O_CLOEXEC))
        return error_errno(err, "cannot detach: pipe");
    pid = fork();
    if (pid < 0) {
        error_errno(err, "cannot detach: fork");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (pid == 0) {
        close(ends[0]);
        go_on_alone(plan, inherited, ends[1]);
    }
    close(ends[1]);
    do
        length = read(ends[0], report, sizeof *report);
    while (length < 0 && errno == EINTR);
    close(ends[0]);
    if (length != (ssize_t)sizeof *report)
        return error_set(err, ERR_OTHER,
                         "cannot detach: the supervisor ended before it could say how it started");
    return 0;
}
