/* Which agent a command is, and what a file may say of how its session is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <supervise/base/buf.h>
#include <supervise/config/agents.h>
#include <supervise/config/settings.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define WORDS_MAX 12

static int without_a_home(void **state)
{
    (void)state;
    setenv("HOME", "/", 1);
    unsetenv("SUPERVISE_CONFIG");
    return 0;
}

/* The agents as the text of a file says; the caller owns them. NULL with the error. */
static json_t *agents_of(const char *text, struct error *err)
{
    char path[] = "/tmp/test_agent_match.XXXXXX";
    int file = mkstemp(path);
    struct settings *settings;
    json_t *found = NULL;

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    settings = settings_load(path, "/nowhere/x.db", err);
    if (settings)
        found = json_incref(settings_agents(settings));
    else if (strncmp(err->text, path, strlen(path)) == 0)
        memmove(err->text, err->text + strlen(path), strlen(err->text + strlen(path)) + 1);
    settings_free(settings);
    unlink(path);
    return found;
}

struct command {
    const char *agent; /* NULL: none */
    char *words[WORDS_MAX];
};

static void assert_agent(const json_t *known, const struct command *command)
{
    const char *agent = agent_match(known, command->words);

    if (!agent != !command->agent || (agent && strcmp(agent, command->agent) != 0))
        fail_msg("\"%s %s ...\" is %s", command->words[0], command->words[1] ? command->words[1] : "",
                 agent ? agent : "none");
}

static void assert_agents(const struct command *commands, size_t count)
{
    struct error err = {0};
    json_t *known = agents_of("", &err);

    for (size_t i = 0; i < count; i++)
        assert_agent(known, &commands[i]);
    json_decref(known);
}

static void an_agent_is_known_by_the_base_name_of_its_program(void **state)
{
    static const struct command commands[] = {
        {"claude", {"claude"}},
        {"claude", {"claude", "-p", "go"}},
        {"claude", {"/usr/local/bin/claude"}},
        {"claude", {"./claude"}},
        {"codex", {"../x y/codex", "exec"}},
        {"opencode", {"opencode"}},
        {"gemini", {"gemini"}},
        {NULL, {"claude2"}},
        {NULL, {"Claude"}},
        {NULL, {"claude/"}},
        {NULL, {"claude/x"}},
        {NULL, {""}},
        {NULL, {"echo", "claude"}},
        {NULL, {NULL}},
    };

    (void)state;
    assert_agents(commands, COUNT(commands));
}

static void an_agent_is_known_behind_what_only_starts_it(void **state)
{
    static const struct command commands[] = {
        {"claude", {"env", "claude"}},
        {"claude", {"/usr/bin/env", "A=b", "C=", "/opt/claude", "-p"}},
        {"claude", {"env", "-i", "-u", "claude", "--chdir", "x", "A=b", "--", "claude"}},
        {"claude", {"env", "--chdir=x", "claude"}},
        {"codex", {"env", "-u", "claude", "codex"}},
        {NULL, {"env", "--", "-x", "claude"}},
        {NULL, {"timeout", "5", "-x", "claude"}},
        {NULL, {"env"}},
        {NULL, {"env", "A=b"}},
        {NULL, {"env", "-u"}},
        {NULL, {"env", "-u", "claude"}},
        {NULL, {"env", "-S", "x", "claude"}},
        {NULL, {"env", "ls", "claude"}},
        {"claude", {"nohup", "claude"}},
        {"claude", {"setsid", "-w", "claude"}},
        {"claude", {"nice", "-n", "5", "claude"}},
        {"claude", {"nice", "-5", "claude"}},
        {"claude", {"stdbuf", "-o", "L", "claude"}},
        {"claude", {"timeout", "-k", "5", "--foreground", "1h", "claude", "-p"}},
        {NULL, {"timeout", "claude"}},
        {NULL, {"timeout", "claude", "ls"}},
        {"claude", {"env", "A=b", "nohup", "env", "C=d", "timeout", "5", "claude"}},
    };

    (void)state;
    assert_agents(commands, COUNT(commands));
}

