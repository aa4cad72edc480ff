/*
 * Checkpoints. Each row says all that its execution has counted so far, so that a session's totals are the
 * sum of the latest rows of its executions, and of no others (LATEST_CHECKPOINTS).
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/checkpoint.h>

#define AT(member) offsetof(struct checkpoint, member)
const struct field checkpoint_fields[] = {
    {"id", FIELD_TEXT, AT(id), true},
    {"session", FIELD_TEXT, AT(session), true},
    {"execution", FIELD_TEXT, AT(execution), true},
    {"steps", FIELD_INT, AT(steps), true},
    {"usage", FIELD_JSON, AT(usage), true},
    {"size", FIELD_INT, AT(size), true},
    {"created_at", FIELD_TIME, AT(created_at), true},
    {"execution_number", FIELD_INT, AT(execution_number), false},
};
const size_t checkpoint_field_count = sizeof checkpoint_fields / sizeof *checkpoint_fields;

static const char SOURCE[] =
    "(SELECT c.*, (SELECT e.id FROM executions e WHERE e.uid = c.execution) AS execution_number"
    " FROM checkpoints c)";

void checkpoint_free(struct checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    sql_unload(checkpoint_fields, checkpoint_field_count, checkpoint);
    free(checkpoint);
}

/* ---- Save ---- */

/* What is about to stand in the ledger. */
struct saving {
    const struct checkpoint_save *save;
    const char *session, *id;
    int64_t steps;
    char *usage;
};

/* Whether all that is said stands under that id already: it was sent again by who didn't hear the answer. */
static int is_repeat(struct ledger *ledger, const struct saving *saving, int64_t steps, bool *repeat,
                     struct error *err)
{
    const struct checkpoint_save *save = saving->save;
    struct blob data = {save->data, save->size};
    int64_t same;

    if (sql_integer(ledger, err, &same,
                    "SELECT 1 FROM checkpoints WHERE session = ?1 AND id = ?2 AND (?3 IS NULL OR steps = ?3)"
                    " AND json_patch(usage, ?4) = usage AND (?5 IS NULL OR data = ?5)",
                    "ttitb", saving->session, saving->id, steps, save->usage, data))
        return -1;
    *repeat = same != NO_INT;
    return 0;
}

/* The counters as the execution had them last. */
static int carry_over(struct ledger *ledger, struct saving *saving, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT steps, json_patch(coalesce(usage, '{}'), ?3) FROM (SELECT 1) LEFT JOIN"
                 " (SELECT steps, usage FROM checkpoints WHERE session = ?1 AND execution IS ?2"
                 "  ORDER BY number DESC LIMIT 1)",
                 "ttt", saving->session, saving->save->execution, saving->save->usage);

    if (!statement || sql_step(ledger, statement, err) < 0)
        return -1;
    saving->steps =
        sqlite3_column_type(statement, 0) == SQLITE_NULL ? NO_INT : sqlite3_column_int64(statement, 0);
    saving->usage = mem_strdup((const char *)sqlite3_column_text(statement, 1));
    return 0;
}

/*
 * What is left for this execution of a count that began with the session; never less than nothing. The others
 * are counted as they will be once this one stands under its id.
 */
static int own_steps(struct ledger *ledger, const struct saving *saving, int64_t *steps, struct error *err)
{
    int64_t others;

    *steps = saving->save->steps;
    if (saving->save->session_steps == NO_INT)
        return 0;
    if (sql_integer(ledger, err, &others,
                    "SELECT coalesce(sum(steps), 0) FROM checkpoints c"
                    " WHERE session = ?1 AND execution IS NOT ?2 AND number ="
                    "  (SELECT max(l.number) FROM checkpoints l WHERE l.session = c.session"
                    "   AND l.execution IS c.execution AND l.id <> ?3)",
                    "ttt", saving->session, saving->save->execution, saving->id))
        return -1;
    *steps = saving->save->session_steps > others ? saving->save->session_steps - others : 0;
    return 0;
}

