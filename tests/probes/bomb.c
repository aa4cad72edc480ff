/*
 * bomb N: N processes that flee in every way there is (own group, own session, double fork), says "ready" and
 * waits. On SIGTERM each third forks once more, a process that ignores SIGTERM: bounded, but not to be ended
 * by one look.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int number;

static void once_more(int signal_number)
{
    (void)signal_number;
    if (number % 3 != 0 || fork() != 0)
        _exit(0);
    signal(SIGTERM, SIG_IGN);
    setsid();
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10;

    if (count > 200)
        return 2;
    for (number = 1; number <= count; number++) {
        pid_t pid = fork();
        if (pid < 0)
            return 3;
        if (pid > 0) {
            if (number % 4 == 3)
                waitpid(pid, NULL, 0);
            continue;
        }
        if (number % 4 == 1)
            setpgid(0, 0);
        if (number % 4 >= 2)
            setsid();
        if (number % 4 == 3 && fork() != 0)
            _exit(0);
        signal(SIGTERM, once_more);
        for (;;)
            pause();
    }
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 4;
    for (;;)
        pause();
}
