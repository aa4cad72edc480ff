/* The command line: what a line of arguments means, and what is said of one that means nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/cli/verbs.h>

enum { ARGUMENTS = 16 };

struct parsed {
    char *argv[ARGUMENTS + 2];
    struct cli cli;
    struct invocation invocation;
    struct error err;
    int status;
    char options[256], words[256]; /* "name=timeout timeout=5s detach", "make|-j8" */
};

static void add(char *to, size_t size, const char *separator, const char *text)
{
    size_t length = strlen(to);

    snprintf(to + length, size - length, "%s%s", length ? separator : "", text);
}

static void parse(struct parsed *parsed, const char *const *arguments)
{
    int argc = 1;

    memset(parsed, 0, sizeof *parsed);
    parsed->cli.color = "auto";
    parsed->argv[0] = (char *)"supervise";
    for (; arguments[argc - 1]; argc++)
        parsed->argv[argc] = (char *)arguments[argc - 1];
    parsed->status = args_parse(argc, parsed->argv, &parsed->cli, &parsed->invocation, &parsed->err);
    for (size_t i = 0; i < parsed->invocation.args.given_count; i++) {
        char text[128];
        const struct args_given *given = &parsed->invocation.args.given[i];

        snprintf(text, sizeof text, "%s%s%s", given->option->name, given->value ? "=" : "",
                 given->value ? given->value : "");
        add(parsed->options, sizeof parsed->options, " ", text);
    }
    for (size_t i = 0; i < parsed->invocation.args.word_count; i++)
        add(parsed->words, sizeof parsed->words, "|", parsed->invocation.args.words[i]);
}

static void options_and_words_are_found_in_every_form(void **state)
{
    static const struct {
        const char *arguments[ARGUMENTS];
        const char *verb, *options, *words;
    } cases[] = {
        {{"list"}, "list", "", ""},
        {{"list", "--limit=5"}, "list", "limit=5", ""},
        {{"list", "--limit", "5"}, "list", "limit=5", ""},
        {{"list", "-n5"}, "list", "limit=5", ""},
        {{"list", "-n", "5", "--all"}, "list", "limit=5 all", ""},
        {{"list", "-qn5"}, "list", "limit=5", ""},
        {{"list", "--name="}, "list", "name=", ""},
        {{"list", "--name", "--all"}, "list", "name=--all", ""},
        {{"events", "-fq", "42"}, "events", "follow", "42"},
        {{"events", "42", "-f"}, "events", "follow", "42"},
        {{"events", "--", "-f"}, "events", "", "-f"},
        {{"cancel", "1", "--why", "-", "2"}, "cancel", "why=-", "1|2"},
        {{"status", "-"}, "status", "", "-"},
        {{"session", "begin", "--session", "a"}, "session begin", "session=a", ""},
        {{"session", "--json", "list"}, "session list", "", ""},
        {{"db", "path"}, "db path", "", ""},
        {{"config", "show"}, "config show", "", ""},
        {{"help", "session", "begin"}, "help", "", "session|begin"},
        {{"--help", "list"}, "help", "", "list"},
        {{"session", "--help"}, "help", "", "session"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].arguments);
        assert_int_equal(parsed.status, 0);
        assert_string_equal(parsed.invocation.verb->name, cases[i].verb);
        assert_string_equal(parsed.options, cases[i].options);
        assert_string_equal(parsed.words, cases[i].words);
        args_free(&parsed.invocation.args);
    }
}

