/*
 * Terminals: ours, which goes raw while a command has one of its own and is put back however we end, and the
 * pseudo-terminal (pty(7)) that the command gets.
 */
#ifndef SUPERVISE_PROCESS_TERMINAL_H
#define SUPERVISE_PROCESS_TERMINAL_H

#include <supervise/base/error.h>

#include <stdbool.h>
#include <sys/ioctl.h>

struct pseudo_terminal {
    int master, slave; /* -1: none; both close-on-exec */
};

/*
 * A pair with the size of the terminal `model`, whatever that is, and with its modes where we are in the
 * foreground there; else with those of a new terminal, and where `model` is none with 80 by 24.
 */
int pseudo_terminal_open(struct pseudo_terminal *pair, int model, struct error *err);

/* Gives the master the size of the terminal `model`; the kernel tells the foreground group there (SIGWINCH).
 */
void pseudo_terminal_resize(int master, int model);

/*
 * Which signal key `byte` is at this moment on that terminal: SIGINT, SIGQUIT, SIGTSTP, or 0. In raw mode
 * too: there the program makes of the key what the kernel would have, most often.
 */
int pseudo_terminal_key(int master, unsigned char byte);

/* The byte that means end of file there, or -1 where it is read as any other. */
int pseudo_terminal_eof(int master);

/* Whether something that was typed waits to be read by whoever is on that terminal. */
bool pseudo_terminal_waits(int master);

/*
 * Raw mode for the terminal at `fd`, where we may: not from the background. From the first call on, the modes
 * found then are put back by terminal_restore(), at exit(3), and before a signal for a fault of ours ends us.
 * True where it is raw now.
 */
bool terminal_raw(int fd);
void terminal_restore(void);

/* Whether we are in the foreground of the terminal at `fd`; one that is not our controlling terminal has no
 * background. */
bool terminal_foreground(int fd);

#endif
