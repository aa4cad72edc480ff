/*
 * One daemon at a time for a ledger: a lock of the open file description (fcntl(2)) on a file beside it,
 * which goes with the process however it ends. The file says who holds it; it is never removed, so that all
 * lock the same one.
 */
#include <supervise/supervisor/daemon.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>

/* Beside the file itself, by whatever name it was called. */
static char *lock_path(const char *ledger_path)
{
    AUTOFREE char *real = realpath(ledger_path, NULL);

    return mem_printf("%s.daemon", real ? real : ledger_path);
}

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static void write_identity(int fd)
{
    struct process self;
    AUTOFREE char *text = NULL;

    if (identity_process(getpid(), &self))
        return;
    text = mem_printf("%d %" PRId64 "\n", (int)self.pid, self.start);
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) < 0)
        return; /* nobody will be able to say who we are; the lock holds all the same */
}

static void read_identity(int fd, struct process *who)
{
    char text[64] = "";
    int pid;
    int64_t start;

    *who = (struct process){0};
    if (pread(fd, text, sizeof text - 1, 0) > 0 && sscanf(text, "%d %" SCNd64, &pid, &start) == 2) {
        who->pid = pid;
        who->start = start;
    }
}

int daemon_lock(const char *ledger_path, struct error *err)
{
    AUTOFREE char *path = lock_path(ledger_path);
    struct flock lock = whole_file();
    struct process who;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return error_errno(err, "cannot be the daemon of %s: %s", ledger_path, path);
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        write_identity(fd);
        return fd;
    }
    if (errno != EAGAIN && errno != EACCES) {
        error_errno(err, "cannot be the daemon of %s: lock of %s", ledger_path, path);
    } else {
        read_identity(fd, &who);
        error_set(
            err, ERR_INVARIANT,
            "cannot be the daemon of %s: process %d is; stop it with `kill %d`, what it has started goes "
            "on",
            ledger_path, (int)who.pid, (int)who.pid);
    }
    close(fd);
    return -1;
}

bool daemon_lock_in_place(const char *ledger_path, int fd)
{
    AUTOFREE char *path = lock_path(ledger_path);
    struct stat held, there;

    return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

bool daemon_runs(const char *ledger_path, struct process *who)
{
    AUTOFREE char *path = lock_path(ledger_path);
    AUTOCLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = whole_file();

    *who = (struct process){0};
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
        return false;
    read_identity(fd, who);
    return true;
}
