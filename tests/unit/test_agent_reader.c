/*
 * What an agent's lines say by the shapes of its definition: results, plans, rate limits, noise; however the
 * reads cut them, and whatever else passes. The lines are such as the programs print.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/config/settings.h>
#include <supervise/domain/agent_reader.h>
#include <supervise/domain/shape.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { OUT, ERR };

static struct settings *settings;

static int load(void **state)
{
    struct error err;
    (void)state;

    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    settings = settings_load(NULL, NULL, &err);
    return settings ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    settings_free(settings);
    return 0;
}

static struct agent_reader *reader_of(const char *agent)
{
    struct agent_reader *reader = agent_reader_new(json_object_get(settings_agents(settings), agent));

    assert_non_null(reader);
    return reader;
}

static unsigned feed(struct agent_reader *reader, const char *text, const char *session)
{
    return agent_reader_feed(reader, OUT, text, strlen(text), session);
}

static unsigned end(struct agent_reader *reader, const char *session)
{
    return agent_reader_feed(reader, OUT, NULL, 0, session);
}

/* ---- Shapes ---- */

static void shapes_fit_what_has_their_members(void **state)
{
    static const struct {
        const char *shape, *value;
        bool fits;
    } cases[] = {
        {"{}", "{}", true},
        {"{}", "{\"a\": 1}", true},
        {"{}", "[]", false},
        {"{\"a\": 1}", "{\"a\": 1, \"b\": 2}", true},
        {"{\"a\": 1}", "{\"a\": 2}", false},
        {"{\"a\": 1}", "{\"b\": 1}", false},
        {"{\"a\": {\"b\": true}}", "{\"a\": {\"b\": true}}", true},
        {"{\"a\": {\"b\": true}}", "{\"a\": {\"b\": 1}}", false},
        {"{\"a\": [1, 2]}", "{\"a\": 2}", true},
        {"{\"a\": [1, 2]}", "{\"a\": 3}", false},
        {"[{\"a\": 1}, {\"b\": 1}]", "{\"b\": 1}", true},
        {"[{\"a\": 1}, {\"b\": 1}]", "{\"c\": 1}", false},
        {"{\"a\": []}", "{\"a\": [1]}", true},
        {"{\"a\": []}", "{\"a\": {}}", false},
        {"{\"a\": null}", "{\"a\": null}", true},
        {"{\"a\": null}", "{}", false},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *shape = json_loads(cases[i].shape, 0, NULL), *value = json_loads(cases[i].value, 0, NULL);

        if (shape_fits(shape, value) != cases[i].fits)
            fail_msg("%s and %s", cases[i].shape, cases[i].value);
        json_decref(shape);
        json_decref(value);
    }
    assert_false(shape_fits(NULL, NULL));
}

static void paths_lead_into_objects(void **state)
{
    json_t *value = json_loads("{\"a\": {\"b\": {\"c\": 5}}, \"d\": [1]}", 0, NULL);
    (void)state;

    assert_int_equal(json_integer_value(shape_at(value, "a.b.c")), 5);
    assert_null(shape_at(value, "a.c"));
    assert_null(shape_at(value, "d.0"));
    assert_ptr_equal(shape_at(value, "d"), json_object_get(value, "d"));
    json_decref(value);
}

/* ---- Results ---- */

static const struct {
    const char *agent, *line;
    bool unfinished;
    const char *text;
} results[] = {
    {"claude",
     "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"I did two things.\","
     "\"stop_reason\":\"end_turn\",\"session_id\":\"s-1\"}",
     false, "I did two things."},
    {"claude",
     "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":429,"
     "\"result\":\"API Error: Request rejected "
     "(429)\",\"stop_reason\":\"stop_sequence\",\"session_id\":\"s-1\"}",
     true, "API Error: Request rejected (429)"},
    {"claude",
     "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"\",\"stop_reason\":\"tool_"
     "use\"}",
     true, NULL},
    {"claude", "{\"type\":\"result\",\"is_error\":false,\"terminal_reason\":\"completed\"}", false, NULL},
    {"claude", "{\"type\":\"result\",\"is_error\":false,\"terminal_reason\":\"max_turns\"}", true, NULL},
    {"codex", "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":30}}", false, NULL},
    {"codex", "{\"type\":\"turn.failed\",\"error\":{\"message\":\"last status: 429 Too Many Requests\"}}",
     true, "last status: 429 Too Many Requests"},
    {"opencode", "{\"type\":\"step_finish\",\"sessionID\":\"s-1\",\"part\":{\"reason\":\"stop\"}}", false,
     NULL},
    {"opencode", "{\"type\":\"step_finish\",\"sessionID\":\"s-1\",\"part\":{\"reason\":\"length\"}}", true,
     NULL},
    {"opencode",
     "{\"type\":\"error\",\"sessionID\":\"s-1\",\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"no "
     "key\"}}}",
     true, "APIError no key"},
};

