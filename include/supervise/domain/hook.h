/*
 * Hooks of agent programs: which events there are and what each is for; and when an agent that stops is told
 * to go on. Rules only. Claude Code and Codex have the same form of hooks, in and out.
 */
#ifndef SUPERVISE_DOMAIN_HOOK_H
#define SUPERVISE_DOMAIN_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hook_action {
    HOOK_ACTIVITY, /* the agent does something; also what is said by an event that nobody knows */
    HOOK_START,    /* its own session has begun, or goes on */
    HOOK_TOOL,     /* a tool has done what it was called for; it may have changed the plan */
    HOOK_PLANNED,  /* an item of its plan is to be done */
    HOOK_DONE,     /* one is done */
    HOOK_STOP,     /* it is about to stop */
    HOOK_ENDED,    /* it has stopped, and why: for the record */
};

/* Agents whose hooks are known; bits. */
enum { HOOKS_CLAUDE = 1, HOOKS_CODEX = 2 };

struct hook_event {
    const char *name;
    enum hook_action action;
    unsigned agents; /* who has it */
};
extern const struct hook_event hook_events[]; /* ends with a NULL name */

/* What the event of that name is for; NULL and what isn't known is activity. */
enum hook_action hook_action_of(const char *name);

/* Of an execution whose agent is about to stop with its work undone. Times are wall ms; 0: never. */
struct nudge_facts {
    bool in_flight, stop_asked; /* a cancel, a deadline: nobody wants it to go on */
    int64_t count, nudged_at;   /* how often in a row it was told to go on, and when last */
    int64_t progress_at;        /* of the work it belongs to */
    int64_t max;                /* agents.max_nudges */
};
/* How often in a row it will have been told once it is told now; 0: it is not to be told. Progress begins a
 * new row. */
int64_t nudge_number(const struct nudge_facts *facts);

#endif
