/* Which session the reports of an execution go to, and what they say of it: see rows.h. */
#include "rows.h"

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/domain/id.h>
#include <supervise/store/session.h>

static int insert_implicit(struct ledger *ledger, const char *id, const char *execution, int64_t at,
                           struct error *err)
{
    bool linked;

    if (session_insert(ledger, id, NULL, NULL, execution, at, err) ||
        sql_run(ledger, err, "UPDATE sessions SET implicit = 1 WHERE id = ?", "t", id))
        return -1;
    return session_link_execution(ledger, id, execution, at, &linked, err);
}

/*
 * A session's id after an execution: its name where that can be one and is free; else the name with a number;
 * else the UID, which nothing else can have.
 */
static int name_after(struct ledger *ledger, const char *execution, char **id, struct error *err)
{
    AUTOFREE char *name = NULL;
    int64_t taken;

    if (sql_text(ledger, err, &name, "SELECT name FROM executions WHERE uid = ?", "t", execution))
        return -1;
    if (!name || session_id_fault(name)) {
        *id = mem_strdup(execution);
        return 0;
    }
    if (sql_integer(ledger, err, &taken, "SELECT 1 FROM sessions WHERE id = ?", "t", name))
        return -1;
    if (taken == NO_INT) {
        *id = name;
        name = NULL;
        return 0;
    }
    if (session_make_id(ledger, name, id, err))
        return -1;
    if (session_id_fault(*id)) { /* the number made it too long */
        free(*id);
        *id = mem_strdup(execution);
    }
    return 0;
}

static int check_active(struct ledger *ledger, const char *id, struct error *err)
{
    int64_t active;

    if (sql_integer(ledger, err, &active, "SELECT status = 'active' FROM sessions WHERE id = ?", "t", id))
        return -1;
    if (!active)
        return session_refuse_closed(id, err);
    return 0;
}

/* Its session (NULL: none; the caller frees), or ERR_INVARIANT where it is over. */
static int own_session(struct ledger *ledger, const char *execution, char **session, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(
        ledger, err, "SELECT finished_at IS NOT NULL AND pid IS NULL, session FROM executions WHERE uid = ?",
        "t", execution);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0 || sqlite3_column_int(statement, 0))
        return error_set(err, ERR_INVARIANT, "execution %s has ended: nothing is taken for it", execution);
    *session = mem_strdup((const char *)sqlite3_column_text(statement, 1));
    return 0;
}

int report_session(struct ledger *ledger, const char *option, const char *execution, int64_t at, char **id,
                   const char **how, struct error *err)
{
    AUTOFREE char *own = NULL;

    *id = NULL;
    if (execution && own_session(ledger, execution, &own, err))
        return -1;
    if (execution && !own && !option) {
        *how = "implicit";
        return name_after(ledger, execution, id, err) ? -1 : insert_implicit(ledger, *id, execution, at, err);
    }
    if (own && !option) {
        *how = "execution";
        *id = mem_strdup(own);
    } else if (session_resolve(ledger, option, execution, id, how, err)) {
        return -1;
    }
    if (check_active(ledger, *id, err))
        return -1;
    return report_link(ledger, *id, execution, at, err);
}

int report_link(struct ledger *ledger, const char *session, const char *execution, int64_t at,
                struct error *err)
{
    int64_t free_to;
    bool linked;

    if (sql_integer(ledger, err, &free_to,
                    "SELECT session IS NULL OR (drives AND session <> ?2 AND " BEGUN_FOR_A_PLAN(
                        "executions.session") ") FROM executions WHERE uid = ?1",
                    "tt", execution, session))
        return -1;
    return free_to == 1 ? session_link_execution(ledger, session, execution, at, &linked, err) : 0;
}

int report_stage(struct ledger *ledger, const char *session, const char *stage, struct error *err)
{
    AUTOFREE char *declared = NULL;

    /* Nothing where the stage is declared, or needn't be. */
    if (sql_text(ledger, err, &declared,
                 "SELECT coalesce(group_concat(g.value ->> '$.name', ', '), 'none')"
                 " FROM sessions s LEFT JOIN json_each(s.definition, '$.stages') g"
                 " WHERE s.id = ?1 AND s.definition ->> '$.strict'"
                 " GROUP BY s.id HAVING coalesce(sum(g.value ->> '$.name' = ?2), 0) = 0",
                 "tt", session, stage))
        return -1;
    if (!declared)
        return 0;
    return error_set(err, ERR_ILLEGAL,
                     "session %s has no stage \"%s\", and its workflow is strict: its stages are %s", session,
                     stage, declared);
}

int report_activity(struct ledger *ledger, const char *execution, int64_t at, struct error *err)
{
    return sql_run(ledger, err,
                   "UPDATE executions SET activity_at = max(coalesce(activity_at, ?2), ?2),"
                   " facts = json_set(facts, '$.activity_slept', ?3) WHERE uid = ?1",
                   "tii", execution, at, slept_now_ms());
}

int report_progress(struct ledger *ledger, const char *execution, int64_t at, struct error *err)
{
    return report_activity(ledger, execution, at, err) ||
                   sql_run(ledger, err,
                           "UPDATE executions SET progress_at = max(coalesce(progress_at, ?2), ?2) WHERE uid "
                           "= ?1",
                           "ti", execution, at)
               ? -1
               : 0;
}