static int check_totals(struct ledger *ledger, const char *session, struct error *err)
{
    AUTOFREE char *counter = NULL;

    if (sql_text(ledger, err, &counter,
                 "SELECT 'steps' FROM (SELECT total(steps) AS steps FROM " LATEST_CHECKPOINTS(
                     "?1") ")"
                           " WHERE steps > ?2"
                           " UNION ALL SELECT j.key FROM " LATEST_CHECKPOINTS(
                               "?1") " c JOIN json_each(c.usage) j"
                                     " GROUP BY j.key HAVING total(j.value) > ?2",
                 "ti", session, COUNTER_MAX))
        return -1;
    if (!counter)
        return 0;
    return error_set(err, ERR_INVARIANT,
                     "cannot save the checkpoint: with it, session %s would have more %s than can be counted "
                     "(%lld); nothing was saved",
                     session, counter, (long long)COUNTER_MAX);
}

/* In the place of what stood under that id, whose data stays where there is no other. */
static int insert_row(struct ledger *ledger, const struct saving *saving, int64_t at, struct error *err)
{
    const struct checkpoint_save *save = saving->save;
    struct blob data = {save->data, save->size};

    if (sql_run(ledger, err,
                "INSERT OR REPLACE INTO checkpoints (id, session, execution, steps, usage, data, size, "
                "created_at)"
                " SELECT ?1, ?2, ?3, ?4, ?5, d, coalesce(length(d), 0), ?7 FROM (SELECT coalesce(?6,"
                "  (SELECT data FROM checkpoints WHERE session = ?2 AND id = ?1)) AS d)",
                "tttitbi", saving->id, saving->session, save->execution, saving->steps, saving->usage, data,
                at))
        return -1;
    return sql_run(ledger, err,
                   "INSERT INTO events (at, type, session, execution, data)"
                   " SELECT created_at, 'checkpoint_saved', session, execution,"
                   "  json_object('id', id, 'steps', steps, 'usage', json(usage), 'size', size)"
                   " FROM checkpoints WHERE session = ?1 AND id = ?2",
                   "tt", saving->session, saving->id);
}

/* By the number that the row will have: of no other checkpoint, unless somebody has called one so. */
static int make_id(struct ledger *ledger, const char *session, char **id, struct error *err)
{
    int64_t number, taken;

    if (sql_integer(ledger, err, &number, "SELECT 1 + coalesce(max(number), 0) FROM checkpoints", ""))
        return -1;
    do {
        free(*id);
        *id = mem_printf("checkpoint-%lld", (long long)number++);
        if (sql_integer(ledger, err, &taken, "SELECT 1 FROM checkpoints WHERE session = ? AND id = ?", "tt",
                        session, *id))
            return -1;
    } while (taken != NO_INT);
    return 0;
}

static int save_in_transaction(struct ledger *ledger, const struct checkpoint_save *save, char **id,
                               char **session, const char **how, struct error *err)
{
    struct saving saving = {.save = save};
    int64_t now = wall_now_ms(), steps;
    bool repeat = false;
    int result;

    if (report_session(ledger, save->session, save->execution, now, session, how, err) ||
        report_progress(ledger, save->execution, now, err))
        return -1;
    *id = mem_strdup(save->id);
    if (!*id && make_id(ledger, *session, id, err))
        return -1;
    saving.session = *session;
    saving.id = *id;
    if (own_steps(ledger, &saving, &steps, err) || is_repeat(ledger, &saving, steps, &repeat, err))
        return -1;
    if (repeat)
        return 0;
    if (carry_over(ledger, &saving, err))
        return -1;
    if (steps != NO_INT)
        saving.steps = steps;
    result = insert_row(ledger, &saving, now, err) || check_totals(ledger, *session, err) ? -1 : 0;
    free(saving.usage);
    return result;
}

int checkpoint_save(struct ledger *ledger, const struct checkpoint_save *save, char **id, char **session,
                    const char **how, struct error *err)
{
    *id = *session = NULL;
    if (sql_begin(ledger, err))
        return -1;
    return sql_end(ledger, save_in_transaction(ledger, save, id, session, how, err), err);
}

