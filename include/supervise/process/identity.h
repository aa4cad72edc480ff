/*
 * Who a process is, beyond its number: boot, pid namespace, pid and start time (proc(5), field 22 of
 * /proc/PID/stat). A pid alone is never trusted and never signalled.
 */
#ifndef SUPERVISE_PROCESS_IDENTITY_H
#define SUPERVISE_PROCESS_IDENTITY_H

#include <supervise/base/error.h>
#include <supervise/domain/id.h>
#include <supervise/domain/liveness.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Empty texts and 0 where the system doesn't tell. */
struct machine {
    char boot_id[40];
    char machine_id[40];
    char host[65];
    int64_t pid_ns; /* inode of /proc/self/ns/pid */
};
void identity_machine(struct machine *machine);

struct process {
    pid_t pid, parent, group;
    int64_t start; /* clock ticks since boot */
    char state;    /* as in proc(5): 'R', 'S', 'Z'... */
    bool ended;    /* all of it is: one whose first thread alone has ended ('Z') lives */
    char name[32]; /* its command name: what it says of itself, any bytes */
};

/* 0, or -1 where there is no such process, or no /proc of our pid namespace. */
int identity_process(pid_t pid, struct process *process);

/* Whether that very process lives; a zombie is gone. The pid is one of our own pid namespace. */
enum process_answer identity_ask(pid_t pid, int64_t start);

/* A pidfd of that very process, proven, for the caller to close; -1 (errno ESRCH) where it is gone. */
int identity_open(pid_t pid, int64_t start);

/* A new UID (domain/id.h). */
int identity_uid(char uid[UID_LENGTH + 1], struct error *err);

/* Sends a signal to that very process. 0, or -1 where it is gone or can't be proven to be the one. */
int identity_signal(pid_t pid, int64_t start, int number);

#endif
