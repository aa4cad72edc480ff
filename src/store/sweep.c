/* The ledger's side of sweeps: see the header. */
#include "rows.h"

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/store/sweep.h>

int sweep_claim(struct ledger *ledger, const char *name, int64_t now_ms, int64_t interval_ms, bool *claimed,
                struct error *err)
{
    AUTOFREE char *key = mem_printf("swept_%s_at", name);
    int64_t mine;

    /* A timer may be a little early. A time in the future was written by a clock that has been set back
     * since: it counts for nothing. */
    if (sql_integer(ledger, err, &mine,
                    "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"
                    " WHERE CAST(value AS INTEGER) <= ?2 - ?3 OR CAST(value AS INTEGER) > ?2 RETURNING 1",
                    "tii", key, now_ms, interval_ms - interval_ms / 10))
        return -1;
    *claimed = mine != NO_INT;
    return 0;
}

/* ---- Executions ---- */

static const char *const tables[] = {
    [SWEEP_RUNNING] = "executions INDEXED BY executions_in_flight",
    [SWEEP_CLOSED] = "executions INDEXED BY executions_closed_in_flight",
};
static const char *const pages[] = {
    [SWEEP_RUNNING] = "WHERE finished_at IS NULL AND started_at IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2",
    [SWEEP_CLOSED] = "WHERE exit_code = -4 AND (pid IS NOT NULL OR socket IS NOT NULL) AND id > ?1"
                     " ORDER BY id LIMIT ?2",
};

int sweep_page(struct ledger *ledger, enum sweep_of of, int64_t after, int64_t limit,
               struct execution_list *list, struct error *err)
{
    return executions_plain(ledger, tables[of], pages[of], after, limit, list, err);
}

/* The end is unknown, unless it was to end and was ended by us: then the intent is what counts. */
#define PRESUMED_CODE                                                                                        \
    "CASE WHEN stopped_by IS NULL OR facts ->> '$.asked_at' IS NULL THEN -3"                                 \
    " WHEN stopped_by = 'cancel' THEN -2 ELSE -5 END"

int execution_presumed_code(struct ledger *ledger, const struct execution *seen, int64_t *exit_code,
                            struct error *err)
{
    return sql_integer(ledger, err, exit_code, "SELECT " PRESUMED_CODE " FROM executions WHERE uid = ?", "t",
                       seen->uid);
}

/* A heartbeat that came since it was judged proves the judgement wrong. */
static const char PRESUME[] =
    "UPDATE executions SET finished_at = max(?2, started_at), exit_code = " PRESUMED_CODE ","
    " pid = iif(?3, NULL, pid), pid_start = iif(?3, NULL, pid_start), socket = iif(?3, NULL, socket),"
    " facts = iif(?4 IS NULL, facts, json_set(facts, '$.threshold_ms', ?4)),"
    " notes = iif(?5 IS NULL, notes, json_insert(notes, '$[#]', ?5)),"
    " opening = (SELECT max(r.id) FROM rounds r WHERE r.session = executions.session)"
    " WHERE uid = ?1 AND finished_at IS NULL AND started_at IS NOT NULL AND heartbeat_at IS ?6"
    " AND supervisor_pid IS ?7 AND supervisor_start IS ?8 RETURNING exit_code";

static int presume(struct ledger *ledger, const struct execution *seen, const struct presumed_end *end,
                   int64_t *exit_code, struct error *err)
{
    struct execution *row = NULL;
    int result;

    if (sql_integer(ledger, err, exit_code, PRESUME,
                    "tiii"
                    "tiii",
                    seen->uid, end->at, (int64_t)end->process_gone,
                    end->threshold_ms ? end->threshold_ms : NO_INT, end->note, seen->heartbeat_at,
                    seen->supervisor_pid, seen->supervisor_start))
        return -1;
    if (*exit_code == NO_INT)
        return 0;
    if (steps_abort_of(ledger, seen->uid, "its supervisor is gone", end->at, err) ||
        execution_judge(ledger, seen->uid, &row, err))
        return -1;
    result = execution_end_event(ledger, row, end->at, "execution_finished", end->threshold_ms, err);
    execution_free(row);
    return result;
}

int execution_presume(struct ledger *ledger, const struct execution *seen, const struct presumed_end *end,
                      int64_t *exit_code, bool *changed, struct error *err)
{
    int64_t open;
    int result;

    *changed = false;
    /* Of many sweeps at once most come too late: they needn't wait for the lock to learn it. */
    if (sql_integer(ledger, err, &open, "SELECT 1 FROM executions WHERE uid = ? AND finished_at IS NULL", "t",
                    seen->uid))
        return -1;
    if (open == NO_INT)
        return 0;
    if (sql_begin(ledger, err))
        return -1;
    result = presume(ledger, seen, end, exit_code, err);
    *changed = !result && *exit_code != NO_INT;
    return sql_end(ledger, result, err);
}

static const char NOT_YET_UNSUPERVISED[] =
    "SELECT 1 FROM executions e WHERE uid = ?1 AND finished_at IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM events v WHERE v.execution = e.uid AND v.type = 'execution_unsupervised')";

