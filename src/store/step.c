/*
 * Steps: each report is one transaction with its events, in which first of all it is found out which step of
 * which session is meant, and who runs it.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/step.h>

/* ---- What an execution leaves running ---- */

/* Those of that execution; only the one with that id where it isn't NO_INT. */
static int abort_running(struct ledger *ledger, const char *execution, int64_t id, const char *reason,
                         int64_t at, struct error *err)
{
    if (sql_run(ledger, err,
                "INSERT INTO events (at, type, session, execution, data)"
                " SELECT ?2, 'step_aborted', session, execution,"
                "  json_object('stage', stage, 'name', name, 'attempt', attempt, 'error', ?3)"
                " FROM steps WHERE execution = ?1 AND status = 'running' AND id = coalesce(?4, id)"
                " ORDER BY id",
                "titi", execution, at, reason, id))
        return -1;
    return sql_run(ledger, err,
                   "UPDATE steps SET status = 'aborted', error = ?3, finished_at = max(?2, started_at)"
                   " WHERE execution = ?1 AND status = 'running' AND id = coalesce(?4, id)",
                   "titi", execution, at, reason, id);
}

int steps_abort_of(struct ledger *ledger, const char *execution, const char *reason, int64_t at,
                   struct error *err)
{
    return abort_running(ledger, execution, NO_INT, reason, at, err);
}

/* ---- Which step is meant ---- */

struct declared_list {
    struct declared_step *items;
    size_t count;
};

static void free_declared(struct declared_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->items[i].stage);
        free((char *)(uintptr_t)list->items[i].name);
    }
    free(list->items);
}

static int load_declared(struct ledger *ledger, const char *session, struct declared_list *list,
                         struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT stage, name FROM declared_steps WHERE session = ? ORDER BY stage_position, position",
                 "t", session);
    int step = -1;

    while (statement && (step = sql_step(ledger, statement, err)) > 0) {
        list->items = mem_resize(list->items, (list->count + 1) * sizeof *list->items);
        list->items[list->count++] =
            (struct declared_step){mem_strdup((const char *)sqlite3_column_text(statement, 0)),
                                   mem_strdup((const char *)sqlite3_column_text(statement, 1))};
    }
    return step;
}

static int find_stage(struct ledger *ledger, const struct step_report *report, struct step_reported *reported,
                      struct error *err)
{
    struct declared_list declared = {0};
    const char *place;
    int64_t strict;
    int result;

    if (sql_integer(ledger, err, &strict, "SELECT definition ->> '$.strict' FROM sessions WHERE id = ?", "t",
                    reported->session))
        return -1;
    result = strict == 1 || (strict == 0 && !report->stage)
                 ? load_declared(ledger, reported->session, &declared, err)
                 : 0;
    if (!result)
        result =
            step_place(declared.items, declared.count, strict == 1, report->stage, report->name, &place, err);
    if (!result) {
        reported->stage = mem_strdup(place);
        reported->name = mem_strdup(report->name);
    }
    free_declared(&declared);
    return result;
}

/* ---- How it stands ---- */

struct standing {
    int64_t id, attempt; /* of the last attempt; 0: none */
    enum step_status status;
    char *holder; /* the execution that reported it, or NULL */
};

static int read_standing(struct ledger *ledger, const struct step_report *report,
                         const struct step_reported *reported, struct standing *standing, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT id, attempt, status, execution FROM steps"
                 " WHERE session = ? AND stage = ? AND name = ? ORDER BY attempt DESC LIMIT 1",
                 "ttt", reported->session, reported->stage, report->name);
    int step;

    *standing = (struct standing){0};
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return 0;
    standing->id = sqlite3_column_int64(statement, 0);
    standing->attempt = sqlite3_column_int64(statement, 1);
    standing->status = step_status_from_name((const char *)sqlite3_column_text(statement, 2));
    standing->holder = mem_strdup((const char *)sqlite3_column_text(statement, 3));
    return 0;
}

static const char HOLDER[] =
    "SELECT id,"
    " EXISTS (WITH RECURSIVE up (uid) AS (SELECT ?2 UNION SELECT e.parent_uid FROM executions e JOIN up"
    "  ON e.uid = up.uid) SELECT 1 FROM up WHERE uid = ?1)"
    " OR EXISTS (WITH RECURSIVE up (uid) AS (SELECT ?1 UNION SELECT e.parent_uid FROM executions e JOIN up"
    "  ON e.uid = up.uid) SELECT 1 FROM up WHERE uid = ?2)"
    " FROM executions WHERE uid = ?1 AND finished_at IS NULL";

/*
 * A step that runs is its execution's, and that of its ancestors and descendants; while that one lives,
 * others are refused. Once it is dead the step is aborted.
 */
static int settle_holder(struct ledger *ledger, const struct step_report *report,
                         struct step_reported *reported, struct standing *standing, int64_t at,
                         struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;
    int step;

    if (standing->status != STATUS_RUNNING || !standing->holder ||
        (report->execution && strcmp(standing->holder, report->execution) == 0))
        return 0;
    statement = sql_bind(ledger, err, HOLDER, "tt", standing->holder, report->execution);
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0 || (report->gone && strcmp(standing->holder, report->gone) == 0)) {
        standing->status = STATUS_ABORTED;
        return abort_running(ledger, standing->holder, standing->id, "its execution is gone", at, err);
    }
    if (sqlite3_column_int(statement, 1))
        return 0;
    reported->holder = mem_strdup(standing->holder);
    return error_set(err, ERR_INVARIANT,
                     "cannot %s step %s/%s: #%lld runs it; wait for its end, or end it with `supervise "
                     "cancel %lld`",
                     step_verb_words(report->verb), reported->stage, report->name,
                     (long long)sqlite3_column_int64(statement, 0),
                     (long long)sqlite3_column_int64(statement, 0));
}

