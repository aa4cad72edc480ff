/*
 * ready: says "ready PID" once it can be signalled, then one line "PID NAME COUNT" for each signal that
 * arrives.
 *
 *   --exit SIG=N    ends with N on that signal (after --linger MS, in which it still counts)
 *   --ignore SIG    ignores it            --default SIG   leaves it at its default
 *   --twin          a second process in the same group does the same
 *
 * Signals are blocked and taken one by one, so none is lost and none interrupts another. The stop signals are
 * left at their defaults; those of the kernel's own faults and CHLD too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { SIGNALS = 65 };

static int signal_number(const char *name)
{
    if (strncmp(name, "RT", 2) == 0)
        return atoi(name + 2);
    for (int number = 1; number < 32; number++)
        if (strcmp(sigabbrev_np(number), name) == 0)
            return number;
    fprintf(stderr, "ready: no signal %s\n", name);
    exit(99);
}

static void say(const char *line, int length)
{
    /* A reader that went away is no reason to stop counting. */
    if (write(STDOUT_FILENO, line, (size_t)length) < 0 && errno != EPIPE)
        _exit(98);
}

static void echo(int number, int count)
{
    char line[64];
    const char *name = number < 32 ? sigabbrev_np(number) : NULL;
    int length = name ? snprintf(line, sizeof line, "%d %s %d\n", (int)getpid(), name, count)
                      : snprintf(line, sizeof line, "%d RT%d %d\n", (int)getpid(), number, count);
    say(line, length);
}

static void linger(const sigset_t *taken, int counts[SIGNALS], long ms)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += ms % 1000 * 1000000;
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        long left = (end.tv_sec - now.tv_sec) * 1000 + (end.tv_nsec - now.tv_nsec) / 1000000;
        if (left <= 0)
            return;
        struct timespec wait = {left / 1000, left % 1000 * 1000000};
        int number = sigtimedwait(taken, NULL, &wait);
        if (number > 0)
            echo(number, ++counts[number]);
    }
}

int main(int argc, char **argv)
{
    static const int left_alone[] = {SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,
                                     SIGABRT, SIGTRAP, SIGSYS,  SIGTSTP, SIGTTIN, SIGTTOU};
    int exits[SIGNALS], counts[SIGNALS] = {0};
    long linger_ms = 0;
    int twin = 0;
    sigset_t taken;

    for (int i = 0; i < SIGNALS; i++)
        exits[i] = -1;
    sigfillset(&taken);
    for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++)
        sigdelset(&taken, left_alone[i]);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--twin") == 0) {
            twin = 1;
            continue;
        }
        char *value = i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return 99;
        if (strcmp(option, "--linger") == 0) {
            linger_ms = atol(value);
        } else if (strcmp(option, "--exit") == 0) {
            char *equals = strchr(value, '=');
            if (!equals)
                return 99;
            *equals = '\0';
            exits[signal_number(value)] = atoi(equals + 1);
        } else {
            int number = signal_number(value);
            sigdelset(&taken, number);
            signal(number, strcmp(option, "--ignore") == 0 ? SIG_IGN : SIG_DFL);
        }
    }
    sigprocmask(SIG_BLOCK, &taken, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (twin) {
        pid_t parent = getpid();
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent)
                return 0;
        }
    }
    char line[64];
    say(line, snprintf(line, sizeof line, "ready %d\n", (int)getpid()));
    for (;;) {
        int number = sigwaitinfo(&taken, NULL);
        if (number <= 0)
            continue;
        echo(number, ++counts[number]);
        if (exits[number] >= 0) {
            linger(&taken, counts, linger_ms);
            return exits[number];
        }
    }
}
