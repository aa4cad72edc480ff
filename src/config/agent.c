/*
 * Agent programs: the built-in ones, [agent.NAME], and which one a command is. "resume" is the one setting
 * that names a command; it is refused in a file that was merely found, so that nobody runs what came with
 * somebody's repository.
 */
#include "agent.h"

#include "fault.h"

#include <stdio.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/config/agents.h>
#include <supervise/domain/agent_pattern.h>
#include <supervise/domain/id.h>

static const struct {
    const char *name, *resume[6], *session_id;
} built_in[] = {
    {"claude", {"claude", "--resume", "{session}"}, "session_id"},
    {"codex", {"codex", "exec", "resume", "{session}"}, "thread_id"},
    {"opencode", {"opencode", "run", "-s", "{session}"}, "sessionID"},
    {"gemini", {"gemini", "--resume", "{session}"}, "session_id"},
};

/* An agent that is known by its own name alone. */
static json_t *agent_new(const char *name)
{
    return json_pack("{s:[s]}", "match", name);
}

json_t *agents_built_in(void)
{
    json_t *agents = json_object();

    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        json_t *agent = agent_new(built_in[i].name), *resume = json_array();

        for (size_t j = 0; built_in[i].resume[j]; j++)
            json_array_append_new(resume, json_string(built_in[i].resume[j]));
        json_object_set_new(agent, "resume", resume);
        json_object_set_new(agent, "session_id", json_string(built_in[i].session_id));
        json_object_set_new(agents, built_in[i].name, agent);
    }
    return agents;
}

/* --- the keys: each gives the JSON of its value, or NULL with the error filled --- */

static json_t *read_match(const struct setting_file *file, const char *what, const struct toml *value,
                          struct error *err)
{
    json_t *names = strings_from_toml(file->name, what, value, err), *name;
    size_t i;

    json_array_foreach(names, i, name) {
        if (!strchr(json_string_value(name), '/'))
            continue;
        fault(err, file->name, value->line, "%s: expected base names of programs, found \"%.200s\"", what,
              json_string_value(name));
        json_decref(names);
        return NULL;
    }
    return names;
}

static json_t *read_resume(const struct setting_file *file, const char *what, const struct toml *value,
                           struct error *err)
{
    json_t *argv;

    if (file->found_above) {
        fault(err, file->name, value->line,
              "%s names a command, which a file found at or above the working directory may not; put it into "
              "$XDG_CONFIG_HOME/supervise/supervise.toml, or name the file with --config",
              what);
        return NULL;
    }
    argv = strings_from_toml(file->name, what, value, err);
    if (argv && json_array_size(argv) == 0) {
        fault(err, file->name, value->line, "%s: expected a command and its arguments, found none", what);
        json_decref(argv);
        return NULL;
    }
    return argv;
}

static json_t *read_session_id(const struct setting_file *file, const char *what, const struct toml *value,
                               struct error *err)
{
    if (value->type == TOML_STRING && !name_fault(value->as.string.data))
        return json_string(value->as.string.data);
    fault_expected(err, file->name, what, "the name of a field", value);
    return NULL;
}

static json_t *read_session_pattern(const struct setting_file *file, const char *what,
                                    const struct toml *value, struct error *err)
{
    struct agent_pattern *pattern;
    char why[128];

    if (value->type != TOML_STRING) {
        fault_expected(err, file->name, what, "an extended regular expression with one group", value);
        return NULL;
    }
    pattern = agent_pattern_new(value->as.string.data, why, sizeof why);
    if (!pattern) {
        fault(err, file->name, value->line,
              "%s: expected an extended regular expression with one group, found \"%.300s\": %s", what,
              value->as.string.data, why);
        return NULL;
    }
    agent_pattern_free(pattern);
    return json_string(value->as.string.data);
}

static const struct agent_key {
    const char *name;
    json_t *(*read)(const struct setting_file *file, const char *what, const struct toml *value,
                    struct error *err);
    const char *instead_of; /* the key of an earlier file that this one takes the place of */
} keys[] = {
    {"match", read_match, NULL},
    {"resume", read_resume, NULL},
    {"session_id", read_session_id, "session_pattern"},
    {"session_pattern", read_session_pattern, "session_id"},
};

enum { KEY_COUNT = sizeof keys / sizeof *keys };

static const struct agent_key *key_of(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

/* The member of that name, or NULL. */
static const struct toml_member *member_of(const struct toml *table, const char *name)
{
    for (size_t i = 0; name && i < table->as.table.count; i++)
        if (strcmp(table->as.table.members[i].key, name) == 0)
            return &table->as.table.members[i];
    return NULL;
}

int agent_read(json_t *agents, json_t *origins, const struct setting_file *file,
               const struct toml_member *member, struct error *err)
{
    static const char *const names[KEY_COUNT + 1] = {"match", "resume", "session_id", "session_pattern",
                                                     NULL};
    AUTOFREE char *table = mem_printf("agent.%s", member->key);
    const struct toml *value = member->value;
    json_t *agent = json_object_get(agents, member->key);

    if (name_fault(member->key))
        return fault(err, file->name, member->line, "[agent]: the name of an agent %s",
                     name_fault(member->key));
    if (value->type != TOML_TABLE)
        return fault_expected(err, file->name, table, "a table", value);
    if (!agent) {
        agent = agent_new(member->key);
        json_object_set_new(agents, member->key, agent);
    }
    for (size_t i = 0; i < value->as.table.count; i++) {
        const struct toml_member *pair = &value->as.table.members[i];
        const struct agent_key *key = key_of(pair->key);
        AUTOFREE char *what = mem_printf("%s.%s", table, pair->key);
        AUTOFREE char *where = mem_printf("[%s]", table);
        json_t *json;

        if (!key)
            return fault_unknown(err, file->name, pair->line, pair->key, where, names);
        if (member_of(value, key->instead_of))
            return fault(err, file->name, pair->line,
                         "%s: session_id and session_pattern, of which only one can find the id", table);
        json = key->read(file, what, pair->value, err);
        if (!json)
            return -1;
        if (key->instead_of)
            json_object_del(agent, key->instead_of);
        json_object_set_new(agent, key->name, json);
        json_object_set_new(origins, what, setting_origin(file, pair->line));
    }
    return 0;
}

/* --- which agent a command is --- */

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

const char *agent_match(const json_t *agents, char *const *argv)
{
    const char *agent = argv[0] ? agent_of_program(agents, base_name(argv[0])) : NULL;

    while (argv && argv[0] && !agent) {
        const struct starter *starter = starter_of(argv);
        AUTOFREE char *program = NULL;

        argv = starter ? started(starter, argv + 1 + (starter->subcommand != NULL)) : NULL;
        if (!argv)
            break;
        program = starter->starts == PACKAGE  ? program_of_package(*argv)
                  : starter->starts == SCRIPT ? program_of_script(*argv)
                                              : mem_strdup(base_name(*argv));
        agent = agent_of_program(agents, program);
        if (starter->starts == SCRIPT)
            break;
    }
    return agent;
}
