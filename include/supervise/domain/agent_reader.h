/*
 * What an agent's JSON lines say, by the shapes of its definition: its own result record, whether that says
 * that it finished, a rate limit's end, its plan, and which lines are noise. Nothing is looked at that isn't
 * asked for; a line longer than AGENT_RECORD_MAX is passed over.
 *
 * Lines end with LF, CR LF or the output. One that isn't a JSON object tells nothing; bytes that are no UTF-8
 * are replaced. A record with a session id of its own counts only where that is the agent's: what a tool
 * prints, or an agent within the agent, is no word of this one's.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_READER_H
#define SUPERVISE_DOMAIN_AGENT_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AGENT_RECORD_MAX = 8 << 20,  /* bytes of a line */
    AGENT_RESULT_MAX = 16 << 10, /* bytes of a result as it is kept */
    AGENT_PLAN_MAX = 256,        /* items of a plan; the rest are passed over */
};

struct agent_reader;

/*
 * For an agent as it stands in struct settings, which must outlive the reader. NULL where its definition asks
 * for nothing, or for NULL: every function takes it.
 */
struct agent_reader *agent_reader_new(const json_t *definition);
void agent_reader_free(struct agent_reader *reader);

/* Bits of what agent_reader_feed() gives. */
enum {
    AGENT_ACTIVE = 1,  /* something came that isn't noise */
    AGENT_PLANNED = 2, /* agent_reader_plan() has something */
};

/*
 * The next bytes of a stream (0 or 1, as enum log_stream); none (length 0) says that it has ended. `session`
 * is the agent's own session id, NULL while it isn't known.
 */
unsigned agent_reader_feed(struct agent_reader *reader, unsigned stream, const void *bytes, size_t length,
                           const char *session);

/* The same of one line that is parsed already. */
unsigned agent_reader_take(struct agent_reader *reader, const json_t *record);

/*
 * The last result record: JSON, its long texts cut so that it fits AGENT_RESULT_MAX; the caller frees. NULL:
 * none came.
 */
char *agent_reader_result(const struct agent_reader *reader);
/* What the result says in words, or NULL; the caller frees. */
char *agent_reader_text(const struct agent_reader *reader);
/* The result says that the agent did not finish. */
bool agent_reader_unfinished(const struct agent_reader *reader);
/* When the rate limit that it met is over, in ms since the epoch; 0: none was named. */
int64_t agent_reader_rate_limit(const struct agent_reader *reader);

enum plan_state { PLAN_PENDING, PLAN_RUNNING, PLAN_DONE, PLAN_DROPPED };
struct plan_item {
    char *key, *name; /* what the agent itself calls it, and what it is */
    enum plan_state state;
};
/* The next item of the plan whose state has changed; false where there is none. The caller frees the texts.
 */
bool agent_reader_plan(struct agent_reader *reader, struct plan_item *item);
/* An item of which an earlier run of the agent has told: what is said of it now changes it. */
void agent_reader_knows(struct agent_reader *reader, const struct plan_item *item);

#endif
