/* Agents, as their hooks tell of them: what is to be known of the execution that a hook belongs to, and the
 * order to go on. */
#ifndef SUPERVISE_STORE_AGENT_H
#define SUPERVISE_STORE_AGENT_H

#include <supervise/store/execution.h>

struct agent_standing {
    bool in_flight; /* false too where the ledger doesn't know the execution, and all else is empty */
    bool drives, implicit, require_session;
    char *agent, *agent_session; /* or NULL */
    char *session;               /* where it has one that is active; else NULL */
    char *stages;                /* of --stages; or NULL */
    int64_t activity_at;
};
int agent_standing_read(struct ledger *ledger, const char *uid, struct agent_standing *standing,
                        struct error *err);
void agent_standing_free(struct agent_standing *standing);

/*
 * What is left of the stages, or of the implicit session, that an execution drives, a list; NULL: nothing is,
 * or another kind of session is the measure. The caller frees.
 */
int agent_left(struct ledger *ledger, const char *uid, char **left, struct error *err);

/*
 * An agent that stops is told to go on, for the reason given, unless nudge_number() (domain/hook.h) says that
 * it is not: *number is how often in a row it has now been told, or 0.
 */
int agent_nudge(struct ledger *ledger, const char *uid, int64_t max, const char *reason, int64_t *number,
                struct error *err);

#endif
