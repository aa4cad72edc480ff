/*
 * daemonize PIDFILE [hold] [ignore] [slow]: leaves a daemon behind, by double fork and setsid, and exits 0
 * once the daemon's pid stands in PIDFILE. `hold`: the daemon keeps stdout and stderr; `ignore`: it ignores
 * SIGTERM; `slow`: it takes 300 ms to end after SIGTERM; `thread`: its first thread ends, and another lives
 * on.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void take_time(int number)
{
    (void)number;
    usleep(300000);
    _exit(0);
}

static void *stay(void *nothing)
{
    pause();
    return nothing;
}

static void live(const char *path, int argc, char **argv)
{
    char temporary[4096];
    int hold = 0;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "hold") == 0)
            hold = 1;
        else if (strcmp(argv[i], "ignore") == 0)
            signal(SIGTERM, SIG_IGN);
        else if (strcmp(argv[i], "slow") == 0)
            signal(SIGTERM, take_time);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    if (!hold) {
        dup2(null, 1);
        dup2(null, 2);
    }
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *out = fopen(temporary, "we");
    if (!out)
        _exit(3);
    fprintf(out, "%d\n", (int)getpid());
    if (fclose(out) != 0 || rename(temporary, path) != 0)
        _exit(4);
}

int main(int argc, char **argv)
{
    int ready[2];

    if (argc < 2 || pipe2(ready, O_CLOEXEC) != 0)
        return 2;
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        live(argv[1], argc, argv);
        if (strcmp(argv[argc - 1], "thread") == 0) {
            pthread_t other;

            if (pthread_create(&other, NULL, stay, NULL) != 0)
                _exit(6);
            close(ready[0]);
            close(ready[1]);
            pthread_exit(NULL);
        }
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    char byte;
    close(ready[1]);
    waitpid(middle, NULL, 0);
    return read(ready[0], &byte, 1) == 0 ? 0 : 5;
}
