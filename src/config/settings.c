/*
 * The settings: the table of all of them, and how the files, the environment and the options are laid over
 * the built-in values. This runs before every wrapped command, so it reads what is there and computes nothing
 * that nobody asked for.
 */
#include <supervise/config/settings.h>

#include "agent.h"
#include "fault.h"
#include "setting.h"
#include "source.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/config/toml.h>
#include <supervise/config/agents.h>
#include <supervise/config/workflow.h>

#define AT(field) .offset = offsetof(struct settings, field)
#define HOUR (INT64_C(3600) * 1000)
#define NO_PLACE "neither HOME nor XDG_STATE_HOME is set to an absolute path"

static const struct setting table[] = {
    {"store", "path", SETTING_PATH, NULL, AT(store_path)},
    {"store", "busy_timeout", SETTING_DURATION, "10s", AT(store_busy_timeout), .max = HOUR},
    {"store", "sync", SETTING_SWITCH, "normal", AT(store_sync_full), .choices = {"normal", "full"}},

    {"run", "capture", SETTING_CHOICE, "auto", AT(run_capture), .choices = {"auto", "pty", "pipe", "none"}},
    {"run", "timeout", SETTING_DURATION, "0", AT(run_timeout)},
    {"run", "idle_timeout", SETTING_DURATION, "0", AT(run_idle_timeout)},
    {"run", "kill_after", SETTING_DURATION, "10s", AT(run_kill_after)},
    {"run", "drain", SETTING_DURATION, "1s", AT(run_drain)},
    {"run", "incomplete_exit", SETTING_INTEGER, "75", AT(run_incomplete_exit), .min = 1, .max = 255},
    {"run", "uid_env", SETTING_NAMES, NULL, AT(run_uid_env)},
    {"run", "require_session", SETTING_BOOLEAN, "false", AT(run_require_session)},
    {"run", "on_supervisor_death", SETTING_SWITCH, "keep", AT(run_kill_on_supervisor_death),
     .choices = {"keep", "kill"}},

    {"sweep", "interval", SETTING_DURATION, "5m", AT(sweep_interval), .min = 1},
    {"sweep", "stale_session_after", SETTING_DURATION, "7d", AT(sweep_stale_session_after)},
    {"sweep", "heartbeat_interval", SETTING_DURATION, "30s", AT(sweep_heartbeat_interval), .min = 1},
    {"sweep", "heartbeat_stale_after", SETTING_DURATION, "15m", AT(sweep_heartbeat_stale_after)},
    {"sweep", "no_heartbeat_after", SETTING_DURATION, "2h", AT(sweep_no_heartbeat_after)},
    {"sweep", "stalled_after", SETTING_DURATION, "15m", AT(sweep_stalled_after)},

    {"queue", "slots", SETTING_INTEGER, "1", AT(queue_slots), .min = 1, .max = 1024},
    {"queue", "autostart", SETTING_BOOLEAN, "true", AT(queue_autostart)},
    {"queue", "idle", SETTING_DURATION, "10s", AT(queue_idle)},

    {"log", "dir", SETTING_PATH, NULL, AT(log_dir)},
    {"log", "max_size", SETTING_SIZE, "64MiB", AT(log_max_size)},
    {"log", "keep", SETTING_DURATION, "0", AT(log_keep)},

    {"checkpoint", "max_size", SETTING_SIZE, "16MiB", AT(checkpoint_max_size), .min = 1,
     .max = 900 * 1000 * 1000}, /* SQLite's own bound is 1 GB a row */

    {"agents", "max_nudges", SETTING_INTEGER, "3", AT(agents_max_nudges), .max = 1000},
    {"agents", "resume_prompt", SETTING_TEXT, "Go on where you stopped, until the work is complete.",
     AT(agents_resume_prompt)},
};

enum { SETTING_COUNT = sizeof table / sizeof *table };

