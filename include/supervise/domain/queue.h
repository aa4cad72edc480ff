/* What `--after N` makes of N, as a table of rules, and how it is told. */
#ifndef SUPERVISE_DOMAIN_QUEUE_H
#define SUPERVISE_DOMAIN_QUEUE_H

#include <supervise/domain/outcome.h>

#include <stdbool.h>
#include <stdint.h>

/* N, as it stands now. */
struct predecessor {
    int64_t number; /* #4 */
    bool started, finished;
    enum outcome outcome; /* of what is finished */
    bool drives;          /* a session, by whose round it is judged */
    enum settled settled; /* how that round was settled */
};

enum after_rule {
    AFTER_WAITS, /* it may still succeed */
    AFTER_MET,   /* it has succeeded: what waits for it may start */
    AFTER_LOST,  /* it never will: what waits for it is cancelled */
};
enum after_rule after_rule(const struct predecessor *predecessor);

/* "#4, which is running". The caller frees. */
char *after_words(const struct predecessor *predecessor);

#endif