int execution_unsupervised(struct ledger *ledger, const struct execution *seen, int64_t at, bool dry_run,
                           bool *changed, struct error *err)
{
    AUTOFREE char *data = mem_printf("{\"pid\":%lld}", (long long)seen->pid);
    int64_t first;
    int result;

    *changed = false;
    /* Asked outside of a transaction first: each sweep asks, and only the first one writes. */
    if (sql_integer(ledger, err, &first, NOT_YET_UNSUPERVISED, "t", seen->uid))
        return -1;
    if (first == NO_INT || dry_run) {
        *changed = first != NO_INT;
        return 0;
    }
    if (sql_begin(ledger, err))
        return -1;
    result = sql_integer(ledger, err, &first, NOT_YET_UNSUPERVISED, "t", seen->uid);
    *changed = !result && first != NO_INT;
    if (*changed)
        result = event_insert(ledger, at, "execution_unsupervised", NULL, seen->uid, data, err);
    return sql_end(ledger, result, err);
}

int execution_ask_to_end(struct ledger *ledger, const struct execution *seen, int64_t at, int64_t *asked_at,
                         bool *changed, struct error *err)
{
    int64_t first;
    int result;

    *changed = false;
    if (sql_begin(ledger, err))
        return -1;
    result = sql_integer(ledger, err, &first,
                         "UPDATE executions SET facts = json_set(facts, '$.asked_at', ?2) WHERE uid = ?1"
                         " AND pid IS ?3 AND facts ->> '$.asked_at' IS NULL RETURNING 1",
                         "tii", seen->uid, at, seen->pid);
    if (!result)
        result = sql_integer(ledger, err, asked_at,
                             "SELECT facts ->> '$.asked_at' FROM executions WHERE uid = ?", "t", seen->uid);
    *changed = !result && first != NO_INT;
    return sql_end(ledger, result, err);
}

int execution_release(struct ledger *ledger, const struct execution *seen, bool *changed, struct error *err)
{
    int64_t released;

    if (sql_integer(ledger, err, &released,
                    "UPDATE executions SET pid = NULL, pid_start = NULL, socket = NULL WHERE uid = ?1"
                    " AND finished_at IS NOT NULL AND (pid IS NOT NULL OR socket IS NOT NULL) AND pid IS ?2"
                    " AND pid_start IS ?3 RETURNING 1",
                    "tii", seen->uid, seen->pid, seen->pid_start))
        return -1;
    *changed = released != NO_INT;
    return 0;
}

/* ---- Sessions ---- */

/*
 * updated_at is the time of the last event, and that of the start where there is none. The plus keeps SQLite
 * from the index of sessions, which holds the whole history.
 */
#define STALE                                                                                                \
    "FROM sessions WHERE status = 'active' AND updated_at < ?1 AND id NOT IN"                                \
    " (SELECT e.session FROM executions e WHERE e.finished_at IS NULL AND +e.session IS NOT NULL)"

void name_list_add(struct name_list *list, const char *name)
{
    list->items = mem_resize(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = mem_strdup(name);
}

void name_list_free(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct name_list){0};
}

int sessions_stale(struct ledger *ledger, int64_t before, struct name_list *ids, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, "SELECT id " STALE " ORDER BY updated_at", "i", before);
    int step = -1;

    *ids = (struct name_list){0};
    while (statement && (step = sql_step(ledger, statement, err)) > 0)
        name_list_add(ids, (const char *)sqlite3_column_text(statement, 0));
    if (step < 0)
        name_list_free(ids);
    return step;
}

int session_close_stale(struct ledger *ledger, const char *id, int64_t at, int64_t threshold_ms,
                        bool *changed, struct error *err)
{
    AUTOFREE char *data = mem_printf("{\"threshold_ms\":%lld}", (long long)threshold_ms);
    int64_t stale;
    int result;

    *changed = false;
    if (sql_begin(ledger, err))
        return -1;
    result = sql_integer(ledger, err, &stale, "SELECT 1 " STALE " AND id = ?2", "it", at - threshold_ms, id);
    *changed = !result && stale != NO_INT;
    if (*changed)
        result = session_settle(ledger, id, "stale", "session_auto_closed_stale", NULL, data, at, err);
    return sql_end(ledger, result, err);
}

/* ---- When it is done ---- */

int sweep_note(struct ledger *ledger, int64_t at, size_t executions, size_t sessions, struct error *err)
{
    AUTOFREE char *data = mem_printf("{\"executions\":%zu,\"sessions\":%zu}", executions, sessions);

    return event_insert(ledger, at, "sweep_finished", NULL, NULL, data, err);
}

int log_forget(struct ledger *ledger, const char *uid, int64_t before_ms, bool *forgotten, struct error *err)
{
    int64_t changed;

    if (sql_integer(ledger, err, &changed,
                    "UPDATE executions SET log = NULL,"
                    " notes = json_insert(notes, '$[#]', 'its log was older than log.keep, and was removed')"
                    " WHERE uid = ?1 AND finished_at < ?2 AND log IS NOT NULL RETURNING 1",
                    "ti", uid, before_ms))
        return -1;
    *forgotten = changed != NO_INT;
    return 0;
}