struct setting_origins {
    char *of[SETTING_COUNT]; /* NULL: built-in */
    json_t *of_tables;       /* "workflow.NAME", "agent.NAME.KEY" -> origin, where not built-in */
    json_t *agents;          /* NULL until somebody asks: most commands are no agents */
};

static struct settings *settings_new(void)
{
    struct settings *settings = mem_alloc(sizeof *settings);

    for (size_t i = 0; i < SETTING_COUNT; i++)
        setting_reset(&table[i], settings);
    settings->workflows = json_object();
    settings->origins = mem_alloc(sizeof *settings->origins);
    settings->origins->of_tables = json_object();
    return settings;
}

void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        setting_free(&table[i], settings);
        free(settings->origins->of[i]);
    }
    json_decref(settings->workflows);
    json_decref(settings->origins->agents);
    json_decref(settings->origins->of_tables);
    free(settings->origins);
    free(settings);
}

json_t *settings_agents(const struct settings *settings)
{
    if (!settings->origins->agents)
        settings->origins->agents = agents_built_in();
    return settings->origins->agents;
}

const char *settings_agent_of(const struct settings *settings, char *const *argv)
{
    if (!settings->origins->agents && !agent_may_match(argv))
        return NULL;
    return agent_match(settings_agents(settings), argv);
}

static size_t number_of(const char *section, const char *name)
{
    size_t i = 0;

    while (i < SETTING_COUNT && (strcmp(table[i].table, section) != 0 || strcmp(table[i].name, name) != 0))
        i++;
    return i;
}

static void set_origin(struct settings *settings, size_t number, char *origin)
{
    free(settings->origins->of[number]);
    settings->origins->of[number] = origin;
}

/* --- one file --- */

/* The reader of a member of the root: [run], [agent], [workflow]. */
typedef int section_reader(struct settings *settings, const struct setting_file *file,
                           const struct toml_member *section, struct error *err);

static int read_settings(struct settings *settings, const struct setting_file *file,
                         const struct toml_member *section, struct error *err)
{
    for (size_t i = 0; i < section->value->as.table.count; i++) {
        const struct toml_member *member = &section->value->as.table.members[i];
        size_t number = number_of(section->key, member->key);

        if (number == SETTING_COUNT) {
            AUTOFREE char *where = mem_printf("[%s]", section->key);
            const char *known[SETTING_COUNT + 1] = {0};

            for (size_t j = 0, count = 0; j < SETTING_COUNT; j++)
                if (strcmp(table[j].table, section->key) == 0)
                    known[count++] = table[j].name;
            return fault_unknown(err, file->name, member->line, member->key, where, known);
        }
        if (setting_read(&table[number], settings, file, member->value, err) < 0)
            return -1;
        set_origin(settings, number, mem_printf("%s:%d", file->name, member->line));
    }
    return 0;
}

static int read_agents(struct settings *settings, const struct setting_file *file,
                       const struct toml_member *section, struct error *err)
{
    for (size_t i = 0; i < section->value->as.table.count; i++)
        if (agent_read(settings_agents(settings), settings->origins->of_tables, file,
                       &section->value->as.table.members[i], err) < 0)
            return -1;
    return 0;
}

/* A workflow replaces the one of that name whole: phases of one and edges of another make no sense. */
static int read_workflows(struct settings *settings, const struct setting_file *file,
                          const struct toml_member *section, struct error *err)
{
    for (size_t i = 0; i < section->value->as.table.count; i++) {
        const struct toml_member *member = &section->value->as.table.members[i];
        json_t *workflow = workflow_from_toml(file->name, member->key, member->value, err);
        AUTOFREE char *key = mem_printf("workflow.%s", member->key);

        if (!workflow)
            return -1;
        json_object_set_new(settings->workflows, member->key, workflow);
        json_object_set_new(settings->origins->of_tables, key, setting_origin(file, member->value->line));
    }
    return 0;
}

