/*
 * keys: says "ready PID" and writes what is typed to a file, byte for byte, until so many bytes have come or
 * the input is over; then says "read N, full" or "read N, end", on a line of its own, and exits 0.
 *
 *   keys FILE COUNT           in the modes that it finds
 *   keys --raw FILE COUNT     in raw mode, until its end
 *   keys --leave FILE COUNT   in raw mode, and leaves it so
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(98);
}

int main(int argc, char **argv)
{
    struct termios found, raw;
    char bytes[4096], text[64];
    bool leave = argc > 1 && strcmp(argv[1], "--leave") == 0;
    bool is_raw = leave || (argc > 1 && strcmp(argv[1], "--raw") == 0);
    size_t count, have = 0;
    ssize_t length = 1;
    int file;

    argv += is_raw;
    if (argc - is_raw != 3 || (file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0)
        return 99;
    count = strtoul(argv[2], NULL, 10);
    if (is_raw) {
        if (tcgetattr(STDIN_FILENO, &found))
            return 97;
        raw = found;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    snprintf(text, sizeof text, "ready %d\r\n", (int)getpid());
    say(text);
    while (have < count && (length = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        have += (size_t)length;
        if (write(file, bytes, (size_t)length) != length)
            return 96;
    }
    if (is_raw && !leave)
        tcsetattr(STDIN_FILENO, TCSANOW, &found);
    snprintf(text, sizeof text, "\r\nread %zu, %s\r\n", have, have < count ? "end" : "full");
    say(text);
    return 0;
}
