/*
 * notify [--times N] MESSAGE...: sends each message to the socket that NOTIFY_SOCKET names, and ends at once.
 * With --times, N times over, each with its number at its end. Ends with the errno of what could not be sent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), first = 1;
    long times = 0;

    if (argc > 3 && strcmp(argv[1], "--times") == 0) {
        times = atol(argv[2]);
        first = 3;
    }
    if (!path || fd < 0 || strlen(path) >= sizeof address.sun_path)
        return 99;
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return errno;
    for (long turn = 1; turn == 1 || turn <= times; turn++)
        for (int i = first; i < argc; i++) {
            char text[4096];
            int length = times ? snprintf(text, sizeof text, "%s %ld", argv[i], turn)
                               : snprintf(text, sizeof text, "%s", argv[i]);

            if (send(fd, text, (size_t)length, 0) < 0)
                return errno;
        }
    return 0;
}
