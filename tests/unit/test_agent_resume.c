/* The command that continues an agent's conversation, made of the one that began it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <supervise/base/buf.h>
#include <supervise/config/agents.h>
#include <supervise/config/settings.h>
#include <supervise/domain/agent_resume.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define WORDS_MAX 24

struct built_in_case {
    const char *agent;
    char *argv[WORDS_MAX];
    const char *words[WORDS_MAX]; /* none: the same command again */
};

static void free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

static char *joined(char *const *words)
{
    struct buf out = {0};

    for (; words && *words; words++)
        buf_printf(&out, "[%s]", *words);
    return buf_take(&out);
}

/* Of an agent's definition, as JSON or as it is built in. The caller frees. */
static char *resumed(const json_t *definition, char *const *argv, size_t program, bool *prompted)
{
    const struct agent_resume facts = {argv, program, "ID", "Go on."};
    char **words = agent_resume_words(definition, &facts, prompted);
    char *text = joined(words);

    free_words(words);
    return text;
}

static void the_known_agents_go_on_with_program_and_options_of_the_original(void **state)
{
    static const struct built_in_case cases[] = {
        {"claude", {"claude", "-p", "go"}, {"claude", "-p", "--resume", "ID", "Go on."}},
        {"claude",
         {"/opt/claude", "-p", "--verbose", "--output-format", "stream-json", "go"},
         {"/opt/claude", "-p", "--verbose", "--output-format", "stream-json", "--resume", "ID", "Go on."}},
        {"claude",
         {"npx", "-y", "@anthropic-ai/claude-code@latest", "--print", "--output-format=json", "go"},
         {"npx", "-y", "@anthropic-ai/claude-code@latest", "--print", "--output-format=json", "--resume",
          "ID", "Go on."}},
        {"claude",
         {"env", "A=b", "timeout", "5m", "claude", "go", "-p", "--allowedTools", "Bash", "Edit",
          "--permission-mode", "plan"},
         {"env", "A=b", "timeout", "5m", "claude", "-p", "--allowedTools", "Bash", "Edit",
          "--permission-mode", "plan", "--resume", "ID", "Go on."}},
        /* at the terminal: there it goes on */
        {"claude", {"claude", "--model", "opus"}, {"claude", "--model", "opus", "--resume", "ID", "Go on."}},
        /* resumed once more */
        {"claude",
         {"claude", "-p", "--resume", "OLD", "what it was told"},
         {"claude", "-p", "--resume", "ID", "Go on."}},
        {"claude", {"claude", "-p", "--", "-p", "--verbose"}, {"claude", "-p", "--resume", "ID", "Go on."}},
        {"claude",
         {"claude", "-p", "--session-id", "11111111-2222", "go"},
         {"claude", "-p", "--resume", "ID", "Go on."}},
        {"claude", {"claude", "-p", "--no-session-persistence", "go"}, {NULL}},
        {"claude",
         {"claude", "-p", "go", "--", "--no-session-persistence"},
         {"claude", "-p", "--resume", "ID", "Go on."}},
        {"codex",
         {"codex", "exec", "--json", "--sandbox", "workspace-write", "-c", "a=1", "go"},
         {"codex", "exec", "--json", "--sandbox", "workspace-write", "-c", "a=1", "resume", "ID", "Go on."}},
        {"codex",
         {"npx", "@openai/codex", "-mo3", "-m=o3", "e", "exec", "--json", "exec"},
         {"npx", "@openai/codex", "-mo3", "-m=o3", "e", "--json", "resume", "ID", "Go on."}},
        {"codex", {"codex", "-m", "o3", "exec"}, {"codex", "-m", "o3", "exec", "resume", "ID", "Go on."}},
        {"codex",
         {"codex", "exec", "--json", "resume", "OLD", "go"},
         {"codex", "exec", "--json", "resume", "ID", "Go on."}},
        {"codex", {"codex", "say exec"}, {"codex", "resume", "ID", "Go on."}},
        {"codex", {"codex", "exec", "--ephemeral", "go"}, {NULL}},
        {"opencode",
         {"opencode", "run", "--format", "json", "-m", "a/b", "go", "and", "go"},
         {"opencode", "run", "--format", "json", "-m", "a/b", "-s", "ID", "Go on."}},
        {"gemini",
         {"gemini", "-p", "go", "-o", "stream-json", "-y"},
         {"gemini", "-o", "stream-json", "-y", "--resume", "ID", "-p", "Go on."}},
    };
    json_t *agents = settings_agents(*state);

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct built_in_case *one = &cases[i];
        size_t program = agent_program(agents, one->argv, one->agent);
        bool prompted;
        AUTOFREE char *found = resumed(json_object_get(agents, one->agent), one->argv, program, &prompted);
        AUTOFREE char *wanted = joined((char *const *)(uintptr_t)one->words);
        AUTOFREE char *of = joined(one->argv);

        assert_true(program > 0);
        if (strcmp(found, wanted) != 0)
            fail_msg("%s goes on as\n%s, not as\n%s", of, found, wanted);
    }
}

