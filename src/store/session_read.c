/* Reading sessions: the table of fields, lists, and which session a verb means. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/store/session.h>

#define AT(member) offsetof(struct session, member)
const struct field session_fields[] = {
    {"id", FIELD_TEXT, AT(id), true},
    {"workflow", FIELD_TEXT, AT(workflow), true},
    {"status", FIELD_TEXT, AT(status), true},
    {"close_reason", FIELD_TEXT, AT(close_reason), true},
    {"completeness", FIELD_TEXT, AT(completeness), true},
    {"next", FIELD_TEXT, AT(next), true},
    {"phase", FIELD_TEXT, AT(phase), true},
    {"phase_number", FIELD_INT, AT(phase_number), true},
    {"phase_count", FIELD_INT, AT(phase_count), true},
    {"round", FIELD_INT, AT(round), true},
    {"started_at", FIELD_TIME, AT(started_at), true},
    {"updated_at", FIELD_TIME, AT(updated_at), true},
    {"closed_at", FIELD_TIME, AT(closed_at), true},
    {"totals", FIELD_JSON, AT(totals), true},
    {"stages", FIELD_JSON, AT(stages), true},
    {"executions", FIELD_JSON, AT(executions), true},
    {"definition", FIELD_JSON, AT(definition), false},
    {"rounds", FIELD_JSON, AT(rounds), false},
    {"needs", FIELD_JSON, AT(needs), false},
    {"implicit", FIELD_INT, AT(implicit), false},
};
const size_t session_field_count = sizeof session_fields / sizeof *session_fields;

/* The columns by name come from the table above; what is derived is spelt here, once. */
static const char SOURCE[] =
    "(SELECT s.id, s.workflow, s.status, s.close_reason, c.completeness, c.next, s.phase,"
    "  (SELECT p.key + 1 FROM json_each(s.definition, '$.phases') p WHERE p.value = s.phase) AS phase_number,"
    "  nullif(json_array_length(s.definition, '$.phases'), 0) AS phase_count,"
    "  s.round, s.started_at, s.updated_at, s.closed_at,"
    "  json_object('steps', (SELECT coalesce(sum(steps), 0) FROM " LATEST_CHECKPOINTS(
        "s.id") "),"
                "     'usage', json((SELECT coalesce(json_group_object(key, amount), '{}')"
                "      FROM (SELECT j.key, sum(j.value) AS amount"
                "            FROM " LATEST_CHECKPOINTS(
                    "s.id") " c JOIN json_each(c.usage) j GROUP BY j.key)))) AS totals,"
                            "  (SELECT json_group_array(json_object('name', g.name, 'state', g.state, "
                            "'steps', json("
                            "     (SELECT json_group_array(json(o.step)) FROM (SELECT json_object('stage', "
                            "g.name, 'name', n.name,"
                            "        'status', coalesce(k.status, 'idle'), 'attempt', coalesce(k.attempt, 0),"
                            "        'message', k.message, 'error', k.error, 'done', k.done, 'total', "
                            "k.total,"
                            "        'started_at', strftime('%Y-%m-%dT%H:%M:%fZ', k.started_at / 1000.0, "
                            "'unixepoch'),"
                            "        'finished_at', strftime('%Y-%m-%dT%H:%M:%fZ', k.finished_at / 1000.0, "
                            "'unixepoch'),"
                            "        'execution', k.execution) AS step"
                            "      FROM (SELECT i.name, min(i.place) AS place FROM"
                            "        (SELECT name, position AS place FROM declared_steps"
                            "          WHERE session = s.id AND stage = g.name AND name IS NOT NULL"
                            "         UNION ALL SELECT name, position FROM plan_items"
                            "          WHERE session = s.id AND g.name = 'plan' AND NOT dropped"
                            "         UNION ALL SELECT name, 1000000 + id FROM steps WHERE session = s.id "
                            "AND stage = g.name) i"
                            "        GROUP BY i.name) n"
                            "      LEFT JOIN current_steps k ON k.session = s.id AND k.stage = g.name AND "
                            "k.name = n.name"
                            "      ORDER BY n.place) o)), 'items', json("
                            "     (SELECT CASE WHEN i.done OR i.failed OR t.total IS NOT NULL THEN"
                            "        json_object('done', i.done, 'failed', i.failed, 'total', t.total) END"
                            "      FROM (SELECT count(iif(status = 'done', 1, NULL)) AS done, "
                            "count(iif(status = 'failed', 1, NULL)) "
                            "AS failed"
                            "            FROM items WHERE session = s.id AND stage = g.name) i"
                            "      LEFT JOIN stage_totals t ON t.session = s.id AND t.stage = g.name))))"
                            "   FROM (SELECT * FROM stages WHERE session = s.id ORDER BY position) g) AS "
                            "stages,"
                            "  (SELECT json_group_array(e.uid) FROM (SELECT uid FROM executions WHERE "
                            "session = s.id ORDER BY id) e)"
                            "   AS executions, s.definition,"
                            "  (SELECT json_group_array(json_object('round', r.round, 'opened_at', "
                            "r.opened_at, 'completed_at', "
                            "r.completed_at,"
                            "     'settled_at', r.settled_at, 'settled_as', r.settled_as))"
                            "   FROM (SELECT * FROM rounds WHERE session = s.id ORDER BY id) r) AS rounds, "
                            "s.implicit"
                            " FROM sessions s JOIN completeness c ON c.session = s.id)";

/* What closing needs is asked for one session at a time: of many at once SQLite would gather it for all there
 * are. */
