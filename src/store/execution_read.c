/*
 * Reading executions: the table of fields, which is also the SELECT and the JSON, lists by filter, and what a
 * REF means.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/domain/id.h>
#include <supervise/domain/outcome.h>
#include <supervise/store/step.h>

#define AT(member) offsetof(struct execution, member)
const struct field execution_fields[] = {
    {"id", FIELD_INT, AT(id), true},
    {"uid", FIELD_TEXT, AT(uid), true},
    {"parent_uid", FIELD_TEXT, AT(parent_uid), true},
    {"name", FIELD_TEXT, AT(name), true},
    {"session", FIELD_TEXT, AT(session), true},
    {"drives", FIELD_BOOL, AT(drives), true},
    {"workflow", FIELD_TEXT, AT(workflow), true},
    {"stages", FIELD_TEXT, AT(stages), true},
    {"command", FIELD_JSON, AT(command), true},
    {"cwd", FIELD_TEXT, AT(cwd), true},
    {"host", FIELD_TEXT, AT(host), true},
    {"state", FIELD_TEXT, AT(state), true},
    {"outcome", FIELD_TEXT, AT(outcome), true},
    {"reason", FIELD_TEXT, AT(reason), true},
    {"exit_code", FIELD_INT, AT(exit_code), true},
    {"signal", FIELD_INT, AT(signal), true},
    {"stopped_by", FIELD_TEXT, AT(stopped_by), true},
    {"spawn_errno", FIELD_INT, AT(spawn_errno), true},
    {"round", FIELD_INT, AT(round), true},
    {"attempt", FIELD_INT, AT(attempt), true},
    {"queued_at", FIELD_TIME, AT(queued_at), true},
    {"started_at", FIELD_TIME, AT(started_at), true},
    {"finished_at", FIELD_TIME, AT(finished_at), true},
    {"heartbeat_at", FIELD_TIME, AT(heartbeat_at), true},
    {"activity_at", FIELD_TIME, AT(activity_at), true},
    {"progress_at", FIELD_TIME, AT(progress_at), true},
    {"duration_ms", FIELD_INT, AT(duration_ms), true},
    {"pid", FIELD_INT, AT(pid), true},
    {"supervisor_pid", FIELD_INT, AT(supervisor_pid), true},
    {"cancel_requested_at", FIELD_TIME, AT(cancel_requested_at), true},
    {"status_text", FIELD_TEXT, AT(status_text), true},
    {"log", FIELD_TEXT, AT(log), true},
    {"agent", FIELD_TEXT, AT(agent), true},
    {"agent_session", FIELD_TEXT, AT(agent_session), true},
    {"agent_result", FIELD_JSON, AT(agent_result), true},
    {"agent_unfinished", FIELD_BOOL, AT(agent_unfinished), false},
    {"usage", FIELD_JSON, AT(usage), true},
    {"notes", FIELD_JSON, AT(notes), true},
    {"argv", FIELD_BLOB, AT(argv), false},
    {"facts", FIELD_JSON, AT(facts), false},
    {"boot_id", FIELD_TEXT, AT(boot_id), false},
    {"machine_id", FIELD_TEXT, AT(machine_id), false},
    {"pid_ns", FIELD_INT, AT(pid_ns), false},
    {"pid_start", FIELD_INT, AT(pid_start), false},
    {"supervisor_start", FIELD_INT, AT(supervisor_start), false},
    {"socket", FIELD_TEXT, AT(socket), false},
    {"detached", FIELD_BOOL, AT(detached), false},
    {"require_session", FIELD_BOOL, AT(require_session), false},
    {"session_status", FIELD_TEXT, AT(session_status), false},
    {"settled_as", FIELD_TEXT, AT(settled_as), false},
    {"phase", FIELD_TEXT, AT(phase), false},
    {"phase_number", FIELD_INT, AT(phase_number), false},
    {"phase_count", FIELD_INT, AT(phase_count), false},
    {"in_current_round", FIELD_BOOL, AT(in_current_round), false},
};
const size_t execution_field_count = sizeof execution_fields / sizeof *execution_fields;

void execution_free(struct execution *execution)
{
    if (!execution)
        return;
    sql_unload(execution_fields, execution_field_count, execution);
    step_facts_free(execution->steps);
    free(execution);
}

void execution_list_free(struct execution_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        execution_free(list->items[i]);
    free(list->items);
    *list = (struct execution_list){0};
}

int executions_load(struct ledger *ledger, sqlite3_stmt *statement, struct execution_list *list,
                    struct error *err)
{
    int step;

    *list = (struct execution_list){0};
    while ((step = sql_step(ledger, statement, err)) > 0) {
        struct execution *execution = mem_alloc(sizeof *execution);

        sql_load(statement, execution_fields, execution_field_count, execution);
        list->items = mem_resize(list->items, (list->count + 1) * sizeof *list->items);
        list->items[list->count++] = execution;
    }
    if (step < 0)
        execution_list_free(list);
    return step;
}

/*
 * The rows of the view for which `condition`, with `key` as ?1, holds: newest first, 20 at most. Where only
 * those are asked for that have not ended, they are looked through, who are few, and not all that the
 * condition holds for.
 */
