/* `agent prompt`: what to append to the system prompt or the instructions of an agent, so that it says itself
 * how far its work is. */
#include "agent.h"
#include "session.h"

#include <string.h>

#include <supervise/cli/verbs.h>
#include <supervise/domain/phases.h>

static void say_joined(struct buf *out, const json_t *names, const char *between)
{
    json_t *name;
    size_t i;

    json_array_foreach((json_t *)names, i, name)
        buf_printf(out, "%s%s", i ? between : "", json_string_value(name));
}

static void say_begin(struct buf *out, const char *workflow)
{
    buf_puts(out, "- First, and again after any interruption: `supervise session begin");
    if (workflow)
        buf_printf(out, " --workflow %s", workflow);
    buf_puts(out, "`. Safe to call twice.\n");
}

/* Only where the way leads elsewhere than to the next phase in the list. */
static void say_branches(struct buf *out, const json_t *definition)
{
    const json_t *phases = json_object_get(definition, "phases");
    json_t *phase;
    size_t i;

    json_array_foreach((json_t *)phases, i, phase) {
        const json_t *targets = phase_targets(definition, json_string_value(phase));
        const char *next = json_string_value(json_array_get(phases, i + 1));

        if (phase_final(definition, json_string_value(phase)) ||
            (json_array_size(targets) == 1 && next &&
             strcmp(next, json_string_value(json_array_get(targets, 0))) == 0))
            continue;
        buf_printf(out, "  From %s: ", json_string_value(phase));
        say_joined(out, targets, " or ");
        buf_puts(out, ".\n");
    }
}

static void say_phases(struct buf *out, const json_t *definition)
{
    const json_t *phases = json_object_get(definition, "phases");
    const json_t *targets =
        phase_targets(definition, json_string_value(json_object_get(definition, "initial")));

    if (!phases_any(definition))
        return;
    buf_puts(out, "- Its phases: ");
    say_joined(out, phases, ", ");
    buf_printf(out,
               ".\n  When the work of a phase is done, and not before, go on to the next: `supervise session "
               "advance %s`, and so on.\n",
               json_array_size(targets) ? json_string_value(json_array_get(targets, 0)) : "PHASE");
    say_branches(out, definition);
    buf_puts(out, "  The round is complete when you enter ");
    say_joined(out, json_object_get(definition, "final"), " or ");
    buf_puts(out, ".\n");
}

/* "extract/pages", the first step that is declared; the caller frees. */
static char *first_step(const json_t *stages)
{
    json_t *stage;
    size_t i;

    json_array_foreach((json_t *)stages, i, stage) {
        const json_t *step = json_array_get(json_object_get(stage, "steps"), 0);

        if (step)
            return mem_printf("%s/%s", json_string_value(json_object_get(stage, "name")),
                              json_string_value(step));
    }
    return mem_strdup("STAGE/STEP");
}

static void say_steps(struct buf *out, const json_t *definition)
{
    const json_t *stages = json_object_get(definition, "stages");
    AUTOFREE char *step = first_step(stages);
    json_t *stage;
    size_t i;

    if (json_array_size(stages) == 0) {
        buf_puts(
            out,
            "- Report each step of the work: `supervise step start NAME`, then `supervise step done NAME`,"
            " or `supervise step error NAME WHY`.\n");
        return;
    }
    buf_puts(out, "- Its stages with their steps:\n");
    json_array_foreach((json_t *)stages, i, stage) {
        const json_t *steps = json_object_get(stage, "steps");

        buf_printf(out, "  %s%s", json_string_value(json_object_get(stage, "name")),
                   json_array_size(steps) ? ": " : "");
        say_joined(out, steps, ", ");
        buf_puts(out, "\n");
    }
    buf_printf(out,
               "  Report each: `supervise step start %s`, then `supervise step done %s`, or `supervise step "
               "error %s WHY`; `supervise step skip %s WHY` where it is not needed.\n",
               step, step, step, step);
}

char *agent_prompt(const char *workflow, const json_t *definition, const char *standing)
{
    struct buf out = {0};

    buf_puts(&out,
             "This work is recorded by `supervise`. It counts as complete once its session is closed as"
             " completed, whatever is said and\nwhichever way the program ends. Run these commands as you"
             " work; do not report what has not been done.\n\n");
    if (standing)
        buf_printf(&out, "- %s\n", standing);
    else
        say_begin(&out, workflow);
    say_phases(&out, definition);
    say_steps(&out, definition);
    buf_puts(&out,
             "- Of many things to work through: `supervise item done ID` for each, `supervise item failed ID"
             " --error WHY`;\n  `supervise item remaining <IDS` prints those that are left.\n"
             "- Where you are, and what is missing: `supervise session show`.\n"
             "- When all of it is done: `supervise session close`. If that is refused, it says what is"
             " missing: do that, then close.\n"
             "- If it cannot be done at all: `supervise session close --abort --why REASON`.\n");
    return buf_take(&out);
}

static int run_prompt(struct cli *cli, const struct args *args)
{
    const char *workflow = args_get(args, "workflow");
    const json_t *definition = NULL;
    AUTOFREE char *text = NULL;
    struct error err;

    if (cli_settings(cli, &err) < 0 || (workflow && !(definition = session_workflow(cli, workflow, &err))))
        return cli_fail(&err);
    text = agent_prompt(workflow, definition, NULL);
    fputs(text, stdout);
    return 0;
}

static const struct option prompt_options[] = {
    {'w', "workflow", "NAME", "in the words of this workflow: its phases, stages and steps"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_agent_prompt = {
    .name = "agent prompt",
    .synopsis = "[OPTIONS]",
    .summary = "print what to tell an agent so that it says itself how far its work is",
    .examples = "supervise agent prompt --workflow review >>AGENTS.md  # for every agent that works there\n"
                "claude -p --append-system-prompt \"$(supervise agent prompt)\"  # for one run\n",
    .options = prompt_options,
    .run = run_prompt,
};
