/*
 * Phases as a graph, and what a request to advance comes to. Pure functions on a workflow's definition, which
 * config/workflow.h describes; NULL, and one without phases, have no graph: any phase may be advanced to.
 */
#ifndef SUPERVISE_DOMAIN_PHASES_H
#define SUPERVISE_DOMAIN_PHASES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

bool strings_contain(const json_t *list, const char *text); /* an array of strings */

bool phases_any(const json_t *definition);
/* 1 for the first; 0 where the workflow has no such phase, or `phase` is NULL. */
int64_t phase_number(const json_t *definition, const char *phase);
bool phase_known(const json_t *definition, const char *phase);
bool phase_final(const json_t *definition, const char *phase);

/* Where an edge leads to from that phase: an array that stays the definition's; NULL where nothing is known.
 */
const json_t *phase_targets(const json_t *definition, const char *phase);

/* The phases that can be reached from `start` in one step or more; the caller owns the array. */
json_t *phases_reached(const json_t *definition, const char *start);

struct advance_facts {
    const json_t *definition;
    bool closed;       /* the session is */
    const char *phase; /* in which it is; or NULL */
    int64_t round;
    const char *to;
    bool round_asked; /* --round was given, as `asked` */
    int64_t asked;
};

/* The refusals in the order in which they are looked for; then what may be done. */
enum advance {
    ADVANCE_CLOSED,
    ADVANCE_UNKNOWN,     /* no such phase */
    ADVANCE_STAY,        /* it is there already: nothing is to be done */
    ADVANCE_OTHER_ROUND, /* --round is not the next one, or this is not the way to it */
    ADVANCE_NO_EDGE,
    ADVANCE_MOVE,
    ADVANCE_NEXT_ROUND, /* from a final phase to the initial one */
};
enum advance advance_of(const struct advance_facts *facts);

#endif
