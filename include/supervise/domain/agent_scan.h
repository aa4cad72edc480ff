/*
 * An agent's own session id, read off its output as it passes, so that the agent can be resumed. Nothing is
 * kept of the output: what a scan needs is bounded, however long a line is.
 *
 * Where the definition of the agent says "session_id": a line that is a JSON object tells the string member
 * of that name, if it is the object's own. An object is followed as it comes, never held: its own members are
 * held to JSON's grammar, of what is nested in them only strings and brackets are followed. It counts when
 * its line ends after it, not before: a line that is cut short or has more behind the object tells nothing.
 * Of a name that comes twice the first counts.
 * Where it says "session_pattern": a line of up to AGENT_LINE_MAX bytes tells the group of the pattern's
 * first match in it; longer lines are passed over.
 *
 * Lines end with LF, CR or the output. Terminal sequences (colours, titles) count as blanks before, between
 * and after the tokens of an object, and are taken out of a text.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_SCAN_H
#define SUPERVISE_DOMAIN_AGENT_SCAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    AGENT_SESSION_MAX = 256, /* letters, digits and . _ : - alone, no '-' first; anything else is no id */
    AGENT_LINE_MAX = 4096,
    AGENT_STREAMS = 2, /* stdout and stderr apart: 0 and 1, as enum log_stream */
};

struct agent_scan;

/*
 * For an agent as it stands in struct settings. NULL where there is nothing to look for, or for NULL: every
 * function takes it, and then does nothing.
 */
struct agent_scan *agent_scan_new(const json_t *agent_definition);
void agent_scan_free(struct agent_scan *scan);

/*
 * The next bytes of a stream; none (length 0) says that it has ended. True where one of the two ids below
 * became known.
 */
bool agent_scan_feed(struct agent_scan *scan, unsigned stream, const void *bytes, size_t length);

/* The id that came first, and the first one that differs from it, which changes nothing. NULL: not seen. */
const char *agent_scan_session(const struct agent_scan *scan);
const char *agent_scan_other(const struct agent_scan *scan);

#endif
