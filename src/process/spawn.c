/* fork, the few steps before exec, the wait to be let go, and the report of which step failed: see the
 * header. */
#include <supervise/process/spawn.h>

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/process/leader.h>

/*
 * sd_listen_fds(3), sd_watchdog_enabled(3): what these variables say to us is for the command, which must
 * find its own pid there.
 */
static const char *const pid_variables[] = {"LISTEN_PID=", "WATCHDOG_PID="};

static void fail(int report_fd, enum spawn_step step)
{
    struct spawn_report report = {step, errno};

    if (write(report_fd, &report, sizeof report) < 0)
        _exit(125);
    _exit(127);
}

static void restore_signals(const struct inherited *inherited)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    /* The only two that we change; handlers of libev go by themselves at exec, an ignored SIGCHLD must come
     * back. */
    action.sa_handler = sigismember(&inherited->ignored, SIGCHLD) ? SIG_IGN : SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
    action.sa_handler = sigismember(&inherited->ignored, SIGPIPE) ? SIG_IGN : SIG_DFL;
    sigaction(SIGPIPE, &action, NULL);
    sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}

/* Where such a variable names the supervisor, it names us from here on. */
static void take_over_pid(char **environment, pid_t supervisor)
{
    char pid[16];

    snprintf(pid, sizeof pid, "%d", (int)supervisor);
    for (; *environment; environment++)
        for (size_t i = 0; i < sizeof pid_variables / sizeof *pid_variables; i++) {
            size_t length = strlen(pid_variables[i]);

            if (strncmp(*environment, pid_variables[i], length) == 0 &&
                strcmp(*environment + length, pid) == 0)
                *environment = mem_printf("%s%d", pid_variables[i], (int)getpid());
        }
}

/* What spawn_release() has written: the size of the environment, and its texts, each ended by a NUL. */
static char **wait_for_environment(int hold)
{
    struct buf message = {0};
    size_t size, count = 0;
    char **environment, *text;

    if (buf_read(&message, hold, SIZE_MAX) || message.len < sizeof size)
        _exit(125); /* nobody is there to let us go */
    memcpy(&size, message.data, sizeof size);
    if (message.len - sizeof size != size)
        _exit(125);
    environment = mem_alloc((size + 1) * sizeof *environment);
    for (text = message.data + sizeof size; text < message.data + message.len; text += strlen(text) + 1)
        environment[count++] = text;
    return environment;
}

/* What a fork of the command needs to know, on a terminal of its own or not. */
struct start {
    const struct spawn_plan *plan;
    int report;
    int hold[2];
    pid_t supervisor, parent; /* who the pid variables mean; who it must still be a child of */
};

static _Noreturn void become(const struct start *start)
{
    const struct spawn_plan *plan = start->plan;
    int report_fd = start->report;

    close(start->hold[1]);
    if (plan->own_group)
        setpgid(0, 0);
    if (plan->terminal >= 0) /* all signals are blocked: from the background this would stop us otherwise */
        tcsetpgrp(plan->terminal, getpid());
    if (plan->die_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != start->parent)
            _exit(125);
    }
    for (int fd = 0; fd < 3; fd++)
        if (plan->descriptors[fd] >= 0 && dup2(plan->descriptors[fd], fd) < 0)
            fail(report_fd, SPAWN_DESCRIPTORS);
    environ = wait_for_environment(start->hold[0]);
    take_over_pid(environ, start->supervisor);
    if (plan->cwd && chdir(plan->cwd))
        fail(report_fd, SPAWN_DIRECTORY);
    restore_signals(plan->inherited);
    umask(plan->inherited->creation_mask);
    execvp(plan->argv[0], plan->argv);
    fail(report_fd, SPAWN_EXEC);
    _exit(127);
}

static pid_t fork_command(void *context)
{
    struct start *start = context;
    pid_t pid;

    start->parent = getpid();
    pid = fork();
    if (pid == 0)
        become(start);
    /* Here too, so that the group exists whichever of the two comes first; after the exec it fails and
     * needn't succeed. */
    if (pid > 0 && start->plan->own_group)
        setpgid(pid, pid);
    return pid;
}

/* The pid that the leader got, or -1 with errno. */
static pid_t read_pid(int relay)
{
    ssize_t length;
    int pid;

    do
        length = read(relay, &pid, sizeof pid);
    while (length < 0 && errno == EINTR);
    if (length != (ssize_t)sizeof pid)
        pid = -ECHILD;
    if (pid < 0)
        errno = -pid;
    return pid < 0 ? -1 : pid;
}

static pid_t fork_leader(struct start *start, struct child *child)
{
    int relay[2], release[2];

    if (pipe2(relay, O_CLOEXEC))
        return -1;
    if (pipe2(release, O_CLOEXEC)) {
        close(relay[0]);
        close(relay[1]);
        return -1;
    }
    child->leader = fork();
    if (child->leader == 0) {
        close(release[1]);
        if (start->plan->die_with_parent)
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        leader_live(start->plan->terminal, &(struct leader_ends){relay[1], release[0]}, fork_command, start);
    }
    close(relay[1]);
    close(release[0]);
    child->relay = relay[0];
    child->release = release[1];
    return child->leader < 0 ? -1 : read_pid(relay[0]);
}

static int cannot_start(const struct spawn_plan *plan, const char *what, struct error *err)
{
    int number = errno;

    error_errno(err, "cannot start %s: %s", plan->argv[0], what);
    errno = number;
    return -1;
}