static void assert_result(struct agent_reader *reader, size_t i)
{
    AUTOFREE char *kept = agent_reader_result(reader);
    AUTOFREE char *text = agent_reader_text(reader);

    if (!kept || agent_reader_unfinished(reader) != results[i].unfinished)
        fail_msg("%s: %s", results[i].line, kept ? kept : "nothing kept");
    if (!text != !results[i].text || (text && strcmp(text, results[i].text) != 0))
        fail_msg("%s says %s", results[i].line, text ? text : "nothing");
}

static void assert_says(struct agent_reader *reader, const char *expected)
{
    AUTOFREE char *text = agent_reader_text(reader);

    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void a_result_is_read_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(results); i++) {
        size_t length = strlen(results[i].line);

        for (size_t cut = 0; cut <= length; cut++) {
            struct agent_reader *reader = reader_of(results[i].agent);

            if (cut > 0)
                agent_reader_feed(reader, OUT, results[i].line, cut, "s-1");
            agent_reader_feed(reader, ERR, "{\"type\":", 8, "s-1");
            if (cut < length)
                agent_reader_feed(reader, OUT, results[i].line + cut, length - cut, "s-1");
            feed(reader, cut % 2 ? "\r\n" : "\n", "s-1");
            assert_result(reader, i);
            agent_reader_free(reader);
        }
    }
}

static void the_last_line_needs_no_newline(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(results); i++) {
        struct agent_reader *reader = reader_of(results[i].agent);
        AUTOFREE char *none = NULL;

        feed(reader, results[i].line, "s-1");
        none = agent_reader_result(reader);
        assert_null(none);
        end(reader, "s-1");
        assert_result(reader, i);
        agent_reader_free(reader);
    }
}

static void the_last_result_of_the_agent_itself_counts(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    feed(reader, "{\"type\":\"result\",\"is_error\":true,\"result\":\"first\",\"session_id\":\"own\"}\n",
         "own");
    assert_true(agent_reader_unfinished(reader));
    feed(reader, "{\"type\":\"result\",\"is_error\":false,\"result\":\"second\",\"session_id\":\"own\"}\n",
         "own");
    assert_false(agent_reader_unfinished(reader));
    /* An agent within the agent, and what a tool prints. */
    feed(reader, "{\"type\":\"result\",\"is_error\":true,\"result\":\"inner\",\"session_id\":\"inner\"}\n",
         "own");
    feed(reader,
         "{\"type\":\"user\",\"session_id\":\"own\",\"message\":{\"content\":\"{\\\"type\\\":\\\"result\\\","
         "\\\"is_error\\\":true}\"}}\n",
         "own");
    feed(reader, "here: {\"type\":\"result\",\"is_error\":true}\n", "own");
    feed(reader, "[{\"type\":\"result\",\"is_error\":true}]\n", "own");
    feed(reader, "{\"type\":\"result\",\"is_error\":true\n", "own");
    assert_false(agent_reader_unfinished(reader));
    assert_says(reader, "second");
    agent_reader_free(reader);
}

