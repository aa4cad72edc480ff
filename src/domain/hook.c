/* Hooks of agents: the table of their events, and the bound on telling an agent to go on. */
#include <supervise/domain/hook.h>

#include <string.h>

enum { BOTH = HOOKS_CLAUDE | HOOKS_CODEX };

const struct hook_event hook_events[] = {
    {"SessionStart", HOOK_START, BOTH},
    {"UserPromptSubmit", HOOK_ACTIVITY, BOTH},
    {"PreToolUse", HOOK_ACTIVITY, BOTH},
    {"PostToolUse", HOOK_TOOL, BOTH},
    {"TaskCreated", HOOK_PLANNED, HOOKS_CLAUDE},
    {"TaskCompleted", HOOK_DONE, HOOKS_CLAUDE},
    {"Stop", HOOK_STOP, BOTH},
    {"StopFailure", HOOK_ENDED, HOOKS_CLAUDE},
    {"SessionEnd", HOOK_ENDED, BOTH},
    {NULL, HOOK_ACTIVITY, 0},
};

enum hook_action hook_action_of(const char *name)
{
    for (const struct hook_event *event = hook_events; name && event->name; event++)
        if (strcmp(event->name, name) == 0)
            return event->action;
    return HOOK_ACTIVITY;
}

int64_t nudge_number(const struct nudge_facts *facts)
{
    int64_t before = facts->progress_at > facts->nudged_at ? 0 : facts->count;

    if (!facts->in_flight || facts->stop_asked || before >= facts->max)
        return 0;
    return before + 1;
}
