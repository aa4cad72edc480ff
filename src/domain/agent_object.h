/*
 * A JSON object followed as it comes, for one string member of its own; nothing of it is held but that. See
 * domain/agent_scan.h for what counts as an object and as an id.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_OBJECT_H
#define SUPERVISE_DOMAIN_AGENT_OBJECT_H

#include <supervise/domain/agent_scan.h>

struct agent_object {
    const char *field; /* the name of the member; set once */
    size_t field_length;
    int state;      /* see agent_object.c */
    size_t depth;   /* of what is nested in a member */
    size_t matched; /* bytes of the field's name that the key has so far; SIZE_MAX: it is another */
    bool escaped;   /* after a backslash in a string */
    int digits;     /* of \uXXXX still to come */
    unsigned code;
    bool found; /* an id stands in `id` */
    size_t length;
    char id[AGENT_SESSION_MAX + 1];
};

void agent_object_begin(struct agent_object *object); /* at the beginning of a line */

/*
 * Takes what there is up to a line end, the ESC of a terminal sequence (in a string ESC is text) or the point
 * where it turns out that the line is no object; gives where it stopped.
 */
const char *agent_object_run(struct agent_object *object, const char *at, const char *end);
void agent_object_blank(struct agent_object *object); /* outside of strings: a sequence was there */

bool agent_object_failed(const struct agent_object *object); /* this line is no object */
bool agent_object_has_id(const struct agent_object *object); /* it is closed and has told one */

bool agent_is_id(const char *bytes, size_t length);

#endif