static void what_is_kept_is_bounded(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    AUTOBUF struct buf line = {0};
    AUTOFREE char *kept = NULL;
    json_t *json;
    (void)state;

    buf_puts(&line, "{\"type\":\"result\",\"is_error\":true,\"result\":\"");
    while (line.len < 5 << 20)
        buf_puts(&line, "\xc3\xa4 long ");
    buf_puts(&line, "\",\"usage\":{\"tokens\":5}}\n");
    for (size_t at = 0; at < line.len; at += 65536)
        agent_reader_feed(reader, OUT, line.data + at, line.len - at < 65536 ? line.len - at : 65536, NULL);
    kept = agent_reader_result(reader);
    assert_non_null(kept);
    assert_true(strlen(kept) <= AGENT_RESULT_MAX);
    json = json_loads(kept, 0, NULL);
    assert_true(json_is_true(json_object_get(json, "is_error")));
    assert_int_equal(json_integer_value(shape_at(json, "usage.tokens")), 5);
    json_decref(json);
    assert_true(agent_reader_unfinished(reader));
    agent_reader_free(reader);
}

static void a_line_beyond_the_bound_is_passed_over(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    AUTOFREE char *block = mem_alloc(1 << 20);
    AUTOFREE char *kept = NULL;
    (void)state;

    memset(block, 'x', 1 << 20);
    feed(reader, "{\"type\":\"result\",\"is_error\":true,\"result\":\"", NULL);
    for (int i = 0; i < 9; i++)
        agent_reader_feed(reader, OUT, block, 1 << 20, NULL);
    feed(reader, "\"}\n{\"type\":\"result\",\"is_error\":false}\n", NULL);
    kept = agent_reader_result(reader);
    assert_string_equal(kept, "{\"type\":\"result\",\"is_error\":false}");
    agent_reader_free(reader);
}

static void what_is_no_utf8_is_replaced(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    feed(reader,
         "{\"type\":\"result\",\"is_error\":true,\"result\":\"a\xff"
         "b\"}\n",
         NULL);
    assert_says(reader, "a\xef\xbf\xbd"
                        "b");
    agent_reader_free(reader);
}

/* ---- Activity, rate limits ---- */

static void noise_is_no_activity(void **state)
{
    static const struct {
        const char *agent, *text;
        bool active;
    } cases[] = {
        {"claude", "{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1}\n", false},
        {"claude", "{\"type\":\"system\",\"subtype\":\"init\"}\n", true},
        {"claude", "plain text", true},
        {"claude", "{\"type\":\"assistant\"", false}, /* not until its line has ended */
        {"claude", "\n\n", false},
        {"codex", "{\"type\":\"error\",\"message\":\"Reconnecting... 1/1\"}\n", false},
        {"codex", "{\"type\":\"item.completed\",\"item\":{\"type\":\"error\"}}\n", true},
        {"opencode", "{\"type\":\"step_finish\",\"part\":{\"reason\":\"unknown\"}}\n", false},
        {"opencode", "{\"type\":\"step_finish\",\"part\":{\"reason\":\"stop\"}}\n", true},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct agent_reader *reader = reader_of(cases[i].agent);

        if (((feed(reader, cases[i].text, NULL) & AGENT_ACTIVE) != 0) != cases[i].active)
            fail_msg("%s", cases[i].text);
        agent_reader_free(reader);
    }
    assert_int_equal(agent_reader_feed(NULL, OUT, "x", 1, NULL), AGENT_ACTIVE);
}

static void a_rate_limit_names_its_end(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    feed(reader,
         "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"allowed\",\"resetsAt\":1795270000}"
         "}\n",
         NULL);
    assert_int_equal(agent_reader_rate_limit(reader), 0);
    feed(reader,
         "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\"resetsAt\":"
         "1795270000}}\n",
         NULL);
    assert_int_equal(agent_reader_rate_limit(reader), 1795270000000);
    feed(reader,
         "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\"resetsAt\":\"soon\"}}"
         "\n",
         NULL);
    assert_int_equal(agent_reader_rate_limit(reader), 1795270000000);
    agent_reader_free(reader);
}

/* ---- Plans ---- */

