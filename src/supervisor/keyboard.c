/*
 * What is typed, on its way to the child's terminal, and our own terminal meanwhile: raw while we are in its
 * foreground, left alone in the background, given back before we stop and when we end. The bytes are passed
 * as they are; only which of them are signal keys there is noted, since a child that dies of ^C was
 * cancelled.
 */
#include "life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>

enum { TYPED = 4096 };
static const double LOOK_FOR_ROOM = 0.02;      /* seconds */
static const double LOOK_FOR_FOREGROUND = 0.2; /* seconds: `fg` of a job that runs sends no signal */

struct keyboard {
    struct life *life;
    int in;     /* stdin opened again, so that O_NONBLOCK is ours alone; -1: over */
    int model;  /* the terminal whose size and modes count: 0 or 1; -1: none */
    int master; /* of the child's terminal; the caller's */
    bool in_is_terminal;
    char typed[TYPED];
    size_t have, passed;
    bool mid_line; /* what was passed last was no newline */
    ev_io readable, writable;
    ev_timer foreground, drained;
};

/* ---- Bytes ---- */

static void note_keys(struct keyboard *keyboard)
{
    struct life *life = keyboard->life;

    for (size_t i = 0; i < keyboard->have; i++) {
        unsigned char byte = (unsigned char)keyboard->typed[i];
        int key = byte < ' ' || byte == 0x7f ? pseudo_terminal_key(keyboard->master, byte) : 0;

        if (key ==
            SIGTSTP) /* a child may take it as a key and stop itself; and one that is stopped can't take it */
            signals_stop_asked(life);
        else
            life->received |= UINT64_C(1) << key;
    }
}

/*
 * The end of a file is a key on a terminal, and a key that finds the terminal's queue full is lost: it is
 * pressed when the child has taken what came before. In the middle of a line the first only ends the line.
 */
static void on_drained(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct keyboard *keyboard = watcher->data;
    int eof = pseudo_terminal_eof(keyboard->master);
    char keys[2] = {(char)eof, (char)eof};

    (void)events;
    if (pseudo_terminal_waits(keyboard->master))
        return;
    ev_timer_stop(loop, watcher);
    if (eof >= 0 && write(keyboard->master, keys, keyboard->mid_line ? 2 : 1) < 0)
        errno = 0; /* a child that is gone has no use for it */
}

/* No more is typed. */
static void end_input(struct keyboard *keyboard)
{
    ev_io_stop(keyboard->life->loop, &keyboard->readable);
    fd_close(&keyboard->in);
    if (!keyboard->in_is_terminal)
        ev_timer_again(keyboard->life->loop, &keyboard->drained);
}

/* A child that doesn't read holds up what is typed, and nothing else. */
static void pass_on(struct keyboard *keyboard)
{
    struct ev_loop *loop = keyboard->life->loop;

    while (keyboard->passed < keyboard->have) {
        ssize_t length =
            write(keyboard->master, keyboard->typed + keyboard->passed, keyboard->have - keyboard->passed);

        if (length < 0 && errno == EAGAIN) {
            ev_io_stop(loop, &keyboard->readable);
            ev_io_start(loop, &keyboard->writable);
            return;
        }
        if (length < 0 && errno != EINTR)
            keyboard->passed = keyboard->have; /* nobody is there any more to read it */
        else if (length > 0)
            keyboard->passed += (size_t)length;
    }
    ev_io_stop(loop, &keyboard->writable);
    if (keyboard->in >= 0)
        ev_io_start(loop, &keyboard->readable);
}

