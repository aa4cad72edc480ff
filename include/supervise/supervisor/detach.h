/* `--detach`: the supervisor goes on in a session of its own (setsid(2)); the caller learns how it started.
 */
#ifndef SUPERVISE_SUPERVISOR_DETACH_H
#define SUPERVISE_SUPERVISOR_DETACH_H

#include <supervise/supervisor/run.h>

struct detach_report {
    int status;     /* 0: it runs; 125..127: it never did, and `text` says why */
    int64_t number; /* of its row; 0: none */
    char uid[32];
    char text[2048]; /* one line */
};

/*
 * Starts it and waits until the command runs or is known not to. The plan's process reads /dev/null and
 * writes to it; its output is in the log. -1 with err where not even that could be begun.
 */
int detach_execution(const struct run_plan *plan, struct inherited *inherited, struct detach_report *report,
                     struct error *err);

#endif