/* ---- Reading ---- */

int checkpoints_each(struct ledger *ledger, const char *session,
                     int (*each)(const struct checkpoint *checkpoint, void *context), void *context,
                     struct error *err)
{
    AUTOFREE char *sql = sql_select(checkpoint_fields, checkpoint_field_count, NULL, SOURCE,
                                    "WHERE session = ?1 ORDER BY number DESC");
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "t", session);
    int step = statement ? 1 : -1, stop = 0;

    while (step > 0 && !stop && (step = sql_step(ledger, statement, err)) > 0) {
        struct checkpoint checkpoint;

        sql_load(statement, checkpoint_fields, checkpoint_field_count, &checkpoint);
        stop = each(&checkpoint, context);
        sql_unload(checkpoint_fields, checkpoint_field_count, &checkpoint);
    }
    return step < 0 ? -1 : 0;
}

static int not_found(struct ledger *ledger, const char *session, const char *id, struct error *err)
{
    AUTOFREE char *others = NULL;

    if (sql_text(ledger, err, &others,
                 "SELECT group_concat(session, ', ') FROM (SELECT session FROM checkpoints WHERE id = ?"
                 " ORDER BY number DESC LIMIT 10)",
                 "t", id))
        return -1;
    if (others)
        return error_set(err, ERR_NOT_FOUND, "checkpoint %s is of session %s, not of session %s", id, others,
                         session);
    return error_set(
        err, ERR_NOT_FOUND,
        "session %s has no checkpoint \"%s\"; `supervise checkpoint list --session %s` shows them", session,
        id, session);
}

static int load_data(sqlite3_stmt *statement, const struct checkpoint *checkpoint, char **data,
                     struct error *err)
{
    const void *bytes = sqlite3_column_blob(statement, 0);
    int64_t length = sqlite3_column_bytes(statement, 0);

    if (length != checkpoint->size)
        return error_set(err, ERR_INVALID,
                         "the data of checkpoint %s is cut off: %lld bytes of %lld are there; see "
                         "`supervise db check`",
                         checkpoint->id, (long long)length, (long long)checkpoint->size);
    if (bytes)
        *data = memcpy(mem_alloc((size_t)length), bytes, (size_t)length);
    return 0;
}

int checkpoint_get(struct ledger *ledger, const char *session, const char *id, struct checkpoint **checkpoint,
                   char **data, struct error *err)
{
    AUTOFREE char *sql =
        sql_select(checkpoint_fields, checkpoint_field_count, NULL, SOURCE, "WHERE session = ?1 AND id = ?2");
    AUTOSTMT sqlite3_stmt *row = sql_bind(ledger, err, sql, "tt", session, id);
    AUTOSTMT sqlite3_stmt *blob = NULL;
    int step;

    *checkpoint = NULL;
    *data = NULL;
    if (!row || (step = sql_step(ledger, row, err)) < 0)
        return -1;
    if (step == 0)
        return not_found(ledger, session, id, err);
    *checkpoint = mem_alloc(sizeof **checkpoint);
    sql_load(row, checkpoint_fields, checkpoint_field_count, *checkpoint);
    blob = sql_bind(ledger, err, "SELECT data FROM checkpoints WHERE session = ?1 AND id = ?2", "tt", session,
                    id);
    if (blob && sql_step(ledger, blob, err) >= 0 && load_data(blob, *checkpoint, data, err) == 0)
        return 0;
    checkpoint_free(*checkpoint);
    *checkpoint = NULL;
    return -1;
}

int checkpoint_last(struct ledger *ledger, const char *session, char **id, struct error *err)
{
    return sql_text(ledger, err, id,
                    "SELECT id FROM checkpoints WHERE session = ?1 AND data IS NOT NULL"
                    " AND length(data) = size ORDER BY number DESC LIMIT 1",
                    "t", session);
}