static void an_agent_is_known_as_package_and_as_script(void **state)
{
    static const struct command commands[] = {
        {"codex", {"npx", "codex"}},
        {"codex", {"npx", "-y", "@openai/codex", "exec"}},
        {"codex", {"npx", "--yes", "@openai/codex@0.169.0"}},
        {"codex", {"npx", "codex@latest"}},
        {"claude", {"npx", "-y", "@anthropic-ai/claude-code@latest", "-p"}},
        {"claude", {"npx", "-p", "@anthropic-ai/claude-code", "claude"}},
        {"claude", {"npx", "--package=@anthropic-ai/claude-code", "--", "claude"}},
        {"opencode", {"npx", "opencode-ai"}},
        {"gemini", {"npx", "@google/gemini-cli"}},
        {"claude", {"npm", "exec", "--", "@anthropic-ai/claude-code"}},
        {"claude", {"pnpm", "dlx", "@anthropic-ai/claude-code"}},
        {"claude", {"bunx", "@anthropic-ai/claude-code"}},
        {"claude", {"bun", "x", "@anthropic-ai/claude-code"}},
        {"opencode", {"env", "A=b", "npx", "opencode-ai@1", "run"}},
        {NULL, {"npx", "-c", "claude"}},
        {NULL, {"npx", "claudette"}},
        {NULL, {"npx", "@codex"}},
        {NULL, {"npx", ""}},
        {NULL, {"npm", "install", "codex"}},
        {NULL, {"npm", "exec"}},
        {"claude", {"node", "/path/claude", "-p"}},
        {"claude", {"node", "--max-old-space-size=4096", "-r", "x", "/path/claude.js"}},
        {"claude", {"/usr/bin/node", "claude.mjs"}},
        {"claude", {"bun", "claude"}},
        {"claude", {"bun", "run", "claude.js"}},
        {NULL, {"node", "/path/cli.js", "claude"}},
        {NULL, {"node", ".js", "claude"}},
        {NULL, {"node", "-e", "1", "claude"}},
        {NULL, {"node", "env", "claude"}},
        {NULL, {"claude.js"}},
    };

    (void)state;
    assert_agents(commands, COUNT(commands));
}

static void what_a_shell_is_told_to_run_is_not_read(void **state)
{
    static const struct command commands[] = {
        {NULL, {"sh", "-c", "claude"}},
        {NULL, {"sh", "-c", "exec claude", "claude"}},
        {NULL, {"bash", "claude"}},
        {NULL, {"env", "sh", "-c", "claude"}},
    };

    (void)state;
    assert_agents(commands, COUNT(commands));
}

static void of_several_agents_with_a_name_the_one_defined_last_counts(void **state)
{
    struct error err = {0};
    json_t *known = agents_of("[agent.mine]\nmatch = ['my-claude', 'claude', 'env']\n[agent.other]\n", &err);

    (void)state;
    assert_non_null(known);
    assert_agent(known, &(struct command){"mine", {"claude"}});
    assert_agent(known, &(struct command){"mine", {"/x/my-claude"}});
    assert_agent(known, &(struct command){NULL, {"mine"}}); /* it has names of its own */
    assert_agent(known, &(struct command){"other", {"other"}});
    assert_agent(known, &(struct command){"mine", {"env", "codex"}}); /* the first program counts */
    assert_agent(known, &(struct command){"codex", {"codex"}});
    json_decref(known);
}

/* --- session_id, session_pattern --- */

static const char *text_of(const json_t *known, const char *agent, const char *key)
{
    return json_string_value(json_object_get(json_object_get(known, agent), key));
}

static void a_pattern_takes_the_place_of_the_built_in_field(void **state)
{
    struct error err = {0};
    json_t *known =
        agents_of("[agent.claude]\nsession_pattern = 'id=([a-z]+)'\n"
                  "[agent.text]\nsession_pattern = '[{\"id\":[:digit:]]{8}-([]{}0-9a-f]{1,12})\\{x'\n"
                  "[agent.brackets]\nsession_pattern = '([]a{9}{9}][^]a{9}{9}][[.].]a{9}{9}]{9})'\n"
                  "[agent.field]\nsession_id = 'x'\n",
                  &err);

    (void)state;
    if (!known)
        fail_msg("%s", err.text);
    assert_string_equal(text_of(known, "claude", "session_pattern"), "id=([a-z]+)");
    assert_null(text_of(known, "claude", "session_id"));
    assert_non_null(text_of(known, "text", "session_pattern"));
    assert_non_null(text_of(known, "brackets", "session_pattern"));
    assert_string_equal(text_of(known, "field", "session_id"), "x");
    assert_string_equal(text_of(known, "codex", "session_id"), "thread_id");
    json_decref(known);
}

