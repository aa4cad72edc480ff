/* The spool, written and taken in: see the header. */
#include "rows.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/store/spool.h>

enum { PLACES = 4, VERSION = 1 };

/* Where ends may wait, in order; a place that doesn't apply is NULL. The caller frees each. */
static void places(const char *ledger_path, char *place[PLACES])
{
    AUTOFREE char *beside = path_parent(ledger_path), *state = path_state_home();
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    place[0] = mem_printf("%s/spool", beside);
    place[1] = state ? mem_printf("%s/supervise/spool", state) : NULL;
    if (place[1] && strcmp(place[1], place[0]) == 0) { /* the ledger is where it is by default */
        free(place[1]);
        place[1] = NULL;
    }
    place[2] = runtime && *runtime == '/' ? mem_printf("%s/supervise/spool", runtime) : NULL;
    place[3] = mem_printf("/tmp/supervise-%u/spool", (unsigned)geteuid());
}

static void places_free(char *place[PLACES])
{
    for (int i = 0; i < PLACES; i++)
        free(place[i]);
}

/* ---- Writing ---- */

static json_t *number(int64_t value)
{
    return value == NO_INT ? json_null() : json_integer(value);
}

/* Bytes that are no text, two hexadecimal digits each. */
static json_t *bytes(const void *data, size_t size)
{
    AUTOBUF struct buf digits = {0};

    if (!data)
        return json_null();
    for (size_t i = 0; i < size; i++)
        buf_printf(&digits, "%02x", ((const unsigned char *)data)[i]);
    return json_string(digits.data ? digits.data : "");
}

/* A path may hold any bytes: what JSON can't say stands as {"hex": ...}. */
static json_t *text(const char *value)
{
    if (!value)
        return json_null();
    if (utf8_valid(value, strlen(value)))
        return json_string(value);
    return json_pack("{s:o}", "hex", bytes(value, strlen(value)));
}

static json_t *start_json(const struct execution_start *start, const struct execution_begun *begun)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:b, "
        "s:o}",
        "stages", text(start->stages), "uid", text(start->uid), "name", text(start->name), "parent_uid",
        text(start->parent_uid), "session", text(begun->session), "drives", begun->drives, "command",
        text(start->command), "cwd", text(start->cwd), "host", text(start->host), "boot_id",
        text(start->boot_id), "machine_id", text(start->machine_id), "log", text(start->log), "agent",
        text(start->agent), "started_at", (json_int_t)start->started_at, "attempt",
        (json_int_t)start->attempt, "supervisor_pid", (json_int_t)start->supervisor_pid, "pid_ns",
        (json_int_t)start->pid_ns, "detached", start->detached, "require_session", start->require_session,
        "argv", bytes(start->argv, start->argv_size));
}

static json_t *said_json(const struct execution_said *said)
{
    if (!said)
        return json_null();
    return json_pack("{s:b, s:b, s:o, s:o, s:o, s:I}", "ready", said->ready, "stopping", said->stopping,
                     "status", text(said->status), "error_number", number(said->error_number), "exit_status",
                     number(said->exit_status), "at", (json_int_t)said->at);
}

static json_t *end_json(const struct execution_end *end)
{
    json_t *events = json_array(), *planned = json_array();

    for (size_t i = 0; i < end->event_count; i++)
        json_array_append_new(events, json_pack("{s:s, s:s, s:I}", "type", end->events[i].type, "data",
                                                end->events[i].data, "at", (json_int_t)end->events[i].at));
    for (size_t i = 0; i < end->planned_count; i++)
        json_array_append_new(planned, json_pack("[s, s, i]", end->planned[i].key, end->planned[i].name,
                                                 end->planned[i].state));
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "exit_code",
        number(end->exit_code), "signal", number(end->signal), "spawn_errno", number(end->spawn_errno),
        "duration_ms", number(end->duration_ms), "activity_at", number(end->activity_at), "finished_at",
        number(end->finished_at), "stopped", json_boolean(end->stopped), "stopped_by", text(end->stopped_by),
        "usage", text(end->usage), "facts", text(end->facts), "agent_session", text(end->agent_session),
        "agent_result", text(end->agent_result), "agent_unfinished", end->agent_unfinished, "note",
        text(end->note), "said", said_json(end->said), "planned", planned, "events", events);
}

