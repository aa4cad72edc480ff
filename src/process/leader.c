/* The leader of the session on the command's terminal: see the header. Only async-signal-safe calls: it is a
 * fork. */
#include <supervise/process/leader.h>

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(int fd, int value)
{
    while (write(fd, &value, sizeof value) < 0 && errno == EINTR)
        ;
}

/* As wait(2) would have said it. */
static int wait_status(const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_EXITED:
        return W_EXITCODE(info->si_status & 0xff, 0);
    case CLD_DUMPED:
        return W_EXITCODE(0, info->si_status) | WCOREFLAG;
    case CLD_STOPPED:
    case CLD_TRAPPED:
        return W_STOPCODE(info->si_status);
    case CLD_CONTINUED:
        return __W_CONTINUED;
    default:
        return W_EXITCODE(0, info->si_status);
    }
}

/* Everything but the three: what supervise holds (its ledger above all) is none of ours. */
static void close_all_but(int one, int two, int three)
{
    int kept[] = {one, two, three}, from = 0;

    for (bool swapped = true; swapped;) {
        swapped = false;
        for (int i = 0; i < 2; i++)
            if (kept[i] > kept[i + 1]) {
                int larger = kept[i];

                kept[i] = kept[i + 1];
                kept[i + 1] = larger;
                swapped = true;
            }
    }
    for (int i = 0; i < 3; i++) {
        if (kept[i] > from)
            close_range((unsigned)from, (unsigned)kept[i] - 1, 0);
        from = kept[i] + 1;
    }
    close_range((unsigned)from, ~0U, 0);
}

/* The end is told before it is reaped, so that nobody can mean another process by the pid meanwhile. */
static void relay_until_the_end(pid_t child, const struct leader_ends *ends)
{
    siginfo_t info;
    char nothing;

    for (;;) {
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WSTOPPED | WCONTINUED | WNOWAIT) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
            break;
        /* What is told is what is taken: a second stop that comes between the two calls waits for the next
         * turn. */
        info.si_pid = 0;
        if (waitid(P_PID, (id_t)child, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid != 0)
            tell(ends->relay, wait_status(&info));
    }
    tell(ends->relay, wait_status(&info));
    while (read(ends->release, &nothing, 1) < 0 && errno == EINTR)
        ;
    waitid(P_PID, (id_t)child, &info, WEXITED);
}

_Noreturn void leader_live(int terminal, const struct leader_ends *ends, pid_t (*start)(void *context),
                           void *context)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t blocked;
    pid_t child;

    setsid();
    ioctl(terminal, TIOCSCTTY, 0);
    sigaction(SIGCHLD, &action, NULL);
    child = start(context);
    tell(ends->relay, child < 0 ? -errno : (int)child);
    if (child < 0)
        _exit(125);
    if (chdir("/")) /* the command's directory is not pinned by us */
        errno = 0;  /* but where that can't be had */
    close_all_but(terminal, ends->relay, ends->release);
    /* Without supervise the line is hung up, and that alone ends us: the kernel then tells the command. */
    sigaction(SIGHUP, &action, NULL);
    sigfillset(&blocked);
    sigdelset(&blocked, SIGHUP);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    relay_until_the_end(child, ends);
    /* What the command left in the background is not hung up with us: nobody is in the foreground. */
    tcsetpgrp(terminal, getpgrp());
    _exit(0);
}
