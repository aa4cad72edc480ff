/* Our terminal and the child's: see the header. */
#include <supervise/process/terminal.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* What must be put back is known to the whole process, since exit(3) and a handler of a fault must find it.
 */
static int raw_fd = -1;
static bool is_raw;
static struct termios found;

/*
 * In the background the modes of the moment are somebody else's, a shell's line editor's most likely: then
 * those of a new terminal stay, but for the encoding.
 */
static void take_modes(int slave, int model, const struct termios *of_model)
{
    struct termios modes = *of_model;

    if (!terminal_foreground(model)) {
        if (tcgetattr(slave, &modes))
            return;
        modes.c_iflag |= of_model->c_iflag & IUTF8;
    }
    tcsetattr(slave, TCSANOW, &modes);
}

int pseudo_terminal_open(struct pseudo_terminal *pair, int model, struct error *err)
{
    struct termios modes;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int unlock = 0;

    *pair = (struct pseudo_terminal){-1, -1};
    pair->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pair->master < 0)
        return error_errno(err, "cannot make a terminal for the command: /dev/ptmx");
    if (ioctl(pair->master, TIOCSPTLCK, &unlock) ||
        (pair->slave = ioctl(pair->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
        error_errno(err, "cannot make a terminal for the command");
        close(pair->master);
        pair->master = -1;
        return -1;
    }
    if (tcgetattr(model, &modes) == 0) {
        take_modes(pair->slave, model, &modes);
        ioctl(model, TIOCGWINSZ, &size);
    }
    ioctl(pair->master, TIOCSWINSZ, &size);
    return 0;
}

void pseudo_terminal_resize(int master, int model)
{
    struct winsize size;

    if (ioctl(model, TIOCGWINSZ, &size) == 0)
        ioctl(master, TIOCSWINSZ, &size);
}

int pseudo_terminal_key(int master, unsigned char byte)
{
    struct termios modes;

    if (byte == _POSIX_VDISABLE || tcgetattr(master, &modes))
        return 0;
    if (byte == modes.c_cc[VSUSP])
        return SIGTSTP;
    if (byte == modes.c_cc[VINTR])
        return SIGINT;
    return byte == modes.c_cc[VQUIT] ? SIGQUIT : 0;
}

int pseudo_terminal_eof(int master)
{
    struct termios modes;

    if (tcgetattr(master, &modes) || !(modes.c_lflag & ICANON) || modes.c_cc[VEOF] == _POSIX_VDISABLE)
        return -1;
    return modes.c_cc[VEOF];
}

bool pseudo_terminal_waits(int master)
{
    int slave = ioctl(master, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    struct pollfd readable = {.fd = slave, .events = POLLIN};
    bool waits;

    if (slave < 0)
        return false;
    waits = poll(&readable, 1, 0) > 0 && (readable.revents & POLLIN);
    close(slave);
    return waits;
}

bool terminal_foreground(int fd)
{
    pid_t group = tcgetpgrp(fd);

    return group < 0 || group == getpgrp();
}

void terminal_restore(void)
{
    if (!is_raw)
        return;
    is_raw = false;
    /* From the background it would change the terminal of whoever is in front. */
    if (terminal_foreground(raw_fd))
        tcsetattr(raw_fd, TCSADRAIN, &found);
}

static void on_fault(int number)
{
    terminal_restore();
    raise(number); /* the handler is gone by SA_RESETHAND: this ends us as it would have */
}

static void restore_however_we_end(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

    atexit(terminal_restore);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigaction(faults[i], &action, NULL);
}

bool terminal_raw(int fd)
{
    struct termios raw;

    if (is_raw)
        return true;
    if (!terminal_foreground(fd) || tcgetattr(fd, &found))
        return false;
    if (raw_fd < 0)
        restore_however_we_end();
    raw_fd = fd;
    raw = found;
    cfmakeraw(&raw);
    is_raw = tcsetattr(fd, TCSADRAIN, &raw) == 0;
    return is_raw;
}