static int find(struct ledger *ledger, const char *condition, const char *key, bool open,
                struct execution_list *list, struct error *err)
{
    static const char open_ones[] =
        "(SELECT i.id AS open FROM executions i WHERE i.finished_at IS NULL ORDER BY i.id DESC)"
        " CROSS JOIN outcomes ON id = open";
    AUTOFREE char *tail = mem_printf("WHERE %s ORDER BY %s DESC LIMIT 20", condition, open ? "open" : "id");
    AUTOFREE char *sql =
        sql_select(execution_fields, execution_field_count, NULL, open ? open_ones : "outcomes", tail);
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "t", key);

    return statement ? executions_load(ledger, statement, list, err) : -1;
}

/* The same: those that have not ended where there are such and they are preferred; else all. */
static int find_preferred(struct ledger *ledger, const char *condition, const char *key, bool prefer_open,
                          struct execution_list *list, struct error *err)
{
    if (prefer_open) {
        if (find(ledger, condition, key, true, list, err))
            return -1;
        if (list->count)
            return 0;
    }
    return find(ledger, condition, key, false, list, err);
}

/* What follows from a filter and is what an index holds: the rest of the history is never looked at. */
struct implication {
    const char *word, *condition;
};
static const struct implication outcomes_imply[] = {
    {"failed", " AND exit_code <> 0 AND (exit_code IN (-2, -4)) = 0"},
    {"cancelled", " AND exit_code <> 0 AND (exit_code IN (-2, -4)) = 1"},
    /* What drives nothing by itself, the rest by its round; with `--stages` its steps decide beyond that. */
    {"incomplete",
     " AND id IN (SELECT d.id FROM executions d INDEXED BY executions_doubtful WHERE d.exit_code = 0"
     " AND iif(d.drives, d.opening IS NULL, d.agent_unfinished OR (d.require_session AND d.session IS NULL))"
     " UNION ALL SELECT d.id FROM rounds r INDEXED BY rounds_not_completed"
     " CROSS JOIN executions d ON d.opening = r.id"
     " WHERE r.settled_as IS NOT 'completed' AND d.exit_code = 0 AND d.drives)"},
    {NULL, NULL},
};
static const struct implication states_imply[] = {
    {"running", " AND finished_at IS NULL"},
    {"queued", " AND finished_at IS NULL"},
    {NULL, NULL},
};

static const char *implied(const struct implication *implications, const char *word)
{
    for (; implications->word; implications++)
        if (strcmp(implications->word, word) == 0)
            return implications->condition;
    return "";
}

/* Whether, whatever the outcome asked for, few are left to look at in a history of any length. */
static bool is_narrow(const struct execution_filter *filter)
{
    return filter->in_flight || filter->session || (filter->state && *implied(states_imply, filter->state));
}

/* An outcome that few ever have. */
static bool is_seldom(const char *outcome)
{
    return outcome && (strcmp(outcome, "incomplete") == 0 || strcmp(outcome, "cancelled") == 0);
}

/* Of a name that a whole period has in common with others, what began in that time is looked through. */
static int is_rare(struct ledger *ledger, const char *name, bool *rare, struct error *err)
{
    int64_t count;

    if (sql_integer(ledger, err, &count,
                    "SELECT count(*) FROM (SELECT 1 FROM executions WHERE name = ? LIMIT 1000)", "t", name))
        return -1;
    *rare = count < 1000;
    return 0;
}

/* The statement that gives the rows of a filter, newest first; NULL with err. A plus keeps SQLite from the
 * index of what stands after it. */
static sqlite3_stmt *select_filtered(struct ledger *ledger, const struct execution_filter *filter,
                                     struct error *err)
{
    bool narrow = is_narrow(filter), seldom = !narrow && is_seldom(filter->outcome), rare = false, by_time;
    AUTOBUF struct buf tail = {0};
    AUTOFREE char *sql = NULL;

