/*
 * Agent programs: the built-in ones, and [agent.NAME]. "resume" and "keep" are the settings that say what
 * runs; they are refused in a file that was merely found, so that nobody runs what came with somebody's
 * repository.
 */
#include "agent.h"

#include "fault.h"

#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/config/agents.h>
#include <supervise/domain/agent_pattern.h>
#include <supervise/domain/agent_resume.h>
#include <supervise/domain/id.h>

static const char built_in[] =
#include "agents.inc"
    ;

/* An agent that is known by its own name alone. */
static json_t *agent_new(const char *name)
{
    return json_pack("{s:[s]}", "match", name);
}

/* --- the keys: each gives the JSON of its value, or NULL with the error filled --- */

struct agent_key {
    const char *name;
    json_t *(*read)(const struct setting_file *file, const char *what, const struct toml *value,
                    struct error *err);
    const char *instead_of; /* the key of an earlier file that this one takes the place of */
};

static const struct agent_key *key_among(const struct agent_key *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

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

/* What a file found at or above the working directory may not say. */
static bool names_a_command(const struct setting_file *file, const char *what, const struct toml *value,
                            struct error *err)
{
    if (!file->found_above)
        return false;
    fault(err, file->name, value->line,
          "%s names a command, which a file found at or above the working directory may not; put it into "
          "$XDG_CONFIG_HOME/supervise/supervise.toml, or name the file with --config",
          what);
    return true;
}

/* Strings in which `fault_of` finds no fault. */
static json_t *read_words(const struct setting_file *file, const char *what, const struct toml *value,
                          const char *(*fault_of)(const char *word), struct error *err)
{
    json_t *words = strings_from_toml(file->name, what, value, err), *word;
    size_t i;

    json_array_foreach(words, i, word) {
        const char *wrong = fault_of(json_string_value(word));

        if (!wrong)
            continue;
        fault(err, file->name, value->as.array.items[i]->line, "%s: \"%.200s\" %s", what,
              json_string_value(word), wrong);
        json_decref(words);
        return NULL;
    }
    return words;
}

static json_t *read_resume(const struct setting_file *file, const char *what, const struct toml *value,
                           struct error *err)
{
    json_t *argv;

    if (names_a_command(file, what, value, err))
        return NULL;
    argv = read_words(file, what, value, agent_resume_fault, err);
    if (argv && json_array_size(argv) == 0) {
        fault(err, file->name, value->line, "%s: expected a command and its arguments, found none", what);
        json_decref(argv);
        return NULL;
    }
    return argv;
}

/* It decides with which words a command runs, as "resume" does: without its sandbox, for one. */
static json_t *read_keep(const struct setting_file *file, const char *what, const struct toml *value,
                         struct error *err)
{
    return names_a_command(file, what, value, err) ? NULL
                                                   : read_words(file, what, value, agent_keep_fault, err);
}

static json_t *read_strings(const struct setting_file *file, const char *what, const struct toml *value,
                            struct error *err)
{
    return strings_from_toml(file->name, what, value, err);
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

/* --- the keys that say what its lines mean: shapes (domain/shape.h) and paths --- */

static json_t *read_shape(const struct setting_file *file, const char *what, const struct toml *value,
                          struct error *err)
{
    if (value->type == TOML_TABLE || value->type == TOML_ARRAY)
        return json_from_toml(file->name, what, value, err);
    fault_expected(err, file->name, what, "a table, or an array of tables, that a line is held against",
                   value);
    return NULL;
}

static json_t *read_path(const struct setting_file *file, const char *what, const struct toml *value,
                         struct error *err)
{
    if (value->type == TOML_STRING && !name_fault(value->as.string.data))
        return json_string(value->as.string.data);
    fault_expected(err, file->name, what, "the path to a member, as in \"error.message\"", value);
    return NULL;
}

/* One rule of a plan; see domain/agent_plan.h. */
static json_t *read_plan_rule(const struct setting_file *file, const char *what, const struct toml *rule,
                              struct error *err)
{
    static const struct agent_key parts[] = {
        {"line", read_shape, NULL},    {"items", read_path, NULL},    {"name", read_path, NULL},
        {"key", read_path, NULL},      {"running", read_shape, NULL}, {"done", read_shape, NULL},
        {"dropped", read_shape, NULL},
    };
    enum { PART_COUNT = sizeof parts / sizeof *parts };
    const char *names[PART_COUNT + 1] = {0};
    json_t *read = json_object();

    for (size_t i = 0; i < PART_COUNT; i++)
        names[i] = parts[i].name;
    for (size_t i = 0; i < rule->as.table.count; i++) {
        const struct toml_member *pair = &rule->as.table.members[i];
        const struct agent_key *part = key_among(parts, PART_COUNT, pair->key);
        AUTOFREE char *of = mem_printf("%s.%s", what, pair->key);
        json_t *json = part ? part->read(file, of, pair->value, err) : NULL;

        if (!part)
            fault_unknown(err, file->name, pair->line, pair->key, what, names);
        if (!json || json_object_set_new(read, pair->key, json)) {
            json_decref(read);
            return NULL;
        }
    }
    if (!json_object_get(read, "line") || !json_object_get(read, "items")) {
        fault(err, file->name, rule->line, "%s: expected \"line\" and \"items\"", what);
        json_decref(read);
        return NULL;
    }
    return read;
}

static json_t *read_plan(const struct setting_file *file, const char *what, const struct toml *value,
                         struct error *err)
{
    json_t *rules = json_array();

    for (size_t i = 0; value->type == TOML_ARRAY && i < value->as.array.count; i++) {
        const struct toml *item = value->as.array.items[i];
        json_t *rule = NULL;

        if (item->type == TOML_TABLE)
            rule = read_plan_rule(file, what, item, err);
        else
            fault_expected(err, file->name, what, "tables", item);
        if (!rule) {
            json_decref(rules);
            return NULL;
        }
        json_array_append_new(rules, rule);
    }
    if (value->type == TOML_ARRAY)
        return rules;
    fault_expected(err, file->name, what, "an array of tables", value);
    json_decref(rules);
    return NULL;
}

static const struct agent_key keys[] = {
    {"match", read_match, NULL},
    {"resume", read_resume, NULL},
    {"keep", read_keep, NULL},
    {"forgets", read_strings, NULL},
    {"session_id", read_session_id, "session_pattern"},
    {"session_pattern", read_session_pattern, "session_id"},
    {"result", read_shape, NULL},
    {"result_text", read_strings, NULL},
    {"unfinished", read_shape, NULL},
    {"noise", read_shape, NULL},
    {"rate_limit", read_shape, NULL},
    {"rate_limit_reset", read_path, NULL},
    {"plan", read_plan, NULL},
};

enum { KEY_COUNT = sizeof keys / sizeof *keys };

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
    const char *names[KEY_COUNT + 1] = {0};
    AUTOFREE char *table = mem_printf("agent.%s", member->key);
    const struct toml *value = member->value;
    json_t *agent = json_object_get(agents, member->key);

    for (size_t i = 0; i < KEY_COUNT; i++)
        names[i] = keys[i].name;
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
        const struct agent_key *key = key_among(keys, KEY_COUNT, pair->key);
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

bool agents_built_in_name(const char *text)
{
    AUTOFREE char *quoted = mem_printf("\"%s\"", text);

    return strstr(built_in, quoted) != NULL;
}

json_t *agents_built_in(void)
{
    static const struct setting_file file = {.name = "built-in", .directory = "/"};
    json_t *agents = json_object(), *origins = json_object();
    struct error err = {0};
    struct toml *root = toml_parse(file.name, built_in, sizeof built_in - 1, &err);
    const struct toml *table = root ? toml_get(root, "agent") : NULL;

    for (size_t i = 0; table && i < table->as.table.count; i++)
        agent_read(agents, origins, &file, &table->as.table.members[i], &err);
    toml_free(root);
    json_decref(origins);
    return agents;
}
