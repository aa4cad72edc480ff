/*
 * runtime COMMAND [ARG...] create ... --pid-file FILE ...: what conmon takes for an OCI runtime. It spawns
 * the command, with no container around it, and leaves its pid in the file: conmon, the subreaper, then waits
 * for it. So conmon can be measured as what it is besides, a program that watches another one and keeps what
 * it prints.
 */
#include <spawn.h>
#include <stdio.h>
#include <string.h>

extern char **environ;

int main(int argc, char **argv)
{
    const char *file = NULL;
    int end = 1;
    pid_t pid;

    while (end < argc && strcmp(argv[end], "create") != 0)
        end++;
    for (int i = end; i + 1 < argc; i++)
        if (strcmp(argv[i], "--pid-file") == 0)
            file = argv[i + 1];
    if (end == 1 || !file)
        return 2;
    argv[end] = NULL;
    if (posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ) != 0)
        return 1;

    FILE *out = fopen(file, "w");

    return out && fprintf(out, "%d", (int)pid) > 0 && fclose(out) == 0 ? 0 : 1;
}