/* Whole or not at all: a temporary file, synced, renamed. */
static int write_file(const char *path, const char *content)
{
    AUTOFREE char *temporary = mem_printf("%s.tmp", path);
    size_t length = strlen(content);
    int fd;

    fd = open(temporary, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    if (write(fd, content, length) != (ssize_t)length || fsync(fd) || rename(temporary, path)) {
        close(fd);
        unlink(temporary);
        return -1;
    }
    close(fd);
    return 0;
}

/* Beside a ledger whose directory has gone nothing is made anew: it may come back. */
static bool place_usable(const char *directory, bool beside)
{
    struct error ignored;

    if (beside)
        return (mkdir(directory, 0700) == 0 || errno == EEXIST) && path_is_private_dir(directory);
    return path_make_private(directory, &ignored) == 0 && path_is_private_dir(directory);
}

int spool_write(const char *ledger_path, const struct execution_start *start,
                const struct execution_begun *begun, const struct execution_end *end, char **path,
                struct error *err)
{
    json_t *whole = json_pack("{s:i, s:o, s:o, s:o}", "version", VERSION, "ledger", text(ledger_path),
                              "execution", start_json(start, begun), "end", end_json(end));
    AUTOFREE char *content = whole ? json_dumps(whole, JSON_INDENT(1)) : NULL;
    char *place[PLACES];

    json_decref(whole);
    *path = NULL;
    places(ledger_path, place);
    for (int i = 0; i < PLACES && content && !*path; i++) {
        if (!place[i])
            continue;
        *path = mem_printf("%s/%s.json", place[i], start->uid);
        if (place_usable(place[i], i == 0) && write_file(*path, content) == 0)
            continue;
        free(*path);
        *path = NULL;
    }
    places_free(place);
    return *path ? 0 : error_set(err, ERR_OTHER, "no place would keep it in a spool file either");
}

/* ---- Taking in ---- */

static int64_t get_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? (int64_t)json_integer_value(value) : NO_INT;
}

static const char *get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void get_bytes(const json_t *object, const char *key, struct buf *data)
{
    const char *digits = get_text(object, key);
    unsigned byte;

    for (; digits && sscanf(digits, "%2x", &byte) == 1; digits += 2)
        buf_append(data, &(char){(char)byte}, 1);
}

/* {"hex": ...} becomes the string it stands for, in every member of the object. */
static void restore_texts(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        AUTOBUF struct buf data = {0};

        if (!get_text(value, "hex"))
            continue;
        get_bytes(value, "hex", &data);
        json_object_set_new_nocheck(object, key, json_stringn_nocheck(data.data ? data.data : "", data.len));
    }
}

/* A ledger that was replaced doesn't know the row: it gets it, under a new number, with what still makes
 * sense there. */
static int insert_unknown(struct ledger *ledger, const json_t *execution, struct error *err)
{
    AUTOBUF struct buf argv = {0};
    struct execution_begun begun;
    struct execution_start start = {
        .uid = get_text(execution, "uid"),
        .name = get_text(execution, "name"),
        .command = get_text(execution, "command"),
        .cwd = get_text(execution, "cwd"),
        .host = get_text(execution, "host"),
        .boot_id = get_text(execution, "boot_id"),
        .machine_id = get_text(execution, "machine_id"),
        .log = get_text(execution, "log"),
        .agent = get_text(execution, "agent"),
        .started_at = get_number(execution, "started_at"),
        .attempt = get_number(execution, "attempt"),
        .supervisor_pid = get_number(execution, "supervisor_pid"),
        .supervisor_start = NO_INT,
        .pid_ns = get_number(execution, "pid_ns"),
        .detached = json_is_true(json_object_get(execution, "detached")),
        .require_session = json_is_true(json_object_get(execution, "require_session")),
    };
    int result;

    get_bytes(execution, "argv", &argv);
    start.argv = argv.data;
    start.argv_size = argv.len;
    if (json_is_true(json_object_get(execution, "drives"))) {
        start.session = get_text(execution, "session");
        start.stages = get_text(execution, "stages");
    }
    result = execution_begin(ledger, &start, &begun, err);
    if (result && err->code == ERR_INVARIANT) {
        /* closed meanwhile, another's, or made anew, of no workflow: better without than not at all */
        start.session = start.stages = NULL;
        result = execution_begin(ledger, &start, &begun, err);
    }
    free(begun.session);
    return result;
}

