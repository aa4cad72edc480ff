/*
 * Items. The ids that a report is about stand in a temporary table first, so that a report about one and one
 * about a hundred thousand are the same few statements, and who names the ids slowly keeps nobody waiting.
 */
#include "rows.h"

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/item.h>

#define AT(member) offsetof(struct item, member)
const struct field item_fields[] = {
    {"id", FIELD_TEXT, AT(id), true},         {"stage", FIELD_TEXT, AT(stage), true},
    {"status", FIELD_TEXT, AT(status), true}, {"attempts", FIELD_INT, AT(attempts), true},
    {"error", FIELD_TEXT, AT(error), true},   {"execution", FIELD_TEXT, AT(execution), true},
    {"at", FIELD_TIME, AT(at), true},         {"execution_number", FIELD_INT, AT(execution_number), false},
};
const size_t item_field_count = sizeof item_fields / sizeof *item_fields;

/* ---- The ids ---- */

/* Beyond 32 MiB of memory the temporary table goes to a file. */
static const char MAKE_GIVEN[] =
    "PRAGMA temp.cache_size = -32768;"
    "CREATE TEMP TABLE given (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT";

static int take_one(struct ledger *ledger, sqlite3_stmt *insert, const char *id, size_t length,
                    struct error *err)
{
    sqlite3_bind_text(insert, 1, id, (int)length, SQLITE_STATIC);
    if (sql_step(ledger, insert, err))
        return -1;
    sqlite3_reset(insert);
    return 0;
}