static const char *const not_here[] = {"needs", NULL};

void session_free(struct session *session)
{
    if (!session)
        return;
    sql_unload(session_fields, session_field_count, session);
    free(session);
}

void session_list_free(struct session_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        session_free(list->items[i]);
    free(list->items);
    *list = (struct session_list){0};
}

static int load_list(struct ledger *ledger, sqlite3_stmt *statement, struct session_list *list,
                     struct error *err)
{
    int step;

    *list = (struct session_list){0};
    while ((step = sql_step(ledger, statement, err)) > 0) {
        struct session *session = mem_alloc(sizeof *session);

        sql_load(statement, session_fields, session_field_count, session);
        list->items = mem_resize(list->items, (list->count + 1) * sizeof *list->items);
        list->items[list->count++] = session;
    }
    if (step < 0)
        session_list_free(list);
    return step;
}

/* The active ones are few among many, and an index holds them, where the text itself says that they are
 * meant; sorted they are by us, lest all that began are looked at in their order. */
static sqlite3_stmt *select_listed(struct ledger *ledger, const char *status, int64_t limit,
                                   struct error *err)
{
    static const char *const for_a_page[] = {"definition", "rounds", "needs", "implicit", NULL};
    bool active = status && strcmp(status, "active") == 0;
    AUTOFREE char *sql =
        sql_select(session_fields, session_field_count, for_a_page, SOURCE,
                   active ? "WHERE status = 'active' ORDER BY +started_at DESC, id DESC LIMIT ?2"
                          : "WHERE ?1 IS NULL OR status = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2");

    return sql_bind(ledger, err, sql, "ti", status, limit == NO_INT ? (int64_t)-1 : limit);
}

int sessions_list(struct ledger *ledger, const char *status, int64_t limit, struct session_list *list,
                  struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = select_listed(ledger, status, limit, err);

    return statement ? load_list(ledger, statement, list, err) : -1;
}

int sessions_each(struct ledger *ledger, const char *status, int64_t limit,
                  int (*each)(const struct session *, void *), void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = select_listed(ledger, status, limit, err);
    int step = statement ? 1 : -1, stop = 0;

    while (step > 0 && !stop && (step = sql_step(ledger, statement, err)) > 0) {
        struct session session = {0};

        sql_load(statement, session_fields, session_field_count, &session);
        stop = each(&session, context);
        sql_unload(session_fields, session_field_count, &session);
    }
    return step < 0 ? -1 : 0;
}

int session_get(struct ledger *ledger, const char *id, struct session **session, struct error *err)
{
    AUTOFREE char *sql = sql_select(session_fields, session_field_count, not_here, SOURCE, "WHERE id = ?1");
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "t", id);
    struct session_list list;

    *session = NULL;
    if (!statement || load_list(ledger, statement, &list, err))
        return -1;
    if (list.count)
        *session = list.items[0];
    free(list.items);
    if (!*session ||
        sql_text(ledger, err, &(*session)->needs,
                 "SELECT json_group_array(need) FROM closing_needs WHERE session = ?", "t", id) == 0)
        return 0;
    session_free(*session);
    *session = NULL;
    return -1;
}

int session_definition(struct ledger *ledger, const char *id, char **workflow, char **definition,
                       struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger, err, "SELECT workflow, definition FROM sessions WHERE id = ?", "t", id);
    int step;

    *workflow = *definition = NULL;
    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step > 0) {
        *workflow = mem_strdup((const char *)sqlite3_column_text(statement, 0));
        *definition = mem_strdup((const char *)sqlite3_column_text(statement, 1));
    }
    return 0;
}

static int resolve_option(struct ledger *ledger, const char *option, char **id, struct error *err)
{
    if (sql_text(ledger, err, id, "SELECT id FROM sessions WHERE id = ?", "t", option))
        return -1;
    if (!*id)
        return error_set(err, ERR_NOT_FOUND, "no session \"%s\"; `supervise session list` shows them",
                         option);
    return 0;
}

#define NOT_FOR_A_PLAN " AND NOT " BEGUN_FOR_A_PLAN("sessions.id")

static int resolve_only_active(struct ledger *ledger, char **id, struct error *err)
{
    int64_t count;
    AUTOFREE char *names = NULL;

    if (sql_integer(ledger, err, &count,
                    "SELECT count(*) FROM sessions WHERE status = 'active'" NOT_FOR_A_PLAN, "") ||
        sql_text(ledger, err, &names,
                 "SELECT group_concat(id, ', ') FROM (SELECT id FROM sessions WHERE status = "
                 "'active'" NOT_FOR_A_PLAN " ORDER BY updated_at DESC LIMIT 10)",
                 ""))
        return -1;
    if (count == 0)
        return error_set(
            err, ERR_NOT_FOUND,
            "no session is active; name one with --session, or begin one with `supervise session begin`");
    if (count > 1)
        return error_set(err, ERR_AMBIGUOUS, "several sessions are active: %s%s; name one with --session",
                         names, count > 10 ? ", and more" : "");
    *id = mem_strdup(names);
    return 0;
}

int session_resolve(struct ledger *ledger, const char *option, const char *execution_uid, char **id,
                    const char **how, struct error *err)
{
    *id = NULL;
    *how = "option";
    if (option)
        return resolve_option(ledger, option, id, err);
    *how = "execution";
    if (execution_uid && sql_text(ledger, err, id, OWN_SESSION, "t", execution_uid))
        return -1;
    if (*id)
        return 0;
    *how = "only-active";
    return resolve_only_active(ledger, id, err);
}
