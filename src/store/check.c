/*
 * What must hold in every ledger, as queries that find what breaks it: a row is a finding, its one column
 * says which. Damage is what SQLite itself can't read, or a schema that isn't ours; the rest are invariants
 * of ours.
 */
#include "sql.h"

#include <string.h>

#include <supervise/store/check.h>

static const struct {
    const char *name;
    bool damage;
    const char *sql;
} checks[] = {
    {"integrity", true, "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
    {"foreign-keys", false,
     "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' refers to a missing row of ' || parent"
     " FROM pragma_foreign_key_check"},
    {"tables", true,
     "SELECT f.type || ' ' || f.name || CASE WHEN s.name IS NULL THEN ' is missing' ELSE ' is not as it was "
     "made' END"
     " FROM temp.fresh f LEFT JOIN main.sqlite_schema s ON s.type = f.type AND s.name = f.name"
     " WHERE f.type = 'table' AND s.sql IS NOT f.sql"},
    {"guards", false,
     "SELECT f.type || ' ' || f.name || CASE WHEN s.name IS NULL THEN ' is missing' ELSE ' is not as it was "
     "made' END"
     " FROM temp.fresh f LEFT JOIN main.sqlite_schema s ON s.type = f.type AND s.name = f.name"
     " WHERE f.type <> 'table' AND s.sql IS NOT f.sql"},
    {"orphan-events", false,
     "SELECT 'event ' || v.id || ' is of an execution that is not there' FROM events v WHERE v.execution IS "
     "NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.uid = v.execution)"},
    {"created-by-event", false,
     "SELECT 'session ' || id || ' has no session_created event' FROM sessions s WHERE NOT EXISTS (SELECT 1"
     " FROM events v WHERE v.session = s.id AND v.type = 'session_created')"},
    {"one-finish-event", false,
     "SELECT 'execution #' || e.id || ' has ended ' || count(v.id) || ' times' FROM executions e LEFT JOIN "
     "events v"
     " ON v.execution = e.uid AND v.type = 'execution_finished' WHERE e.finished_at IS NOT NULL"
     " GROUP BY e.id HAVING count(v.id) <> 1"},
    {"no-finish-event-in-flight", false,
     "SELECT 'execution #' || e.id || ' is in flight and has an execution_finished event' FROM executions e"
     " WHERE e.finished_at IS NULL AND EXISTS (SELECT 1 FROM events v WHERE v.execution = e.uid"
     " AND v.type = 'execution_finished')"},
    {"judged-by-opening", false,
     "SELECT 'execution #' || id || ' has ended in session ' || session || ' and in no round of it' FROM "
     "executions e"
     " WHERE finished_at IS NOT NULL AND session IS NOT NULL"
     " AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.id = e.opening AND r.session = e.session)"},
    {"completed-by-event", false,
     "SELECT 'session ' || id || ' is closed as completed without a round_completed event' FROM sessions s"
     " WHERE close_reason = 'completed' AND NOT EXISTS (SELECT 1 FROM events v WHERE v.session = s.id"
     " AND v.type = 'round_completed' AND v.data ->> '$.round' = s.round)"},
    {"settled-with-session", false,
     "SELECT 'session ' || s.id || ' is closed as ' || s.close_reason || ', its round is settled as '"
     " || coalesce(r.settled_as, 'open') FROM sessions s JOIN rounds r ON r.session = s.id"
     " WHERE s.status = 'closed' AND r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = s.id)"
     " AND r.settled_as IS NOT s.close_reason"},
    {"active-has-open-round", false,
     "SELECT 'session ' || s.id || ' is active, its round is settled' FROM sessions s WHERE s.status = "
     "'active'"
     " AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.id = (SELECT max(l.id) FROM rounds l WHERE l.session = "
     "s.id)"
     " AND r.settled_as IS NULL AND r.round = s.round)"},
    {"queue-of-the-queued", false,
     "SELECT 'execution #' || e.id || ' has started or ended, and is in the queue' FROM queue q"
     " JOIN executions e ON e.uid = q.execution WHERE e.started_at IS NOT NULL OR e.finished_at IS NOT NULL"
     " UNION ALL SELECT 'execution #' || e.id || ' waits to be started, and is not in the queue' FROM "
     "executions e"
     " WHERE e.started_at IS NULL AND e.finished_at IS NULL"
     " AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.execution = e.uid)"},
    {"steps-of-the-ended", false,
     "SELECT 'step ' || stage || '/' || name || ' runs in an execution that has ended' FROM steps k"
     " WHERE status = 'running' AND EXISTS (SELECT 1 FROM executions e WHERE e.uid = k.execution"
     " AND e.finished_at IS NOT NULL)"},
};

static int run_check(struct ledger *ledger, size_t i, bool *sound, bool *damaged, json_t *findings,
                     struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, checks[i].sql, "");
    int step;

    if (!statement)
        return -1;
    while ((step = sql_step(ledger, statement, err)) > 0) {
        *sound = false;
        *damaged = *damaged || checks[i].damage;
        json_array_append_new(findings, json_pack("{s:s, s:s?}", "check", checks[i].name, "finding",
                                                  (const char *)sqlite3_column_text(statement, 0)));
    }
    return step;
}

/* The schema as this program makes it, in a temporary table beside the one that is checked. */
static int load_fresh_schema(struct ledger *ledger, struct error *err)
{
    struct ledger_options nowhere = {.path = "/dev/null/none"};
    struct ledger *fresh = ledger_open(&nowhere, LEDGER_READ, err);
    sqlite3_stmt *rows = NULL;
    int step = -1;

    if (fresh && sql_run(ledger, err, "CREATE TEMP TABLE IF NOT EXISTS fresh (type, name, sql)", "") == 0)
        rows = sql_bind(fresh, err, "SELECT type, name, sql FROM sqlite_schema", "");
    while (rows && (step = sql_step(fresh, rows, err)) > 0)
        if (sql_run(ledger, err, "INSERT INTO temp.fresh VALUES (?, ?, ?)", "ttt",
                    sqlite3_column_text(rows, 0), sqlite3_column_text(rows, 1),
                    sqlite3_column_text(rows, 2))) {
            step = -1;
            break;
        }
    sqlite3_finalize(rows);
    ledger_close(fresh);
    return step;
}

int ledger_check(struct ledger *ledger, bool *sound, bool *damaged, json_t **findings, struct error *err)
{
    *sound = true;
    *damaged = false;
    *findings = json_array();
    if (load_fresh_schema(ledger, err)) {
        json_decref(*findings);
        *findings = NULL;
        return -1;
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (run_check(ledger, i, sound, damaged, *findings, err) == 0)
            continue;
        /* What can't be read is a finding too: the file is damaged, or a table is missing, which was found by
         * then. */
        *sound = false;
        *damaged = *damaged || err->code == ERR_INVALID;
        if (!*damaged) {
            json_decref(*findings);
            *findings = NULL;
            return -1;
        }
        json_array_append_new(*findings,
                              json_pack("{s:s, s:s}", "check", checks[i].name, "finding", err->text));
        return 0;
    }
    return 0;
}