static const struct {
    const char *name;
    section_reader *read;
} sections[] = {
    {"store", read_settings},  {"run", read_settings}, {"sweep", read_settings},
    {"queue", read_settings},  {"log", read_settings}, {"checkpoint", read_settings},
    {"agents", read_settings}, {"agent", read_agents}, {"workflow", read_workflows},
};

enum { SECTION_COUNT = sizeof sections / sizeof *sections };

static int read_section(struct settings *settings, const struct setting_file *file,
                        const struct toml_member *member, struct error *err)
{
    const char *known[SECTION_COUNT + 1] = {0};

    for (size_t i = 0; i < SECTION_COUNT; i++) {
        known[i] = sections[i].name;
        if (strcmp(member->key, sections[i].name) != 0)
            continue;
        if (member->value->type != TOML_TABLE)
            return fault_expected(err, file->name, member->key, "a table", member->value);
        return sections[i].read(settings, file, member, err);
    }
    return fault_unknown(err, file->name, member->line, member->key, "the root table", known);
}

static int read_document(struct settings *settings, const struct setting_file *file, const struct buf *text,
                         struct error *err)
{
    struct toml *root = toml_parse(file->name, text->data, text->len, err);
    int result = root ? fault_if_nul(err, file->name, root) : -1;

    for (size_t i = 0; result == 0 && i < root->as.table.count; i++)
        result = read_section(settings, file, &root->as.table.members[i], err);
    toml_free(root);
    return result;
}

static int read_source(struct settings *settings, const struct source *source, struct error *err)
{
    AUTOFREE char *path = NULL, *directory = NULL;
    AUTOBUF struct buf text = {0};

    if (source_missing(source))
        return 0;
    if (source->ignored) {
        say_warning("%s is ignored: it belongs to another user; name it with --config to use it",
                    source->path);
        return 0;
    }
    if (source_read(source, &text, err) < 0)
        return -1;
    path = path_absolute(source->path);
    if (!path)
        return error_errno(err, "cannot read configuration %s: no working directory", source->path);
    directory = path_parent(path);
    return read_document(settings, &(struct setting_file){source->path, directory, source->found_above},
                         &text, err);
}

/* --- the whole --- */

/* Activity is stored with the heartbeat: looked at more often, everything that runs would seem stalled. */
static int check_together(const struct settings *settings, struct error *err)
{
    const char *stalled = settings->origins->of[number_of("sweep", "stalled_after")];
    const char *heartbeat = settings->origins->of[number_of("sweep", "heartbeat_interval")];

    if (!settings->sweep_stalled_after || settings->sweep_stalled_after > settings->sweep_heartbeat_interval)
        return 0;
    if (stalled)
        return error_set(err, ERR_INVALID,
                         "%s: sweep.stalled_after must be longer than sweep.heartbeat_interval (%s)", stalled,
                         heartbeat ? heartbeat : "built-in");
    return error_set(err, ERR_INVALID,
                     "%s: sweep.heartbeat_interval must be shorter than sweep.stalled_after (built-in)",
                     heartbeat);
}

static int set_ledger(struct settings *settings, const char *path, const char *origin, struct error *err)
{
    char *absolute = path_absolute(path);

    if (!absolute)
        return error_errno(err, "cannot use \"%s\" as the ledger (%s)", path, origin);
    free(settings->store_path);
    settings->store_path = absolute;
    set_origin(settings, number_of("store", "path"), mem_strdup(origin));
    return 0;
}

