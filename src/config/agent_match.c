/*
 * Which agent program a command is: see the header. The words of the command are read as the shell's callers
 * write them; nothing is looked up.
 */
#include <supervise/config/agents.h>

#include "agent.h"

#include <string.h>

#include <supervise/base/buf.h>

/* A program that only starts another: how its own words are passed over. */
static const struct starter {
    const char *name, *subcommand;
    const char *valued; /* options followed by a value of theirs, each between spaces */
    const char *ends;   /* options after which no program follows */
    int operands;       /* words before the program */
    enum { PROGRAM, PACKAGE, SCRIPT, ASSIGNED } starts; /* ASSIGNED: a program behind A=b */
} starters[] = {
    {"env", NULL, " -u --unset -C --chdir ", " -S --split-string ", 0, ASSIGNED},
    {"nohup", NULL, " ", " ", 0, PROGRAM},
    {"setsid", NULL, " ", " ", 0, PROGRAM},
    {"nice", NULL, " -n --adjustment ", " ", 0, PROGRAM},
    {"stdbuf", NULL, " -i --input -o --output -e --error ", " ", 0, PROGRAM},
    {"timeout", NULL, " -k --kill-after -s --signal ", " ", 1, PROGRAM},
    {"npx", NULL, " -p --package -w --workspace ", " -c --call ", 0, PACKAGE},
    {"npm", "exec", " -p --package -w --workspace ", " -c --call ", 0, PACKAGE},
    {"npm", "x", " -p --package -w --workspace ", " -c --call ", 0, PACKAGE},
    {"pnpx", NULL, " --package ", " -c --shell-mode ", 0, PACKAGE},
    {"pnpm", "dlx", " --package ", " -c --shell-mode ", 0, PACKAGE},
    {"yarn", "dlx", " -p --package ", " ", 0, PACKAGE},
    {"bunx", NULL, " -p --package ", " ", 0, PACKAGE},
    {"bun", "x", " -p --package ", " ", 0, PACKAGE},
    {"bun", "run", " -r --preload ", " ", 0, SCRIPT},
    {"bun", NULL, " -r --preload ", " -e --eval -p --print ", 0, SCRIPT},
    {"node", NULL, " -r --require --import --loader -C --conditions ", " -e --eval -p --print ", 0, SCRIPT},
};

/* Packages whose program has another name than they. */
static const struct {
    const char *package, *program;
} packages[] = {
    {"@anthropic-ai/claude-code", "claude"},
    {"@google/gemini-cli", "gemini"},
    {"opencode-ai", "opencode"},
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_among(const char *words, const char *word)
{
    AUTOFREE char *between = mem_printf(" %s ", word);

    return strstr(words, between);
}

/* Where the program stands in the words that follow a starter; NULL where none does. */
static char *const *started(const struct starter *starter, char *const *argv)
{
    bool options = true;
    int operands = starter->operands;

    for (; *argv; argv++) {
        if (options && strcmp(*argv, "--") == 0) {
            options = false;
        } else if (options && (*argv)[0] == '-') {
            if (is_among(starter->ends, *argv))
                return NULL;
            if (is_among(starter->valued, *argv) && !*++argv)
                return NULL;
        } else if (operands > 0) {
            options = false;
            operands--;
        } else if (starter->starts != ASSIGNED || !strchr(*argv, '=')) {
            return argv;
        }
    }
    return NULL;
}

static const struct starter *starter_of(char *const *argv)
{
    for (size_t i = 0; i < sizeof starters / sizeof *starters; i++)
        if (strcmp(base_name(argv[0]), starters[i].name) == 0 &&
            (!starters[i].subcommand || (argv[1] && strcmp(argv[1], starters[i].subcommand) == 0)))
            return &starters[i];
    return NULL;
}

/* The program of a package "[@SCOPE/]NAME[@VERSION]"; the caller frees. */
static char *program_of_package(const char *word)
{
    const char *version = *word ? strchr(word + 1, '@') : NULL;
    AUTOFREE char *package = mem_strndup(word, version ? (size_t)(version - word) : strlen(word));

    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
        if (strcmp(package, packages[i].package) == 0)
            return mem_strdup(packages[i].program);
    return mem_strdup(base_name(package));
}

static char *program_of_script(const char *word)
{
    static const char *const endings[] = {".js", ".mjs", ".cjs"};
    const char *name = base_name(word);
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);

        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return mem_strndup(name, length - ending);
    }
    return mem_strdup(name);
}

static const char *agent_of_program(const json_t *agents, const char *program)
{
    const char *name, *last = NULL;
    const json_t *agent, *match, *one;
    size_t i;

    json_object_foreach((json_t *)agents, name, agent) {
        match = json_object_get(agent, "match");
        json_array_foreach(match, i, one)
            if (strcmp(json_string_value(one), program) == 0)
                last = name;
    }
    return last;
}

bool agent_may_match(char *const *argv)
{
    return argv[0] && (starter_of(argv) || agents_built_in_name(base_name(argv[0])));
}

/* The agent that a command is, and in *program the word that says so. */
static const char *find_agent(const json_t *agents, char *const *argv, char *const **program)
{
    const char *agent = argv[0] ? agent_of_program(agents, base_name(argv[0])) : NULL;

    while (argv && argv[0] && !agent) {
        const struct starter *starter = starter_of(argv);
        AUTOFREE char *name = NULL;

        argv = starter ? started(starter, argv + 1 + (starter->subcommand != NULL)) : NULL;
        if (!argv)
            break;
        name = starter->starts == PACKAGE  ? program_of_package(*argv)
               : starter->starts == SCRIPT ? program_of_script(*argv)
                                           : mem_strdup(base_name(*argv));
        agent = agent_of_program(agents, name);
        if (starter->starts == SCRIPT)
            break;
    }
    *program = argv;
    return agent;
}

const char *agent_match(const json_t *agents, char *const *argv)
{
    char *const *program;

    return find_agent(agents, argv, &program);
}

size_t agent_program(const json_t *agents, char *const *argv, const char *agent)
{
    char *const *program;
    const char *found = find_agent(agents, argv, &program);

    return found && strcmp(found, agent) == 0 ? (size_t)(program - argv) + 1 : 0;
}