int items_take(struct ledger *ledger, item_source *source, void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *insert = NULL;
    const char *id;
    size_t length;
    int more;

    if (sqlite3_exec(ledger->db, MAKE_GIVEN, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(ledger, err);
    insert = sql_bind(ledger, err, "INSERT OR IGNORE INTO temp.given (id) VALUES (?)", "");
    /* A transaction that touches the temporary table alone locks nothing. */
    if (!insert || sql_run(ledger, err, "BEGIN", ""))
        return -1;
    while ((more = source(context, &id, &length, err)) > 0)
        if (take_one(ledger, insert, id, length, err)) {
            more = -1;
            break;
        }
    sql_finalize(&insert);
    return sql_end(ledger, more, err);
}

/* ---- Reports ---- */

/* ?1 session, ?2 stage, ?3 execution, ?4 at, ?5 error */
#define OF_GIVEN                                                                                             \
    " FROM temp.given g LEFT JOIN items i ON i.session = ?1 AND i.stage = ?2 AND i.id = g.id WHERE "

static const struct {
    /* The first id for which this holds refuses all; NULL: none does. */
    const char *refuses;
    enum error_code code;
    const char *why;
    const char *events, *change;
} reports[] = {
    [ITEMS_DONE] =
        {.events = "INSERT INTO events (at, type, session, execution, data) SELECT ?4, 'item_done', ?1, ?3,"
                   " json_object('stage', ?2, 'id', g.id, 'attempts', coalesce(i.attempts, 0) + 1)" OF_GIVEN
                   "i.status IS NOT 'done' ORDER BY g.position",
         .change = "INSERT INTO items (session, stage, id, status, error, execution, at)"
                   " SELECT ?1, ?2, id, 'done', NULL, ?3, ?4 FROM temp.given WHERE true"
                   " ON CONFLICT DO UPDATE SET status = 'done', attempts = attempts + 1, error = NULL,"
                   " execution = excluded.execution, at = excluded.at WHERE status <> 'done'"},
    [ITEMS_FAILED] =
        {.refuses = "SELECT g.id" OF_GIVEN "i.status = 'done' ORDER BY g.position LIMIT 1",
         .code = ERR_ILLEGAL,
         .why = "cannot mark item %.200s of stage %s as failed: it is done, and stays so until "
                "`supervise item forget`; nothing was changed",
         .events = "INSERT INTO events (at, type, session, execution, data) SELECT ?4, 'item_failed', ?1, ?3,"
                   " json_object('stage', ?2, 'id', g.id, 'attempts', coalesce(i.attempts, 0) + 1, 'error', "
                   "?5)" OF_GIVEN "true ORDER BY g.position",
         .change = "INSERT INTO items (session, stage, id, status, error, execution, at)"
                   " SELECT ?1, ?2, id, 'failed', ?5, ?3, ?4 FROM temp.given WHERE true"
                   " ON CONFLICT DO UPDATE SET attempts = attempts + 1, error = excluded.error,"
                   " execution = excluded.execution, at = excluded.at"},
    [ITEMS_FORGOTTEN] =
        {.refuses = "SELECT g.id" OF_GIVEN "i.id IS NULL ORDER BY g.position LIMIT 1",
         .code = ERR_NOT_FOUND,
         .why = "cannot forget item %.200s of stage %s: nothing was reported of it; nothing was changed",
         .events = "INSERT INTO events (at, type, session, execution, data) SELECT ?4, 'item_forgotten', ?1, "
                   "?3, json_object('stage', ?2, 'id', g.id)" OF_GIVEN "true ORDER BY g.position",
         .change = "DELETE FROM items WHERE session = ?1 AND stage = ?2"
                   " AND id IN (SELECT id FROM temp.given)"},
};

static int check_given(struct ledger *ledger, enum item_verb verb, const struct item_report *report,
                       const char *session, struct error *err)
{
    AUTOFREE char *refused = NULL;

    if (!reports[verb].refuses)
        return 0;
    if (sql_text(ledger, err, &refused, reports[verb].refuses, "tt", session, report->stage))
        return -1;
    if (!refused)
        return 0;
    error_set(err, reports[verb].code, reports[verb].why, refused, report->stage);
    return -1;
}

static int run_report(struct ledger *ledger, const char *sql, const struct item_report *report,
                      const char *session, int64_t at, struct error *err)
{
    return sql_run(ledger, err, sql, "tttit", session, report->stage, report->execution, at, report->error);
}

/* Which session, and whether its stage may be reported to: what all reports begin with. */
static int begin_report(struct ledger *ledger, const struct item_report *report, int64_t at, char **session,
                        const char **how, struct error *err)
{
    if (report_session(ledger, report->session, report->execution, at, session, how, err) ||
        report_stage(ledger, *session, report->stage, err))
        return -1;
    return report_progress(ledger, report->execution, at, err);
}

int items_report(struct ledger *ledger, enum item_verb verb, const struct item_report *report, char **session,
                 const char **how, struct error *err)
{
    int64_t now = wall_now_ms();
    int result;

    *session = NULL;
    if (sql_begin(ledger, err))
        return -1;
    result = begin_report(ledger, report, now, session, how, err);
    if (!result)
        result = check_given(ledger, verb, report, *session, err);
    if (!result)
        result = run_report(ledger, reports[verb].events, report, *session, now, err);
    if (!result)
        result = run_report(ledger, reports[verb].change, report, *session, now, err);
    return sql_end(ledger, result, err);
}

/* ---- What remains ---- */

/* Takes what is done out of the ids given: how many they were, and how many others of the stage are done. */
static int take_done_out(struct ledger *ledger, const char *session, const char *stage, int64_t *total,
                         int64_t *beside, struct error *err)
{
    int64_t done;

    if (sql_integer(ledger, err, total, "SELECT count(*) FROM temp.given", "") ||
        sql_run(ledger, err,
                "DELETE FROM temp.given WHERE EXISTS (SELECT 1 FROM items i WHERE i.session = ?1"
                " AND i.stage = ?2 AND i.id = given.id AND i.status = 'done')",
                "tt", session, stage))
        return -1;
    *beside = -sqlite3_changes64(ledger->db);
    if (sql_integer(ledger, err, &done,
                    "SELECT count(*) FROM items WHERE session = ?1 AND stage = ?2 AND status = 'done'", "tt",
                    session, stage))
        return -1;
    *beside += done;
    return 0;
}

int items_remaining(struct ledger *ledger, const struct item_report *report, char **session, const char **how,
                    struct error *err)
{
    int64_t now = wall_now_ms(), total = 0, beside = 0;

    *session = NULL;
    if (sql_begin(ledger, err) || sql_end(ledger, begin_report(ledger, report, now, session, how, err), err))
        return -1;
    /* A long look, for which nobody waits: it reads the ledger and writes beside it. */
    if (sql_run(ledger, err, "BEGIN", "") ||
        sql_end(ledger, take_done_out(ledger, *session, report->stage, &total, &beside, err), err))
        return -1;
    return sql_run(ledger, err,
                   "INSERT INTO stage_totals (session, stage, total, beside) VALUES (?1, ?2, ?3, ?4)"
                   " ON CONFLICT DO UPDATE SET total = excluded.total, beside = excluded.beside",
                   "ttii", *session, report->stage, total, beside);
}

int items_remaining_each(struct ledger *ledger, int (*each)(const char *id, size_t length, void *context),
                         void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, "SELECT id FROM temp.given ORDER BY position", "");
    int step = statement ? 1 : -1, stop = 0;

    while (step > 0 && !stop && (step = sql_step(ledger, statement, err)) > 0) {
        const char *id = (const char *)sqlite3_column_text(statement, 0);

        stop = each(id, (size_t)sqlite3_column_bytes(statement, 0), context);
    }
    return step < 0 ? -1 : 0;
}

/* ---- Lists ---- */

int items_each(struct ledger *ledger, const struct item_filter *filter,
               int (*each)(const struct item *item, void *context), void *context, struct error *err)
{
    AUTOFREE char *sql = sql_select(
        item_fields, item_field_count, NULL,
        "(SELECT i.*, (SELECT e.id FROM executions e WHERE e.uid = i.execution) AS execution_number"
        " FROM items i)",
        "WHERE session = ?1 AND (?2 IS NULL OR stage = ?2) AND (?3 IS NULL OR status = ?3)"
        " ORDER BY stage, id");
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, sql, "ttt", filter->session, filter->stage, filter->status);
    int step = statement ? 1 : -1, stop = 0;

    while (step > 0 && !stop && (step = sql_step(ledger, statement, err)) > 0) {
        struct item item;

        sql_load(statement, item_fields, item_field_count, &item);
        stop = each(&item, context);
        sql_unload(item_fields, item_field_count, &item);
    }
    return step < 0 ? -1 : 0;
}
