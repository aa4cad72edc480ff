/* From a row and what was seen while it ran to the facts that domain/explain.h makes a sentence of. */
#include <supervise/cli/queued.h>
#include <supervise/cli/words.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/domain/explain.h>
#include <supervise/store/step.h>

enum { COMMAND_COLUMNS = 40 };

/* The explanation's zero stands for the ledger's NULL. */
static int64_t or_zero(int64_t number)
{
    return number == NO_INT ? 0 : number;
}

static enum explain_state state_of(const struct execution *execution)
{
    if (strcmp(execution->state, "finished") == 0)
        return EXPLAIN_FINISHED;
    return strcmp(execution->state, "queued") == 0 ? EXPLAIN_QUEUED : EXPLAIN_RUNNING;
}

/* Its name, or its first words. */
static char *short_command(const struct execution *execution)
{
    char *command;

    if (execution->name)
        return mem_strdup(execution->name);
    command = words_command(execution->command);
    if (text_columns(command) > COMMAND_COLUMNS) {
        AUTOFREE char *whole = command;
        AUTOFREE char *head = mem_strndup(whole, text_fit(whole, COMMAND_COLUMNS - 1));

        return mem_printf("%s…", head);
    }
    return command;
}

static void take_row(struct explain_facts *to, const struct execution *from)
{
    to->state = state_of(from);
    to->verdict.outcome = from->outcome ? outcome_from_name(from->outcome) : OUTCOME_NONE;
    to->verdict.reason = from->reason;
    to->now_ms = wall_now_ms();
    to->number = from->id;
    to->exit_code = (int)or_zero(from->exit_code);
    to->signal = (int)or_zero(from->signal);
    to->stopped_by = from->stopped_by;
    to->spawn_errno = (int)or_zero(from->spawn_errno);
    to->never_ran = from->started_at == NO_INT;
    to->duration_known = from->duration_ms != NO_INT;
    to->duration_ms = or_zero(from->duration_ms);
    to->queued_at = or_zero(from->queued_at);
    to->started_at = or_zero(from->started_at);
    to->activity_at = or_zero(from->activity_at);
    to->heard_of_at = or_zero(from->heartbeat_at);
    to->session = from->session;
    to->session_status = from->session_status;
    to->close_reason = from->settled_as;
    to->phase = from->phase;
    to->phase_number = or_zero(from->phase_number);
    to->phase_count = or_zero(from->phase_count);
    to->round = or_zero(from->round);
    to->in_current_round = or_zero(from->in_current_round) != 0;
    to->drives = from->drives == 1;
    to->stages = from->stages;
    to->no_log = from->log == NULL;
    to->agent_session = from->agent_session != NULL;
}

/* What the supervisor saw. `names` gets the list of stragglers, for the caller to free; the texts are those
 * of `seen`. */
static void take_seen(struct explain_facts *to, const json_t *seen, const char ***names)
{
    const json_t *code = json_object_get(seen, "child_code"), *deadline = json_object_get(seen, "deadline");
    const json_t *stragglers = json_object_get(seen, "stragglers"), *name;
    size_t index, count = json_array_size(stragglers);

    to->suspended_ms = json_integer_value(json_object_get(seen, "suspended_ms"));
    to->oom_kills = json_integer_value(json_object_get(seen, "oom_kills"));
    to->last_line = json_string_value(json_object_get(seen, "last_line"));
    to->child_code_known = json_is_integer(code);
    to->child_code = (int)json_integer_value(code);
    to->core_dumped = json_is_true(json_object_get(seen, "core"));
    to->output_held = json_is_true(json_object_get(seen, "output_held"));
    to->log_lost = json_string_value(json_object_get(seen, "log_lost"));
    to->deadline = json_string_value(json_object_get(deadline, "kind"));
    to->deadline_ms = json_integer_value(json_object_get(deadline, "ms"));
    to->why = json_string_value(json_object_get(seen, "why"));
    to->agent_result = json_string_value(json_object_get(seen, "agent_says"));
    to->rate_limit_over_at = json_integer_value(json_object_get(seen, "rate_limit_over_at"));
    to->spawn_error = json_string_value(json_object_get(seen, "spawn_error"));
    to->capture = json_string_value(json_object_get(seen, "capture"));
    to->recovered = json_is_true(json_object_get(seen, "recovered"));
    to->threshold_ms = json_integer_value(json_object_get(seen, "threshold_ms"));
    to->unknown_end = json_string_value(json_object_get(seen, "unknown_end"));
    *names = mem_alloc((count + 1) * sizeof **names);
    json_array_foreach(stragglers, index, name)
        if (json_is_string(name))
            (*names)[to->straggler_count++] = json_string_value(name);
    to->stragglers = *names;
}

/* What its end gave with the row, else what the ledger says now; *read is to be freed. */
static void take_steps(struct explain_facts *to, const struct cli *cli, const struct execution *from,
                       struct step_facts **read)
{
    const struct step_facts *steps = from->steps;
    struct error err;

    *read = NULL;
    if (!steps && cli->ledger && step_facts_read(cli->ledger, from, read, &err) == 0)
        steps = *read;
    if (!steps)
        return;
    to->left = steps->left;
    to->step_in_error = steps->in_error;
    to->step_message = steps->error;
    to->session_next = steps->next;
}

static void take_liveness(struct explain_facts *to, struct liveness liveness)
{
    to->unsupervised = liveness.lost && liveness.child == LIFE_ALIVE;
    to->lost = liveness.lost && !to->unsupervised;
    to->stalled = liveness.stalled;
    to->threshold_ms = liveness.threshold_ms;
}

void words_explain(const struct cli *cli, const struct execution *execution, char **explanation, char **next)
{
    json_t *seen = execution->facts ? json_loads(execution->facts, 0, NULL) : NULL;
    struct explain_facts facts = {0};
    AUTOFREE char *command = short_command(execution);
    AUTOFREE char *waits = NULL;
    const char **names;
    struct step_facts *steps;

    take_row(&facts, execution);
    take_seen(&facts, seen, &names);
    take_steps(&facts, cli, execution, &steps);
    facts.command = command;
    if (facts.state == EXPLAIN_RUNNING)
        take_liveness(&facts, execution_liveness(cli, execution));
    if (facts.state == EXPLAIN_QUEUED)
        facts.waits = waits = queued_why(cli, execution);
    *explanation = explain(&facts);
    *next = explain_next(&facts);
    step_facts_free(steps);
    free(names);
    json_decref(seen);
}
