/*
 * Reads a command line by the tables of verbs and options, and refuses what they don't know with the nearest
 * they do. A first argument that is `--` or an option of `run` means `run`, whose command begins at the first
 * word.
 */
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/process/spawn.h>

enum { STATUS_USAGE = 2, STATUS_NOT_RUN = 125 };

enum {
    GLOBAL_DB,
    GLOBAL_CONFIG,
    GLOBAL_JSON,
    GLOBAL_COLOR,
    GLOBAL_QUIET,
    GLOBAL_VERBOSE,
    GLOBAL_HELP,
    GLOBAL_VERSION
};

const struct option global_options[] = {
    [GLOBAL_DB] = {0, "db", "FILE", "the ledger to use"},
    [GLOBAL_CONFIG] = {0, "config", "FILE", "the configuration to use instead of the one found"},
    [GLOBAL_JSON] = {0, "json", NULL, "print data as JSON"},
    [GLOBAL_COLOR] = {0, "color", "auto|always|never", "colour; auto: on a terminal, unless NO_COLOR is set"},
    [GLOBAL_QUIET] = {'q', "quiet", NULL, "say nothing on stderr but errors and warnings"},
    [GLOBAL_VERBOSE] = {'v', "verbose", NULL, "say more on stderr"},
    [GLOBAL_HELP] = {'h', "help", NULL, "show help, of a verb where one is given"},
    [GLOBAL_VERSION] = {0, "version", NULL, "show the version"},
    {0, NULL, NULL, NULL},
};

struct parser {
    int argc;
    char **argv;
    int at;      /* the argument to be read next */
    char *group; /* the first word of a verb of two, until the second has come */
    struct cli *cli;
    struct invocation *invocation;
    struct error *err;
};

/* What a fault means to whoever called: a command was to be run and wasn't, or a verb was used wrongly. */
static int fault_status(const struct parser *parser)
{
    const struct verb *verb = parser->invocation->verb;

    if (verb)
        return verb->command && verb->wraps ? STATUS_NOT_RUN : STATUS_USAGE;
    for (int i = parser->at; !parser->group && i < parser->argc; i++)
        if (strcmp(parser->argv[i], "--") == 0)
            return STATUS_NOT_RUN;
    return STATUS_USAGE;
}

/* " of run", where it is known what the option was meant for. */
static const char *meant_for(const struct parser *parser)
{
    if (parser->invocation->verb)
        return parser->invocation->verb->name;
    if (parser->group)
        return parser->group;
    return fault_status(parser) == STATUS_NOT_RUN ? "run" : NULL;
}

/* --- options --- */

static const struct option *table_find(const struct option *table, const char *name, size_t length,
                                       char letter)
{
    for (; table && table->name; table++)
        if (name ? strlen(table->name) == length && memcmp(table->name, name, length) == 0
                 : table->letter && table->letter == letter)
            return table;
    return NULL;
}

/* By its name, or by its letter where `name` is NULL. One of `run`, before any verb, means `run`. */
static const struct option *option_find(struct parser *parser, const char *name, size_t length, char letter)
{
    struct invocation *invocation = parser->invocation;
    const struct option *found = table_find(global_options, name, length, letter);

    if (found || parser->group)
        return found;
    found = table_find(invocation->verb ? invocation->verb->options : verb_run.options, name, length, letter);
    if (found && !invocation->verb)
        invocation->verb = &verb_run;
    return found;
}

static const char *nearest_option(const struct parser *parser, const char *typed)
{
    const struct verb *verb = parser->invocation->verb;
    const struct option *tables[] = {parser->group ? NULL
                                     : verb        ? verb->options
                                                   : verb_run.options,
                                     global_options};
    const char *names[64];
    size_t count = 0;

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct option *option = tables[t]; option && option->name; option++)
            if (count < sizeof names / sizeof *names - 1)
                names[count++] = option->name;
    names[count] = NULL;
    return text_nearest(typed, names);
}

/* `shown` is the option as it was typed, `typed` what of it is to be compared with names of options. */
static int unknown_option(struct parser *parser, const char *shown, const char *typed)
{
    const char *verb = meant_for(parser);
    const char *nearest = nearest_option(parser, typed);
    struct error *err = parser->err;

    return error_set(err, ERR_USAGE, "unknown option \"%s\"%s%s%s%s%s", shown, verb ? " of " : "",
                     verb ? verb : "", nearest ? "; did you mean \"--" : "", nearest ? nearest : "",
                     nearest ? "\"?" : "");
}

