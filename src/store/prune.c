/*
 * History that is old enough goes: see the header. What is tied together by an event goes together, since an
 * event can be deleted only after its execution and its session. Which parts may go is found without holding
 * up anybody, in temporary tables; each part is looked at again in the transaction that deletes it.
 */
#include "sql.h"

#include <stdlib.h>
#include <time.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/prune.h>

enum { BATCH = 500, LONGEST_PAUSE_MS = 200 };

/* Of an execution `e`, ?1 being the time: nothing more will happen to it, and nothing waits for it. One that
 * was closed with its session has its pid for as long as its process may live. */
#define OVER                                                                                                 \
    "coalesce(e.finished_at < ?1, 0) AND NOT (e.exit_code = -4 AND e.pid IS NOT NULL)"                       \
    " AND NOT EXISTS (SELECT 1 FROM queue_after a JOIN executions d ON d.uid = a.execution"                  \
    "  WHERE a.after = e.uid AND d.started_at IS NULL AND d.finished_at IS NULL)"
#define IN_BATCH_E "(SELECT uid FROM batch_executions)"
#define IN_BATCH_S "(SELECT id FROM batch_sessions)"

struct prune {
    struct ledger *ledger;
    const struct prune_request *request;
    struct prune_result *result;
    int64_t cursor; /* of the executions without session: the last id that was looked at */
};

/* ---- What may go ---- */

static const char TABLES[] =
    "CREATE TEMP TABLE ties (session TEXT NOT NULL, execution TEXT NOT NULL, PRIMARY KEY (session, "
    "execution))"
    " WITHOUT ROWID;"
    "CREATE INDEX temp.ties_execution ON ties (execution);"
    "CREATE TEMP TABLE doomed (id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;"
    "CREATE TEMP TABLE batch_sessions (id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;"
    "CREATE TEMP TABLE batch_executions (uid TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;"
    "INSERT INTO ties SELECT session, uid FROM executions WHERE session IS NOT NULL"
    " UNION SELECT session, execution FROM events WHERE session IS NOT NULL AND execution IS NOT NULL";

/* Sessions that nothing keeps: neither they themselves, nor what they are tied to, however far. */
static const char DOOMED[] =
    "INSERT INTO doomed"
    " WITH RECURSIVE kept (session, execution) AS ("
    "  SELECT s.id, NULL FROM sessions s WHERE s.status = 'active' OR s.closed_at >= ?1"
    "  UNION SELECT NULL, e.uid FROM executions e"
    "   WHERE e.uid IN (SELECT execution FROM ties) AND NOT (" OVER ")"
    "  UNION SELECT NULL, t.execution FROM kept k JOIN ties t ON t.session = k.session"
    "  UNION SELECT t.session, NULL FROM kept k JOIN ties t ON t.execution = k.execution)"
    " SELECT s.id FROM sessions s WHERE s.id NOT IN (SELECT session FROM kept WHERE session IS NOT NULL)";