static struct execution_said get_said(const json_t *object)
{
    return (struct execution_said){
        .ready = json_is_true(json_object_get(object, "ready")),
        .stopping = json_is_true(json_object_get(object, "stopping")),
        .status = get_text(object, "status"),
        .error_number = get_number(object, "error_number"),
        .exit_status = get_number(object, "exit_status"),
        .at = get_number(object, "at"),
    };
}

/* What is no item of a plan is left out; the caller frees. The texts stay the JSON's. */
static struct plan_item *get_planned(const json_t *list, size_t *count)
{
    struct plan_item *items = mem_alloc((json_array_size(list) + 1) * sizeof *items);
    json_t *entry;
    size_t i;

    *count = 0;
    json_array_foreach((json_t *)list, i, entry) {
        const char *key = json_string_value(json_array_get(entry, 0));
        const char *name = json_string_value(json_array_get(entry, 1));
        json_int_t state = json_integer_value(json_array_get(entry, 2));

        if (key && name && state >= PLAN_PENDING && state <= PLAN_DROPPED)
            items[(*count)++] =
                (struct plan_item){(char *)(uintptr_t)key, (char *)(uintptr_t)name, (enum plan_state)state};
    }
    return items;
}

static int take_end(struct ledger *ledger, const json_t *whole, struct error *err)
{
    const json_t *execution = json_object_get(whole, "execution"), *end = json_object_get(whole, "end");
    json_t *list = json_object_get(end, "events"), *event;
    size_t count = json_array_size(list), i;
    struct execution_event *events = mem_alloc(count * sizeof *events);
    const json_t *told = json_object_get(end, "said");
    struct execution_said said = get_said(told);
    struct execution_end finish = {
        .uid = get_text(execution, "uid"),
        .exit_code = get_number(end, "exit_code"),
        .signal = get_number(end, "signal"),
        .spawn_errno = get_number(end, "spawn_errno"),
        .duration_ms = get_number(end, "duration_ms"),
        .activity_at = get_number(end, "activity_at"),
        .finished_at = get_number(end, "finished_at"),
        .stopped = json_is_true(json_object_get(end, "stopped")),
        .stopped_by = get_text(end, "stopped_by"),
        .usage = get_text(end, "usage"),
        .facts = get_text(end, "facts"),
        .agent_session = get_text(end, "agent_session"),
        .agent_result = get_text(end, "agent_result"),
        .agent_unfinished = json_is_true(json_object_get(end, "agent_unfinished")),
        .note = get_text(end, "note"),
        .said = json_is_object(told) ? &said : NULL,
        .events = events,
        .event_count = count,
    };
    struct plan_item *planned = get_planned(json_object_get(end, "planned"), &finish.planned_count);
    struct execution *row = NULL;
    bool known;
    int result;

    finish.planned = planned;

    json_array_foreach(list, i, event)
        events[i] = (struct execution_event){
            get_text(event, "type"), (char *)(uintptr_t)get_text(event, "data"), get_number(event, "at")};
    result = execution_finish(ledger, &finish, &known, &row, err);
    if (!result && !known && insert_unknown(ledger, execution, err) == 0)
        result = execution_finish(ledger, &finish, &known, &row, err);
    if (!result && !known)
        result = error_set(err, ERR_OTHER, "cannot write that row");
    execution_free(row);
    free(planned);
    free(events);
    return result;
}