static void on_typed(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct keyboard *keyboard = watcher->data;
    ssize_t length = read(keyboard->in, keyboard->typed, sizeof keyboard->typed);

    (void)loop;
    (void)events;
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length < 0 && errno == EIO && !terminal_foreground(keyboard->model)) {
        keyboard_continued(keyboard); /* we have come into the background: nothing is ours to read now */
        return;
    }
    if (length <= 0) {
        end_input(keyboard);
        return;
    }
    keyboard->have = (size_t)length;
    keyboard->passed = 0;
    keyboard->mid_line = keyboard->typed[length - 1] != '\n';
    /* In this order: a ^Z for a child that is stopped already must not come when it is continued, and stop it
     * again. What waits there by then the kernel forgets. */
    pass_on(keyboard);
    note_keys(keyboard);
}

static void on_room(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    pass_on(watcher->data);
}

/* ---- Foreground and background ---- */

static void on_foreground(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct keyboard *keyboard = watcher->data;

    (void)loop;
    (void)events;
    if (terminal_foreground(keyboard->model))
        keyboard_continued(keyboard);
}

void keyboard_continued(struct keyboard *keyboard)
{
    struct ev_loop *loop = keyboard->life->loop;

    if (keyboard->in_is_terminal && !terminal_raw(keyboard->model)) {
        ev_io_stop(loop, &keyboard->readable);
        ev_timer_again(loop, &keyboard->foreground);
        return;
    }
    ev_timer_stop(loop, &keyboard->foreground);
    keyboard_resize(keyboard);
    if (keyboard->in >= 0 && !ev_is_active(&keyboard->writable))
        ev_io_start(loop, &keyboard->readable);
}

void keyboard_resize(struct keyboard *keyboard)
{
    if (keyboard->model >= 0)
        pseudo_terminal_resize(keyboard->master, keyboard->model);
}

/*
 * By SIGTSTP for our whole group, as the terminal would have done, so that a script around us stops too; and
 * with its default action, so that where nobody could continue us (an orphaned group) the kernel ignores it,
 * and the child goes on at once.
 */
void keyboard_stop_both(struct keyboard *keyboard)
{
    sigset_t stop;

    terminal_restore();
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    if (getpgrp() > 1)
        kill(-getpgrp(), SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL);
    /* Here we are stopped, and here we go on. */
    sigprocmask(SIG_BLOCK, &stop, NULL);
    keyboard_continued(keyboard);
    signals_to_child(keyboard->life, SIGCONT);
}

/* ---- Its life ---- */

static void open_input(struct keyboard *keyboard)
{
    char path[] = "/proc/self/fd/0";

    keyboard->in_is_terminal = isatty(STDIN_FILENO);
    keyboard->in = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (keyboard->in < 0)
        keyboard->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    keyboard->model = keyboard->in_is_terminal ? STDIN_FILENO : isatty(STDOUT_FILENO) ? STDOUT_FILENO : -1;
}

struct keyboard *keyboard_new(struct life *life, int master)
{
    struct keyboard *keyboard = mem_alloc(sizeof *keyboard);

    keyboard->life = life;
    keyboard->master = master;
    open_input(keyboard);
    ev_io_init(&keyboard->readable, on_typed, keyboard->in, EV_READ);
    ev_io_init(&keyboard->writable, on_room, master, EV_WRITE);
    ev_timer_init(&keyboard->foreground, on_foreground, LOOK_FOR_FOREGROUND, LOOK_FOR_FOREGROUND);
    ev_timer_init(&keyboard->drained, on_drained, LOOK_FOR_ROOM, LOOK_FOR_ROOM);
    keyboard->drained.data = keyboard;
    keyboard->readable.data = keyboard->writable.data = keyboard->foreground.data = keyboard;
    keyboard_continued(keyboard);
    return keyboard;
}

void keyboard_free(struct keyboard *keyboard)
{
    if (!keyboard)
        return;
    terminal_restore();
    ev_io_stop(keyboard->life->loop, &keyboard->readable);
    ev_io_stop(keyboard->life->loop, &keyboard->writable);
    ev_timer_stop(keyboard->life->loop, &keyboard->foreground);
    ev_timer_stop(keyboard->life->loop, &keyboard->drained);
    fd_close(&keyboard->in);
    free(keyboard);
}
