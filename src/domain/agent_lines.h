/*
 * Cuts an output into lines, wherever the reads cut it; holds no more than one unfinished line that begins as
 * a JSON object does, and of that AGENT_RECORD_MAX at most.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_LINES_H
#define SUPERVISE_DOMAIN_AGENT_LINES_H

#include <supervise/base/buf.h>

enum line_kind { LINE_NEW, LINE_OBJECT, LINE_OTHER };

struct agent_lines {
    struct buf held;
    enum line_kind kind; /* of the line that has begun */
};

/*
 * Takes bytes up to the end of a line or of the bytes, and gives where it stopped. *object is set to the line
 * where one that begins with '{' has ended (without its end; it lives until the next call), else to NULL.
 * *other says that some of it belongs to a line of another kind, or to one that is too long.
 */
const char *agent_lines_next(struct agent_lines *lines, const char *at, const char *end, const char **object,
                             size_t *length, bool *other);

/* The output has ended: what stands in an unfinished line, as above. */
void agent_lines_end(struct agent_lines *lines, const char **object, size_t *length);

#endif
