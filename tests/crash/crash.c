/*
 * Death at a chosen moment: linked into a build of the program for tests alone (BUILD/supervise-crash), in
 * which the linker sends every system call that leaves something behind through here (--wrap), SQLite's
 * included. Such a call of the program's own process is a point; points are numbered from 1.
 *
 * SUPERVISE_CRASH_AT=N    SIGKILL to itself at the Nth point (0: at none), "before" it or
 * SUPERVISE_CRASH_HOW     "within" it: a write half done; what can't be half done, done and nothing after it
 * SUPERVISE_CRASH_WHO     "self"; or "forked": points are counted in what it forks instead, before an exec
 * SUPERVISE_CRASH_FILE    gets "N CALL" at a crash, or at a normal end every call, a word each
 *
 * Nothing of this is passed on to the command.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name, ...) type __real_##name(__VA_ARGS__)

REAL(int, open, const char *, int, ...);
REAL(int, open64, const char *, int, ...);
REAL(int, mkostemp, char *, int);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
REAL(ssize_t, pwrite64, int, const void *, size_t, off_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, ftruncate64, int, off_t);
REAL(int, fchmod, int, mode_t);
REAL(int, unlink, const char *);
REAL(int, unlinkat, int, const char *, int);
REAL(int, rename, const char *, const char *);
REAL(int, renameat2, int, const char *, int, const char *, unsigned);
REAL(int, mkdir, const char *, mode_t);
REAL(int, rmdir, const char *);
REAL(int, bind, int, const struct sockaddr *, socklen_t);
REAL(ssize_t, send, int, const void *, size_t, int);
REAL(void *, mmap64, void *, size_t, int, int, int, off_t);
REAL(int, dup2, int, int);
REAL(pid_t, fork, void);
REAL(int, execvp, const char *, char *const *);

static pid_t counted; /* whose points count */
static long at, points;
static bool within, forked_ones;
static char file[256];
static char calls[65536]; /* by name, each with a space after it */
static size_t call_length;

/* Opened only now: the program closes what it inherited. */
static void tell(const char *text, size_t length)
{
    int fd = *file ? __real_open(file, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600) : -1;

    if (fd >= 0 && (__real_write(fd, text, length) != (ssize_t)length || close(fd)))
        abort();
}

static _Noreturn void die(const char *what)
{
    char text[64];

    tell(text, (size_t)snprintf(text, sizeof text, "%ld %s\n", points, what));
    kill(getpid(), SIGKILL);
    abort();
}

__attribute__((constructor)) static void set_up(void)
{
    const char *number = getenv("SUPERVISE_CRASH_AT"), *how = getenv("SUPERVISE_CRASH_HOW"),
               *who = getenv("SUPERVISE_CRASH_WHO"), *path = getenv("SUPERVISE_CRASH_FILE");

    at = number ? atol(number) : 0;
    within = how && strcmp(how, "within") == 0;
    forked_ones = who && strcmp(who, "forked") == 0;
    counted = forked_ones ? -1 : getpid();
    snprintf(file, sizeof file, "%s", path ? path : "");
    unsetenv("SUPERVISE_CRASH_AT");
    unsetenv("SUPERVISE_CRASH_HOW");
    unsetenv("SUPERVISE_CRASH_WHO");
    unsetenv("SUPERVISE_CRASH_FILE");
}

__attribute__((destructor)) static void set_down(void)
{
    if (counted == getpid())
        tell(calls, call_length);
}

/* Whether this is the moment; if death comes before the call, it doesn't return. */
static bool due(const char *what)
{
    if (getpid() != counted)
        return false;
    if (at == 0)
        call_length += (size_t)snprintf(calls + call_length, sizeof calls - call_length, "%s ", what);
    if (++points != at)
        return false;
    if (!within)
        die(what);
    return true;
}

/* The call, with death before or after it where that is due. */
#define AROUND(type, what, call)                                                                             \
    do {                                                                                                     \
        bool now = due(what);                                                                                \
        type result = call;                                                                                  \
        if (now)                                                                                             \
            die(what);                                                                                       \
        return result;                                                                                       \
    } while (0)

#define WRAP(type, name, parameters, ...)                                                                    \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        AROUND(type, #name, __real_##name(__VA_ARGS__));                                                     \
    }

/* Half of the bytes, then death; what takes all or nothing (an eventfd) gets all. */
#define WRAP_WRITE(name, parameters, ...)                                                                    \
    ssize_t __wrap_##name parameters;                                                                        \
    ssize_t __wrap_##name parameters                                                                         \
    {                                                                                                        \
        size_t whole = size;                                                                                 \
                                                                                                             \
        if (!due(#name))                                                                                     \
            return __real_##name(__VA_ARGS__);                                                               \
        size = whole / 2;                                                                                    \
        if (__real_##name(__VA_ARGS__) < 0) {                                                                \
            size = whole;                                                                                    \
            (void)!__real_##name(__VA_ARGS__);                                                               \
        }                                                                                                    \
        die(#name);                                                                                          \
    }

/* Opening leaves something behind only where it may create. */
#define WRAP_OPEN(name)                                                                                      \
    int __wrap_##name(const char *path, int flags, ...);                                                     \
    int __wrap_##name(const char *path, int flags, ...)                                                      \
    {                                                                                                        \
        va_list args;                                                                                        \
        mode_t mode;                                                                                         \
                                                                                                             \
        va_start(args, flags);                                                                               \
        mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;                                                   \
        va_end(args);                                                                                        \
        if (!(flags & O_CREAT))                                                                              \
            return __real_##name(path, flags);                                                               \
        AROUND(int, #name, __real_##name(path, flags, mode));                                                \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_WRITE(write, (int fd, const void *data, size_t size), fd, data, size)
WRAP_WRITE(pwrite, (int fd, const void *data, size_t size, off_t offset), fd, data, size, offset)
WRAP_WRITE(pwrite64, (int fd, const void *data, size_t size, off_t offset), fd, data, size, offset)
WRAP(int, mkostemp, (char *path, int flags), path, flags)
WRAP(int, fsync, (int fd), fd)
WRAP(int, fdatasync, (int fd), fd)
WRAP(int, ftruncate64, (int fd, off_t length), fd, length)
WRAP(int, fchmod, (int fd, mode_t mode), fd, mode)
WRAP(int, unlink, (const char *path), path)
WRAP(int, unlinkat, (int directory, const char *path, int flags), directory, path, flags)
WRAP(int, rename, (const char *from, const char *to), from, to)
WRAP(int, renameat2, (int from_in, const char *from, int to_in, const char *to, unsigned flags), from_in,
     from, to_in, to, flags)
WRAP(int, mkdir, (const char *path, mode_t mode), path, mode)
WRAP(int, rmdir, (const char *path), path)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t length), fd, address, length)
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags), fd, data, size, flags)
WRAP(void *, mmap64, (void *address, size_t size, int protection, int flags, int fd, off_t offset), address,
     size, protection, flags, fd, offset)
WRAP(int, dup2, (int from, int to), from, to)
WRAP(int, execvp, (const char *path, char *const *argv), path, argv)

pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    bool now = due("fork");
    pid_t pid = __real_fork();

    if (pid == 0 && forked_ones)
        counted = getpid();
    if (pid > 0 && now)
        die("fork");
    return pid;
}