static void set_aside(const char *path, const char *why)
{
    AUTOFREE char *aside = mem_printf("%s.bad", path);

    if (rename(path, aside))
        say_warning("cannot take in the spool file %s: %s", path, why);
    else
        say_warning("cannot take in the spool file %s: %s; it is set aside as %s", path, why, aside);
}

static bool ours(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & 0777) == 0600;
}

/* What the file holds, or NULL: *fault says why, where it was meant for us and is no such file. */
static json_t *read_file(const char *path, char *fault, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *file;
    json_error_t where;
    json_t *whole;

    *fault = '\0';
    if (fd < 0 || !ours(fd)) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    file = fdopen(fd, "r");
    whole = json_loadf(file, 0, &where);
    fclose(file);
    restore_texts(whole);
    restore_texts(json_object_get(whole, "execution"));
    restore_texts(json_object_get(whole, "end"));
    if (whole && get_number(whole, "version") == VERSION && get_text(whole, "ledger") &&
        get_text(json_object_get(whole, "execution"), "uid") &&
        get_number(json_object_get(whole, "end"), "exit_code") != NO_INT)
        return whole;
    snprintf(fault, size, "%s", whole ? "it is no spool file of this version" : where.text);
    json_decref(whole);
    return NULL;
}

/* ---- What is done with a file that waits ---- */

/* The same ledger may be named in other words: by a link, or with "..". */
static bool same_ledger(const char *one, const char *other)
{
    struct stat first, second;

    if (strcmp(one, other) == 0)
        return true;
    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

struct visit {
    const char *ledger_path;
    struct ledger *ledger; /* NULL: it is only looked for */
    bool keep;             /* into a copy: the file stays, and nothing is said */
    bool found;
};

static void take_file(struct visit *visit, const char *path)
{
    char fault[256];
    json_t *whole = read_file(path, fault, sizeof fault);
    struct error err;

    if (!whole) {
        if (visit->ledger && !visit->keep && *fault)
            set_aside(path, fault);
        else if (visit->ledger && !visit->keep)
            say_warning("the spool file %s is ignored: it is not a file of this user with mode 0600", path);
        return;
    }
    if (same_ledger(get_text(whole, "ledger"), visit->ledger_path)) {
        visit->found = true;
        if (visit->ledger && take_end(visit->ledger, whole, &err) == 0) {
            if (!visit->keep)
                unlink(path);
        } else if (visit->ledger && !visit->keep) {
            if (err.code == ERR_INVARIANT)
                set_aside(path, err.text);
            else
                say_warning("the spool file %s waits: %s", path, err.text);
        }
    }
    json_decref(whole);
}

static void visit_directory(struct visit *visit, const char *directory)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;

    if (!entries)
        return;
    if (!path_is_private_dir(directory)) {
        if (visit->ledger && !visit->keep)
            say_warning("the spool directory %s is ignored: it is not this user's alone", directory);
        closedir(entries);
        return;
    }
    while ((entry = readdir(entries))) {
        AUTOFREE char *path = mem_printf("%s/%s", directory, entry->d_name);
        size_t length = strlen(entry->d_name);

        if (length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0)
            take_file(visit, path);
    }
    closedir(entries);
}

static bool visit_all(struct visit *visit)
{
    char *place[PLACES];

    places(visit->ledger_path, place);
    for (int i = 0; i < PLACES; i++)
        if (place[i])
            visit_directory(visit, place[i]);
    places_free(place);
    return visit->found;
}

void spool_take_in(struct ledger *ledger)
{
    visit_all(&(struct visit){.ledger_path = ledger->path, .ledger = ledger});
}

bool spool_waits(const char *ledger_path)
{
    return visit_all(&(struct visit){.ledger_path = ledger_path});
}

void spool_show(struct ledger *copy)
{
    visit_all(&(struct visit){.ledger_path = copy->path, .ledger = copy, .keep = true});
}