/* Holds a value to the words of the option ("auto|pipe|none"), where it has such. */
static int check_choice(const struct option *option, const char *value, struct error *err)
{
    const char *words[16];
    size_t count = 0;
    AUTOFREE char *copy = NULL;
    char *rest = NULL;
    const char *nearest;

    if (!option->arg || strchr(option->arg, '|') == NULL ||
        strpbrk(option->arg, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return 0;
    copy = mem_strdup(option->arg);
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest)) {
        if (strcmp(word, value) == 0)
            return 0;
        if (count < sizeof words / sizeof *words - 1)
            words[count++] = word;
    }
    words[count] = NULL;
    nearest = text_nearest(value, words);
    if (nearest)
        return error_set(err, ERR_USAGE, "unknown value \"%s\" of --%s; did you mean \"%s\"?", value,
                         option->name, nearest);
    return error_set(err, ERR_USAGE, "unknown value \"%s\" of --%s: it is one of %s", value, option->name,
                     option->arg);
}

static void help_wanted(struct parser *parser)
{
    struct invocation *invocation = parser->invocation;

    if (invocation->verb) {
        invocation->what = INVOKE_HELP;
        return;
    }
    invocation->verb = &verb_help;
    if (parser->group)
        invocation->args.words[invocation->args.word_count++] = parser->group;
    parser->group = NULL;
}

static void apply_global(struct parser *parser, const struct option *option, const char *value)
{
    struct cli *cli = parser->cli;

    switch (option - global_options) {
    case GLOBAL_DB:
        cli->db_option = value;
        break;
    case GLOBAL_CONFIG:
        cli->config_option = value;
        break;
    case GLOBAL_JSON:
        cli->json = true;
        break;
    case GLOBAL_COLOR:
        cli->color = value;
        break;
    case GLOBAL_QUIET:
        cli->level = -1;
        break;
    case GLOBAL_VERBOSE:
        cli->level = 1;
        break;
    case GLOBAL_HELP:
        help_wanted(parser);
        break;
    default:
        parser->invocation->what = INVOKE_VERSION;
        break;
    }
}

static int take_option(struct parser *parser, const struct option *option, const char *value)
{
    struct args *args = &parser->invocation->args;

    if (value && check_choice(option, value, parser->err) < 0)
        return -1;
    if (table_find(global_options, option->name, strlen(option->name), 0) == option)
        apply_global(parser, option, value);
    else
        args->given[args->given_count++] = (struct args_given){.option = option, .value = value};
    return 0;
}

/* The value that stands in the next argument; -1 where there is none. */
static int next_value(struct parser *parser, const char *shown, const struct option *option,
                      const char **value)
{
    const char *verb = meant_for(parser);

    if (parser->at >= parser->argc)
        return error_set(parser->err, ERR_USAGE, "option \"%s\"%s%s needs a value: %s", shown,
                         verb ? " of " : "", verb ? verb : "", option->arg);
    *value = parser->argv[parser->at++];
    return 0;
}

/* "--name", "--name=value", "--name value" */
static int parse_long(struct parser *parser, const char *argument)
{
    const char *name = argument + 2, *value = strchr(name, '=');
    size_t length = value ? (size_t)(value - name) : strlen(name);
    AUTOFREE char *shown = mem_strndup(argument, length + 2);
    const struct option *option = option_find(parser, name, length, 0);

    if (!option)
        return unknown_option(parser, shown, shown + 2);
    if (value)
        value++;
    if (value && !option->arg)
        return error_set(parser->err, ERR_USAGE, "option \"%s\" takes no value", shown);
    if (option->arg && !value && next_value(parser, shown, option, &value) < 0)
        return -1;
    return take_option(parser, option, value);
}

/* "-f", "-n5", "-n 5", and several in one: "-qf", "-fn5" */
static int parse_letters(struct parser *parser, const char *argument)
{
    for (const char *letter = argument + 1; *letter; letter++) {
        char shown[3] = {'-', *letter, '\0'};
        const struct option *option = option_find(parser, NULL, 0, *letter);
        const char *value = NULL;

        /* "-timeout": nearer to a long option than to a bundle. */
        if (!option)
            return unknown_option(parser, letter == argument + 1 ? argument : shown, argument + 1);
        if (option->arg && letter[1])
            value = letter + 1;
        else if (option->arg && next_value(parser, shown, option, &value) < 0)
            return -1;
        if (take_option(parser, option, value) < 0)
            return -1;
        if (option->arg || parser->invocation->what != INVOKE_VERB)
            break;
    }
    return 0;
}

/* --- words --- */

static void add_word(struct parser *parser, char *word)
{
    struct args *args = &parser->invocation->args;

    args->words[args->word_count++] = word;
}

