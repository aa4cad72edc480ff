/* The datagram socket of a supervisor: see the header. */
#include <supervise/supervisor/socket.h>

#include "runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>

/* How long the one who wakes a supervisor waits where its queue is full. */
static const struct timeval PATIENCE = {.tv_sec = 1};

static int address_of(const char *path, struct sockaddr_un *address)
{
    size_t length = strlen(path);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address->sun_path, path, length + 1);
    return 0;
}

struct binding {
    struct control_socket *control;
    const char *uid;
};

/* What stands at the socket's path is never taken away: the bind fails, and the next place serves. */
static int bind_in(void *context, const char *directory)
{
    const struct binding *binding = context;
    struct control_socket *control = binding->control;
    AUTOFREE char *path = mem_printf("%s/%s.sock", directory, binding->uid);
    struct sockaddr_un address;

    if (address_of(path, &address) || runtime_take(directory))
        return -1;
    control->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode of the socket before bind() is that of the file it makes: never open to others, not for a
     * moment. */
    if (control->fd < 0 || fchmod(control->fd, 0600) ||
        setsockopt(control->fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) ||
        bind(control->fd, (struct sockaddr *)&address, sizeof address)) {
        int number = errno;

        fd_close(&control->fd);
        errno = number;
        return -1;
    }
    control->path = path;
    path = NULL;
    return 0;
}

int control_socket_open(struct control_socket *control, const char *uid, struct error *err)
{
    struct binding binding = {control, uid};

    *control = (struct control_socket){.fd = -1};
    if (runtime_place(bind_in, &binding, &control->directory))
        return error_errno(err, "cannot make a socket in $XDG_RUNTIME_DIR or /tmp");
    return 0;
}

void control_socket_close(struct control_socket *control)
{
    if (control->path)
        unlink(control->path);
    if (control->directory)
        rmdir(control->directory);
    fd_close(&control->fd);
    free(control->path);
    free(control->directory);
    *control = (struct control_socket){.fd = -1};
}

ssize_t control_socket_read(struct control_socket *control, char *text, size_t size)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } ancillary;
    struct iovec part = {text, size - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
    struct cmsghdr *item;
    ssize_t length = recvmsg(control->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (length < 0)
        return errno == EINTR ? 0 : -1;
    text[length] = '\0';
    /*
     * There is room for the credentials alone: descriptors that were sent along are closed by the kernel as
     * the message is read. That is the answer to BARRIER=1, once all before it has been dealt with.
     */
    for (item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
        struct ucred sender;

        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&sender, CMSG_DATA(item), sizeof sender);
        if ((sender.uid == geteuid() || sender.uid == 0) && !(message.msg_flags & MSG_TRUNC))
            return length;
    }
    return 0;
}

static int connected(const char *path)
{
    struct sockaddr_un address;
    int fd;

    if (address_of(path, &address))
        return -1;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address)) {
        int number = errno;

        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

/* connect(2) refuses at a regular file too, and what others may put there proves nothing. */
static bool is_private_socket(const char *path)
{
    AUTOFREE char *directory = path_parent(path);
    struct stat status;

    return path_is_private_dir(directory) && lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) &&
           status.st_uid == geteuid();
}

enum socket_answer control_socket_ask(const char *path)
{
    int fd;

    if (!is_private_socket(path))
        return SOCKET_SILENT;
    fd = connected(path);
    if (fd < 0)
        return errno == ECONNREFUSED ? SOCKET_REFUSES : SOCKET_SILENT;
    close(fd);
    return SOCKET_ANSWERS;
}

void control_socket_remove(const char *path)
{
    AUTOFREE char *directory = path_parent(path);
    AUTOFREE char *checkpoint = mem_printf("%.*s.checkpoint", (int)strlen(path) - (int)strlen(".sock"), path);

    if (control_socket_ask(path) != SOCKET_REFUSES)
        return;
    unlink(path);
    unlink(checkpoint);
    runtime_leave(directory);
}

int control_socket_send(const char *path, const char *text)
{
    AUTOCLOSE int fd = connected(path);

    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &PATIENCE, sizeof PATIENCE) == 0 &&
                   send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0
               ? 0
               : -1;
}

int notify_socket_send(const char *address, const char *text)
{
    AUTOCLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un to;
    socklen_t length = sizeof to;

    if (fd < 0 || address_of(address, &to))
        return -1;
    if (*address == '@') { /* an abstract name: no NUL ends it */
        to.sun_path[0] = '\0';
        length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address));
    }
    return sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, length) < 0
               ? -1
               : 0;
}
