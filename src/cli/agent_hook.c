/*
 * `agent hook`: what Claude Code and Codex run at their events, with the event as JSON on stdin. Quick,
 * silent but for what the agent is to read, and never in its way: whatever is wrong here, the agent goes on.
 * It acts for the execution that it stands in; of that, only for the conversation of its own agent.
 */
#include "agent.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/cli/verbs.h>
#include <supervise/cli/words.h>
#include <supervise/domain/hook.h>
#include <supervise/store/agent.h>
#include <supervise/store/plan.h>

enum {
    BUSY_MS = 200,         /* how long the ledger is waited for */
    INPUT_MS = 2000,       /* how long stdin is */
    ACTIVITY_EVERY = 1000, /* more often than that it is not written, in ms */
};

/* What a hook is about. */
struct hook {
    struct cli *cli;
    const char *uid;
    const json_t *input;
    struct agent_standing standing;
};

static const char *input_text(const struct hook *hook, const char *member)
{
    return json_string_value(json_object_get(hook->input, member));
}

/* ---- The input ---- */

/* All of it, read to its end so that its writer meets no closed pipe; what is too long is not kept. */
static json_t *read_input(void)
{
    AUTOBUF struct buf text = {0};
    int64_t until = awake_now_ms() + INPUT_MS;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char part[65536];
    ssize_t length = 1;

    while (length > 0 && poll(&input, 1, (int)(until - awake_now_ms())) > 0 && awake_now_ms() < until) {
        length = read(STDIN_FILENO, part, sizeof part);
        if (length > 0 && text.len <= AGENT_RECORD_MAX)
            buf_append(&text, part, (size_t)length);
    }
    return text.len && text.len <= AGENT_RECORD_MAX ? json_loadb(text.data, text.len, 0, NULL) : NULL;
}

/* ---- The agent's own words ---- */

/* The execution is an agent, and it is this conversation of its that speaks: not one that it started. */
static bool is_own(const struct hook *hook)
{
    const char *session = input_text(hook, "session_id");

    return hook->standing.agent && session &&
           (!hook->standing.agent_session || strcmp(hook->standing.agent_session, session) == 0);
}

static void print_output(json_t *output)
{
    json_print(output, true);
}

/* ---- What is done at the events ---- */

static int note_activity(const struct hook *hook, const char *status, struct error *err)
{
    if (!status && wall_now_ms() - hook->standing.activity_at < ACTIVITY_EVERY)
        return 0;
    return execution_activity(hook->cli->ledger, hook->uid, status, err);
}

/* With the instructions of the workflow, where the session that it drives has one. */
static int tell_workflow(const struct hook *hook, struct error *err)
{
    AUTOFREE char *workflow = NULL, *definition = NULL, *standing = NULL, *prompt = NULL;
    json_t *parsed;

    if (!hook->standing.session || !hook->standing.drives || hook->standing.implicit)
        return 0;
    if (session_definition(hook->cli->ledger, hook->standing.session, &workflow, &definition, err) ||
        (workflow && words_missing(hook->cli, hook->standing.session, &standing, err)))
        return -1;
    if (!workflow || !standing)
        return 0;
    parsed = json_loads(definition, 0, NULL);
    prompt = agent_prompt(workflow, parsed, standing);
    json_decref(parsed);
    print_output(json_pack("{s:{s:s, s:s}}", "hookSpecificOutput", "hookEventName", "SessionStart",
                           "additionalContext", prompt));
    return 0;
}

static int begin(const struct hook *hook, struct error *err)
{
    if (!is_own(hook))
        return note_activity(hook, NULL, err);
    if (!hook->standing.agent_session &&
        execution_agent_session(hook->cli->ledger, hook->uid, input_text(hook, "session_id"), err))
        return -1;
    return tell_workflow(hook, err);
}

static int plan_one(const struct hook *hook, enum plan_state state, struct error *err)
{
    const char *key = input_text(hook, "task_id"), *name = input_text(hook, "task_subject");
    struct plan_item item = {(char *)(uintptr_t)key, (char *)(uintptr_t)name, state};

    if (!is_own(hook) || !key || !name)
        return note_activity(hook, NULL, err);
    return plan_report(hook->cli->ledger, hook->uid, &item, 1, err);
}

static void know(const struct plan_item *item, void *reader)
{
    agent_reader_knows(reader, item);
}

static int report_plan(const struct hook *hook, struct agent_reader *reader, struct error *err)
{
    struct plan_item *items = mem_alloc(AGENT_PLAN_MAX * sizeof *items);
    size_t count = 0;
    int result;

    while (count < AGENT_PLAN_MAX && agent_reader_plan(reader, &items[count]))
        count++;
    result = plan_report(hook->cli->ledger, hook->uid, items, count, err);
    for (size_t i = 0; i < count; i++) {
        free(items[i].key);
        free(items[i].name);
    }
    free(items);
    return result;
}

