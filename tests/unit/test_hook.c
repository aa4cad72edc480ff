/* Hooks of agents: what an event is for, when an agent is told to go on, and how our hooks come into its
 * settings and out of them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include <supervise/base/buf.h>
#include <supervise/domain/hook.h>
#include <supervise/domain/hook_settings.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void an_event_is_for_what_the_table_says(void **state)
{
    static const struct {
        const char *name;
        enum hook_action action;
    } cases[] = {
        {"SessionStart", HOOK_START},  {"UserPromptSubmit", HOOK_ACTIVITY},
        {"PreToolUse", HOOK_ACTIVITY}, {"PostToolUse", HOOK_TOOL},
        {"TaskCreated", HOOK_PLANNED}, {"TaskCompleted", HOOK_DONE},
        {"Stop", HOOK_STOP},           {"StopFailure", HOOK_ENDED},
        {"SessionEnd", HOOK_ENDED},    {"SubagentStop", HOOK_ACTIVITY},
        {"stop", HOOK_ACTIVITY},       {"", HOOK_ACTIVITY},
        {NULL, HOOK_ACTIVITY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (hook_action_of(cases[i].name) != cases[i].action)
            fail_msg("%s", cases[i].name);
}

static void an_agent_is_told_to_go_on_so_often_without_progress(void **state)
{
    static const struct {
        struct nudge_facts facts;
        int64_t number;
    } cases[] = {
        {{true, false, 0, 0, 0, 3}, 1},   {{true, false, 1, 10, 0, 3}, 2},  {{true, false, 2, 10, 10, 3}, 3},
        {{true, false, 3, 10, 10, 3}, 0}, {{true, false, 3, 10, 11, 3}, 1}, /* progress begins a new row */
        {{true, false, 9, 10, 0, 3}, 0},  {{true, false, 0, 0, 0, 0}, 0},   {{true, false, 0, 0, 0, 1}, 1},
        {{true, true, 0, 0, 0, 3}, 0},    {{false, false, 0, 0, 0, 3}, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (nudge_number(&cases[i].facts) != cases[i].number)
            fail_msg("case %zu: %d", i, (int)nudge_number(&cases[i].facts));
}

/* ---- Settings ---- */

static const char COMMAND[] = "supervise agent hook";

/* As people, formatters and other programs write them. */
static const char *const written[] = {
    "{}",
    "{}\n",
    "{ }",
    "{\n}\n",
    "{\n  \"model\": \"opus\"\n}\n",
    "{\n\t\"model\": \"opus\",\n\t\"list\": [1.0, 2e3, \"a,b]\"]\n}",
    "{\r\n    \"a\": {\"b\": []},\r\n    \"c\": \"\\u00fc\\\"}\"\r\n}\r\n",
    "{\"a\":1,\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"mine\"}]}]},\"b\":2}",
    "{\n  \"hooks\": {\n    \"PreToolUse\": [\n      {\n        \"matcher\": \"Bash\",\n        \"hooks\": "
    "[\n"
    "          {\"type\": \"command\", \"command\": \"say supervise\"}\n        ]\n      }\n    ]\n  },\n"
    "  \"x\": null\n}\n",
    "  {\"a\" : [ ] , \"b\":\t{ }\n}  \n",
    "{\n   \"hooks\": {\"Odd\": [5, \"text\", {\"hooks\": 7}, {\"hooks\": [{}, 3, {\"command\": 4}]}]}\n}\n",
};

static json_t *parsed(const char *text)
{
    json_error_t fault;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &fault);

    if (!json)
        fail_msg("line %d: %s\n%s", fault.line, fault.text, text);
    return json;
}

/* How many of ours are in it, in all. */
static size_t count_ours(const char *text, const char *command)
{
    size_t count = 0, length = strlen(command);

    for (const char *at = text; (at = strstr(at, command)); at += length)
        count++;
    return count;
}

static size_t events_of(unsigned agent)
{
    size_t count = 0;

    for (const struct hook_event *event = hook_events; event->name; event++)
        count += (event->agents & agent) != 0;
    return count;
}

/* Whatever else was there is there still, as it was. */
static void assert_kept(const char *before, const char *after)
{
    json_t *had = parsed(before), *has = parsed(after), *value, *list;
    const char *key;

    json_object_foreach(had, key, value)
        if (strcmp(key, "hooks") != 0)
            assert_true(json_equal(value, json_object_get(has, key)));
    json_object_foreach(json_object_get(had, "hooks"), key, list) {
        const json_t *now = json_object_get(json_object_get(has, "hooks"), key);

        for (size_t i = 0; i < json_array_size(list); i++)
            assert_true(json_equal(json_array_get(list, i), json_array_get(now, i)));
    }
    json_decref(had);
    json_decref(has);
}