static void where_the_program_stands(void **state)
{
    static const struct {
        size_t words;
        const char *agent;
        char *argv[WORDS_MAX];
    } cases[] = {
        {1, "claude", {"claude", "claude"}},
        {3, "claude", {"env", "A=b", "claude"}},
        {5, "claude", {"npx", "-p", "@anthropic-ai/claude-code", "--", "claude", "-p"}},
        {4, "codex", {"nice", "npm", "exec", "@openai/codex"}},
        {0, "codex", {"claude"}},
        {0, "claude", {"sh", "-c", "claude"}},
        {0, "claude", {"env"}},
        {0, "claude", {NULL}},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(agent_program(settings_agents(*state), cases[i].argv, cases[i].agent),
                         cases[i].words);
}

/* --- the placeholders and "keep", one by one --- */

static void placeholders_and_kept_options(void **state)
{
    static const struct {
        const char *resume, *keep;
        size_t program;
        char *argv[WORDS_MAX];
        const char *words; /* "": none */
        bool prompted;
    } cases[] = {
        {"['a','--id={session}','{session}']", "[]", 0, {"x"}, "[a][--id=ID][ID]", false},
        {"['{program}','{prompt}']", "[]", 2, {"e", "x", "y"}, "[e][x][Go on.]", true},
        {"['a','{prompt}']", "[]", 0, {"sh"}, "[a][Go on.]", true},
        {"['{program}']", "[]", 0, {"sh"}, "", false},
        {"['a','{options}']", "[]", 0, {"sh", "-p"}, "", false},
        {"['a','x{program}','p={prompt}']", "[]", 1, {"x"}, "[a][x{program}][p={prompt}]", false},
        {"['{options}','a']", "['-p']", 1, {"x"}, "[a]", false},
        {"['{options}','a']", "[]", 1, {"x", "-p", "-q"}, "[a]", false},
        /* a flag */
        {"['{options}']", "['-p']", 1, {"x", "-p", "go", "-q", "-p"}, "[-p][-p]", false},
        {"['{options}','.']", "['-p']", 1, {"x", "-pq", "-P", "--p", "p"}, "[.]", false},
        {"['{options}']", "['--v']", 1, {"x", "--v=1", "--v", "--vv", "go"}, "[--v=1][--v]", false},
        /* with a value */
        {"['{options}']", "['--m=']", 1, {"x", "--m", "v", "--m=w", "go"}, "[--m][v][--m=w]", false},
        {"['{options}']", "['--m=']", 1, {"x", "--m", "--", "-p", "go"}, "[--m][--]", false},
        {"['{options}']", "['--m=']", 1, {"x", "go", "--m"}, "[--m]", false},
        {"['{options}']",
         "['-m=']",
         1,
         {"x", "-m", "v", "-mw", "-m=u", "--m=v"},
         "[-m][v][-mw][-m=u]",
         false},
        {"['{options}','.']", "['--m=']", 1, {"x", "--mv", "--model", "v"}, "[.]", false},
        /* with words */
        {"['{options}']", "['--t...']", 1, {"x", "--t", "a", "-", "b", "-p", "c"}, "[--t][a][-][b]", false},
        {"['{options}']", "['--t...','-p']", 1, {"x", "--t=a", "b", "--t", "-p"}, "[--t=a][--t][-p]", false},
        /* subcommands */
        {"['{options}']", "['run','-m=']", 1, {"x", "-m", "v", "run", "run"}, "[-m][v][run]", false},
        {"['{options}','.']", "['run']", 1, {"x", "go", "run"}, "[.]", false},
        {"['{options}','.']", "['run']", 1, {"x", "--", "run"}, "[.]", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *text = mem_printf("{'resume':%s,'keep':%s}", cases[i].resume, cases[i].keep);
        json_t *definition;
        AUTOFREE char *found = NULL;
        bool prompted;

        for (char *quote = text; (quote = strchr(quote, '\''));)
            *quote = '"';
        definition = json_loads(text, 0, NULL);
        assert_non_null(definition);
        found = resumed(definition, cases[i].argv, cases[i].program, &prompted);
        if (strcmp(found, cases[i].words) != 0)
            fail_msg("%s gives %s, not %s", text, found, cases[i].words);
        assert_int_equal(prompted, cases[i].prompted);
        json_decref(definition);
    }
}

static void a_definition_without_resume_gives_none(void **state)
{
    char *argv[] = {"x", NULL};
    bool prompted;
    AUTOFREE char *none = resumed(NULL, argv, 1, &prompted);

    (void)state;
    assert_string_equal(none, "");
    assert_false(prompted);
}

static void what_may_stand_in_resume_and_in_keep(void **state)
{
    static const char *const good[] = {"{session}", "{program}", "{options}", "{prompt}", "{}",
                                       "{a b}",     "{\"a\":1}", "x{y}",      "--x",      "{"};
    static const char *const bad[] = {"{promt}", "{args}"};
    static const char *const kept[] = {"-p", "--x", "--x=", "-x=", "--x...", "exec", "e"};
    static const char *const unkept[] = {"-", "--", "--=", "-=", "--...", "exec=", "exec..."};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(agent_resume_fault(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_non_null(agent_resume_fault(bad[i]));
    for (size_t i = 0; i < COUNT(kept); i++)
        assert_null(agent_keep_fault(kept[i]));
    for (size_t i = 0; i < COUNT(unkept); i++)
        assert_non_null(agent_keep_fault(unkept[i]));
}

static int built_in(void **state)
{
    struct error err = {0};

    setenv("HOME", "/", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("SUPERVISE_CONFIG");
    *state = settings_load("/dev/null", "/nowhere/x.db", &err);
    return *state ? 0 : -1;
}

static int let_go(void **state)
{
    settings_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_agents_go_on_with_program_and_options_of_the_original),
        cmocka_unit_test(where_the_program_stands),
        cmocka_unit_test(placeholders_and_kept_options),
        cmocka_unit_test(a_definition_without_resume_gives_none),
        cmocka_unit_test(what_may_stand_in_resume_and_in_keep),
    };

    return cmocka_run_group_tests(tests, built_in, let_go);
}
