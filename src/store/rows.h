/* Pieces of transactions that more than one file of the store needs. All run inside the caller's transaction.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "sql.h"

/* An event; `execution` is a UID; `data` a JSON object or NULL for {}. Its session is that of the execution
 * where `session` is NULL. */
int event_insert(struct ledger *ledger, int64_t at, const char *type, const char *session,
                 const char *execution, const char *data, struct error *err);

/* A new session with its first opening and `session_created`; its initial phase is that of the definition. */
int session_insert(struct ledger *ledger, const char *id, const char *workflow, const char *definition,
                   const char *execution, int64_t at, struct error *err);

/* "review-3", "session-1": the next free id of that workflow (NULL: none); the caller frees. */
int session_make_id(struct ledger *ledger, const char *workflow, char **id, struct error *err);

/* ERR_INVARIANT where the session, of workflow `has`, is asked for as one of `wanted` (NULL: any). */
int session_same_workflow(const char *id, const char *has, const char *wanted, struct error *err);

/* ERR_INVARIANT: the session is closed, and how it is opened again. -1 always. */
int session_refuse_closed(const char *id, struct error *err);

/* The event `round_started`. */
int round_started(struct ledger *ledger, const char *id, int64_t round, const char *execution, int64_t at,
                  struct error *err);

/*
 * Completes the round that the session is in, with its event and the caller's JSON (`data`, or NULL), unless
 * it is completed already: *completed says whether this did it.
 */
int round_complete(struct ledger *ledger, const char *id, const char *execution, const char *data, int64_t at,
                   bool *completed, struct error *err);

/* Settles it: "completed", "aborted" or "stale". */
int round_settle(struct ledger *ledger, const char *id, const char *as, int64_t at, struct error *err);

/*
 * Links an execution (a UID, or NULL: nothing to do) to a session, with its event. First wins: one that
 * drives a session keeps it, one that helps this very session goes on helping, one that has ended takes none.
 */
int session_link_execution(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                           bool *linked, struct error *err);

/*
 * The session that a report (a step, an item, a checkpoint) goes to: `option`, else that of the execution,
 * else one begun for it (implicit, named after it), else, outside of any execution, the only active one. The
 * execution is linked to it where it has none. *how is "option", "execution", "implicit" or "only-active".
 * ERR_INVARIANT where that session is closed. The caller frees *id.
 */
int report_session(struct ledger *ledger, const char *option, const char *execution, int64_t at, char **id,
                   const char **how, struct error *err);

/* ERR_ILLEGAL where the workflow of the session is strict and declares no such stage. */
int report_stage(struct ledger *ledger, const char *session, const char *stage, struct error *err);
/* What an execution in flight said, with its events. */
int said_write(struct ledger *ledger, const char *uid, const struct execution_said *said, struct error *err);

/* A report came in: the execution (a UID, or NULL) did something, and got somewhere. */
int report_progress(struct ledger *ledger, const char *execution, int64_t at, struct error *err);

/* All rows of a statement that selects execution_fields; the caller frees the list. */
int executions_load(struct ledger *ledger, sqlite3_stmt *statement, struct execution_list *list,
                    struct error *err);

/*
 * An execution, as execution_get() gives it. What has no `--stages` is judged by outcome_of() instead of the
 * view: to compile the rules in SQL would cost more than the rest of a wrapper's life.
 */
int execution_judge(struct ledger *ledger, const char *uid, struct execution **execution, struct error *err);

/* `execution_finished`, or execution_recovered, with what the row says of its end. */
int execution_finished_event(struct ledger *ledger, const struct execution *row, int64_t at, const char *type,
                             struct error *err);

/* What an execution had running becomes aborted, with the reason. */
int steps_abort_of(struct ledger *ledger, const char *execution, const char *reason, int64_t at,
                   struct error *err);

#endif
