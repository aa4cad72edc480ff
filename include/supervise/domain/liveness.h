/*
 * Who is alive, judged from facts that others gather (supervisor/liveness.h). Pure: no clock, no I/O. A pid
 * alone is never evidence; where nothing is proven the answer is LIFE_UNKNOWN, and only the age of the
 * heartbeat decides.
 */
#ifndef SUPERVISE_DOMAIN_LIVENESS_H
#define SUPERVISE_DOMAIN_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

/* What a machine says of itself. NULL or empty: it doesn't tell. */
struct host_names {
    const char *boot_id, *machine_id, *name;
};

/* Where something was recorded, as seen from here. */
enum life_host {
    HOST_UNKNOWN,      /* a boot id is missing: it may have been here, or anywhere */
    HOST_THIS_BOOT,    /* here, and the machine has not been booted since */
    HOST_EARLIER_BOOT, /* this machine before its last boot: nothing of then is alive */
    HOST_OTHER,
};

/* Equal boot ids are one machine, whatever its names; a missing machine id matches nothing. */
enum life_host life_host(const struct host_names *recorded, const struct host_names *ours);

/* What connect(2) said at the socket of a supervisor. */
enum socket_answer {
    SOCKET_SILENT,  /* no such file, not a socket of this user's alone, no right to ask */
    SOCKET_ANSWERS, /* somebody is bound there */
    SOCKET_REFUSES, /* the file is there, and nobody is bound */
};

/* What is known of a process of that pid and start time, in our own pid namespace. */
enum process_answer {
    PROCESS_UNKNOWN, /* /proc doesn't tell, or no start time was recorded */
    PROCESS_GONE,    /* none of that pid, another one, or a zombie */
    PROCESS_LIVES,
};

struct liveness_facts {
    enum life_host host;
    enum socket_answer socket;
    bool same_pid_ns;
    enum process_answer supervisor, child; /* the child's: PROCESS_UNKNOWN where no pid was recorded */
    bool heartbeat_known;
    int64_t heartbeat_age_ms, started_age_ms, activity_age_ms; /* negative: by a clock ahead of ours */
};

/* As the settings of [sweep] have them; 0: never. */
struct liveness_limits {
    int64_t heartbeat_stale_after, no_heartbeat_after, stalled_after;
};

enum life_state { LIFE_UNKNOWN, LIFE_ALIVE, LIFE_DEAD };

struct liveness {
    enum life_state supervisor, child;
    int64_t threshold_ms; /* an unknown supervisor that was silent for longer is given up; 0: it isn't */
    bool lost;            /* the supervisor is dead, or given up */
    bool stalled;         /* no activity for longer than that; whether anybody lives is another question */
};

/* Of an execution that has started and has not ended. */
struct liveness liveness_of(const struct liveness_facts *facts, const struct liveness_limits *limits);

#endif
