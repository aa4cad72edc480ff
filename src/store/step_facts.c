/* What the steps of its session tell of an execution that has not succeeded: see the header. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/store/agent.h>
#include <supervise/store/step.h>

enum { LEFT_NAMED = 3 };

/* What of its --stages is missing, in the order of the stages; of each stage the declared first. */
static const char LEFT[] =
    "SELECT c.stage || '/' || d.name || ' has not begun', d.stage_position AS stage, d.position AS place"
    " FROM covered_stages c JOIN declared_steps d ON d.session = c.session AND d.stage = c.stage"
    " WHERE c.execution = ?1 AND d.name IS NOT NULL AND NOT EXISTS"
    "  (SELECT 1 FROM steps k WHERE k.session = d.session AND k.stage = d.stage AND k.name = d.name)"
    " UNION ALL"
    " SELECT c.stage || '/' || k.name || ' is ' || iif(k.status = 'error', 'in error', k.status),"
    "  (SELECT min(d.stage_position) FROM declared_steps d WHERE d.session = c.session AND d.stage = "
    "c.stage),"
    "  coalesce((SELECT d.position FROM declared_steps d WHERE d.session = c.session AND d.stage = c.stage"
    "   AND d.name = k.name), 1000000 + k.id)"
    " FROM covered_stages c JOIN current_steps k ON k.session = c.session AND k.stage = c.stage"
    " WHERE c.execution = ?1 AND k.status NOT IN ('done', 'skipped') ORDER BY 2, 3";

static bool is(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

/* Of --stages, or of a session that would close by itself. */
int agent_left(struct ledger *ledger, const char *uid, char **left, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;
    AUTOFREE char *implicit = NULL;
    int64_t staged;
    AUTOBUF struct buf text = {0};
    size_t count = 0;
    int step = -1;

    *left = NULL;
    if (sql_integer(ledger, err, &staged,
                    "SELECT id FROM executions WHERE uid = ? AND drives AND stages IS NOT NULL", "t", uid) ||
        sql_text(ledger, err, &implicit,
                 "SELECT s.id FROM executions e JOIN sessions s ON s.id = e.session"
                 " WHERE e.uid = ? AND e.drives AND s.implicit AND s.status = 'active'",
                 "t", uid))
        return -1;
    if (staged != NO_INT)
        statement = sql_bind(ledger, err, LEFT, "i", staged);
    else if (implicit)
        statement = implicit_left(ledger, implicit, uid, err);
    else
        return 0;
    for (; statement && (step = sql_step(ledger, statement, err)) > 0; count++)
        if (count < LEFT_NAMED)
            buf_printf(&text, "%s%s", count ? ", " : "", (const char *)sqlite3_column_text(statement, 0));
    if (count > LEFT_NAMED)
        buf_printf(&text, ", and %zu more", count - LEFT_NAMED);
    if (count)
        *left = buf_take(&text);
    return step;
}

/* Its own before those of who helped it, the newest first. */
static int read_error(struct ledger *ledger, const struct execution *execution, struct step_facts *facts,
                      struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(
        ledger, err,
        "SELECT stage || '/' || name, error FROM current_steps WHERE session = ?1 AND status = 'error'"
        " AND (execution = ?2 OR (?3 AND finished_at BETWEEN ?4 AND coalesce(?5, finished_at)))"
        " ORDER BY execution IS NOT ?2, id DESC LIMIT 1",
        "ttiii", execution->session, execution->uid, execution->drives, execution->started_at,
        execution->finished_at);
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step > 0) {
        facts->in_error = mem_strdup((const char *)sqlite3_column_text(statement, 0));
        facts->error = mem_strdup((const char *)sqlite3_column_text(statement, 1));
    }
    return 0;
}

int step_facts_read(struct ledger *ledger, const struct execution *execution, struct step_facts **facts,
                    struct error *err)
{
    struct step_facts read = {0};
    int result = 0;

    *facts = NULL;
    if (!execution->session || is(execution->outcome, "success") || is(execution->outcome, "cancelled"))
        return 0;
    if (is(execution->reason, "stages-unfinished") || is(execution->reason, "session-active"))
        result = agent_left(ledger, execution->uid, &read.left, err);
    if (!result)
        result = read_error(ledger, execution, &read, err);
    if (!result && execution->drives == 1)
        result = sql_text(ledger, err, &read.next, "SELECT next FROM completeness WHERE session = ?", "t",
                          execution->session);
    if (!result && !read.left && !read.in_error && !read.next)
        return 0;
    *facts = memcpy(mem_alloc(sizeof read), &read, sizeof read);
    if (!result)
        return 0;
    step_facts_free(*facts);
    *facts = NULL;
    return -1;
}

void step_facts_free(struct step_facts *facts)
{
    if (!facts)
        return;
    free(facts->left);
    free(facts->in_error);
    free(facts->error);
    free(facts->next);
    free(facts);
}