static void assert_told(struct agent_reader *reader, const char *expected)
{
    static const char *const names[] = {[PLAN_PENDING] = "pending",
                                        [PLAN_RUNNING] = "running",
                                        [PLAN_DONE] = "done",
                                        [PLAN_DROPPED] = "dropped"};
    AUTOBUF struct buf told = {0};
    struct plan_item item;

    buf_puts(&told, "");
    while (agent_reader_plan(reader, &item)) {
        buf_printf(&told, "%s %s; ", item.name, names[item.state]);
        free(item.key);
        free(item.name);
    }
    assert_string_equal(told.data, expected);
}

static void a_plan_that_is_a_list_is_told_by_its_changes(void **state)
{
    struct agent_reader *reader = reader_of("codex");
    (void)state;

    assert_true(feed(reader,
                     "{\"type\":\"item.started\",\"item\":{\"type\":\"todo_list\",\"items\":["
                     "{\"text\":\"one\",\"completed\":false},{\"text\":\"two\",\"completed\":false}]}}\n",
                     NULL) &
                AGENT_PLANNED);
    assert_told(reader, "one pending; two pending; ");
    feed(reader,
         "{\"type\":\"item.updated\",\"item\":{\"type\":\"todo_list\",\"items\":["
         "{\"text\":\"one\",\"completed\":true},{\"text\":\"three\",\"completed\":true}]}}\n",
         NULL);
    assert_told(reader, "one done; two dropped; three done; ");
    agent_reader_free(reader);
}

static void a_plan_of_single_items_is_told_by_its_changes(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    feed(reader, "{\"type\":\"user\",\"tool_use_result\":{\"task\":{\"id\":\"1\",\"subject\":\"First\"}}}\n",
         NULL);
    feed(reader, "{\"type\":\"user\",\"tool_use_result\":{\"task\":{\"id\":\"2\",\"subject\":\"Second\"}}}\n",
         NULL);
    assert_told(reader, "First pending; Second pending; ");
    feed(reader,
         "{\"type\":\"user\",\"tool_use_result\":{\"taskId\":\"1\",\"statusChange\":{\"from\":\"pending\","
         "\"to\":\"in_progress\"}}}\n",
         NULL);
    assert_told(reader, "First running; ");
    feed(
        reader,
        "{\"type\":\"user\",\"tool_use_result\":{\"taskId\":\"1\",\"statusChange\":{\"to\":\"completed\"}}}\n"
        "{\"type\":\"user\",\"tool_use_result\":{\"taskId\":\"2\",\"statusChange\":{\"to\":\"deleted\"}}}\n"
        "{\"type\":\"user\",\"tool_use_result\":{\"taskId\":\"9\",\"statusChange\":{\"to\":\"completed\"}}}"
        "\n",
        NULL);
    assert_told(reader, "First done; Second dropped; ");
    agent_reader_free(reader);
}

static void a_list_of_items_with_keys_is_the_whole_plan(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    feed(reader,
         "{\"tool_use_result\":{\"task\":{\"id\":\"1\",\"subject\":\"First\"}}}\n"
         "{\"tool_use_result\":{\"task\":{\"id\":\"2\",\"subject\":\"Second\"}}}\n"
         "{\"tool_use_result\":{\"taskId\":\"2\",\"statusChange\":{\"to\":\"in_progress\"}}}\n",
         NULL);
    assert_told(reader, "First pending; Second running; ");
    feed(reader,
         "{\"tool_use_result\":{\"tasks\":[{\"id\":\"2\",\"subject\":\"Second\",\"status\":\"pending\"},"
         "{\"id\":\"3\",\"subject\":\"Third\",\"status\":\"completed\"}]}}\n",
         NULL);
    assert_told(reader, "First dropped; Second pending; Third done; ");
    agent_reader_free(reader);
}

static void a_line_with_nothing_but_a_list_is_read(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    feed(reader, "{\"tool_use_result\":{\"newTodos\":[{\"content\":\"One\",\"status\":\"completed\"}]}}\n",
         NULL);
    assert_told(reader, "One done; ");
    agent_reader_free(reader);
}

