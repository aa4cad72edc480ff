/*
 * report FILE [ARG...]: writes to FILE how this process was started, a fact a line, texts in hex: arguments,
 * environment, signal mask and ignored signals, limits, umask, niceness, directory, group and session,
 * descriptors. It opens nothing before it has looked, so what it lists was inherited.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

enum { DESCRIPTORS = 1024, TARGET = 256 };

static void hex(FILE *out, const char *key, const char *text)
{
    fprintf(out, "%s ", key);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++)
        fprintf(out, "%02x", *byte);
    fputc('\n', out);
}

static void signals(FILE *out)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "ShdPnd", 6) == 0)
            if (strncmp(line, "SigQ", 4) != 0)
                fprintf(out, "%.6s %s", line, strchr(line, '\t') + 1);
    if (status)
        fclose(status);
}

int main(int argc, char **argv)
{
    static char targets[DESCRIPTORS][TARGET];
    static int flags[DESCRIPTORS];
    char cwd[4096];

    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        char path[64];
        flags[fd] = fcntl(fd, F_GETFL);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (flags[fd] >= 0 && readlink(path, targets[fd], TARGET - 1) < 0)
            strcpy(targets[fd], "?");
    }
    if (argc < 2)
        return 2;
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.tmp", argv[1]);
    FILE *out = fopen(temporary, "we");
    if (!out)
        return 3;
    for (int i = 0; i < argc; i++)
        hex(out, "argv", argv[i]);
    for (char **variable = environ; *variable; variable++)
        hex(out, "env", *variable);
    fprintf(out, "pid %d\nppid %d\npgid %d\nsid %d\n", (int)getpid(), (int)getppid(), (int)getpgrp(),
            (int)getsid(0));
    signals(out);
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)i, &limit) == 0)
            fprintf(out, "rlimit %d %llx %llx\n", i, (unsigned long long)limit.rlim_cur,
                    (unsigned long long)limit.rlim_max);
    }
    mode_t mask = umask(0);
    umask(mask);
    fprintf(out, "umask %o\nnice %d\n", (unsigned)mask, getpriority(PRIO_PROCESS, 0));
    FILE *score = fopen("/proc/self/oom_score_adj", "re");
    int adjust = 0;
    if (score && fscanf(score, "%d", &adjust) == 1)
        fprintf(out, "oom_score_adj %d\n", adjust);
    if (score)
        fclose(score);
    hex(out, "cwd", getcwd(cwd, sizeof cwd) ? cwd : "?");
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (flags[fd] >= 0)
            fprintf(out, "fd %d %o %s\n", fd, (unsigned)flags[fd], targets[fd]);
    if (fclose(out) != 0 || rename(temporary, argv[1]) != 0)
        return 4;
    return 0;
}
