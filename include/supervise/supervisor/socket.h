/*
 * The supervisor's datagram socket: the child's NOTIFY_SOCKET (sd_notify(3)), the way in for who wakes us,
 * and the proof that we live. 0600, in a 0700 directory of ours below $XDG_RUNTIME_DIR, else below /tmp.
 */
#ifndef SUPERVISE_SUPERVISOR_SOCKET_H
#define SUPERVISE_SUPERVISOR_SOCKET_H

#include <supervise/base/error.h>
#include <supervise/domain/notify.h>
#include <supervise/domain/liveness.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* systemd takes no longer message, and neither do we: whatever fits is read whole. */
enum { NOTIFY_MESSAGE_MAX = 4096 };

struct control_socket {
    int fd;          /* -1: none */
    char *path;      /* NULL: none */
    char *directory; /* made for this socket alone, removed with it; else NULL */
};

/* -1 where no place will have it; the execution then runs without. */
int control_socket_open(struct control_socket *control, const char *uid, struct error *err);
void control_socket_close(struct control_socket *control); /* removes the file */

/*
 * The next datagram that waits, from our user or root, ended by a NUL: its length, 0 where it was dropped
 * (another's, or too large), -1 where none waits. Descriptors that come along are closed.
 */
ssize_t control_socket_read(struct control_socket *control, char *text, size_t size);

/*
 * Whether somebody is bound there. What is no socket of this user's in a directory of this user's alone says
 * nothing.
 */
enum socket_answer control_socket_ask(const char *path);
/* Removes what a supervisor left behind, where it is ours and nobody is bound there: the socket, and the file
 * of its checkpoint beside it. */
void control_socket_remove(const char *path);
/* 0 where the datagram was taken; where the queue there is full it waits, a second at most. */
int control_socket_send(const char *path, const char *text);
/*
 * Sends to another's NOTIFY_SOCKET, "/path" or "@abstract", and never waits: 0, or -1 with errno, EAGAIN
 * where its queue is full.
 */
int notify_socket_send(const char *address, const char *text);

#endif
