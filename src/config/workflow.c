/*
 * Workflows: a table of the file becomes a definition in which nothing is left implicit. What could trap a
 * session is refused here: a final phase that can't be reached, phases from which none can.
 */
#include <supervise/config/workflow.h>

#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/domain/id.h>
#include <supervise/domain/phases.h>
#include <supervise/domain/step.h>

enum { PHASES_MAX = 256 }; /* the graph is looked at from every phase whenever the file is read */

/* The table that is being read, and the definition that it becomes. */
struct reading {
    const char *file, *name;
    const struct toml *table;
    json_t *definition;
    struct error *err;
};

static int fail(const struct reading *reading, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(const struct reading *reading, int line, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fault(reading->err, reading->file, line, "workflow.%s: %s", reading->name, text);
}

/* The line of a key of the workflow, or of its header. */
static int line_of(const struct reading *reading, const char *key)
{
    const struct toml *value = toml_get(reading->table, key);

    return value ? value->line : reading->table->line;
}

static int expected(const struct reading *reading, const char *key, const char *form,
                    const struct toml *found)
{
    AUTOFREE char *what = mem_printf("workflow.%s.%s", reading->name, key);

    return fault_expected(reading->err, reading->file, what, form, found);
}

/* An array of strings, no two the same; NULL with the error filled. */
static json_t *read_names(const struct reading *reading, const char *key, const struct toml *value)
{
    AUTOFREE char *what = mem_printf("workflow.%s.%s", reading->name, key);
    json_t *list = strings_from_toml(reading->file, what, value, reading->err);
    json_t *seen = json_object(), *name;
    size_t i, twice = SIZE_MAX;

    json_array_foreach(list, i, name) {
        if (twice == SIZE_MAX && json_object_get(seen, json_string_value(name)))
            twice = i;
        json_object_set(seen, json_string_value(name), name);
    }
    json_decref(seen);
    if (twice == SIZE_MAX)
        return list;
    fail(reading, value->as.array.items[twice]->line, "\"%s\" stands twice in %s",
         value->as.array.items[twice]->as.string.data, key);
    json_decref(list);
    return NULL;
}

static json_t *phases_of(const struct reading *reading)
{
    return json_object_get(reading->definition, "phases");
}

static int check_phase(const struct reading *reading, const struct toml *phase)
{
    const char *names[PHASES_MAX + 1] = {NULL}, *nearest;
    AUTOBUF struct buf all = {0};
    const json_t *known;
    size_t i;

    if (strings_contain(phases_of(reading), phase->as.string.data))
        return 0;
    json_array_foreach(phases_of(reading), i, known) {
        names[i] = json_string_value(known);
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    nearest = text_nearest(phase->as.string.data, names);
    return fail(reading, phase->line, "unknown phase \"%s\"%s%s%s; its phases are: %s", phase->as.string.data,
                nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "",
                all.len ? all.data : "none");
}

/* An array of phases of this workflow. */
static json_t *read_phases(const struct reading *reading, const char *key, const struct toml *value)
{
    json_t *list = read_names(reading, key, value);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (check_phase(reading, value->as.array.items[i]) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* --- phases and edges --- */

static int read_initial(const struct reading *reading)
{
    const struct toml *value = toml_get(reading->table, "initial");
    const json_t *first = json_array_get(phases_of(reading), 0);

    if (value && value->type != TOML_STRING)
        return expected(reading, "initial", "the name of a phase", value);
    if (value && check_phase(reading, value) < 0)
        return -1;
    json_object_set_new(reading->definition, "initial",
                        value   ? json_string(value->as.string.data)
                        : first ? json_string(json_string_value(first))
                                : json_null());
    return 0;
}

static int read_final(const struct reading *reading)
{
    const struct toml *value = toml_get(reading->table, "final");
    const char *initial = json_string_value(json_object_get(reading->definition, "initial"));
    size_t count = json_array_size(phases_of(reading));
    json_t *final;

    if (value) {
        final = read_phases(reading, "final", value);
        if (final && count && json_array_size(final) == 0) {
            fail(reading, value->line, "no final phase: no round could be completed");
            json_decref(final);
            final = NULL;
        }
    } else {
        final = json_array();
        if (count)
            json_array_append(final, json_array_get(phases_of(reading), count - 1));
    }
    if (!final)
        return -1;
    json_object_set_new(reading->definition, "final", final);
    if (initial && strings_contain(final, initial))
        return fail(reading, line_of(reading, value ? "final" : "phases"),
                    "the initial phase \"%s\" is final too: there is no way to go in a round", initial);
    return 0;
}

/* Where each phase leads unless `edges` says otherwise: final ones to the initial one, the others to the
 * next. */
static json_t *edges_by_order(const struct reading *reading)
{
    const json_t *phases = phases_of(reading), *final = json_object_get(reading->definition, "final"), *phase;
    json_t *edges = json_object();
    size_t i;

    json_array_foreach(phases, i, phase) {
        json_t *targets = json_array(), *next = json_array_get(phases, i + 1);

        if (strings_contain(final, json_string_value(phase)))
            json_array_append(targets, json_object_get(reading->definition, "initial"));
        else if (next)
            json_array_append(targets, next);
        json_object_set_new(edges, json_string_value(phase), targets);
    }
    return edges;
}

static int read_edge(const struct reading *reading, json_t *edges, const struct toml_member *member)
{
    const char *initial = json_string_value(json_object_get(reading->definition, "initial"));
    struct toml from = {.type = TOML_STRING, .line = member->line, .as.string.data = member->key};
    json_t *targets;

    if (check_phase(reading, &from) < 0)
        return -1;
    targets = read_phases(reading, "edges", member->value);
    if (!targets)
        return -1;
    if (strings_contain(json_object_get(reading->definition, "final"), member->key) &&
        !json_equal(targets, json_object_get(edges, member->key))) {
        json_decref(targets);
        return fail(reading, member->line,
                    "the final phase \"%s\" leads to the initial one, \"%s\", and nowhere else", member->key,
                    initial);
    }
    json_object_set_new(edges, member->key, targets);
    return 0;
}

static int read_edges(const struct reading *reading)
{
    const struct toml *value = toml_get(reading->table, "edges");
    json_t *edges = edges_by_order(reading);

    json_object_set_new(reading->definition, "edges", edges);
    if (value && value->type != TOML_TABLE)
        return expected(reading, "edges", "a table of phases, each with an array of phases", value);
    for (size_t i = 0; value && i < value->as.table.count; i++)
        if (read_edge(reading, edges, &value->as.table.members[i]) < 0)
            return -1;
    return 0;
}

/* --- the graph --- */

static bool contains_any(const json_t *list, const json_t *others)
{
    const json_t *other;
    size_t i;

    json_array_foreach(others, i, other)
        if (strings_contain(list, json_string_value(other)))
            return true;
    return false;
}

/* No session may get to a phase from which no final one can be reached, nor any phase lead only around. */
static int check_way_out(const struct reading *reading, const json_t *from_initial)
{
    const json_t *final = json_object_get(reading->definition, "final"), *phase;
    const char *initial = json_string_value(json_object_get(reading->definition, "initial"));
    size_t i;

    json_array_foreach(phases_of(reading), i, phase) {
        const char *name = json_string_value(phase);
        json_t *reached = phases_reached(reading->definition, name);
        bool out = contains_any(reached, final) || strings_contain(final, name);
        bool matters = strings_contain(reached, name) || strings_contain(from_initial, name) ||
                       strcmp(name, initial) == 0;

        json_decref(reached);
        if (!out && matters)
            return fail(reading, line_of(reading, "edges"), "from phase \"%s\" no final phase can be reached",
                        name);
    }
    return 0;
}

static int check_graph(const struct reading *reading)
{
    const char *initial = json_string_value(json_object_get(reading->definition, "initial"));
    const json_t *phase;
    json_t *reached;
    size_t i;
    int result = 0;

    if (!initial)
        return 0;
    reached = phases_reached(reading->definition, initial);
    json_array_foreach(json_object_get(reading->definition, "final"), i, phase)
        if (result == 0 && !strings_contain(reached, json_string_value(phase)))
            result =
                fail(reading, line_of(reading, "edges"), "final phase \"%s\" can't be reached from \"%s\"",
                     json_string_value(phase), initial);
    if (result == 0)
        result = check_way_out(reading, reached);
    json_decref(reached);
    return result;
}

/* --- stages --- */

/* A name that a report could not say would leave its stage unfinished for ever. */
static int check_steps(const struct reading *reading, const struct toml *steps)
{
    for (size_t i = 0; i < steps->as.array.count; i++) {
        const struct toml *item = steps->as.array.items[i];
        const char *wrong = step_name_fault(item->as.string.data);

        if (wrong)
            return fail(reading, item->line, "cannot take \"%.200s\" as the name of a step: it %s",
                        item->as.string.data, wrong);
    }
    return 0;
}

static int read_stage(const struct reading *reading, json_t *stages, const struct toml *table)
{
    static const char *const known[] = {"name", "steps", NULL};
    const struct toml *name = toml_get(table, "name"), *steps = toml_get(table, "steps");
    const json_t *other;
    json_t *list;
    size_t i;

    for (i = 0; i < table->as.table.count; i++)
        if (strcmp(table->as.table.members[i].key, "name") != 0 &&
            strcmp(table->as.table.members[i].key, "steps") != 0)
            return fault_unknown(reading->err, reading->file, table->as.table.members[i].line,
                                 table->as.table.members[i].key, "a stage", known);
    if (!name)
        return fail(reading, table->line, "a stage without a name");
    if (name->type != TOML_STRING)
        return expected(reading, "stage.name", "a name", name);
    if (stage_fault(name->as.string.data))
        return fail(reading, name->line, "cannot take \"%.200s\" as the name of a stage: it %s",
                    name->as.string.data, stage_fault(name->as.string.data));
    json_array_foreach(stages, i, other)
        if (strcmp(json_string_value(json_object_get(other, "name")), name->as.string.data) == 0)
            return fail(reading, name->line, "stage \"%s\" stands twice", name->as.string.data);
    list = steps ? read_names(reading, "stage.steps", steps) : json_array();
    if (!list || (steps && check_steps(reading, steps) < 0)) {
        json_decref(list);
        return -1;
    }
    json_array_append_new(stages, json_pack("{s:s, s:o}", "name", name->as.string.data, "steps", list));
    return 0;
}

static int read_stages(const struct reading *reading)
{
    static const char form[] = "tables [[workflow.NAME.stage]]";
    const struct toml *value = toml_get(reading->table, "stage");
    json_t *stages = json_array();

    json_object_set_new(reading->definition, "stages", stages);
    if (value && value->type != TOML_ARRAY)
        return expected(reading, "stage", form, value);
    for (size_t i = 0; value && i < value->as.array.count; i++) {
        if (value->as.array.items[i]->type != TOML_TABLE)
            return expected(reading, "stage", form, value->as.array.items[i]);
        if (read_stage(reading, stages, value->as.array.items[i]) < 0)
            return -1;
    }
    return 0;
}

/* --- the whole --- */

static int check_keys(const struct reading *reading)
{
    static const char *const known[] = {"phases", "initial", "final", "edges", "strict", "stage", NULL};
    AUTOFREE char *where = mem_printf("[workflow.%s]", reading->name);

    for (size_t i = 0; i < reading->table->as.table.count; i++) {
        const struct toml_member *member = &reading->table->as.table.members[i];
        size_t k = 0;

        while (known[k] && strcmp(known[k], member->key) != 0)
            k++;
        if (!known[k])
            return fault_unknown(reading->err, reading->file, member->line, member->key, where, known);
    }
    return 0;
}

static int read_phase_list(const struct reading *reading)
{
    const struct toml *value = toml_get(reading->table, "phases");
    json_t *phases = value ? read_names(reading, "phases", value) : json_array();

    if (!phases)
        return -1;
    json_object_set_new(reading->definition, "phases", phases);
    if (json_array_size(phases) > PHASES_MAX)
        return fail(reading, line_of(reading, "phases"), "more than %d phases", PHASES_MAX);
    return 0;
}

static int read_strict(const struct reading *reading)
{
    const struct toml *value = toml_get(reading->table, "strict");

    if (value && value->type != TOML_BOOLEAN)
        return expected(reading, "strict", "true or false", value);
    json_object_set_new(reading->definition, "strict", json_boolean(value && value->as.boolean));
    return 0;
}

/* Ids of sessions are made of the name: NAME-1, NAME-2... */
static int check_name(const struct reading *reading)
{
    AUTOFREE char *id = mem_printf("%s-1000000", reading->name);
    const char *wrong = *reading->name ? session_id_fault(id) : "is empty";

    if (!wrong)
        return 0;
    return fault(reading->err, reading->file, reading->table->line,
                 "the workflow's name \"%.200s\" can't begin the id of a session (%s-1): it %s",
                 reading->name, reading->name, wrong);
}

static int check_not_empty(const struct reading *reading)
{
    if (json_array_size(phases_of(reading)) ||
        json_array_size(json_object_get(reading->definition, "stages")))
        return 0;
    return fail(reading, reading->table->line, "neither phases nor stages");
}

json_t *workflow_from_toml(const char *file, const char *name, const struct toml *table, struct error *err)
{
    static int (*const parts[])(const struct reading *) = {
        check_name, check_keys,  read_phase_list, read_initial, read_final,
        read_edges, read_strict, read_stages,     check_graph,  check_not_empty,
    };
    struct reading reading = {file, name, table, NULL, err};

    if (table->type != TOML_TABLE) {
        fault(err, file, table->line, "workflow.%s: expected a table, found %s", name,
              toml_type_name(table->type));
        return NULL;
    }
    reading.definition = json_object();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i](&reading) < 0) {
            json_decref(reading.definition);
            return NULL;
        }
    return reading.definition;
}