static void run_is_meant_by_dashes_or_its_options_and_its_command_begins_at_the_first_word(void **state)
{
    static const struct {
        const char *arguments[ARGUMENTS];
        const char *options, *words;
    } cases[] = {
        {{"--", "make", "-j8"}, "", "make|-j8"},
        {{"--", "list", "--all"}, "", "list|--all"},
        {{"--", "--"}, "", "--"},
        {{"run", "make", "--help", "-j8"}, "", "make|--help|-j8"},
        {{"run", "--", "-x"}, "", "-x"},
        {{"run", "ssh", "--", "host"}, "", "ssh|--|host"},
        {{"-s", "a", "make", "--json"}, "session=a", "make|--json"},
        {{"-sa", "-d", "list"}, "session=a detach", "list"},
        {{"-qd", "--", "x"}, "detach", "x"},
        {{"--timeout=5s", "--env", "A=1", "--env=B=2", "make"}, "timeout=5s env=A=1 env=B=2", "make"},
        {{"--json", "--", "x"}, "", "x"},
        {{"run", "--exit-code", "child", "x"}, "exit-code=child", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].arguments);
        assert_int_equal(parsed.status, 0);
        assert_ptr_equal(parsed.invocation.verb, &verb_run);
        assert_int_equal(parsed.invocation.what, INVOKE_VERB);
        assert_string_equal(parsed.options, cases[i].options);
        assert_string_equal(parsed.words, cases[i].words);
        assert_null(parsed.invocation.args.words[parsed.invocation.args.word_count]);
        args_free(&parsed.invocation.args);
    }
}

static void what_is_wrong_is_said_with_the_nearest_that_is_right(void **state)
{
    static const struct {
        const char *arguments[ARGUMENTS];
        int status;
        const char *text;
    } cases[] = {
        {{"lst"}, 2, "unknown verb \"lst\"; did you mean \"list\"?"},
        {{"sesion", "begin"}, 2, "unknown verb \"sesion\"; did you mean \"session\"?"},
        {{"session", "bgin"}, 2, "unknown verb \"session bgin\"; did you mean \"session begin\"?"},
        {{"session"}, 2, "\"session\" is not a verb by itself; see `supervise session --help`"},
        {{"frobnicate"}, 2, "unknown verb \"frobnicate\"; to run a command: supervise -- frobnicate"},
        {{"list", "--outcom", "failed"},
         2,
         "unknown option \"--outcom\" of list; did you mean \"--outcome\"?"},
        {{"list", "--outcom=failed"}, 2, "unknown option \"--outcom\" of list; did you mean \"--outcome\"?"},
        {{"list", "--jsn"}, 2, "unknown option \"--jsn\" of list; did you mean \"--json\"?"},
        {{"list", "-qx"}, 2, "unknown option \"-x\" of list"},
        {{"list", "--out", "x"}, 2, "unknown option \"--out\" of list; did you mean \"--outcome\"?"},
        {{"list", "--state", "run"}, 2, "unknown value \"run\" of --state; did you mean \"running\"?"},
        {{"--time", "5s"}, 2, "unknown option \"--time\"; did you mean \"--timeout\"?"},
        {{"true"}, 2, "unknown verb \"true\"; to run a command: supervise -- true"},
        {{"make", "-j8"}, 2, "unknown verb \"make\"; to run a command: supervise -- make"},
        {{"list", "--limit"}, 2, "option \"--limit\" of list needs a value: N"},
        {{"list", "-n"}, 2, "option \"-n\" of list needs a value: N"},
        {{"list", "--all=yes"}, 2, "option \"--all\" takes no value"},
        {{"list", "--outcome", "succes"},
         2,
         "unknown value \"succes\" of --outcome; did you mean \"success\"?"},
        {{"list", "--state", "?"}, 2, "unknown value \"?\" of --state: it is one of queued|running|finished"},
        {{"--color", "nevr", "list"}, 2, "unknown value \"nevr\" of --color; did you mean \"never\"?"},
        {{"list", "x"}, 2, "unexpected word \"x\" for list; usage: supervise list [OPTIONS]"},
        {{"wait"}, 2, "too few words for wait; usage: supervise wait REF..."},
        {{"--tmeout", "5"}, 2, "unknown option \"--tmeout\"; did you mean \"--timeout\"?"},
        {{"-timeout", "5s"}, 2, "unknown option \"-timeout\"; did you mean \"--timeout\"?"},
        {{"--tmeout", "5", "--", "x"},
         125,
         "unknown option \"--tmeout\" of run; did you mean \"--timeout\"?"},
        {{"-d", "--tmeout", "5"}, 125, "unknown option \"--tmeout\" of run; did you mean \"--timeout\"?"},
        {{"run", "--tmeout", "5"}, 125, "unknown option \"--tmeout\" of run; did you mean \"--timeout\"?"},
        {{"--timeout"}, 125, "option \"--timeout\" of run needs a value: D"},
        {{"--capture=pip", "x"}, 125, "unknown value \"pip\" of --capture; did you mean \"pipe\"?"},
        {{"--color=nevr", "--", "x"}, 125, "unknown value \"nevr\" of --color; did you mean \"never\"?"},
        {{"run"}, 125, NULL},
        {{"--"}, 125, NULL},
        {{"run", "-d"}, 125, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].arguments);
        assert_int_equal(parsed.status, cases[i].status);
        assert_int_equal(parsed.err.code, ERR_USAGE);
        if (cases[i].text)
            assert_string_equal(parsed.err.text, cases[i].text);
        else
            assert_non_null(strstr(parsed.err.text, "no command to run"));
        args_free(&parsed.invocation.args);
    }
}

