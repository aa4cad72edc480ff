/*
 * The pattern that finds a session id in a line of text: a POSIX extended regular expression with one group.
 * A pattern may come with a repository, so what would cost without bound is no pattern.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_PATTERN_H
#define SUPERVISE_DOMAIN_AGENT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum {
    AGENT_PATTERN_MAX = 256, /* bytes */
    AGENT_REPEAT_MAX = 255,  /* of {M,N} */
};

struct agent_pattern;

/* NULL with the reason in `why`. */
struct agent_pattern *agent_pattern_new(const char *text, char *why, size_t size);
void agent_pattern_free(struct agent_pattern *pattern);

/*
 * Whether the line has a match whose group took part; gives where in the line the group is. The line may hold
 * NULs, and one must follow it.
 */
bool agent_pattern_find(struct agent_pattern *pattern, const char *line, size_t length, size_t *start,
                        size_t *end);

#endif
