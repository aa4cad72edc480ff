/* Lists of executions and sessions, as tables and as JSON arrays. */
#include <supervise/cli/pages.h>

#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/cli/queued.h>
#include <supervise/cli/words.h>

void executions_table_row(struct cli *cli, struct table *table, const struct execution *execution)
{
    const char *style;
    const char *label = outcome_label(execution, execution_standing(cli, execution), &style);
    bool finished = execution->finished_at != NO_INT;
    AUTOFREE char *number = mem_printf("%lld", (long long)execution->id);
    bool started = execution->started_at != NO_INT;
    AUTOFREE char *since = words_age(started ? execution->started_at : execution->queued_at);
    AUTOFREE char *took = words_took(execution);
    AUTOFREE char *command = words_command(execution->command);
    bool queued = !finished && !started;
    AUTOFREE char *why = queued ? queued_why(cli, execution) : NULL;

    table_cell(table, number, NULL);
    table_cell(table, label, style);
    table_cell(table, execution->name, NULL);
    table_cell(table, execution->session, NULL);
    table_cell(table, started ? NULL : since, NULL);
    table_cell(table, started ? since : NULL, NULL);
    table_cell(table, took, NULL);
    table_cell(table, finished ? NULL : queued ? why : execution->status_text, NULL);
    table_cell(table, command, NULL);
}

struct table *executions_table_new(void)
{
    static const struct column columns[] = {
        {"#", YIELDS_LAST},        {"STATE", YIELDS_LAST},   {"NAME", YIELDS_NEXT}, {"SESSION", YIELDS_NEXT},
        {"QUEUED", YIELDS_LAST},   {"STARTED", YIELDS_LAST}, {"TOOK", YIELDS_LAST}, {"STATUS", YIELDS_NEXT},
        {"COMMAND", YIELDS_FIRST}, {NULL, YIELDS_LAST},
    };

    return table_new(columns);
}

void executions_table(struct cli *cli, const struct execution_list *list)
{
    struct table *table = executions_table_new();

    for (size_t i = 0; i < list->count; i++)
        executions_table_row(cli, table, list->items[i]);
    table_print(table, cli);
}

void sessions_table_row(struct table *table, const struct session *session)
{
    AUTOFREE char *phase = words_phase(session->phase, session->phase_number, session->phase_count);
    AUTOFREE char *round = mem_printf("%lld", (long long)session->round);
    AUTOFREE char *totals = words_totals(session->totals);
    AUTOFREE char *updated = words_age(session->updated_at);

    /* That it is active or closed follows from its completeness. */
    table_cell(table, session->id, NULL);
    table_cell(table, session->workflow, NULL);
    table_cell(table, session->completeness, NULL);
    table_cell(table, phase, NULL);
    table_cell(table, round, NULL);
    table_cell(table, totals, NULL);
    table_cell(table, updated, NULL);
    table_cell(table, strcmp(session->next, "none") == 0 ? NULL : session->next, NULL);
}

struct table *sessions_table_new(void)
{
    /* The id is what every verb wants to be given: it goes whole for as long as it can. */
    static const struct column columns[] = {
        {"SESSION", YIELDS_LATE}, {"WORKFLOW", YIELDS_WHOLE}, {"COMPLETENESS", YIELDS_NEXT},
        {"PHASE", YIELDS_NEXT},   {"ROUND", YIELDS_LAST},     {"TOTALS", YIELDS_WHOLE},
        {"UPDATED", YIELDS_LAST}, {"NEXT", YIELDS_LAST},      {NULL, YIELDS_LAST},
    };

    return table_new(columns);
}

void sessions_table(struct cli *cli, const struct session_list *list)
{
    struct table *table = sessions_table_new();

    for (size_t i = 0; i < list->count; i++)
        sessions_table_row(table, list->items[i]);
    table_print(table, cli);
}

json_t *executions_json(struct cli *cli, const struct execution_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, execution_json(cli, list->items[i]));
    return array;
}

json_t *sessions_json(struct cli *cli, const struct session_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, session_json(cli, list->items[i]));
    return array;
}