static void global_options_stand_before_or_after_the_verb(void **state)
{
    static const char *const before[] = {"--db",          "/a", "--config=/b", "--json",
                                         "--color=never", "-v", "list",        NULL};
    static const char *const after[] = {"list",    "--db=/a", "--config", "/b", "--json",
                                        "--color", "never",   "-v",       NULL};
    const char *const *const lines[] = {before, after};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct parsed parsed;

        parse(&parsed, lines[i]);
        assert_int_equal(parsed.status, 0);
        assert_ptr_equal(parsed.invocation.verb, &verb_list);
        assert_string_equal(parsed.cli.db_option, "/a");
        assert_string_equal(parsed.cli.config_option, "/b");
        assert_string_equal(parsed.cli.color, "never");
        assert_true(parsed.cli.json);
        assert_int_equal(parsed.cli.level, 1);
        args_free(&parsed.invocation.args);
    }
}

static void help_and_version_are_seen_before_what_is_missing(void **state)
{
    static const char *const help[] = {"wait", "--help", NULL}, *const run[] = {"-d", "-h", NULL},
                             *const version[] = {"--version", NULL}, *const nothing[] = {NULL};
    struct parsed parsed;

    (void)state;
    parse(&parsed, help);
    assert_int_equal(parsed.status, 0);
    assert_int_equal(parsed.invocation.what, INVOKE_HELP);
    assert_ptr_equal(parsed.invocation.verb, &verb_wait);
    args_free(&parsed.invocation.args);
    parse(&parsed, run);
    assert_int_equal(parsed.status, 0);
    assert_int_equal(parsed.invocation.what, INVOKE_HELP);
    assert_ptr_equal(parsed.invocation.verb, &verb_run);
    args_free(&parsed.invocation.args);
    parse(&parsed, version);
    assert_int_equal(parsed.invocation.what, INVOKE_VERSION);
    args_free(&parsed.invocation.args);
    parse(&parsed, nothing);
    assert_int_equal(parsed.status, 0);
    assert_null(parsed.invocation.verb);
    args_free(&parsed.invocation.args);
}

static void the_last_value_wins_and_all_can_be_walked(void **state)
{
    static const char *const line[] = {"--env", "A=1", "-n", "x", "--env", "B=2", "-n", "y", "cmd", NULL};
    struct parsed parsed;
    size_t at = 0;

    (void)state;
    parse(&parsed, line);
    assert_string_equal(args_get(&parsed.invocation.args, "name"), "y");
    assert_string_equal(args_next(&parsed.invocation.args, "env", &at), "A=1");
    assert_string_equal(args_next(&parsed.invocation.args, "env", &at), "B=2");
    assert_null(args_next(&parsed.invocation.args, "env", &at));
    assert_true(args_has(&parsed.invocation.args, "env"));
    assert_false(args_has(&parsed.invocation.args, "detach"));
    assert_null(args_get(&parsed.invocation.args, "session"));
    args_free(&parsed.invocation.args);
}

