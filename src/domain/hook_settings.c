/* Our hooks in an agent's settings: see the header. */
#include <supervise/domain/hook_settings.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/json_text.h>
#include <supervise/domain/hook.h>

/* How long they may take, by our own word; those at the end have less in any case. */
enum { HOOK_SECONDS = 10, LAST_SECONDS = 3 };

/* ---- What it is that we read ---- */

/* The line on which a value stands. */
static int line_of(const char *text, size_t at)
{
    int line = 1;

    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

/* "hooks" is an object of arrays, where it is there. */
static int check_hooks(const char *name, const char *text, struct error *err)
{
    struct json_span hooks, event;

    if (json_text_find(text, json_text_top(text), "hooks", &hooks) < 0)
        return 0;
    if (text[hooks.from] != '{')
        return error_set(err, ERR_INVALID, "%s:%d: expected an object as \"hooks\"", name,
                         line_of(text, hooks.from));
    for (size_t i = 0; json_text_item(text, hooks, i, NULL, &event); i++)
        if (text[event.from] != '[')
            return error_set(err, ERR_INVALID, "%s:%d: expected an array of hooks", name,
                             line_of(text, event.from));
    return 0;
}

int hook_settings_check(const char *name, const char *text, size_t length, struct error *err)
{
    json_error_t fault;
    json_t *whole = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    bool object = json_is_object(whole);

    json_decref(whole);
    if (!whole)
        return error_set(err, ERR_INVALID, "%s:%d: %s", name, fault.line, fault.text);
    if (!object)
        return error_set(err, ERR_INVALID, "%s:1: expected an object", name);
    return check_hooks(name, text, err);
}

/* ---- Ours ---- */

static char *text_in(const char *text, struct json_span value)
{
    json_t *json = json_loadb(text + value.from, value.to - value.from, JSON_DECODE_ANY, NULL);
    char *copy = mem_strdup(json_string_value(json));

    json_decref(json);
    return copy;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), of_end = strlen(end);

    return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

/* The command of a hook where it is one of ours, with its place; NULL where it isn't. The caller frees. */
static char *our_command(const char *text, struct json_span hook, struct json_span *place)
{
    char *command;

    if (text[hook.from] != '{' || json_text_find(text, hook, "command", place) < 0)
        return NULL;
    command = text_in(text, *place);
    if (command &&
        (ends_with(command, "supervise agent hook") || ends_with(command, "supervise' agent hook")))
        return command;
    free(command);
    return NULL;
}

/* One hook of ours at an event: where it stands. */
struct found {
    struct json_span group_hooks, place; /* the array it is in, and its command */
    size_t group, hook;
    char *command;
};

static bool find_ours(const char *text, struct json_span event, struct found *found)
{
    struct json_span group, hook;

    for (found->group = 0; json_text_item(text, event, found->group, NULL, &group); found->group++) {
        if (text[group.from] != '{' || json_text_find(text, group, "hooks", &found->group_hooks) < 0 ||
            text[found->group_hooks.from] != '[')
            continue;
        for (found->hook = 0; json_text_item(text, found->group_hooks, found->hook, NULL, &hook);
             found->hook++)
            if ((found->command = our_command(text, hook, &found->place)))
                return true;
    }
    return false;
}

/* ---- Adding ---- */

static json_t *our_group(const struct hook_event *event, const char *command)
{
    return json_pack("{s:[{s:s, s:s, s:i}]}", "hooks", "type", "command", "command", command, "timeout",
                     event->action == HOOK_ENDED ? LAST_SECONDS : HOOK_SECONDS);
}

/* Takes `text` over. */
static char *add_event(char *text, const struct hook_event *at, const char *command)
{
    struct json_span top = json_text_top(text), hooks, event;
    struct found found;
    json_t *value;
    char *changed;

    if (json_text_find(text, top, "hooks", &hooks) < 0) {
        value = json_pack("{s:[o]}", at->name, our_group(at, command));
        changed = json_text_add(text, top, "hooks", value);
    } else if (json_text_find(text, hooks, at->name, &event) < 0) {
        value = json_pack("[o]", our_group(at, command));
        changed = json_text_add(text, hooks, at->name, value);
    } else if (!find_ours(text, event, &found)) {
        value = our_group(at, command);
        changed = json_text_add(text, event, NULL, value);
    } else {
        value = json_string(command);
        changed = strcmp(found.command, command) == 0 ? mem_strdup(text)
                                                      : json_text_replace(text, found.place, value);
        free(found.command);
    }
    json_decref(value);
    free(text);
    return changed;
}

char *hook_settings_add(const char *text, unsigned agent, const char *command)
{
    char *changed = mem_strdup(text);

    for (const struct hook_event *event = hook_events; event->name; event++)
        if (event->agents & agent)
            changed = add_event(changed, event, command);
    return changed;
}

/* ---- Removing ---- */

/* One of ours, with what holds nothing else; NULL where there is none. The caller frees. */
static char *remove_one(const char *text)
{
    struct json_span top = json_text_top(text), hooks, event, other;
    struct found found;

    if (json_text_find(text, top, "hooks", &hooks) < 0)
        return NULL;
    for (size_t i = 0; json_text_item(text, hooks, i, NULL, &event); i++) {
        if (!find_ours(text, event, &found))
            continue;
        free(found.command);
        if (json_text_item(text, found.group_hooks, 1, NULL, &other))
            return json_text_remove(text, found.group_hooks, found.hook);
        if (json_text_item(text, event, 1, NULL, &other))
            return json_text_remove(text, event, found.group);
        if (json_text_item(text, hooks, 1, NULL, &other))
            return json_text_remove(text, hooks, i);
        return json_text_remove(text, top, (size_t)json_text_find(text, top, "hooks", NULL));
    }
    return NULL;
}

char *hook_settings_remove(const char *text)
{
    char *changed = mem_strdup(text), *next;

    while ((next = remove_one(changed))) {
        free(changed);
        changed = next;
    }
    return changed;
}