#define EXPECTED "session_pattern: expected an extended regular expression with one group, found "

static void what_is_no_pattern_is_refused_with_file_and_line(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"[agent.x]\nsession_pattern = 5", ":2: agent.x." EXPECTED "5"},
        {"[agent.x]\nsession_pattern = '(a'", ":2: agent.x." EXPECTED "\"(a\": Unmatched ( or \\("},
        {"agent.x.session_pattern = ''", ":1: agent.x." EXPECTED "\"\": it has 0 groups"},
        {"agent.x.session_pattern = 'a'", ":1: agent.x." EXPECTED "\"a\": it has 0 groups"},
        {"agent.x.session_pattern = '(a++)'",
         ":1: agent.x." EXPECTED "\"(a++)\": a repetition may not be repeated"},
        {"agent.x.session_pattern = '(a{9}*)'",
         ":1: agent.x." EXPECTED "\"(a{9}*)\": a repetition may not be repeated"},
        {"agent.x.session_pattern = '(a)(b)'", ":1: agent.x." EXPECTED "\"(a)(b)\": it has 2 groups"},
        {"agent.x.session_pattern = '(a)\\1'",
         ":1: agent.x." EXPECTED "\"(a)\\1\": back-references are not taken"},
        {"agent.x.session_pattern = '(a){9}'",
         ":1: agent.x." EXPECTED "\"(a){9}\": {M,N} may follow a character or [...] alone"},
        {"agent.x.session_pattern = '(a{9}{9})'",
         ":1: agent.x." EXPECTED "\"(a{9}{9})\": {M,N} may follow a character or [...] alone"},
        {"agent.x.session_pattern = '(a*{9})'",
         ":1: agent.x." EXPECTED "\"(a*{9})\": {M,N} may follow a character or [...] alone"},
        {"agent.x.session_pattern = '(a{1,256})'",
         ":1: agent.x." EXPECTED "\"(a{1,256})\": {M,N} may be up to 255"},
        {"[agent.x]\nsession_id = 'a'\nsession_pattern = '(a)'",
         ":2: agent.x: session_id and session_pattern, of which only one can find the id"},
        {"agent.x.session_patern = '(a)'",
         ":1: unknown key \"session_patern\" in [agent.x]; did you mean \"session_pattern\"?"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {0};

        assert_null(agents_of(cases[i].text, &err));
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void a_pattern_has_up_to_256_bytes(void **state)
{
    AUTOFREE char *longest = mem_printf("agent.x.session_pattern = '%0253d(a)'", 0);
    AUTOFREE char *longer = mem_printf("agent.x.session_pattern = '%0254d(a)'", 0);
    struct error err = {0};
    json_t *known = agents_of(longest, &err);

    (void)state;
    assert_non_null(known);
    json_decref(known);
    assert_null(agents_of(longer, &err));
    assert_non_null(strstr(err.text, "longer than 256 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_is_known_by_the_base_name_of_its_program),
        cmocka_unit_test(an_agent_is_known_behind_what_only_starts_it),
        cmocka_unit_test(an_agent_is_known_as_package_and_as_script),
        cmocka_unit_test(what_a_shell_is_told_to_run_is_not_read),
        cmocka_unit_test(of_several_agents_with_a_name_the_one_defined_last_counts),
        cmocka_unit_test(a_pattern_takes_the_place_of_the_built_in_field),
        cmocka_unit_test(what_is_no_pattern_is_refused_with_file_and_line),
        cmocka_unit_test(a_pattern_has_up_to_256_bytes),
    };

    return cmocka_run_group_tests(tests, without_a_home, NULL);
}
