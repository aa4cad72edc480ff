/* Identity of machine and process, from /proc and pidfds: see the header. */
#include <supervise/process/identity.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <supervise/base/buf.h>

enum { MACHINE_ID_LENGTH = 32 }; /* machine-id(5) */

/* The beginning of a small file. */
static ssize_t read_small(const char *path, char *text, size_t size)
{
    AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length;

    text[0] = '\0';
    if (fd < 0 || (length = read(fd, text, size - 1)) < 0)
        return -1;
    text[length] = '\0';
    return length;
}

/* Its first line. */
static void read_line(const char *path, char *text, size_t size)
{
    read_small(path, text, size);
    text[strcspn(text, "\n")] = '\0';
}

void identity_machine(struct machine *machine)
{
    struct utsname names;
    struct stat status;

    *machine = (struct machine){0};
    read_line("/proc/sys/kernel/random/boot_id", machine->boot_id, sizeof machine->boot_id);
    read_line("/etc/machine-id", machine->machine_id, sizeof machine->machine_id);
    if (strlen(machine->machine_id) != MACHINE_ID_LENGTH) /* "uninitialized" is what many say */
        machine->machine_id[0] = '\0';
    if (uname(&names) == 0)
        snprintf(machine->host, sizeof machine->host, "%s", names.nodename);
    if (stat("/proc/self/ns/pid", &status) == 0)
        machine->pid_ns = (int64_t)status.st_ino;
}

/*
 * Whether /proc speaks of our pid namespace: in that of another one the numbers mean other processes. Asked
 * once a process.
 */
static bool proc_is_ours(void)
{
    static pid_t asked_by;
    static bool ours;
    char target[16] = "";

    if (asked_by != getpid()) {
        asked_by = getpid();
        ours = readlink("/proc/self", target, sizeof target - 1) > 0 && atoi(target) == asked_by;
    }
    return ours;
}

int identity_process(pid_t pid, struct process *process)
{
    char path[32], text[1024];
    char *open_paren, *close_paren;
    int parent, group;
    long long threads, start;

    if (!proc_is_ours())
        return -1;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_small(path, text, sizeof text) <= 0)
        return -1;
    open_paren = strchr(text, '(');
    close_paren = strrchr(text, ')'); /* a name may hold any character, these and newlines too */
    if (!open_paren || !close_paren ||
        sscanf(close_paren + 1,
               " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lld %*d %lld",
               &process->state, &parent, &group, &threads, &start) != 5)
        return -1;
    process->pid = pid;
    process->parent = parent;
    process->group = group;
    process->start = start;
    process->ended = process->state == 'X' || (process->state == 'Z' && threads <= 1);
    snprintf(process->name, sizeof process->name, "%.*s", (int)(close_paren - open_paren - 1),
             open_paren + 1);
    return 0;
}

enum process_answer identity_ask(pid_t pid, int64_t start)
{
    struct process process;

    if (pid <= 0 || !proc_is_ours())
        return PROCESS_UNKNOWN;
    /* What /proc hides from us (hidepid) is there all the same, and can't be told from another of that pid.
     */
    if (identity_process(pid, &process))
        return kill(pid, 0) && errno == ESRCH ? PROCESS_GONE : PROCESS_UNKNOWN;
    if (process.ended)
        return PROCESS_GONE;
    if (start <= 0)
        return PROCESS_UNKNOWN;
    return process.start == start ? PROCESS_LIVES : PROCESS_GONE;
}

int identity_open(pid_t pid, int64_t start)
{
    int fd;

    /* First hold it, then look at it: what is held can't be replaced by another process of that number. */
    if (pid <= 1 || (fd = pidfd_open(pid, 0)) < 0) {
        errno = ESRCH;
        return -1;
    }
    if (identity_ask(pid, start) != PROCESS_LIVES) {
        close(fd);
        errno = ESRCH;
        return -1;
    }
    return fd;
}

int identity_signal(pid_t pid, int64_t start, int number)
{
    AUTOCLOSE int fd = identity_open(pid, start);

    return fd < 0 ? -1 : pidfd_send_signal(fd, number, NULL, 0);
}

int identity_uid(char uid[UID_LENGTH + 1], struct error *err)
{
    uint8_t dice[UID_LENGTH];

    if (getrandom(dice, sizeof dice, 0) != sizeof dice)
        return error_errno(err, "cannot make a UID");
    uid_from_random(dice, uid);
    return 0;
}
