/*
 * Agent programs: the built-in ones and [agent.NAME]. "resume" is the one setting that names a command; it is
 * refused in a file that was merely found, so that nobody runs what came with somebody's repository.
 */
#include "agent.h"

#include "fault.h"

#include <stdio.h>
#include <string.h>

#include <supervise/base/buf.h>

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

static const struct agent_key {
    const char *name;
    json_t *(*read)(const struct setting_file *file, const char *what, const struct toml *value,
                    struct error *err);
} keys[] = {{"match", read_match}, {"resume", read_resume}, {"session_id", read_session_id}};

enum { KEY_COUNT = sizeof keys / sizeof *keys };

static const struct agent_key *key_of(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

int agent_read(json_t *agents, json_t *origins, const struct setting_file *file,
               const struct toml_member *member, struct error *err)
{
    static const char *const names[KEY_COUNT + 1] = {"match", "resume", "session_id", NULL};
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
        json = key->read(file, what, pair->value, err);
        if (!json)
            return -1;
        json_object_set_new(agent, key->name, json);
        json_object_set_new(origins, what, setting_origin(file, pair->line));
    }
    return 0;
}