    if (!narrow && !seldom && filter->name && filter->since != NO_INT &&
        is_rare(ledger, filter->name, &rare, err))
        return NULL;
    by_time = filter->since != NO_INT && !narrow && !seldom && !rare;
    buf_puts(&tail, "WHERE 1");
    if (filter->in_flight)
        buf_puts(&tail, " AND finished_at IS NULL");
    if (filter->outcome)
        buf_printf(&tail, " AND outcome = ?1%s",
                   by_time || rare || narrow ? "" : implied(outcomes_imply, filter->outcome));
    if (filter->state)
        buf_printf(&tail, " AND state = ?2%s", implied(states_imply, filter->state));
    if (filter->session)
        buf_puts(&tail, " AND session = ?3");
    if (filter->name)
        buf_printf(&tail, " AND %sname = ?4", by_time || narrow || seldom ? "+" : "");
    if (filter->since != NO_INT)
        buf_printf(&tail, " AND %scoalesce(started_at, queued_at) >= ?5", by_time ? "" : "+");
    buf_printf(&tail, " ORDER BY %sid DESC LIMIT ?6",
               by_time ? "coalesce(started_at, queued_at) DESC, " : "");
    sql = sql_select(execution_fields, execution_field_count, NULL, "outcomes", tail.data);
    return sql_bind(ledger, err, sql, "ttttii", filter->outcome, filter->state, filter->session, filter->name,
                    filter->since, filter->limit == NO_INT ? (int64_t)-1 : filter->limit);
}

int executions_list(struct ledger *ledger, const struct execution_filter *filter, struct execution_list *list,
                    struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = select_filtered(ledger, filter, err);

    return statement ? executions_load(ledger, statement, list, err) : -1;
}

int executions_each(struct ledger *ledger, const struct execution_filter *filter,
                    int (*each)(const struct execution *, void *), void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = select_filtered(ledger, filter, err);
    int step, stop = 0;

    if (!statement)
        return -1;
    while (!stop && (step = sql_step(ledger, statement, err)) != 0) {
        struct execution execution = {0};

        if (step < 0)
            return -1;
        sql_load(statement, execution_fields, execution_field_count, &execution);
        stop = each(&execution, context);
        sql_unload(execution_fields, execution_field_count, &execution);
    }
    return 0;
}

int executions_plain(struct ledger *ledger, const char *table, const char *tail, int64_t first,
                     int64_t second, struct execution_list *list, struct error *err)
{
    static const char *const derived[] = {"workflow",     "state",          "outcome",          "reason",
                                          "round",        "session_status", "settled_as",       "phase",
                                          "phase_number", "phase_count",    "in_current_round", NULL};
    AUTOFREE char *sql = sql_select(execution_fields, execution_field_count, derived, table, tail);
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "ii", first, second);

    return statement ? executions_load(ledger, statement, list, err) : -1;
}

int executions_running(struct ledger *ledger, struct execution_list *list, struct error *err)
{
    *list = (struct execution_list){0};
    return executions_plain(ledger, "executions INDEXED BY executions_in_flight",
                            "WHERE finished_at IS NULL AND started_at IS NOT NULL", NO_INT, NO_INT, list,
                            err);
}

int execution_get(struct ledger *ledger, const char *uid, struct execution **execution, struct error *err)
{
    struct execution_list list;

    *execution = NULL;
    if (find(ledger, "uid = ?1", uid, false, &list, err))
        return -1;
    if (list.count)
        *execution = list.items[0];
    free(list.items);
    return 0;
}

static void judge(struct execution *e)
{
    struct verdict verdict = outcome_of(&(struct outcome_facts){
        .finished = e->finished_at != NO_INT,
        .exit_code = (int)e->exit_code,
        .signal = e->signal == NO_INT ? 0 : (int)e->signal,
        .stopped = e->stopped_by != NULL,
        .session = e->session != NULL,
        .drives = e->drives == 1,
        .require_session = e->require_session == 1,
        .agent_unfinished = e->agent_unfinished == 1,
        .settled = settled_from_name(e->settled_as),
    });

    e->outcome = mem_strdup(outcome_name(verdict.outcome));
    e->reason = mem_strdup(verdict.reason);
}

int execution_judge(struct ledger *ledger, const char *uid, struct execution **execution, struct error *err)
{
    static const char *const judged_here[] = {"outcome", "reason", NULL};
    AUTOFREE char *sql = sql_select(execution_fields, execution_field_count, judged_here, "standings",
                                    "WHERE uid = ?1 AND stages IS NULL");
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, sql, "t", uid);
    struct execution_list list;

    if (!statement || executions_load(ledger, statement, &list, err))
        return -1;
    if (list.count == 0)
        return execution_get(ledger, uid, execution, err);
    *execution = list.items[0];
    free(list.items);
    judge(*execution);
    return 0;
}