/* ---- The change ---- */

static int step_event(struct ledger *ledger, const struct step_report *report, int64_t id, const char *type,
                      int64_t at, struct error *err)
{
    return sql_run(ledger, err,
                   "INSERT INTO events (at, type, session, execution, data)"
                   " SELECT ?2, ?3, session, ?4, json_patch('{}', json_object('stage', stage, 'name', name,"
                   "  'attempt', attempt, 'message', message, 'error', error, 'done', done, 'total', total))"
                   " FROM steps WHERE id = ?1",
                   "iitt", id, at, type, report->execution);
}

static int begin(struct ledger *ledger, const struct step_report *report,
                 const struct step_reported *reported, struct standing *standing, int64_t at,
                 struct error *err)
{
    if (sql_run(ledger, err,
                "INSERT INTO steps (session, stage, name, attempt, status, started_at, execution)"
                " VALUES (?, ?, ?, ?, 'running', ?, ?)",
                "tttiit", reported->session, reported->stage, report->name, standing->attempt + 1, at,
                report->execution))
        return -1;
    standing->id = sqlite3_last_insert_rowid(ledger->db);
    return step_event(ledger, report, standing->id, "step_started", at, err);
}

static int skip(struct ledger *ledger, const struct step_report *report, const struct step_reported *reported,
                const struct standing *standing, int64_t at, struct error *err)
{
    if (sql_run(ledger, err,
                "INSERT INTO steps (session, stage, name, attempt, status, message, finished_at, execution)"
                " VALUES (?, ?, ?, ?, 'skipped', ?, ?, ?)",
                "tttitit", reported->session, reported->stage, report->name, standing->attempt + 1,
                report->text, at, report->execution))
        return -1;
    return step_event(ledger, report, sqlite3_last_insert_rowid(ledger->db), "step_skipped", at, err);
}

/* Progress, done or error of the attempt that runs. */
static int change(struct ledger *ledger, const struct step_report *report, const struct standing *standing,
                  int64_t at, struct error *err)
{
    static const struct {
        const char *set, *event;
    } changes[] = {
        [STEP_PROGRESS] = {"message = coalesce(?3, message), done = coalesce(?4, done),"
                           " total = coalesce(?5, total)",
                           "step_progress"},
        [STEP_DONE] = {"status = 'done', finished_at = max(?2, started_at)", "step_done"},
        [STEP_ERROR] = {"status = 'error', error = ?3, finished_at = max(?2, started_at)", "step_error"},
    };
    AUTOFREE char *sql = mem_printf("UPDATE steps SET %s WHERE id = ?1", changes[report->verb].set);

    if (sql_run(ledger, err, sql, "iitii", standing->id, at, report->text, report->done, report->total))
        return -1;
    return step_event(ledger, report, standing->id, changes[report->verb].event, at, err);
}

static int refuse(const struct step_report *report, const struct step_reported *reported,
                  const struct standing *standing, struct error *err)
{
    static const char *const advice[] = {
        [STATUS_RUNNING] = "`supervise step done` or `step error` ends it",
        [STATUS_DONE] = "`supervise step start` begins it again",
        [STATUS_ERROR] = "`supervise step start` begins it again",
        [STATUS_ABORTED] = "`supervise step start` begins it again",
        [STATUS_SKIPPED] = "`supervise step start` begins it after all",
    };

    return error_set(err, ERR_ILLEGAL, "cannot %s step %s/%s: it is %s (attempt %lld); %s",
                     step_verb_words(report->verb), reported->stage, report->name,
                     standing->status == STATUS_ERROR ? "in error" : step_status_name(standing->status),
                     (long long)standing->attempt, advice[standing->status]);
}

static int act(struct ledger *ledger, const struct step_report *report, const struct step_reported *reported,
               struct standing *standing, int64_t at, struct error *err)
{
    switch (step_action(report->verb, standing->status)) {
    case STEP_REFUSED:
        return refuse(report, reported, standing, err);
    case STEP_NOTHING:
        return 0;
    case STEP_BEGIN:
        return begin(ledger, report, reported, standing, at, err);
    case STEP_BEGIN_REPORT:
        if (begin(ledger, report, reported, standing, at, err))
            return -1;
        return change(ledger, report, standing, at, err);
    case STEP_REPORT:
        return change(ledger, report, standing, at, err);
    case STEP_SKIPPED:
        break;
    }
    return skip(ledger, report, reported, standing, at, err);
}

int step_apply(struct ledger *ledger, const struct step_report *report, struct step_reported *reported,
               struct error *err)
{
    int64_t now = wall_now_ms();
    struct standing standing;
    int result;

    if (report_session(ledger, report->session, report->execution, now, &reported->session, &reported->how,
                       err) ||
        find_stage(ledger, report, reported, err) || read_standing(ledger, report, reported, &standing, err))
        return -1;
    result = settle_holder(ledger, report, reported, &standing, now, err);
    if (!result)
        result = act(ledger, report, reported, &standing, now, err);
    free(standing.holder);
    return result || !report->execution ? result : report_progress(ledger, report->execution, now, err);
}

int step_report(struct ledger *ledger, const struct step_report *report, struct step_reported *reported,
                struct error *err)
{
    *reported = (struct step_reported){0};
    if (sql_begin(ledger, err))
        return -1;
    return sql_end(ledger, step_apply(ledger, report, reported, err), err);
}

void step_reported_free(struct step_reported *reported)
{
    free(reported->session);
    free(reported->stage);
    free(reported->name);
    free(reported->holder);
    *reported = (struct step_reported){0};
}