static void what_is_put_in_comes_out_and_leaves_no_trace(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++)
        for (unsigned agent = HOOKS_CLAUDE; agent <= HOOKS_CODEX; agent++) {
            AUTOFREE char *with = hook_settings_add(written[i], agent, COMMAND);
            AUTOFREE char *again = hook_settings_add(with, agent, COMMAND);
            AUTOFREE char *without = hook_settings_remove(with);
            AUTOFREE char *untouched = hook_settings_remove(written[i]);

            assert_kept(written[i], with);
            assert_int_equal(count_ours(with, COMMAND), events_of(agent));
            assert_string_equal(again, with);
            if (strcmp(written[i], "{ }") != 0 && strcmp(written[i], "{\n}\n") != 0)
                assert_string_equal(without, written[i]);
            assert_string_equal(untouched, written[i]);
        }
}

static void it_is_written_as_the_rest_of_the_file_is(void **state)
{
    static const struct {
        const char *before, *has;
    } cases[] = {
        {"{}\n", "{\n  \"hooks\": {\n    \"SessionStart\": [\n      {\n        \"hooks\": [\n          {\n"},
        {"{\n\t\"a\": 1\n}\n", "{\n\t\"a\": 1,\n\t\"hooks\": {\n\t\t\"SessionStart\": [\n\t\t\t{\n"},
        {"{\r\n \"a\": 1\r\n}\r\n", "{\r\n \"a\": 1,\r\n \"hooks\": {\r\n  \"SessionStart\": [\r\n   {\r\n"},
        {"{\"a\":1}", "{\"a\":1, \"hooks\": {\"SessionStart\": [{\"hooks\": [{\"type\": \"command\", "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *with = hook_settings_add(cases[i].before, HOOKS_CODEX, COMMAND);

        if (strncmp(with, cases[i].has, strlen(cases[i].has)) != 0)
            fail_msg("%s", with);
    }
}

static void another_command_of_ours_is_replaced_in_its_place(void **state)
{
    AUTOFREE char *old = hook_settings_add(written[8], HOOKS_CLAUDE, "'/opt/my own/supervise' agent hook");
    AUTOFREE char *with = hook_settings_add(old, HOOKS_CLAUDE, COMMAND);
    AUTOFREE char *fresh = hook_settings_add(written[8], HOOKS_CLAUDE, COMMAND);
    AUTOFREE char *without = hook_settings_remove(old);

    (void)state;
    assert_string_equal(with, fresh);
    assert_string_equal(without, written[8]);
}

static void what_was_built_around_ours_stays(void **state)
{
    static const char before[] = "{\"hooks\":{\"Stop\":[{\"hooks\":[{\"command\":\"supervise agent hook\"},"
                                 "{\"command\":\"mine\"}]},{\"hooks\":[{\"command\":\"/x/supervise agent "
                                 "hook\"}]},{\"a\":1}],\"Other\":[{\"hooks\":[{\"command\":"
                                 "\"supervise agent hook\"}]}]}}";
    AUTOFREE char *without = hook_settings_remove(before);

    (void)state;
    assert_string_equal(without, "{\"hooks\":{\"Stop\":[{\"hooks\":[{\"command\":\"mine\"}]},{\"a\":1}]}}");
}

static void what_is_no_settings_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"{\n  \"a\": 1, // why\n}", "f:2: "},
        {"{\n  \"a\": 1,\n}", "f:3: "},
        {"[]", "f:1: expected an object"},
        {"", "f:1: "},
        {"{\"a\":1,\n\"a\":2}", "f:2: "},
        {"{\n\"hooks\": []}", "f:2: expected an object as \"hooks\""},
        {"{\"hooks\": {\"Stop\": []\n,\"X\":\n{}}}", "f:3: expected an array of hooks"},
    };
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(hook_settings_check("f", cases[i].text, strlen(cases[i].text), &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        if (strncmp(err.text, cases[i].told, strlen(cases[i].told)) != 0)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
    for (size_t i = 0; i < COUNT(written); i++)
        assert_int_equal(hook_settings_check("f", written[i], strlen(written[i]), &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_for_what_the_table_says),
        cmocka_unit_test(an_agent_is_told_to_go_on_so_often_without_progress),
        cmocka_unit_test(what_is_put_in_comes_out_and_leaves_no_trace),
        cmocka_unit_test(it_is_written_as_the_rest_of_the_file_is),
        cmocka_unit_test(another_command_of_ours_is_replaced_in_its_place),
        cmocka_unit_test(what_was_built_around_ours_stays),
        cmocka_unit_test(what_is_no_settings_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