/*
 * What a REF can be, in the order of the contract. `fits` says whether the text can be one at all; `many`:
 * rows beyond the newest are other executions that the same words could mean, so that the newest is meant
 * only where `newest` says so.
 */
static bool is_last(const char *ref)
{
    return strcmp(ref, "@last") == 0;
}

static bool is_number(const char *ref)
{
    int64_t number;

    return ref_number(ref, &number);
}

static bool is_session_id(const char *ref)
{
    return !session_id_fault(ref);
}

/* A UID too: those that are made look alike, one that was written by hand need not. */
static bool is_any(const char *ref)
{
    return *ref != '\0';
}

static const struct {
    bool (*fits)(const char *ref);
    const char *condition;
    bool newest;
} meanings[] = {
    {is_last, "id = (SELECT max(id) FROM executions) AND ?1 = '@last'", true},
    {is_number, "id = CAST(ltrim(?1, '#') AS INTEGER)", true},
    {is_any, "uid = ?1", true},
    {is_session_id, "session = ?1", true},
    {ref_uid_prefix, "uid >= ?1 AND uid < ?1 || '{'", false},
    {is_any, "name = ?1", true},
};

static int ambiguous(const char *ref, const struct execution_list *list, struct error *err)
{
    AUTOBUF struct buf text = {0};

    for (size_t i = 0; i < list->count && i < 10; i++) {
        const struct execution *e = list->items[i];

        buf_printf(&text, "%s#%lld (%s, %s)", i ? ", " : "", (long long)e->id, e->uid,
                   e->outcome ? e->outcome : e->state);
    }
    return error_set(err, ERR_AMBIGUOUS, "\"%s\" could mean several executions: %s%s; name one by its number",
                     ref, text.data, list->count > 10 ? ", and more" : "");
}

/* The first of what the words could mean; several that have not ended, or that none is the newest of, are
 * ambiguous. */
static int choose(const char *ref, bool newest, bool prefer_open, struct execution_list *list,
                  struct execution **execution, struct error *err)
{
    size_t open = 0;

    for (size_t i = 0; i < list->count; i++)
        open += list->items[i]->finished_at == NO_INT;
    if ((prefer_open && open > 1) || (!newest && !(prefer_open && open == 1) && list->count > 1))
        return ambiguous(ref, list, err);
    *execution = list->items[0];
    list->items[0] = NULL;
    return 0;
}

/* A session's id is not taken for anything that comes after it in the order of REFs. */
static int refuse_session(struct ledger *ledger, const char *ref, struct error *err)
{
    int64_t there;

    if (sql_integer(ledger, err, &there, "SELECT 1 FROM sessions WHERE id = ?", "t", ref))
        return -1;
    return there == NO_INT ? 0
                           : error_set(err, ERR_NOT_FOUND,
                                       "session %s has no execution yet; `supervise --session %s -- COMMAND` "
                                       "makes one",
                                       ref, ref);
}

int execution_resolve(struct ledger *ledger, const char *ref, bool prefer_open, struct execution **execution,
                      struct error *err)
{
    AUTOFREE char *shown = text_visible_dup(ref);

    *execution = NULL;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        struct execution_list list;
        int result;

        if (!meanings[i].fits(ref))
            continue;
        if (find_preferred(ledger, meanings[i].condition, ref, prefer_open, &list, err))
            return -1;
        result = list.count ? choose(shown, meanings[i].newest, prefer_open, &list, execution, err) : 0;
        execution_list_free(&list);
        if (result || *execution)
            return result;
        if (is_last(ref))
            return error_set(err, ERR_NOT_FOUND,
                             "there is no execution yet; `supervise -- COMMAND` makes one");
        if (is_number(ref))
            break;
        if (meanings[i].fits == is_session_id && refuse_session(ledger, ref, err))
            return -1;
    }
    return error_set(err, ERR_NOT_FOUND, "no execution \"%s\"; `supervise list` shows them", shown);
}

int execution_driver(struct ledger *ledger, const char *session, struct execution **execution,
                     struct error *err)
{
    struct execution_list list;

    *execution = NULL;
    if (find(ledger, "session = ?1 AND drives", session, false, &list, err))
        return -1;
    if (list.count) {
        *execution = list.items[0];
        list.items[0] = NULL;
    }
    execution_list_free(&list);
    return 0;
}
