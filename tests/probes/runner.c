/*
 * runner: runs away. It says "ready", then each generation, a session of its own that ignores SIGTERM, lives
 * about a millisecond, forks the next one and dies. After 20 seconds the last one gives up.
 */
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

int main(void)
{
    long until = now() + 20;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 2;
    signal(SIGTERM, SIG_IGN);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    while (now() < until) {
        if (fork() != 0)
            _exit(0);
        setsid();
        usleep(1000);
    }
    return 0;
}