/* The places that depend on the environment and on each other. */
static int find_places(struct settings *settings, const char *db_option, struct error *err)
{
    const char *variable = getenv("SUPERVISE_DB");
    AUTOFREE char *state_home = NULL, *directory = NULL;

    if (db_option && set_ledger(settings, db_option, "option --db", err) < 0)
        return -1;
    if (!db_option && variable && *variable &&
        set_ledger(settings, variable, "environment SUPERVISE_DB", err) < 0)
        return -1;
    if (!settings->store_path) {
        state_home = path_state_home();
        if (state_home)
            settings->store_path = mem_printf("%s/supervise/supervise.db", state_home);
        else
            set_origin(settings, number_of("store", "path"), mem_strdup(NO_PLACE));
    }
    if (!settings->log_dir && !settings->store_path)
        set_origin(settings, number_of("log", "dir"), mem_strdup("no ledger to stand beside"));
    if (!settings->log_dir && settings->store_path) {
        directory = path_parent(settings->store_path);
        settings->log_dir = mem_printf("%s/logs", directory);
    }
    return 0;
}

const char *settings_ledger(const struct settings *settings, struct error *err)
{
    if (!settings->store_path)
        error_set(err, ERR_OTHER, "cannot find a place for the ledger: " NO_PLACE "; name a file with --db");
    return settings->store_path;
}

struct settings *settings_load(const char *config_option, const char *db_option, struct error *err)
{
    struct settings *settings = settings_new();
    struct sources sources;
    int result = 0;

    sources_open(&sources, config_option);
    for (size_t i = 0; result == 0 && i < sources.count; i++)
        result = read_source(settings, &sources.items[i], err);
    sources_close(&sources);
    if (result == 0 && check_together(settings, err) == 0 && find_places(settings, db_option, err) == 0)
        return settings;
    settings_free(settings);
    return NULL;
}

int settings_check_file(const char *path, struct error *err)
{
    struct settings *settings = settings_new();
    struct source source;
    int result;

    source_open_named(&source, path, "to be checked");
    result = read_source(settings, &source, err);
    if (result == 0)
        result = check_together(settings, err);
    source_close(&source);
    settings_free(settings);
    return result;
}

/* --- shown --- */

/* Takes the value; `origin` NULL: built-in. */
static void add_row(json_t *rows, const char *key, json_t *value, const char *origin)
{
    json_array_append_new(rows, json_pack("{s:o, s:o, s:o}", "key", json_from_bytes(key), "value", value,
                                          "origin", json_from_bytes(origin ? origin : "built-in")));
}

static const char *origin_of(const struct settings *settings, const char *key)
{
    return json_string_value(json_object_get(settings->origins->of_tables, key));
}

json_t *settings_json(const struct settings *settings)
{
    json_t *rows = json_array(), *agent, *workflow, *value;
    const char *name, *key;

    for (size_t i = 0; i < SETTING_COUNT; i++) {
        AUTOFREE char *full = mem_printf("%s.%s", table[i].table, table[i].name);

        add_row(rows, full, setting_json(&table[i], settings), settings->origins->of[i]);
    }
    json_object_foreach(settings_agents(settings), name, agent)
        json_object_foreach(agent, key, value) {
            AUTOFREE char *full = mem_printf("agent.%s.%s", name, key);

            add_row(rows, full, json_incref(value), origin_of(settings, full));
        }
    json_object_foreach(settings->workflows, name, workflow) {
        AUTOFREE char *full = mem_printf("workflow.%s", name);

        add_row(rows, full, json_incref(workflow), origin_of(settings, full));
    }
    return rows;
}

json_t *settings_files(const char *config_option)
{
    struct sources sources;
    json_t *rows = json_array();

    sources_open(&sources, config_option);
    for (size_t i = 0; i < sources.count; i++) {
        const struct source *source = &sources.items[i];
        bool found = source->fd >= 0 || (source->error != ENOENT && !source_missing(source));
        AUTOFREE char *why =
            mem_printf("%s%s", source->why, source->ignored ? "; ignored: another user's" : "");

        json_array_append_new(rows, json_pack("{s:o, s:b, s:s}", "path", json_from_bytes(source->path),
                                              "found", (int)found, "why", why));
    }
    sources_close(&sources);
    return rows;
}