/* What a tool gives back is what the agent's lines show of it: the same rules say what it means. */
static int note_tool(const struct hook *hook, struct error *err)
{
    const json_t *definition = json_object_get(settings_agents(hook->cli->settings), hook->standing.agent);
    struct agent_reader *reader, *anew = NULL;
    json_t *line;
    int result = 0;

    if (note_activity(hook, NULL, err))
        return -1;
    if (!is_own(hook) || !definition)
        return 0;
    line = json_pack("{s:O*}", "tool_use_result", json_object_get(hook->input, "tool_response"));
    reader = agent_reader_new(definition);
    if (line && reader && agent_reader_take(reader, line) & AGENT_PLANNED) {
        anew = agent_reader_new(definition);
        result = plan_each(hook->cli->ledger, hook->uid, know, anew, err);
        agent_reader_take(anew, line);
        result = result ? result : report_plan(hook, anew, err);
    }
    agent_reader_free(anew);
    agent_reader_free(reader);
    json_decref(line);
    return result;
}

/* What the execution still lacks, were it to exit 0 now; NULL: nothing that anybody knows of. */
static int missing(const struct hook *hook, char **text, struct error *err)
{
    const struct agent_standing *standing = &hook->standing;
    AUTOFREE char *left = NULL;

    *text = NULL;
    if (!standing->session) {
        if (!standing->drives && standing->require_session)
            *text = mem_strdup("This run is to drive a session, and none has begun. Next: supervise session "
                               "begin.");
        return 0;
    }
    if (!standing->drives)
        return 0;
    if (!standing->stages && !standing->implicit)
        return words_missing(hook->cli, standing->session, text, err);
    if (agent_left(hook->cli->ledger, hook->uid, &left, err))
        return -1;
    if (!left)
        return 0;
    if (!standing->stages)
        return words_missing(hook->cli, standing->session, text, err);
    *text = mem_printf("Not every step of stages %s in session %s is done or skipped: %s.", standing->stages,
                       standing->session, left);
    return 0;
}

static int keep_going(const struct hook *hook, struct error *err)
{
    AUTOFREE char *lack = NULL, *reason = NULL;
    int64_t number = 0;

    if (!is_own(hook))
        return note_activity(hook, NULL, err);
    if (missing(hook, &lack, err))
        return -1;
    if (!lack)
        return 0;
    reason = mem_printf("The work is not complete. %s Go on with it until it is.", lack);
    if (agent_nudge(hook->cli->ledger, hook->uid, hook->cli->settings->agents_max_nudges, reason, &number,
                    err))
        return -1;
    if (number)
        print_output(json_pack("{s:s, s:s}", "decision", "block", "reason", reason));
    return 0;
}

static int note_end(const struct hook *hook, struct error *err)
{
    static const char *const members[] = {"error", "reason"};
    const char *why = NULL;
    AUTOFREE char *status = NULL;

    for (size_t i = 0; !why && i < sizeof members / sizeof *members; i++)
        why = input_text(hook, members[i]);
    /* "other" is what the end of every run that was not talked to is called. */
    if (is_own(hook) && why && strcmp(why, "other") != 0)
        status = mem_printf("%s: %.200s", input_text(hook, "hook_event_name"), why);
    return note_activity(hook, status, err);
}

static int act(const struct hook *hook, struct error *err)
{
    switch (hook_action_of(input_text(hook, "hook_event_name"))) {
    case HOOK_START:
        return begin(hook, err);
    case HOOK_TOOL:
        return note_tool(hook, err);
    case HOOK_PLANNED:
        return plan_one(hook, PLAN_PENDING, err);
    case HOOK_DONE:
        return plan_one(hook, PLAN_DONE, err);
    case HOOK_STOP:
        return keep_going(hook, err);
    case HOOK_ENDED:
        return note_end(hook, err);
    case HOOK_ACTIVITY:
        break;
    }
    return note_activity(hook, NULL, err);
}

/* ---- The verb ---- */

static int open_ledger(struct cli *cli, struct error *err)
{
    if (cli_settings(cli, err) < 0)
        return -1;
    if (cli->settings->store_busy_timeout > BUSY_MS)
        cli->settings->store_busy_timeout = BUSY_MS;
    return cli_ledger_existing(cli, err);
}

static int run_hook(struct cli *cli, const struct args *args)
{
    const char *uid = getenv("SUPERVISE_EXECUTION_UID");
    json_t *input = isatty(STDIN_FILENO) ? NULL : read_input();
    struct hook hook = {.cli = cli, .uid = uid, .input = input};
    struct error err;

    (void)args;
    say_set_level(-1);
    if (!uid || !*uid || !json_is_object(input)) {
        if (isatty(STDIN_FILENO))
            say_warning("agent hook is for agents, which tell it on stdin what happens: nothing was done");
    } else if (open_ledger(cli, &err) || agent_standing_read(cli->ledger, uid, &hook.standing, &err) ||
               (hook.standing.in_flight && act(&hook, &err))) {
        say_warning("%s: the hook of %s did nothing", err.text,
                    hook.standing.agent ? hook.standing.agent : "an agent");
    }
    agent_standing_free(&hook.standing);
    json_decref(input);
    return 0;
}

const struct verb verb_agent_hook = {
    .name = "agent hook",
    .synopsis = "",
    .summary = "what the hooks of Claude Code and Codex run; installed by `agent install`",
    .examples = "supervise agent hook <event.json  # inside a supervised agent; silent, and always exit 0\n",
    .run = run_hook,
};
