/* How sessions come to be and executions come to them: begin, reopen, link. Each is one transaction with its
 * event. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/store/session.h>

/* ---- Pieces that executions need too ---- */

int session_same_workflow(const char *id, const char *has, const char *wanted, struct error *err)
{
    if (!wanted || (has && strcmp(has, wanted) == 0))
        return 0;
    return error_set(err, ERR_INVARIANT, "session %s is of %s%s, not of workflow %s", id,
                     has ? "workflow " : "no workflow", has ? has : "", wanted);
}

int session_refuse_closed(const char *id, struct error *err)
{
    return error_set(err, ERR_INVARIANT,
                     "session %s is closed; `supervise session begin --session %s` opens it again", id, id);
}

int session_make_id(struct ledger *ledger, const char *workflow, char **id, struct error *err)
{
    AUTOFREE char *prefix = mem_printf("%s-", workflow ? workflow : "session");
    int64_t last, taken;

    *id = NULL;
    if (sql_integer(ledger, err, &last,
                    "SELECT max(CAST(substr(id, length(?1) + 1) AS INTEGER)) FROM sessions"
                    " WHERE id >= ?1 AND id < ?1 || ':' AND substr(id, length(?1) + 1) NOT GLOB '*[^0-9]*'"
                    " AND length(id) - length(?1) BETWEEN 1 AND 15",
                    "t", prefix))
        return -1;
    last = last == NO_INT ? 0 : last;
    do { /* one that people made may be beyond what was looked at */
        free(*id);
        *id = mem_printf("%s%lld", prefix, (long long)++last);
        if (sql_integer(ledger, err, &taken, "SELECT 1 FROM sessions WHERE id = ?", "t", *id))
            return -1;
    } while (taken != NO_INT);
    return 0;
}

int session_insert(struct ledger *ledger, const char *id, const char *workflow, const char *definition,
                   const char *execution, int64_t at, struct error *err)
{
    AUTOFREE char *data = NULL;

    if (workflow && !definition)
        return error_set(err, ERR_NOT_FOUND, "no workflow \"%s\" is configured; see `supervise config show`",
                         workflow);
    if (sql_run(ledger, err,
                "INSERT INTO sessions (id, workflow, definition, phase, started_at, updated_at)"
                " VALUES (?1, ?2, ?3, ?3 ->> '$.initial', ?4, ?4)",
                "ttti", id, workflow, definition, at) ||
        sql_run(ledger, err, "INSERT INTO rounds (session, round, opened_at) VALUES (?1, 1, ?2)", "ti", id,
                at) ||
        sql_text(ledger, err, &data,
                 "SELECT json_object('workflow', workflow, 'phase', phase) FROM sessions WHERE id = ?", "t",
                 id))
        return -1;
    return event_insert(ledger, at, "session_created", id, execution, data, err);
}

int round_started(struct ledger *ledger, const char *id, int64_t round, const char *execution, int64_t at,
                  struct error *err)
{
    AUTOFREE char *data = mem_printf("{\"round\":%lld}", (long long)round);

    return event_insert(ledger, at, "round_started", id, execution, data, err);
}

/* ---- Begin ---- */

static int reopen(struct ledger *ledger, const char *id, const char *execution, int64_t at, struct error *err)
{
    int64_t before, round;
    AUTOFREE char *data = NULL;

    if (sql_integer(ledger, err, &before, "SELECT round FROM sessions WHERE id = ?", "t", id) ||
        sql_integer(
            ledger, err, &round,
            "SELECT 1 + coalesce(max(round), 0) FROM rounds WHERE session = ? AND completed_at IS NOT NULL",
            "t", id) ||
        sql_run(ledger, err, "INSERT INTO rounds (session, round, opened_at) VALUES (?1, ?2, ?3)", "tii", id,
                round, at) ||
        sql_run(ledger, err,
                "UPDATE sessions SET status = 'active', close_reason = NULL, closed_at = NULL,"
                " phase = definition ->> '$.initial', round = ?2 WHERE id = ?1",
                "ti", id, round) ||
        sql_text(ledger, err, &data,
                 "SELECT json_object('round', round, 'phase', phase) FROM sessions WHERE id = ?", "t", id) ||
        event_insert(ledger, at, "session_reopened", id, execution, data, err))
        return -1;
    return round > before ? round_started(ledger, id, round, execution, at, err) : 0;
}

/* Which session `begin` means: the id given, else that of the execution, else a made one. */
static int begin_which(struct ledger *ledger, const struct begin_request *request, char **id,
                       struct error *err)
{
    *id = mem_strdup(request->id);
    if (!*id && request->execution_uid && sql_text(ledger, err, id, OWN_SESSION, "t", request->execution_uid))
        return -1;
    return *id ? 0 : session_make_id(ledger, request->workflow, id, err);
}