static int unknown_verb(struct parser *parser, const char *typed)
{
    const char *nearest = verb_nearest(typed);

    /* "sleep" is near to "sweep", and more likely itself. */
    if (nearest && !parser->group && strncmp(nearest, typed, strlen(typed)) != 0 && spawn_finds(typed, NULL))
        return error_set(parser->err, ERR_USAGE,
                         "unknown verb \"%s\"; did you mean \"%s\"? To run a command: supervise -- %.200s",
                         typed, nearest, typed);
    if (nearest)
        return error_set(parser->err, ERR_USAGE, "unknown verb \"%s\"; did you mean \"%s\"?", typed, nearest);
    if (parser->group)
        return error_set(parser->err, ERR_USAGE, "unknown verb \"%s\"; see `supervise %s --help`", typed,
                         parser->group);
    return error_set(parser->err, ERR_USAGE, "unknown verb \"%s\"; to run a command: supervise -- %.200s",
                     typed, typed);
}

static int take_verb(struct parser *parser, char *word)
{
    AUTOFREE char *name = parser->group ? mem_printf("%s %s", parser->group, word) : mem_strdup(word);

    if (!parser->group && verb_is_group(word)) {
        parser->group = word;
        return 0;
    }
    parser->invocation->verb = verb_find(name);
    if (!parser->invocation->verb)
        return unknown_verb(parser, name);
    parser->group = NULL;
    return 0;
}

/* All that is left are words: after `--`, and where the command begins. */
static void take_rest(struct parser *parser)
{
    while (parser->at < parser->argc)
        add_word(parser, parser->argv[parser->at++]);
}

static int take_argument(struct parser *parser, char *argument)
{
    struct invocation *invocation = parser->invocation;

    if (strcmp(argument, "--") == 0) {
        if (!invocation->verb && !parser->group)
            invocation->verb = &verb_run;
        take_rest(parser);
        return 0;
    }
    if (argument[0] == '-' && argument[1] == '-')
        return parse_long(parser, argument);
    if (argument[0] == '-' && argument[1])
        return parse_letters(parser, argument);
    if (!invocation->verb)
        return take_verb(parser, argument);
    add_word(parser, argument);
    if (invocation->verb->command)
        take_rest(parser);
    return 0;
}

/* What can only be seen at the end: half a verb, too few words, too many. */
static int check_whole(struct parser *parser)
{
    const struct verb *verb = parser->invocation->verb;
    const struct args *args = &parser->invocation->args;

    if (parser->group)
        return error_set(parser->err, ERR_USAGE, "\"%s\" is not a verb by itself; see `supervise %s --help`",
                         parser->group, parser->group);
    if (!verb)
        return 0;
    if (args->word_count < verb->words_min && verb->command)
        return error_set(parser->err, ERR_USAGE, "no command to run; usage: supervise %s %s", verb->name,
                         verb->synopsis);
    if (args->word_count < verb->words_min)
        return error_set(parser->err, ERR_USAGE, "too few words for %s; usage: supervise %s %s", verb->name,
                         verb->name, verb->synopsis);
    if (args->word_count > verb->words_max)
        return error_set(parser->err, ERR_USAGE, "unexpected word \"%s\" for %s; usage: supervise %s%s%s",
                         args->words[verb->words_max], verb->name, verb->name, *verb->synopsis ? " " : "",
                         verb->synopsis);
    return 0;
}

/* A bundle of letters gives several options, but never more than it has characters. */
static size_t options_at_most(int argc, char **argv)
{
    size_t most = 0;

    for (int i = 1; i < argc; i++)
        most += argv[i][0] == '-' && argv[i][1] != '-' ? strlen(argv[i]) : 1;
    return most;
}

int args_parse(int argc, char **argv, struct cli *cli, struct invocation *invocation, struct error *err)
{
    struct parser parser = {
        .argc = argc, .argv = argv, .at = 1, .cli = cli, .invocation = invocation, .err = err};
    int result = 0;

    *invocation = (struct invocation){.what = INVOKE_VERB};
    if (argc < 1)
        return 0;
    invocation->args.words = argv + 1;
    invocation->args.given = mem_alloc(options_at_most(argc, argv) * sizeof *invocation->args.given);

    while (result == 0 && parser.at < argc && invocation->what == INVOKE_VERB)
        result = take_argument(&parser, argv[parser.at++]);
    if (result == 0 && invocation->what == INVOKE_VERB)
        result = check_whole(&parser);
    invocation->args.words[invocation->args.word_count] = NULL;
    return result == 0 ? 0 : fault_status(&parser);
}

void args_free(struct args *args)
{
    free(args->given);
    args->given = NULL;
    args->given_count = 0;
}
