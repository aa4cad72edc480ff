/*
 * Every change of the queue, and what is due in it. A queued execution is a row of `executions` without
 * `started_at`, and one of `queue`, which goes in the same transaction in which it starts or ends.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/queue.h>

int queue_leave(struct ledger *ledger, const char *uid, struct error *err)
{
    if (sql_run(ledger, err, "DELETE FROM queue WHERE execution = ?", "t", uid))
        return -1;
    return sql_run(ledger, err, "DELETE FROM queue_after WHERE execution = ?", "t", uid);
}

/* ---- What has to come first ---- */

static int predecessor_of(struct ledger *ledger, const char *uid, struct predecessor *predecessor,
                          struct error *err)
{
    struct execution *execution = NULL;

    *predecessor = (struct predecessor){0};
    if (execution_get(ledger, uid, &execution, err))
        return -1;
    if (!execution)
        return error_set(err, ERR_NOT_FOUND, "no execution %s", uid);
    *predecessor = (struct predecessor){
        .number = execution->id,
        .started = execution->started_at != NO_INT,
        .finished = execution->finished_at != NO_INT,
        .outcome = execution->outcome ? outcome_from_name(execution->outcome) : OUTCOME_NONE,
        .drives = execution->drives == 1,
        .settled = settled_from_name(execution->settled_as),
    };
    execution_free(execution);
    return 0;
}

/* Whether it may still be met is for queue_settle_within() to say, as of all that waits. */
static int add_after(struct ledger *ledger, const char *uid, const char *after, struct error *err)
{
    struct predecessor predecessor;

    if (predecessor_of(ledger, after, &predecessor, err))
        return -1;
    return sql_run(ledger, err, "INSERT OR IGNORE INTO queue_after (execution, after) VALUES (?1, ?2)", "tt",
                   uid, after);
}

/* What waits for that one goes on without it, or is cancelled. */
static int settle_after(struct ledger *ledger, const char *after, bool *changed, struct error *err)
{
    struct predecessor predecessor;
    AUTOFREE char *words = NULL, *data = NULL;
    bool written;

    if (predecessor_of(ledger, after, &predecessor, err))
        return -1;
    switch (after_rule(&predecessor)) {
    case AFTER_WAITS:
        return 0;
    case AFTER_MET:
        *changed = true;
        return sql_run(ledger, err, "DELETE FROM queue_after WHERE after = ?", "t", after);
    case AFTER_LOST:
        break;
    }
    words = after_words(&predecessor);
    data = mem_printf("{\"why\":\"it waited for %s\"}", words);
    for (;;) {
        AUTOFREE char *uid = NULL;

        if (sql_text(ledger, err, &uid, "SELECT execution FROM queue_after WHERE after = ? LIMIT 1", "t",
                     after))
            return -1;
        if (!uid)
            return 0;
        *changed = true;
        if (execution_intend(ledger, uid, "cancel", data, &written, err) || queue_leave(ledger, uid, err))
            return -1;
    }
}

static const char ENDED_BEFORE[] =
    "SELECT DISTINCT a.after FROM queue_after a WHERE EXISTS"
    " (SELECT 1 FROM executions e WHERE e.uid = a.after AND e.finished_at IS NOT NULL)";

static int settle_all(struct ledger *ledger, bool *changed, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, ENDED_BEFORE, "");
    char **ended = NULL;
    size_t count = 0;
    int result;

    *changed = false;
    if (!statement)
        return -1;
    while ((result = sql_step(ledger, statement, err)) > 0) {
        ended = mem_resize(ended, (count + 1) * sizeof *ended);
        ended[count++] = mem_strdup((const char *)sqlite3_column_text(statement, 0));
    }
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = settle_after(ledger, ended[i], changed, err);
        free(ended[i]);
    }
    free(ended);
    return result;
}

int queue_settle_within(struct ledger *ledger, struct error *err)
{
    bool changed = true;

    while (changed)
        if (settle_all(ledger, &changed, err))
            return -1;
    return 0;
}

int queue_settle(struct ledger *ledger, struct error *err)
{
    AUTOFREE char *ended = NULL;

    /* Asked outside of a transaction first: mostly there is nothing to write. */
    if (sql_text(ledger, err, &ended, ENDED_BEFORE, ""))
        return -1;
    if (!ended)
        return 0;
    return sql_begin(ledger, err) ? -1 : sql_end(ledger, queue_settle_within(ledger, err), err);
}

int queue_waits_for(struct ledger *ledger, const char *uid, struct predecessor *predecessor,
                    struct error *err)
{
    AUTOFREE char *after = NULL;