static void any_number_of_options_is_taken(void **state)
{
    char *argv[403] = {(char *)"supervise", (char *)"run"};
    struct cli cli = {.color = "auto"};
    struct invocation invocation;
    struct error err;

    (void)state;
    for (int i = 0; i < 399; i++)
        argv[2 + i] = (char *)"--env=A=1";
    argv[401] = (char *)"cmd";
    assert_int_equal(args_parse(402, argv, &cli, &invocation, &err), 0);
    assert_int_equal(invocation.args.given_count, 399);
    args_free(&invocation.args);
    /* The words were moved together inside argv. */
    argv[1] = (char *)"run";
    argv[401] = (char *)"cmd";
    for (int i = 0; i < 399; i++)
        argv[2 + i] = (char *)"-dddddddd";
    assert_int_equal(args_parse(402, argv, &cli, &invocation, &err), 0);
    assert_int_equal(invocation.args.given_count, 399 * 8);
    args_free(&invocation.args);
}

static void numbers_and_durations_are_read_whole_or_refused(void **state)
{
    static const struct {
        const char *value;
        int64_t number; /* -1: refused */
    } numbers[] = {{"1", 1},   {"0020", 20}, {"0", -1},
                   {"-1", -1}, {"+1", -1},   {" 1", -1},
                   {"", -1},   {"5x", -1},   {"9223372036854775808", -1}};
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct args_given given = {&(struct option){'n', "limit", "N", ""}, numbers[i].value};
        struct args args = {.given = &given, .given_count = 1};
        int64_t number = 77;

        assert_int_equal(args_integer(&args, "limit", 1, &number, &err), numbers[i].number < 0 ? -1 : 0);
        assert_int_equal(number, numbers[i].number < 0 ? 77 : numbers[i].number);
    }
    struct args_given given = {&(struct option){0, "timeout", "D", ""}, "90s"};
    struct args args = {.given = &given, .given_count = 1};
    int64_t ms = 77;

    assert_int_equal(args_duration(&args, "idle-timeout", &ms, &err), 0);
    assert_int_equal(ms, 77);
    assert_int_equal(args_duration(&args, "timeout", &ms, &err), 0);
    assert_int_equal(ms, 90000);
    given.value = "90";
    assert_int_equal(args_duration(&args, "timeout", &ms, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(ms, 90000);
}

static void every_verb_is_found_by_its_name_and_its_options_by_one_name_each(void **state)
{
    (void)state;
    for (size_t i = 0; verbs[i]; i++) {
        const char *space = strchr(verbs[i]->name, ' ');

        assert_ptr_equal(verb_find(verbs[i]->name), verbs[i]);
        if (space) {
            char group[32];

            snprintf(group, sizeof group, "%.*s", (int)(space - verbs[i]->name), verbs[i]->name);
            assert_true(verb_is_group(group));
            assert_true(verb_in_group(verbs[i], group));
        }
        for (const struct option *a = verbs[i]->options; a && a->name; a++) {
            for (const struct option *b = a + 1; b->name; b++) {
                assert_string_not_equal(a->name, b->name);
                assert_true(!a->letter || a->letter != b->letter);
            }
            for (const struct option *b = global_options; b->name; b++) {
                assert_string_not_equal(a->name, b->name);
                assert_true(!a->letter || a->letter != b->letter);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_are_found_in_every_form),
        cmocka_unit_test(run_is_meant_by_dashes_or_its_options_and_its_command_begins_at_the_first_word),
        cmocka_unit_test(what_is_wrong_is_said_with_the_nearest_that_is_right),
        cmocka_unit_test(global_options_stand_before_or_after_the_verb),
        cmocka_unit_test(help_and_version_are_seen_before_what_is_missing),
        cmocka_unit_test(the_last_value_wins_and_all_can_be_walked),
        cmocka_unit_test(any_number_of_options_is_taken),
        cmocka_unit_test(numbers_and_durations_are_read_whole_or_refused),
        cmocka_unit_test(every_verb_is_found_by_its_name_and_its_options_by_one_name_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