static int find_doomed(struct prune *prune, struct error *err)
{
    if (sqlite3_exec(prune->ledger->db, TABLES, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(prune->ledger, err);
    return sql_run(prune->ledger, err, DOOMED, "i", prune->request->before_ms);
}

/* ---- The next batch ---- */

static int empty_batch(struct prune *prune, struct error *err)
{
    return sql_run(prune->ledger, err, "DELETE FROM batch_sessions", "") ||
                   sql_run(prune->ledger, err, "DELETE FROM batch_executions", "")
               ? -1
               : 0;
}

/* A session with all it is tied to. */
static int add_session(struct prune *prune, const char *id, struct error *err)
{
#define PART                                                                                                 \
    "WITH RECURSIVE part (session, execution) AS (SELECT ?1, NULL"                                           \
    " UNION SELECT NULL, t.execution FROM part p JOIN ties t ON t.session = p.session"                       \
    " UNION SELECT t.session, NULL FROM part p JOIN ties t ON t.execution = p.execution) "
    struct ledger *ledger = prune->ledger;

    if (sql_run(ledger, err,
                "INSERT INTO batch_sessions " PART "SELECT session FROM part WHERE session IS NOT NULL", "t",
                id) ||
        sql_run(ledger, err,
                "INSERT INTO batch_executions " PART "SELECT execution FROM part WHERE execution IS NOT NULL",
                "t", id))
        return -1;
    return sql_run(ledger, err, "DELETE FROM doomed WHERE id IN " IN_BATCH_S, "");
}

/* Whole parts, until they are enough for one transaction; *more is false where there are none. */
static int next_sessions(struct prune *prune, bool *more, struct error *err)
{
    int64_t size = 0;

    *more = false;
    if (empty_batch(prune, err))
        return -1;
    while (size < BATCH) {
        AUTOFREE char *id = NULL;

        if (sql_text(prune->ledger, err, &id, "SELECT id FROM doomed LIMIT 1", ""))
            return -1;
        if (!id)
            return 0;
        *more = true;
        if (add_session(prune, id, err) ||
            sql_integer(
                prune->ledger, err, &size,
                "SELECT (SELECT count(*) FROM batch_sessions) + (SELECT count(*) FROM batch_executions)", ""))
            return -1;
    }
    return 0;
}

static int next_executions(struct prune *prune, bool *more, struct error *err)
{
    int64_t last;

    if (empty_batch(prune, err) ||
        sql_run(prune->ledger, err,
                "INSERT INTO batch_executions SELECT e.uid FROM executions e"
                " WHERE e.id > ?2 AND e.session IS NULL AND " OVER
                " AND NOT EXISTS (SELECT 1 FROM ties t WHERE t.execution = e.uid) ORDER BY e.id LIMIT ?3",
                "iii", prune->request->before_ms, prune->cursor, (int64_t)BATCH) ||
        sql_integer(prune->ledger, err, &last,
                    "SELECT max(e.id) FROM batch_executions b CROSS JOIN executions e ON e.uid = b.uid", ""))
        return -1;
    *more = last != NO_INT;
    if (*more)
        prune->cursor = last;
    return 0;
}

/* ---- It goes ---- */

struct gone {
    struct gone_log {
        char *uid, *path;
    } * logs;
    size_t count;
};

static void gone_free(struct gone *gone)
{
    for (size_t i = 0; i < gone->count; i++) {
        free(gone->logs[i].uid);
        free(gone->logs[i].path);
    }
    free(gone->logs);
}

/* Whether all of the batch may still go: what was begun again, or linked, meanwhile doesn't. */
static int still_over(struct prune *prune, bool *over, struct error *err)
{
    int64_t changed;

    if (sql_integer(prune->ledger, err, &changed,
                    "SELECT EXISTS (SELECT 1 FROM batch_sessions b CROSS JOIN sessions s ON s.id = b.id"
                    "  WHERE s.status = 'active' OR s.closed_at >= ?1)"
                    " OR EXISTS (SELECT 1 FROM batch_executions b CROSS JOIN executions e ON e.uid = b.uid"
                    "  WHERE NOT (" OVER ") OR (e.session IS NOT NULL AND e.session NOT IN " IN_BATCH_S "))"
                    " OR EXISTS (SELECT 1 FROM batch_sessions b CROSS JOIN executions e ON e.session = b.id"
                    "  WHERE e.uid NOT IN " IN_BATCH_E ")",
                    "i", prune->request->before_ms))
        return -1;
    *over = !changed;
    return 0;
}

/* Deletes, or counts, what `what` selects. */
static int take_away(struct prune *prune, const char *what, int64_t *count, struct error *err)
{
    AUTOFREE char *sql =
        mem_printf("%s FROM %s", prune->request->dry_run ? "SELECT count(*)" : "DELETE", what);
    int64_t found;

    if (sql_integer(prune->ledger, err, &found, sql, ""))
        return -1;
    *count += prune->request->dry_run ? found : sqlite3_changes64(prune->ledger->db);
    return 0;
}

static int note_logs(struct prune *prune, struct gone *gone, struct error *err)
{
    AUTOSTMT sqlite3_stmt *rows =
        sql_bind(prune->ledger, err,
                 "SELECT uid, log FROM executions WHERE log IS NOT NULL AND uid IN " IN_BATCH_E, "");
    int step = -1;

    while (rows && (step = sql_step(prune->ledger, rows, err)) > 0) {
        gone->logs = mem_resize(gone->logs, (gone->count + 1) * sizeof *gone->logs);
        gone->logs[gone->count++] = (struct gone_log){mem_strdup((const char *)sqlite3_column_text(rows, 0)),
                                                      mem_strdup((const char *)sqlite3_column_text(rows, 1))};
    }
    return step;
}

/* What an import keeps of a session that it made. */
static int forget_origins(struct prune *prune, struct error *err)
{
    if (prune->request->dry_run)
        return 0;
    return sql_run(prune->ledger, err,
                   "DELETE FROM meta WHERE key IN (SELECT 'ocr:' || id FROM batch_sessions)", "");
}

static int delete_rows(struct prune *prune, struct prune_result *counts, struct gone *gone, struct error *err)
{
    /* Executions before the sessions that they are of, and events when neither is left. */
    if (note_logs(prune, gone, err) || forget_origins(prune, err) ||
        take_away(prune, "executions WHERE uid IN " IN_BATCH_E, &counts->executions, err) ||
        take_away(prune, "sessions WHERE id IN " IN_BATCH_S, &counts->sessions, err) ||
        take_away(prune, "events WHERE execution IN " IN_BATCH_E, &counts->events, err))
        return -1;
    return take_away(prune,
                     "events WHERE session IN " IN_BATCH_S
                     " AND (execution IS NULL OR execution NOT IN " IN_BATCH_E ")",
                     &counts->events, err);
}

static void add_counts(struct prune_result *sum, const struct prune_result *counts)
{
    sum->executions += counts->executions;
    sum->sessions += counts->sessions;
    sum->events += counts->events;
}

static void tell_logs(const struct prune *prune, const struct gone *gone)
{
    for (size_t i = 0; i < gone->count; i++)
        prune->request->log_gone(prune->request->context, gone->logs[i].uid, gone->logs[i].path);
}

static int delete_batch(struct prune *prune, struct error *err)
{
    struct prune_result counts = {0};
    struct gone gone = {0};
    bool over = false;
    int result;

    if (sql_begin(prune->ledger, err))
        return -1;
    result = still_over(prune, &over, err);
    if (result == 0 && over)
        result = delete_rows(prune, &counts, &gone, err);
    result = sql_end(prune->ledger, result, err);
    if (result == 0) {
        add_counts(prune->result, &counts);
        prune->result->changed += !over;
        tell_logs(prune, &gone);
    }
    gone_free(&gone);
    return result;
}

static int count_batch(struct prune *prune, struct error *err)
{
    struct gone gone = {0};
    int result = delete_rows(prune, prune->result, &gone, err);

    if (result == 0)
        tell_logs(prune, &gone);
    gone_free(&gone);
    return result;
}

/* As long as the lock was held: those who wait for it get their turn. */
static void pause_as_long(int64_t since)
{
    int64_t ms = awake_now_ms() - since + 1;

    if (ms > LONGEST_PAUSE_MS)
        ms = LONGEST_PAUSE_MS;
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int each_batch(struct prune *prune, int (*next)(struct prune *, bool *, struct error *),
                      struct error *err)
{
    bool more;

    while (!prune->result->stopped) {
        int64_t since;

        prune->result->stopped = prune->request->stopped(prune->request->context);
        if (prune->result->stopped)
            return 0;
        if (next(prune, &more, err))
            return -1;
        if (!more)
            return 0;
        since = awake_now_ms();
        if ((prune->request->dry_run ? count_batch : delete_batch)(prune, err))
            return -1;
        if (!prune->request->dry_run)
            pause_as_long(since);
    }
    return 0;
}

int ledger_prune(struct ledger *ledger, const struct prune_request *request, struct prune_result *result,
                 struct error *err)
{
    struct prune prune = {ledger, request, result, 0};

    *result = (struct prune_result){0};
    if (find_doomed(&prune, err) || each_batch(&prune, next_sessions, err))
        return -1;
    return each_batch(&prune, next_executions, err);
}
