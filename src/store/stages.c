/* `--stages`: which stages of a session's workflow it means. */
#include "rows.h"

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/domain/step.h>

struct names {
    const char **items; /* ended by NULL */
    size_t count;
};

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free((char *)(uintptr_t)names->items[i]);
    free(names->items);
}

static int names_load(struct ledger *ledger, const char *session, struct names *names, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err,
                                                "SELECT g.value ->> '$.name' FROM sessions s"
                                                " JOIN json_each(s.definition, '$.stages') g"
                                                " WHERE s.id = ? ORDER BY g.key",
                                                "t", session);
    int step = -1;

    while (statement && (step = sql_step(ledger, statement, err)) > 0) {
        names->items = mem_resize(names->items, (names->count + 2) * sizeof *names->items);
        names->items[names->count++] = mem_strdup((const char *)sqlite3_column_text(statement, 0));
        names->items[names->count] = NULL;
    }
    return step;
}

int stages_take(struct ledger *ledger, const char *session, const char *stages, char **range,
                struct error *err)
{
    struct names names = {0};
    int result = -1;

    *range = NULL;
    if (!session)
        return error_set(err, ERR_INVARIANT,
                         "cannot run stages %s without a session to drive; name one with --session, or its "
                         "workflow with --workflow",
                         stages);
    if (names_load(ledger, session, &names, err) == 0) {
        if (names.count)
            result = stages_range(names.items, stages, range, err);
        else
            error_set(err, ERR_INVARIANT,
                      "cannot run stages %s: session %s has no workflow that declares stages", stages,
                      session);
    }
    names_free(&names);
    return result;
}
