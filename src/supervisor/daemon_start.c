/*
 * The processes that a queue needs: a wrapper for each command, and a daemon where none runs. Both are this
 * program, executed anew in a session of their own (setsid(2)), with nothing of the caller's but what they
 * are given.
 */
#include <supervise/supervisor/daemon.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/store/queue.h>

enum { READY_WITHIN_MS = 5000, LOG_MAX = 1 << 20 };

/*
 * Where this program stands, as it was when we began: after an upgrade that is the new one, which knows what
 * the ledger has become. Where it is gone, what we are ourselves.
 */
static const char *own_program(void)
{
    static char path[4096];

    if (!*path) {
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

        path[length > 0 ? length : 0] = '\0';
    }
    return *path && access(path, X_OK) == 0 ? path : "/proc/self/exe";
}

struct start {
    const char *directory; /* NULL: stay */
    char **argv, **environment;
    int err;   /* what becomes stderr */
    int ready; /* what becomes descriptor 3, or -1 */
};

/* posix_spawn(3) tells of a failed exec, and of a directory that isn't there. */
static int start(const struct start *plan, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int number;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, plan->err, STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (plan->ready >= 0)
        posix_spawn_file_actions_adddup2(&actions, plan->ready, 3);
    posix_spawn_file_actions_addclosefrom_np(&actions, plan->ready >= 0 ? 4 : 3);
    if (plan->directory)
        posix_spawn_file_actions_addchdir_np(&actions, plan->directory);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    number = posix_spawn(pid, own_program(), &actions, &attributes, plan->argv, plan->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return number;
}

/* ---- Wrappers ---- */

/* Pointers to the texts in `bytes`, ended by NULL; the caller frees the list alone. */
static char **texts_in(char *bytes, size_t size)
{
    char **texts = NULL;
    size_t count = 0;

    for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
        texts = mem_resize(texts, (count + 2) * sizeof *texts);
        texts[count++] = bytes + at;
    }
    texts = mem_resize(texts, (count + 1) * sizeof *texts);
    texts[count] = NULL;
    return texts;
}

int daemon_start_wrapper(const char *ledger_path, const struct queued *queued, pid_t *pid, struct error *err)
{
    char *argv[] = {"supervise", "--db", (char *)(uintptr_t)ledger_path, "queue", "claim", queued->uid, NULL};
    char **environment = texts_in(queued->environment, queued->environment_size);
    struct start plan = {queued->cwd, argv, environment, STDERR_FILENO, -1};
    int number = start(&plan, pid);

    /* A directory that has gone is the command's failure, which its wrapper records. */
    if (number == ENOENT || number == ENOTDIR || number == EACCES) {
        plan.directory = "/";
        number = start(&plan, pid);
    }
    free(environment);
    errno = number;
    return number ? error_errno(err, "cannot start a wrapper for #%lld", (long long)queued->id) : 0;
}

/* ---- The daemon ---- */

/* Ours, but for what is said of the execution that we may be part of. The caller frees the list alone. */
static char **daemon_environment(void)
{
    static const char *const not_its[] = {"SUPERVISE_EXECUTION_UID=", "SUPERVISE_SESSION=",
                                          "SUPERVISE_ATTEMPT=", "SUPERVISE_CHECKPOINT=", "NOTIFY_SOCKET="};
    size_t count = 0, kept = 0;
    char **environment;

    while (environ[count])
        count++;
    environment = mem_alloc((count + 1) * sizeof *environment);
    for (size_t i = 0; i < count; i++) {
        bool its = true;

        for (size_t n = 0; n < sizeof not_its / sizeof *not_its; n++)
            its = its && strncmp(environ[i], not_its[n], strlen(not_its[n])) != 0;
        if (its)
            environment[kept++] = environ[i];
    }
    return environment;
}

/* What it says is kept; of what earlier ones said, not for ever. */
static int open_log(const char *ledger_path)
{
    AUTOFREE char *directory = path_parent(ledger_path);
    AUTOFREE char *path = mem_printf("%s/daemon.log", directory);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > LOG_MAX && ftruncate(fd, 0))
        fd_close(&fd);
    return fd >= 0 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* Until it has let go of the pipe: it is ready, or has ended. */
static int await_ready(const char *ledger_path, int ready, pid_t pid, struct error *err)
{
    struct pollfd gone = {.fd = ready, .events = POLLIN};
    struct process who;
    int status;

    if (poll(&gone, 1, READY_WITHIN_MS) == 0)
        return error_set(err, ERR_OTHER, "the daemon that was started (process %d) is not ready after %ds",
                         (int)pid, READY_WITHIN_MS / 1000);
    /* That one, or another that was quicker; or it had nothing to wait for. */
    if (daemon_runs(ledger_path, &who) || waitpid(pid, &status, 0) != pid || status == 0)
        return 0;
    return error_set(err, ERR_OTHER, "the daemon that was started has ended at once; see daemon.log");
}

int daemon_autostart(const char *ledger_path, const char *config, struct error *err)
{
    char *argv[] = {"supervise", "--db", (char *)(uintptr_t)ledger_path, "daemon", "--until-idle", NULL,
                    NULL,        NULL};
    AUTOFREE char **environment = NULL;
    AUTOCLOSE int log = -1, ready = -1;
    int ends[2], number;
    struct process who;
    pid_t pid;

    if (daemon_runs(ledger_path, &who))
        return 0;
    if (config) {
        argv[5] = "--config";
        argv[6] = (char *)(uintptr_t)config;
    }
    if (pipe2(ends, O_CLOEXEC))
        return error_errno(err, "cannot start a daemon: pipe");
    ready = ends[0];
    log = open_log(ledger_path);
    environment = daemon_environment();
    /* It reads the settings where we have read them, and leaves that directory itself. */
    number = start(&(struct start){NULL, argv, environment, log, ends[1]}, &pid);
    close(ends[1]);
    errno = number;
    return number ? error_errno(err, "cannot start a daemon") : await_ready(ledger_path, ready, pid, err);
}
