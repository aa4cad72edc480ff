/* Where the spool is, and how an end gets there: see supervise/store/spool.h. */
#include "spool.h"
#include "rows.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/store/spool.h>

/* Where ends may wait, in order; a place that doesn't apply is NULL. The caller frees each. */
void spool_places(const char *ledger_path, char *place[SPOOL_PLACES])
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

void spool_places_free(char *place[SPOOL_PLACES])
{
    for (int i = 0; i < SPOOL_PLACES; i++)
        free(place[i]);
}

static json_t *number(int64_t value)
{
    return value == NO_INT ? json_null() : json_integer(value);
}

static json_t *text(const char *value)
{
    return value ? exact_text(value, strlen(value)) : json_null();
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
        "argv", exact_bytes(start->argv, start->argv_size));
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
    json_t *whole = json_pack("{s:i, s:o, s:o, s:o}", "version", SPOOL_VERSION, "ledger", text(ledger_path),
                              "execution", start_json(start, begun), "end", end_json(end));
    AUTOFREE char *content = whole ? json_dumps(whole, JSON_INDENT(1)) : NULL;
    char *place[SPOOL_PLACES];

    json_decref(whole);
    *path = NULL;
    spool_places(ledger_path, place);
    for (int i = 0; i < SPOOL_PLACES && content && !*path; i++) {
        if (!place[i])
            continue;
        *path = mem_printf("%s/%s.json", place[i], start->uid);
        if (place_usable(place[i], i == 0) && write_file(*path, content) == 0)
            continue;
        free(*path);
        *path = NULL;
    }
    spool_places_free(place);
    return *path ? 0 : error_set(err, ERR_OTHER, "no place would keep it in a spool file either");
}
