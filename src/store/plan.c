/*
 * Plans: what an agent says that it will do, held as items of its session, whose steps are in the stage
 * "plan". A session that was begun for a plan alone gives way to any that is asked for.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/plan.h>
#include <supervise/store/step.h>

static const char STAGE[] = "plan";

/*
 * Whether the plan of an execution is a measure of its work: where it has no session, and gets one for its
 * plan, or drives an implicit one. In a session that was begun explicitly its own phases and steps are the
 * measure, and a todo list left open must not block its close.
 */
static int plan_counts(struct ledger *ledger, const char *execution, bool *counts, char **session,
                       struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT s.id FROM executions e LEFT JOIN sessions s ON s.id = e.session WHERE e.uid = ?"
                 " AND e.finished_at IS NULL"
                 " AND (s.id IS NULL OR (e.drives AND s.implicit AND s.status = 'active'))",
                 "t", execution);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    *counts = step > 0;
    *session = step > 0 ? mem_strdup((const char *)sqlite3_column_text(statement, 0)) : NULL;
    return 0;
}

/* ---- One item ---- */

struct item {
    const char *execution, *session, *key, *name;
    enum plan_state state;
    enum step_status step;
    bool known, dropped; /* as it stands */
};

static int read_item(struct ledger *ledger, struct item *item, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err,
                 "SELECT (SELECT dropped FROM plan_items WHERE session = ?1 AND name = ?3),"
                 " (SELECT status FROM current_steps WHERE session = ?1 AND stage = ?2 AND name = ?3)",
                 "ttt", item->session, STAGE, item->name);

    if (!statement || sql_step(ledger, statement, err) < 0)
        return -1;
    item->known = sqlite3_column_type(statement, 0) != SQLITE_NULL;
    item->dropped = sqlite3_column_int(statement, 0);
    item->step = step_status_from_name((const char *)sqlite3_column_text(statement, 1));
    return 0;
}

/* A step that somebody else runs is left to him. */
static int send(struct ledger *ledger, const struct item *item, enum step_verb verb, const char *text,
                struct error *err)
{
    struct step_report report = {.verb = verb,
                                 .execution = item->execution,
                                 .stage = STAGE,
                                 .name = item->name,
                                 .text = text,
                                 .done = NO_INT,
                                 .total = NO_INT};
    struct step_reported reported = {0};
    int result = step_apply(ledger, &report, &reported, err);

    step_reported_free(&reported);
    return result && err->code != ERR_ILLEGAL && err->code != ERR_INVARIANT ? -1 : 0;
}

static int drop(struct ledger *ledger, const struct item *item, struct error *err)
{
    static const char why[] = "no longer in its plan";

    if (item->step == STATUS_RUNNING && send(ledger, item, STEP_ERROR, why, err))
        return -1;
    return item->step == STATUS_RUNNING || item->step == STATUS_ERROR || item->step == STATUS_ABORTED
               ? send(ledger, item, STEP_SKIP, why, err)
               : 0;
}

static bool is_over(enum step_status status)
{
    return status == STATUS_DONE || status == STATUS_SKIPPED;
}

static int move(struct ledger *ledger, const struct item *item, struct error *err)
{
    switch (item->state) {
    case PLAN_DROPPED:
        return drop(ledger, item, err);
    case PLAN_PENDING: /* what was done, and is to be done after all, begins again */
        return is_over(item->step) ? send(ledger, item, STEP_START, NULL, err) : 0;
    case PLAN_RUNNING:
        return item->step == STATUS_RUNNING ? 0 : send(ledger, item, STEP_START, NULL, err);
    case PLAN_DONE:
        break;
    }
    if (item->step == STATUS_DONE)
        return 0;
    if (item->step != STATUS_NONE && item->step != STATUS_RUNNING &&
        send(ledger, item, STEP_START, NULL, err))
        return -1;
    return send(ledger, item, STEP_DONE, NULL, err);
}

/* Whether it changed the plan itself, besides its steps: *changed. */
static int write_item(struct ledger *ledger, const struct item *item, bool *changed, struct error *err)
{
    bool dropped = item->state == PLAN_DROPPED;

    *changed = item->known ? item->dropped != dropped : !dropped;
    if (*changed && sql_run(ledger, err,
                            "INSERT INTO plan_items (session, name, key, dropped, position)"
                            " SELECT ?1, ?2, ?3, ?4, (SELECT count(*) FROM plan_items WHERE session = ?1)"
                            " WHERE true ON CONFLICT DO UPDATE SET key = excluded.key, dropped = "
                            "excluded.dropped",
                            "ttti", item->session, item->name, item->key, (int64_t)dropped))
        return -1;
    return item->known || !dropped ? move(ledger, item, err) : 0;
}

