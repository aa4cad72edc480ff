/* The datagram socket of a supervisor: see the header. */
#include <supervise/supervisor/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>

static const char own_directory[] = "/tmp/supervise-"; /* and the user's number, or */
#define ALONE "XXXXXX"                                 /* for one socket alone */

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

/* Makes the directory, or takes the one that is there if nobody else can get in. */
static bool directory_usable(const char *directory)
{
    return mkdir(directory, 0700) == 0 || (errno == EEXIST && path_is_private_dir(directory));
}

static int bind_in(struct control_socket *control, const char *directory, const char *uid)
{
    AUTOFREE char *path = mem_printf("%s/%s.sock", directory, uid);
    struct sockaddr_un address;

    if (!directory_usable(directory) || address_of(path, &address))
        return -1;
    control->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode of the socket before bind() is that of the file it makes: never open to others, not for a
     * moment. */
    if (control->fd < 0 || fchmod(control->fd, 0600) ||
        setsockopt(control->fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) ||
        bind(control->fd, (struct sockaddr *)&address, sizeof address)) {
        fd_close(&control->fd);
        return -1;
    }
    control->path = path;
    path = NULL;
    return 0;
}

int control_socket_open(struct control_socket *control, const char *uid, struct error *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    AUTOFREE char *own = mem_printf("%s%u", own_directory, (unsigned)geteuid());
    AUTOFREE char *alone = mem_printf("%s%s", own_directory, ALONE);

    *control = (struct control_socket){.fd = -1};
    if (runtime && *runtime == '/') {
        AUTOFREE char *directory = mem_printf("%s/supervise", runtime);

        if (bind_in(control, directory, uid) == 0)
            return 0;
    }
    if (bind_in(control, own, uid) == 0)
        return 0;
    if (!mkdtemp(alone) || bind_in(control, alone, uid))
        return error_errno(err, "cannot make a socket in $XDG_RUNTIME_DIR or /tmp");
    control->directory = mem_strdup(alone);
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
    /* There is room for the credentials alone: the kernel closes descriptors that were sent along. */
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
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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

/* Whether mkdtemp(3) made it for one socket alone. */
static bool is_one_off(const char *directory)
{
    AUTOFREE char *own = mem_printf("%s%u", own_directory, (unsigned)geteuid());
    size_t length = strlen(own_directory);

    return strncmp(directory, own_directory, length) == 0 && strlen(directory + length) == strlen(ALONE) &&
           !strchr(directory + length, '/') && strcmp(directory, own) != 0;
}

void control_socket_remove(const char *path)
{
    AUTOFREE char *directory = path_parent(path);

    if (control_socket_ask(path) != SOCKET_REFUSES)
        return;
    unlink(path);
    if (is_one_off(directory))
        rmdir(directory);
}

int control_socket_send(const char *path, const char *text)
{
    AUTOCLOSE int fd = connected(path);

    return fd >= 0 && send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0 ? 0 : -1;
}