static int begin_or_go_on(struct ledger *ledger, const struct begin_request *request, const char *id,
                          int64_t at, enum begin_result *result, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, "SELECT status = 'active', workflow FROM sessions WHERE id = ?", "t", id);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0) {
        *result = SESSION_CREATED;
        return session_insert(ledger, id, request->workflow, request->definition, request->execution_uid, at,
                              err);
    }
    if (session_same_workflow(id, (const char *)sqlite3_column_text(statement, 1), request->workflow, err))
        return -1;
    if (sqlite3_column_int(statement, 0)) {
        *result = SESSION_RESUMED;
        return event_insert(ledger, at, "session_resumed", id, request->execution_uid, NULL, err);
    }
    *result = SESSION_REOPENED;
    return reopen(ledger, id, request->execution_uid, at, err);
}

int session_link_execution(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                           bool *linked, struct error *err)
{
    int64_t changed;
    bool gave;

    *linked = false;
    if (!execution)
        return 0;
    if (plan_give_way(ledger, execution, id, at, &gave, err) ||
        sql_integer(ledger, err, &changed,
                    "UPDATE executions SET session = ?2, drives = 1 WHERE uid = ?1 AND (drives = 0 OR ?3)"
                    " AND session IS NOT ?2 AND finished_at IS NULL RETURNING 1",
                    "tti", execution, id, (int64_t)gave))
        return -1;
    if (changed == NO_INT)
        return 0;
    *linked = true;
    return event_insert(ledger, at, "session_linked", id, execution, NULL, err);
}

int session_begin(struct ledger *ledger, const struct begin_request *request, enum begin_result *result,
                  char **id, struct error *err)
{
    int64_t now = wall_now_ms();
    bool linked;
    int code;

    *id = NULL;
    if (sql_begin(ledger, err))
        return -1;
    code = begin_which(ledger, request, id, err);
    if (!code)
        code = begin_or_go_on(ledger, request, *id, now, result, err);
    if (!code)
        code = session_link_execution(ledger, *id, request->execution_uid, now, &linked, err);
    if (!code)
        code = report_activity(ledger, request->execution_uid, now, err);
    code = sql_end(ledger, code, err);
    if (code) {
        free(*id);
        *id = NULL;
    }
    return code;
}

/* ---- Link ---- */

/* What decides whether an execution may be linked. */
struct link_standing {
    int64_t number;
    char *drives; /* the session that it drives already */
    bool in_flight, closed;
};

static int read_link_standing(struct ledger *ledger, const char *id, const char *execution,
                              struct link_standing *standing, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT e.id, CASE WHEN e.drives AND (e.session = ?2 OR e.finished_at IS NOT NULL"
                 "  OR NOT " BEGUN_FOR_A_PLAN(
                     "e.session") ") THEN e.session END, e.finished_at IS "
                                  "NULL, s.status = 'closed'"
                                  " FROM executions e JOIN sessions s ON s.id = ?2 WHERE e.uid = ?1",
                 "tt", execution, id);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return error_set(
            err, ERR_NOT_FOUND,
            "no session \"%s\", or no execution %s any more; `supervise session list` shows them", id,
            execution);
    standing->number = sqlite3_column_int64(statement, 0);
    standing->drives = mem_strdup((const char *)sqlite3_column_text(statement, 1));
    standing->in_flight = sqlite3_column_int(statement, 2);
    standing->closed = sqlite3_column_int(statement, 3);
    return 0;
}

/* One that has ended is judged by the opening that the session was in then: the last that had begun, else the
 * first. */
static const char LINK[] =
    "UPDATE executions SET session = ?2, drives = 1, opening = CASE"
    " WHEN finished_at IS NULL THEN NULL"
    " WHEN session IS ?2 THEN opening"
    " ELSE coalesce((SELECT max(r.id) FROM rounds r WHERE r.session = ?2 AND r.opened_at <= finished_at),"
    "               (SELECT min(r.id) FROM rounds r WHERE r.session = ?2)) END WHERE uid = ?1";

static int link_in_transaction(struct ledger *ledger, const char *id, const char *execution, bool *linked,
                               struct error *err)
{
    struct link_standing standing = {0};
    AUTOFREE char *drives = NULL;
    int64_t now = wall_now_ms();
    bool gave;

    if (read_link_standing(ledger, id, execution, &standing, err))
        return -1;
    drives = standing.drives;
    if (drives && strcmp(drives, id) == 0)
        return 0;
    if (drives)
        return error_set(
            err, ERR_INVARIANT,
            "cannot link #%lld to session %s: it drives session %s, and goes on driving that one",
            (long long)standing.number, id, drives);
    if (standing.in_flight && standing.closed)
        return session_refuse_closed(id, err);
    *linked = true;
    if (plan_give_way(ledger, execution, id, now, &gave, err) ||
        sql_run(ledger, err, LINK, "tt", execution, id))
        return -1;
    return event_insert(ledger, now, "session_linked", id, execution, NULL, err);
}

int session_link(struct ledger *ledger, const char *id, const char *execution, bool *linked,
                 struct error *err)
{
    *linked = false;
    if (sql_begin(ledger, err))
        return -1;
    return sql_end(ledger, link_in_transaction(ledger, id, execution, linked, err), err);
}