    if (sql_text(ledger, err, &after,
                 "SELECT a.after FROM queue_after a JOIN executions e ON e.uid = a.after"
                 " WHERE a.execution = ? ORDER BY e.id LIMIT 1",
                 "t", uid))
        return -1;
    if (!after)
        return 0;
    return predecessor_of(ledger, after, predecessor, err) ? -1 : 1;
}

/* ---- Changes ---- */

static int add_in_transaction(struct ledger *ledger, const struct queue_request *request,
                              struct execution_begun *begun, char **cancelled, struct error *err)
{
    const struct execution_start *start = &request->start;
    struct blob environment = {request->environment, request->environment_size};

    if (execution_insert(ledger, start, begun, err) ||
        sql_run(ledger, err,
                "INSERT INTO queue (execution, position, environment)"
                " VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM queue), ?2)",
                "tb", start->uid, environment))
        return -1;
    for (size_t i = 0; i < request->after_count; i++)
        if (add_after(ledger, start->uid, request->after[i], err))
            return -1;
    if (request->after_count == 0)
        return 0;
    if (queue_settle_within(ledger, err))
        return -1;
    return sql_text(ledger, err, cancelled,
                    "SELECT facts ->> '$.why' FROM executions WHERE uid = ? AND finished_at IS NOT NULL", "t",
                    start->uid);
}

int queue_add(struct ledger *ledger, const struct queue_request *request, struct execution_begun *begun,
              char **cancelled, struct error *err)
{
    *begun = (struct execution_begun){0};
    *cancelled = NULL;
    if (sql_begin(ledger, err))
        return -1;
    if (sql_end(ledger, add_in_transaction(ledger, request, begun, cancelled, err), err) == 0)
        return 0;
    free(begun->session);
    begun->session = NULL;
    free(*cancelled);
    *cancelled = NULL;
    return -1;
}

/* Its place in the queue; ERR_INVARIANT where it has none. */
static int place_of(struct ledger *ledger, const char *uid, int64_t *position, struct error *err)
{
    if (sql_integer(ledger, err, position, "SELECT position FROM queue WHERE execution = ?", "t", uid))
        return -1;
    return *position == NO_INT
               ? error_set(err, ERR_INVARIANT, "execution %s is not in the queue any more", uid)
               : 0;
}

static int remove_in_transaction(struct ledger *ledger, const char *uid, struct error *err)
{
    int64_t position;
    bool written;

    if (place_of(ledger, uid, &position, err) ||
        execution_intend(ledger, uid, "cancel", "{\"why\":\"it was removed from the queue\"}", &written, err))
        return -1;
    return queue_settle_within(ledger, err);
}

int queue_remove(struct ledger *ledger, const char *uid, struct error *err)
{
    return sql_begin(ledger, err) ? -1 : sql_end(ledger, remove_in_transaction(ledger, uid, err), err);
}

static int move_in_transaction(struct ledger *ledger, const char *uid, enum queue_place place,
                               const char *before, struct error *err)
{
    int64_t position;

    if (place_of(ledger, uid, &position, err))
        return -1;
    if (place == QUEUE_FIRST)
        return sql_run(
            ledger, err,
            "UPDATE queue SET position = (SELECT min(position) - 1 FROM queue) WHERE execution = ?", "t",
            uid);
    if (place == QUEUE_LAST)
        return sql_run(
            ledger, err,
            "UPDATE queue SET position = (SELECT max(position) + 1 FROM queue) WHERE execution = ?", "t",
            uid);
    if (place_of(ledger, before, &position, err))
        return -1;
    if (strcmp(uid, before) == 0)
        return 0;
    if (sql_run(ledger, err, "UPDATE queue SET position = position + 1 WHERE position >= ?", "i", position))
        return -1;
    return sql_run(ledger, err, "UPDATE queue SET position = ?2 WHERE execution = ?1", "ti", uid, position);
}

int queue_move(struct ledger *ledger, const char *uid, enum queue_place place, const char *before,
               struct error *err)
{
    return sql_begin(ledger, err)
               ? -1
               : sql_end(ledger, move_in_transaction(ledger, uid, place, before, err), err);
}

int queue_pause(struct ledger *ledger, bool paused, bool *changed, struct error *err)
{
    int64_t was;

    if (paused
            ? sql_integer(ledger, err, &was,
                          "INSERT INTO meta (key, value) VALUES ('queue_paused_at', ?) ON CONFLICT DO NOTHING"
                          " RETURNING 1",
                          "i", wall_now_ms())
            : sql_integer(ledger, err, &was, "DELETE FROM meta WHERE key = 'queue_paused_at' RETURNING 1",
                          ""))
        return -1;
    *changed = was != NO_INT;
    return 0;
}
