/* Pieces of transactions that more than one file of the store needs. All run inside the caller's transaction.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "sql.h"

#include <jansson.h>

#include <supervise/store/plan.h>
#include <supervise/store/step.h>

/* An event; `execution` is a UID; `data` a JSON object or NULL for {}. Its session is that of the execution
 * where `session` is NULL. */
int event_insert(struct ledger *ledger, int64_t at, const char *type, const char *session,
                 const char *execution, const char *data, struct error *err);

/* Whether a session was begun for a plan alone: nobody asked for it, and it gives way to one that is begun,
 * or named. `id`: the SQL of its id. */
#define BEGUN_FOR_A_PLAN(id)                                                                                 \
    "EXISTS (SELECT 1 FROM sessions b WHERE b.id = " id " AND b.implicit AND b.status = 'active'"            \
    " AND EXISTS (SELECT 1 FROM plan_items WHERE session = b.id)"                                            \
    " AND NOT EXISTS (SELECT 1 FROM steps WHERE session = b.id AND stage <> 'plan')"                         \
    " AND NOT EXISTS (SELECT 1 FROM items WHERE session = b.id)"                                             \
    " AND NOT EXISTS (SELECT 1 FROM stage_totals WHERE session = b.id)"                                      \
    " AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE session = b.id))"

/* The session of an execution, as the word of whoever asked for one: not one that was begun for its plan
 * alone. */
#define OWN_SESSION                                                                                          \
    "SELECT session FROM executions WHERE uid = ?1 AND NOT " BEGUN_FOR_A_PLAN("executions.session")

/* The rows that a session's totals are the sum of: the latest checkpoint of each of its executions. `id`: the
 * SQL of the session's id. */
#define LATEST_CHECKPOINTS(id)                                                                               \
    "(SELECT * FROM checkpoints l WHERE session = " id " AND number ="                                       \
    " (SELECT max(number) FROM checkpoints WHERE session = l.session AND execution IS l.execution))"

/* A new session with its first opening and `session_created`; its initial phase is that of the definition. */
int session_insert(struct ledger *ledger, const char *id, const char *workflow, const char *definition,
                   const char *execution, int64_t at, struct error *err);

/* "review-3", "session-1": the next free id of that workflow (NULL: none); the caller frees. */
int session_make_id(struct ledger *ledger, const char *workflow, char **id, struct error *err);

/* Completes the round of a session without phases, where that wasn't done, and closes it as completed. */
int session_complete(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                     struct error *err);

/* What keeps an implicit session from being complete once `execution` has ended with 0, a row each; NULL with
 * err. */
sqlite3_stmt *implicit_left(struct ledger *ledger, const char *session, const char *execution,
                            struct error *err);

/* An execution has ended: the implicit session that it drives is completed where all that was reported in it
 * is done. */
int implicit_close(struct ledger *ledger, const char *execution, int64_t at, struct error *err);

/* `--stages` as "A..B" (the caller frees), for an execution that drives the session; NULL: it drives none.
 * ERR_INVARIANT where the session doesn't have such stages. */
int stages_take(struct ledger *ledger, const char *session, const char *stages, char **range,
                struct error *err);

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
 * ERR_INVARIANT where that session is closed, or the execution is over. The caller frees *id.
 */
int report_session(struct ledger *ledger, const char *option, const char *execution, int64_t at, char **id,
                   const char **how, struct error *err);

/* ERR_ILLEGAL where the workflow of the session is strict and declares no such stage. */
int report_stage(struct ledger *ledger, const char *session, const char *stage, struct error *err);
/* What an execution in flight said, with its events. */
int said_write(struct ledger *ledger, const char *uid, const struct execution_said *said, struct error *err);

/* Links an execution (a UID, or NULL) that has no session; one that helps goes on helping its own. */
int report_link(struct ledger *ledger, const char *session, const char *execution, int64_t at,
                struct error *err);

/* The execution (a UID, or NULL) did something. */
int report_activity(struct ledger *ledger, const char *execution, int64_t at, struct error *err);

/* A report came in: the execution (a UID, or NULL) did something, and got somewhere. */
int report_progress(struct ledger *ledger, const char *execution, int64_t at, struct error *err);

/* Any bytes as JSON, exactly: {"hex": ...}, two digits a byte; text that is UTF-8 as a string, else the same.
 */
json_t *exact_bytes(const void *data, size_t size); /* data NULL: null */
json_t *exact_text(const char *text, size_t length);

/* All rows of a statement that selects execution_fields; the caller frees the list. */
int executions_load(struct ledger *ledger, sqlite3_stmt *statement, struct execution_list *list,
                    struct error *err);

/* Rows of the table, without what only views derive: "executions INDEXED BY ...", "WHERE ...", with ?1 and
 * ?2.
 */
int executions_plain(struct ledger *ledger, const char *table, const char *tail, int64_t first,
                     int64_t second, struct execution_list *list, struct error *err);

/*
 * An execution, as execution_get() gives it. What has no `--stages` is judged by outcome_of() instead of the
 * view: to compile the rules in SQL would cost more than the rest of a wrapper's life.
 */
int execution_judge(struct ledger *ledger, const char *uid, struct execution **execution, struct error *err);

/*
 * "execution_finished" or "execution_recovered", with how the row stands; `threshold_ms` where one decided,
 * else 0.
 */
int execution_end_event(struct ledger *ledger, const struct execution *row, int64_t at, const char *type,
                        int64_t threshold_ms, struct error *err);

/*
 * An active session becomes closed, its round is settled as the same, and the event says so. `reason`:
 * "completed", "aborted", "stale"; `data`: the event's JSON object.
 */
int session_settle(struct ledger *ledger, const char *id, const char *reason, const char *event,
                   const char *execution, const char *data, int64_t at, struct error *err);
/* As execution_begin(), inside the caller's transaction; what has no `started_at` is queued. The caller frees
 * begun->session, also where it failed. */
int execution_insert(struct ledger *ledger, const struct execution_start *start,
                     struct execution_begun *begun, struct error *err);

/* What is known of how it runs before it does, as JSON; the caller frees. */
char *execution_first_facts(const struct execution_start *start);

/* As execution_intend_stop(), inside the caller's transaction. */
int execution_intend(struct ledger *ledger, const char *uid, const char *stopped_by, const char *data,
                     bool *written, struct error *err);

/* It waits no more: its place in the queue, its environment and what it waited for go. */
int queue_leave(struct ledger *ledger, const char *uid, struct error *err);

/* As queue_settle(), inside the caller's transaction. */
int queue_settle_within(struct ledger *ledger, struct error *err);

/* step_report() and plan_report(), inside the caller's transaction. */
int step_apply(struct ledger *ledger, const struct step_report *report, struct step_reported *reported,
               struct error *err);
int plan_write(struct ledger *ledger, const char *execution, const struct plan_item *items, size_t count,
               struct error *err);

/* The session that an execution in flight drives for its plan alone gives way to session `to`: it is closed
 * as aborted (*gave), and the execution may be linked anew. */
int plan_give_way(struct ledger *ledger, const char *execution, const char *to, int64_t at, bool *gave,
                  struct error *err);

/* What an execution had running becomes aborted, with the reason. */
int steps_abort_of(struct ledger *ledger, const char *execution, const char *reason, int64_t at,
                   struct error *err);

#endif