static void what_an_earlier_run_told_is_known(void **state)
{
    struct agent_reader *reader = reader_of("claude");
    (void)state;

    agent_reader_knows(reader, &(struct plan_item){"1", "First", PLAN_DONE});
    agent_reader_knows(reader, &(struct plan_item){"2", "Second", PLAN_PENDING});
    agent_reader_knows(reader, &(struct plan_item){"3", "Third", PLAN_PENDING});
    assert_told(reader, "");
    feed(reader,
         "{\"tool_use_result\":{\"taskId\":\"2\",\"statusChange\":{\"to\":\"completed\"}}}\n"
         /* in a conversation of its own the same key is another item */
         "{\"tool_use_result\":{\"task\":{\"id\":\"3\",\"subject\":\"Other\"}}}\n",
         NULL);
    assert_told(reader, "Second done; Third dropped; Other pending; ");
    agent_reader_knows(NULL, &(struct plan_item){"1", "First", PLAN_DONE});
    agent_reader_free(reader);
}

static void a_plan_without_end_is_bounded(void **state)
{
    struct agent_reader *reader = reader_of("codex");
    AUTOBUF struct buf line = {0};
    (void)state;

    buf_puts(&line, "{\"item\":{\"type\":\"todo_list\",\"items\":[{\"text\":\"\",\"completed\":true},5");
    for (int i = 0; i < 10000; i++)
        buf_printf(&line, ",{\"text\":\"t%d\",\"completed\":false}", i);
    buf_puts(&line, "]}}\n");
    feed(reader, line.data, NULL);
    for (size_t i = 0; i < AGENT_PLAN_MAX; i++) {
        struct plan_item item;

        assert_true(agent_reader_plan(reader, &item));
        free(item.key);
        free(item.name);
    }
    assert_told(reader, "");
    agent_reader_free(reader);
}

static void long_texts_of_a_plan_are_cut_between_characters(void **state)
{
    struct agent_reader *reader = reader_of("codex");
    AUTOBUF struct buf line = {0};
    struct plan_item item;
    (void)state;

    buf_puts(&line, "{\"item\":{\"type\":\"todo_list\",\"items\":[{\"text\":\"x");
    for (int i = 0; i < 10000; i++)
        buf_puts(&line, "ü");
    buf_puts(&line, "\"}]}}\n");
    feed(reader, line.data, NULL);
    assert_true(agent_reader_plan(reader, &item));
    assert_int_equal(strlen(item.name), 1023);
    assert_true(utf8_valid(item.name, strlen(item.name)));
    free(item.key);
    free(item.name);
    agent_reader_free(reader);
}

static void random_bytes_harm_nothing(void **state)
{
    static const char alphabet[] = "{}[]\",:\\\n\r tre\"type\":\"result\"\xff";
    unsigned seed = 7;
    (void)state;

    for (int round = 0; round < 2000; round++) {
        struct agent_reader *reader = reader_of(round % 2 ? "claude" : "opencode");
        char text[200];

        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1103515245U + 12345U;
            text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        text[0] = '{';
        agent_reader_feed(reader, OUT, text, sizeof text, NULL);
        end(reader, NULL);
        free(agent_reader_result(reader));
        agent_reader_free(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_fit_what_has_their_members),
        cmocka_unit_test(paths_lead_into_objects),
        cmocka_unit_test(a_result_is_read_however_it_is_cut),
        cmocka_unit_test(the_last_line_needs_no_newline),
        cmocka_unit_test(the_last_result_of_the_agent_itself_counts),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(a_line_beyond_the_bound_is_passed_over),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(noise_is_no_activity),
        cmocka_unit_test(a_rate_limit_names_its_end),
        cmocka_unit_test(a_plan_that_is_a_list_is_told_by_its_changes),
        cmocka_unit_test(a_plan_of_single_items_is_told_by_its_changes),
        cmocka_unit_test(a_list_of_items_with_keys_is_the_whole_plan),
        cmocka_unit_test(a_line_with_nothing_but_a_list_is_read),
        cmocka_unit_test(what_an_earlier_run_told_is_known),
        cmocka_unit_test(a_plan_without_end_is_bounded),
        cmocka_unit_test(long_texts_of_a_plan_are_cut_between_characters),
        cmocka_unit_test(random_bytes_harm_nothing),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