int spawn_hold(const struct spawn_plan *plan, struct child *child, struct error *err)
{
    int report[2], number;
    struct start start = {.plan = plan, .supervisor = getpid()};

    *child = NO_CHILD;
    if (pipe2(report, O_CLOEXEC))
        return cannot_start(plan, "pipe", err);
    if (pipe2(start.hold, O_CLOEXEC)) {
        number = errno;
        close(report[0]);
        close(report[1]);
        errno = number;
        return cannot_start(plan, "pipe", err);
    }
    start.report = report[1];
    child->handshake = report[0];
    child->hold = start.hold[1];
    child->pid = plan->terminal >= 0 ? fork_leader(&start, child) : fork_command(&start);
    number = errno;
    close(report[1]);
    close(start.hold[0]);
    if (child->pid > 0)
        return 0;
    spawn_abandon(child);
    errno = number;
    return cannot_start(plan, "fork", err);
}

void spawn_release(struct child *child, char *const *environment)
{
    AUTOBUF struct buf message = {0};
    size_t size = 0, done = 0;

    buf_append(&message, &size, sizeof size);
    for (; *environment; environment++)
        buf_append(&message, *environment, strlen(*environment) + 1);
    size = message.len - sizeof size;
    memcpy(message.data, &size, sizeof size);
    while (done < message.len) {
        ssize_t length = write(child->hold, message.data + done, message.len - done);

        if (length < 0 && errno != EINTR)
            break; /* it was killed while it was held, which its end will tell */
        done += length > 0 ? (size_t)length : 0;
    }
    fd_close(&child->hold);
    sched_yield(); /* it wakes behind us, on our processor: it is to be first there, and we go on on another
                    */
}

void spawn_abandon(struct child *child)
{
    pid_t ours = child->leader > 0 ? child->leader : child->pid;

    fd_close(&child->hold);
    fd_close(&child->handshake);
    fd_close(&child->release);
    fd_close(&child->relay);
    while (ours > 0 && waitpid(ours, NULL, 0) < 0 && errno == EINTR)
        ;
    *child = NO_CHILD;
}

void spawn_report_read(struct child *child, struct spawn_report *report)
{
    ssize_t length;

    *report = (struct spawn_report){SPAWN_RUNS, 0};
    do
        length = read(child->handshake, report, sizeof *report);
    while (length < 0 && errno == EINTR);
    if (length != (ssize_t)sizeof *report)
        *report = (struct spawn_report){SPAWN_RUNS, 0};
    fd_close(&child->handshake);
}

/* Where execvp() would look: the first file of that name, whether it can be run or not. */
static bool find_file(const char *name, char path[PATH_MAX])
{
    const char *search = getenv("PATH");

    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        return access(path, F_OK) == 0;
    }
    for (const char *part = search ? search : "/bin:/usr/bin"; part && *name;
         part = strchr(part, ':') ? strchr(part, ':') + 1 : NULL) {
        size_t length = strcspn(part, ":");

        snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, part, length ? "/" : "./", name);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* The file that a name means in that directory (NULL: ours); the caller frees. */
static char *seen_from(const char *cwd, const char *name)
{
    return cwd && *name != '/' && strchr(name, '/') ? mem_printf("%s/%s", cwd, name) : mem_strdup(name);
}

bool spawn_finds(const char *name, const char *cwd)
{
    char path[PATH_MAX];
    AUTOFREE char *from_there = seen_from(cwd, name);

    return *name && find_file(from_there, path);
}

/* The interpreter that the first line of a script names. */
static bool find_interpreter(const char *path, char *interpreter, size_t size)
{
    AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char line[256] = "";
    size_t from;

    if (fd < 0 || read(fd, line, sizeof line - 1) < 3 || strncmp(line, "#!", 2) != 0)
        return false;
    from = 2 + strspn(line + 2, " \t");
    snprintf(interpreter, size, "%.*s", (int)strcspn(line + from, " \t\r\n"), line + from);
    return access(interpreter, X_OK) != 0;
}

/* By its report a missing file: of the command itself, or of what it names as its interpreter? */
static void explain_missing(const char *seen, const char *name, char *text, size_t size)
{
    char path[PATH_MAX], interpreter[256];

    if (!*name)
        snprintf(text, size, "cannot run a command with an empty name; name one after --");
    else if (find_file(seen, path) && find_interpreter(path, interpreter, sizeof interpreter))
        snprintf(text, size,
                 "cannot run %s: its interpreter %s is missing; mend its first line or install that", path,
                 interpreter);
    else if (strchr(name, '/'))
        snprintf(text, size, "cannot run %s: there is no such file; check the path", name);
    else
        snprintf(text, size,
                 "cannot run %s: no command of that name in PATH; check the name or give its path", name);
}

int spawn_report_explain(const struct spawn_report *report, const struct spawn_plan *plan, char *text,
                         size_t size)
{
    AUTOFREE char *seen = seen_from(plan->cwd, plan->argv[0]);
    const char *name = plan->argv[0];
    struct stat status;

    if (report->step == SPAWN_DIRECTORY) {
        snprintf(text, size, "cannot enter the directory %s: %s", plan->cwd, strerror(report->number));
        return 125;
    }
    if (report->step == SPAWN_DESCRIPTORS) {
        snprintf(text, size, "cannot start %s: %s", name, strerror(report->number));
        return 125;
    }
    if (report->number == ENOENT || report->number == ENOTDIR) {
        explain_missing(seen, name, text, size);
        return 127;
    }
    if (strchr(name, '/') && stat(seen, &status) == 0 && S_ISDIR(status.st_mode))
        snprintf(text, size, "cannot run %s: it is a directory; name a program in it", name);
    else if (report->number == EACCES)
        snprintf(text, size, "cannot run %s: permission denied; is it executable?", name);
    else
        snprintf(text, size, "cannot run %s: %s", name, strerror(report->number));
    return 126;
}
