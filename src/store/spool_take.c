/* The spool, taken in, shown and listed: see supervise/store/spool.h. */
#include "rows.h"
#include "spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/store/spool.h>

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
    const json_t *argv = json_object_get(execution, "argv");
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

    start.argv = json_string_value(argv);
    start.argv_size = json_string_length(argv);
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

/* What the file holds, or NULL. *fault then says why it is no spool file; NULL: it isn't ours to read; "": it
 * has gone. */
static json_t *read_file(const char *path, const char **fault)
{
    static json_error_t where;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *file;
    json_t *whole;

    *fault = fd < 0 && errno == ENOENT ? "" : NULL;
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
    if (whole && get_number(whole, "version") == SPOOL_VERSION && get_text(whole, "ledger") &&
        get_text(json_object_get(whole, "execution"), "uid") &&
        get_number(json_object_get(whole, "end"), "exit_code") != NO_INT)
        return whole;
    *fault = whole ? "it is no spool file of this version" : where.text;
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
    json_t *list; /* of all that lies there; or NULL */
};

static void take_file(struct visit *visit, const char *path)
{
    bool take = visit->ledger && !visit->keep;
    const char *fault;
    json_t *whole = read_file(path, &fault);
    struct error err;

    if (!whole) {
        if (take && !fault)
            say_warning("the spool file %s is ignored: it is not a file of this user with mode 0600", path);
        else if (take && *fault)
            set_aside(path, fault);
        return;
    }
    if (same_ledger(get_text(whole, "ledger"), visit->ledger_path)) {
        visit->found = true;
        if (visit->ledger && take_end(visit->ledger, whole, &err) == 0) {
            if (take)
                unlink(path);
        } else if (take) {
            if (err.code == ERR_INVARIANT)
                set_aside(path, err.text);
            else
                say_warning("the spool file %s waits: %s", path, err.text);
        }
    }
    json_decref(whole);
}

static void note(struct visit *visit, const char *path, const char *state)
{
    json_array_append_new(visit->list,
                          json_pack("{s:o, s:s}", "path", exact_text(path, strlen(path)), "state", state));
}

/* What lies there as it will be met by who takes it in; the ends of other ledgers are nobody's business. */
static void note_file(struct visit *visit, const char *path)
{
    const char *fault;
    json_t *whole = read_file(path, &fault);

    if (!whole && !(fault && !*fault))
        note(visit, path, fault ? "unreadable" : "ignored");
    else if (whole && same_ledger(get_text(whole, "ledger"), visit->ledger_path))
        note(visit, path, "waiting");
    json_decref(whole);
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);

    return length > tail && strcmp(name + length - tail, ending) == 0;
}

static void visit_file(struct visit *visit, const char *path)
{
    if (ends_with(path, ".json") && visit->list)
        note_file(visit, path);
    else if (ends_with(path, ".json"))
        take_file(visit, path);
    else if (visit->list && ends_with(path, ".json.bad"))
        note(visit, path, "set-aside");
    else if (visit->list && ends_with(path, ".json.tmp"))
        note(visit, path, "half-written");
}

/* A name in a directory of the spool, and when what it names was written. */
struct waiting {
    char *path;
    struct timespec written;
};

static int by_age(const void *one, const void *other)
{
    const struct timespec *first = &((const struct waiting *)one)->written;
    const struct timespec *second = &((const struct waiting *)other)->written;

    if (first->tv_sec != second->tv_sec)
        return first->tv_sec < second->tv_sec ? -1 : 1;
    return first->tv_nsec < second->tv_nsec ? -1 : first->tv_nsec > second->tv_nsec;
}

/* Oldest first, as the ends came: the history is written in that order. */
static void visit_entries(struct visit *visit, const char *directory, DIR *entries)
{
    struct waiting *list = NULL;
    size_t count = 0;
    struct dirent *entry;
    struct stat status;

    while ((entry = readdir(entries))) {
        if (fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) || S_ISDIR(status.st_mode))
            continue;
        list = mem_resize(list, (count + 1) * sizeof *list);
        list[count++] = (struct waiting){mem_printf("%s/%s", directory, entry->d_name), status.st_mtim};
    }
    if (count > 1)
        qsort(list, count, sizeof *list, by_age);
    for (size_t i = 0; i < count; i++) {
        visit_file(visit, list[i].path);
        free(list[i].path);
    }
    free(list);
}

static void visit_directory(struct visit *visit, const char *directory)
{
    DIR *entries = opendir(directory);

    if (!entries)
        return;
    if (path_is_private_dir(directory))
        visit_entries(visit, directory, entries);
    else if (visit->list)
        note(visit, directory, "ignored");
    else if (visit->ledger && !visit->keep)
        say_warning("the spool directory %s is ignored: it is not this user's alone", directory);
    closedir(entries);
}

static bool visit_all(struct visit *visit)
{
    char *place[SPOOL_PLACES];

    spool_places(visit->ledger_path, place);
    for (int i = 0; i < SPOOL_PLACES; i++)
        if (place[i])
            visit_directory(visit, place[i]);
    spool_places_free(place);
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

json_t *spool_list(const char *ledger_path)
{
    json_t *list = json_array();

    visit_all(&(struct visit){.ledger_path = ledger_path, .list = list});
    return list;
}