/* What was added to the plan, and what was dropped, as one event. */
static int tell(struct ledger *ledger, const char *execution, json_t *news, int64_t at, struct error *err)
{
    AUTOFREE char *data = json_object_size(news) ? json_dumps(news, JSON_COMPACT) : NULL;

    if (!data)
        return 0;
    return report_progress(ledger, execution, at, err)
               ? -1
               : event_insert(ledger, at, "execution_status", NULL, execution, data, err);
}

static void note(json_t *news, const struct item *item)
{
    const char *kind = item->state == PLAN_DROPPED ? "dropped" : "planned";

    if (!json_object_get(news, kind))
        json_object_set_new(news, kind, json_array());
    json_array_append_new(json_object_get(news, kind), json_string(item->name));
}

static int write_items(struct ledger *ledger, const char *execution, const struct plan_item *items,
                       size_t count, char **session, json_t *news, int64_t at, struct error *err)
{
    const char *how;

    for (size_t i = 0; i < count; i++) {
        AUTOFREE char *name = step_name_from(items[i].name);
        struct item item = {
            .execution = execution, .key = items[i].key, .name = name, .state = items[i].state};
        bool changed;

        /* The session begins with the first item that is to be done. */
        if (!name || (!*session && item.state == PLAN_DROPPED))
            continue;
        if (!*session && report_session(ledger, NULL, execution, at, session, &how, err))
            return -1;
        item.session = *session;
        if (read_item(ledger, &item, err) || write_item(ledger, &item, &changed, err))
            return -1;
        if (changed)
            note(news, &item);
    }
    return tell(ledger, execution, news, at, err);
}

int plan_write(struct ledger *ledger, const char *execution, const struct plan_item *items, size_t count,
               struct error *err)
{
    AUTOFREE char *session = NULL;
    json_t *news;
    bool counts;
    int result;

    if (count == 0)
        return 0;
    if (plan_counts(ledger, execution, &counts, &session, err))
        return -1;
    if (!counts)
        return 0;
    news = json_object();
    result = write_items(ledger, execution, items, count, &session, news, wall_now_ms(), err);
    json_decref(news);
    return result;
}

int plan_report(struct ledger *ledger, const char *execution, const struct plan_item *items, size_t count,
                struct error *err)
{
    if (sql_begin(ledger, err))
        return -1;
    return sql_end(ledger, plan_write(ledger, execution, items, count, err), err);
}

/* ---- The plan as it stands ---- */

int plan_each(struct ledger *ledger, const char *execution,
              void (*each)(const struct plan_item *item, void *context), void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(
        ledger, err,
        "SELECT p.key, p.name, CASE WHEN p.dropped THEN 'dropped' ELSE coalesce((SELECT k.status FROM"
        " current_steps k WHERE k.session = p.session AND k.stage = ?2 AND k.name = p.name), '') END"
        " FROM executions e JOIN plan_items p ON p.session = e.session WHERE e.uid = ?1 AND e.drives",
        "tt", execution, STAGE);
    int step = -1;

    while (statement && (step = sql_step(ledger, statement, err)) > 0) {
        const char *status = (const char *)sqlite3_column_text(statement, 2);
        struct plan_item item = {.key = (char *)(uintptr_t)sqlite3_column_text(statement, 0),
                                 .name = (char *)(uintptr_t)sqlite3_column_text(statement, 1),
                                 .state = PLAN_PENDING};

        if (strcmp(status, "dropped") == 0)
            item.state = PLAN_DROPPED;
        else if (is_over(step_status_from_name(status)))
            item.state = PLAN_DONE;
        else if (step_status_from_name(status) == STATUS_RUNNING)
            item.state = PLAN_RUNNING;
        each(&item, context);
    }
    return step;
}

/* ---- Giving way ---- */

int plan_give_way(struct ledger *ledger, const char *execution, const char *to, int64_t at, bool *gave,
                  struct error *err)
{
    AUTOFREE char *id = NULL, *why = NULL, *data = NULL;

    *gave = false;
    if (sql_text(ledger, err, &id,
                 "SELECT e.session FROM executions e WHERE e.uid = ?1 AND e.drives AND e.finished_at IS NULL"
                 " AND e.session <> ?2 AND " BEGUN_FOR_A_PLAN("e.session"),
                 "tt", execution, to))
        return -1;
    if (!id)
        return 0;
    *gave = true;
    why = mem_printf("its execution goes on in session %s", to);
    data = mem_printf("{\"why\":\"%s\"}", why);
    if (steps_abort_of(ledger, execution, why, at, err) ||
        session_settle(ledger, id, "aborted", "session_aborted", execution, data, at, err))
        return -1;
    /* Who helped there goes on helping. */
    return sql_run(ledger, err,
                   "UPDATE executions SET session = ?2 WHERE session = ?1 AND drives = 0"
                   " AND finished_at IS NULL",
                   "tt", id, to);
}
