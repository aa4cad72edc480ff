/*
 * The commands of another ledger, in the order in which they began. What was in flight there when it was read
 * is left: how it ends isn't known yet, and a later import takes it.
 */
#include "import.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/ocr.h>
#include <supervise/domain/outcome.h>

enum {
    ID,
    UID,
    COMMAND,
    ARGS,
    EXIT_CODE,
    STARTED,
    FINISHED,
    OUTPUT,
    WORKFLOW_ID,
    VENDOR,
    VENDOR_SESSION,
    PERSONA,
    INSTANCE,
    NAME,
    MODEL,
    HEARTBEAT,
    NOTES
};
static const char *const columns[] = {
    [ID] = "id",
    [UID] = "uid",
    [COMMAND] = "command",
    [ARGS] = "args",
    [EXIT_CODE] = "exit_code",
    [STARTED] = "started_at",
    [FINISHED] = "finished_at",
    [OUTPUT] = "output",
    [WORKFLOW_ID] = "workflow_id",
    [VENDOR] = "vendor",
    [VENDOR_SESSION] = "vendor_session_id",
    [PERSONA] = "persona",
    [INSTANCE] = "instance_index",
    [NAME] = "name",
    [MODEL] = "resolved_model",
    [HEARTBEAT] = "last_heartbeat_at",
    [NOTES] = "notes",
    [NOTES + 1] = NULL,
};

/* One of them on its way. Owns its texts. */
struct command {
    sqlite3_stmt *row;
    int64_t id, started_at;
    bool start_known;
    char uid[UID_LENGTH + 1];
    char *own_uid, *command, *started_text, *finished_text, *output, *workflow_id;
    const char *session; /* ours; NULL */
    enum ocr_kind kind;
    int64_t finished_at, heartbeat_at, duration_ms;
    struct ocr_end end;
    struct import_log log;
    json_t *notes, *facts;
};

static void load(struct command *command)
{
    AUTOFREE char *heartbeat = ocr_text(command->row, HEARTBEAT);

    command->own_uid = ocr_text(command->row, UID);
    command->command = ocr_text(command->row, COMMAND);
    command->started_text = ocr_text(command->row, STARTED);
    command->finished_text = ocr_text(command->row, FINISHED);
    command->output = ocr_text(command->row, OUTPUT);
    command->workflow_id = ocr_text(command->row, WORKFLOW_ID);
    if (!command->command)
        command->command = mem_strdup("");
    command->heartbeat_at = NO_INT;
    ocr_time(heartbeat, &command->heartbeat_at);
    command->kind = ocr_kind_of(command->command, heartbeat != NULL);
    command->notes = json_array();
    command->facts = json_object();
}

static void unload(struct command *command)
{
    free(command->own_uid);
    free(command->command);
    free(command->started_text);
    free(command->finished_text);
    free(command->output);
    free(command->workflow_id);
    free(command->log.path);
    free(command->log.last_line);
    free(command->log.lost);
    json_decref(command->notes);
    json_decref(command->facts);
}

static void note(struct command *command, char *text)
{
    json_array_append_new(command->notes, json_string(text));
    free(text);
}

static void tally(json_t *list, const struct command *command, const char *why)
{
    AUTOFREE char *name = mem_printf("%lld", (long long)command->id);

    import_tally(list, "execution", why, name);
}

/* --- what it was --- */

static void find_session(struct import *import, struct command *command)
{
    if (!command->workflow_id)
        return;
    command->session = json_string_value(json_object_get(import->sessions, command->workflow_id));
    if (command->session)
        return;
    tally(import->result->altered, command, "its session isn't there: it has none");
    note(command, mem_printf("of session %s, which was not there", command->workflow_id));
}

/* The real time between two readings of the clock there is all that is known of how long it took. */
static void find_times(struct import *import, struct command *command)
{
    bool known = ocr_time(command->finished_text, &command->finished_at);

    if (!known) {
        command->finished_at =
            command->heartbeat_at > command->started_at ? command->heartbeat_at : command->started_at;
        tally(import->result->altered, command,
              "when it ended can't be read: its last sign of life stands for that");
        note(command, mem_printf("when it ended can't be read: \"%.40s\"",
                                 command->finished_text ? command->finished_text : ""));
    }
    if (!command->start_known) {
        tally(import->result->altered, command,
              "when it began can't be read: the time of the row before stands for that");
        note(command, mem_printf("when it began can't be read: \"%.40s\"",
                                 command->started_text ? command->started_text : ""));
    }
    command->duration_ms = command->finished_at - command->started_at;
    if (command->duration_ms < 0) {
        note(command, mem_strdup("it ended before it began, by its own times"));
        command->finished_at = command->started_at;
        known = false;
    }
    if (!known || !command->start_known || command->end.exit_code == EXIT_ORPHANED)
        command->duration_ms = NO_INT;
}

static void find_end(struct import *import, struct command *command)
{
    int64_t code = ocr_integer(command->row, EXIT_CODE);

    command->end = ocr_end_of(&(struct ocr_recorded){.has_code = code != NO_INT,
                                                     .code = code,
                                                     .in_session = command->session != NULL,
                                                     .output = command->output});
    if (command->end.unknown_end) {
        json_object_set_new(command->facts, "unknown_end", json_string(command->end.unknown_end));
        tally(import->result->altered, command, command->end.unknown_end);
    }
    if (command->end.unknown_end && code != NO_INT && code != -1 && code != -4)
        note(command, mem_printf("its exit code there is %lld", (long long)code));
    if (command->end.spawn_error)
        json_object_set_new(command->facts, "spawn_error",
                            json_stringn(command->end.spawn_error, command->end.spawn_error_length));
    if (command->end.note)
        note(command, mem_strdup(command->end.note));
}

/* What our rows have no column for. */
static void describe(struct command *command)
{
    static const char *const kinds[] = {
        [OCR_UTILITY] = "utility", [OCR_SUPERVISOR] = "supervisor", [OCR_INSTANCE] = "instance"};
    AUTOFREE char *persona = ocr_text(command->row, PERSONA);
    AUTOFREE char *instance = ocr_text(command->row, INSTANCE);
    AUTOFREE char *model = ocr_text(command->row, MODEL);
    AUTOFREE char *notes = ocr_text(command->row, NOTES);
    char *rest = NULL;

    note(command,
         mem_printf("imported from Open Code Review: %s%s%s%s%s%s%s", kinds[command->kind],
                    persona ? ", persona " : "", persona ? persona : "", instance ? ", instance " : "",
                    instance ? instance : "", model ? ", model " : "", model ? model : ""));
    for (char *line = notes ? strtok_r(notes, "\r\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\r\n", &rest))
        note(command, mem_strdup(line));
    json_object_set_new(command->facts, "ocr",
                        json_pack("{s:I, s:s?}", "id", (json_int_t)command->id, "uid", command->own_uid));
}

static void keep_output(struct import *import, struct command *command)
{
    size_t size = command->output ? strlen(command->output) : 0;

    if (size == 0)
        return;
    import->request->keep_log(import->request->context, command->uid, command->finished_at, command->output,
                              size, &command->log);
    if (command->log.path)
        import->result->logs++;
    if (command->log.last_line)
        json_object_set_new(command->facts, "last_line", json_string(command->log.last_line));
    if (command->log.lost) {
        json_object_set_new(command->facts, "log_lost", json_string(command->log.lost));
        tally(import->result->altered, command, "its output could not be kept, or not whole");
    }
}

/* --- the row --- */

/* The opening in which it ended. */
static int find_opening(struct import *import, const struct command *command, int64_t *opening,
                        struct error *err)
{
    return sql_integer(import->ledger, err, opening,
                       "SELECT id FROM rounds WHERE session = ?1"
                       " ORDER BY opened_at > ?2, iif(opened_at > ?2, -id, opened_at) DESC, id DESC LIMIT 1",
                       "ti", command->session, command->finished_at);
}

/* Why its round was aborted belongs to its explanation. */
static int find_why(struct import *import, struct command *command, int64_t opening, struct error *err)
{
    AUTOFREE char *why = NULL;

    if (sql_text(import->ledger, err, &why,
                 "SELECT v.data ->> '$.why' FROM rounds r JOIN events v ON v.session = r.session"
                 " AND v.type = 'session_aborted' AND v.at = r.settled_at"
                 " WHERE r.id = ? AND r.settled_as = 'aborted' ORDER BY v.id DESC LIMIT 1",
                 "i", opening))
        return -1;
    if (why)
        json_object_set_new(command->facts, "why", json_string(why));
    return 0;
}

static const char INSERT[] =
    "INSERT INTO executions (uid, name, session, drives, opening, command, exit_code, stopped_by, started_at,"
    " finished_at, heartbeat_at, activity_at, duration_ms, log, agent, agent_session, facts, notes)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

/* An id that begins as options do is no id: it would be one where the agent is resumed with it. */
static char *agent_session_of(struct import *import, struct command *command)
{
    char *id = ocr_text(command->row, VENDOR_SESSION);

    if (!id || *id != '-')
        return id;
    tally(import->result->altered, command, "its agent's session id begins as options do");
    note(command, mem_printf("its agent's session id there: %s", id));
    free(id);
    return NULL;
}

static int insert(struct import *import, struct command *command, int64_t opening, struct error *err)
{
    AUTOFREE char *args = ocr_text(command->row, ARGS), *name = ocr_text(command->row, NAME),
                  *agent = ocr_text(command->row, VENDOR), *agent_session = agent_session_of(import, command),
                  *words = ocr_command(command->command, args),
                  *facts = json_dumps(command->facts, JSON_COMPACT),
                  *notes = json_dumps(command->notes, JSON_COMPACT);
    /* A reviewer's instance has done its own part: whether the review was completed is its caller's. */
    bool drives = command->session && command->kind != OCR_INSTANCE;

    return sql_run(import->ledger, err, INSERT,
                   "tttii"
                   "titi"
                   "iii"
                   "ttt"
                   "tt",
                   command->uid, name, command->session, (int64_t)drives, opening, words,
                   (int64_t)command->end.exit_code, command->end.stopped_by, command->started_at,
                   command->finished_at, command->heartbeat_at, command->duration_ms, command->log.path,
                   agent, agent_session, facts, notes);
}

static int write_events(struct import *import, const struct command *command, struct error *err)
{
    struct execution *row = NULL;
    int result;

    if (event_insert(import->ledger, command->started_at, "execution_started", NULL, command->uid, NULL,
                     err) ||
        execution_judge(import->ledger, command->uid, &row, err))
        return -1;
    result = execution_end_event(import->ledger, row, command->finished_at, "execution_finished", 0, err);
    execution_free(row);
    import->result->events += 2;
    return result;
}

/* --- whether it is taken --- */

/*
 * 1 where our ledger has it, 0, -1. A row that had no uid when it was taken may have been given one since. An
 * execution of ours whose UID a row there has is the same one: it ran under both.
 */
static int is_known(struct import *import, struct command *command, int64_t before, struct error *err)
{
    char without[UID_LENGTH + 1];
    int64_t found;

    ocr_uid(command->own_uid, command->id, command->command, command->started_text, command->uid);
    ocr_uid(NULL, command->id, command->command, command->started_text, without);
    if (sql_integer(import->ledger, err, &found, "SELECT min(id) FROM executions WHERE uid IN (?1, ?2)", "tt",
                    command->uid, without))
        return -1;
    if (found == NO_INT)
        return 0;
    if (found > before)
        tally(import->result->left, command, "another row has its uid, and began at the same time");
    else
        import->result->executions_known++;
    return 1;
}

static int take_row(struct import *import, struct command *command, int64_t before, struct error *err)
{
    int64_t opening = NO_INT;
    int known;

    load(command);
    if (!command->finished_text && ocr_integer(command->row, EXIT_CODE) == NO_INT) {
        tally(import->result->left, command, "it is still in flight there: it is taken once it has ended");
        return 0;
    }
    if ((known = is_known(import, command, before, err)) != 0)
        return known < 0 ? -1 : 0;
    find_session(import, command);
    find_end(import, command);
    find_times(import, command);
    describe(command);
    if (command->session &&
        (find_opening(import, command, &opening, err) || find_why(import, command, opening, err)))
        return -1;
    if (!import->request->dry_run)
        keep_output(import, command);
    import->result->executions_new++;
    return insert(import, command, opening, err) || write_events(import, command, err) ? -1 : 0;
}

/* --- all of them --- */

struct start {
    int64_t id, at;
    bool known;
};
struct start_list {
    struct start *items;
    size_t count, capacity;
};

static int by_time(const void *a, const void *b)
{
    const struct start *left = a, *right = b;

    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

/* When each began. One that doesn't say stands with the row before it. */
static int load_starts(struct import *import, struct start_list *starts, struct error *err)
{
    static const char *const when[] = {"id", "started_at", NULL};
    AUTOSTMT sqlite3_stmt *statement = ocr_select(import->source, OCR_EXECUTIONS, when, "ORDER BY id", err);
    int64_t last = 0;
    int step;

    if (!statement)
        return -1;
    while ((step = ocr_step(import->source, statement, err)) > 0) {
        AUTOFREE char *at = ocr_text(statement, 1);
        struct start *start;

        if (starts->count == starts->capacity) {
            starts->capacity = starts->capacity ? 2 * starts->capacity : 256;
            starts->items = mem_resize(starts->items, starts->capacity * sizeof *starts->items);
        }
        start = &starts->items[starts->count++];
        *start = (struct start){.id = ocr_integer(statement, 0), .at = last};
        start->known = ocr_time(at, &start->at);
        last = start->at;
    }
    if (starts->count)
        qsort(starts->items, starts->count, sizeof *starts->items, by_time);
    return step;
}

static int take_each(struct import *import, const struct start_list *starts, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        ocr_select(import->source, OCR_EXECUTIONS, columns, "WHERE id = ?", err);
    int64_t before;
    int result = 0;

    if (!statement ||
        sql_integer(import->ledger, err, &before, "SELECT coalesce(max(id), 0) FROM executions", ""))
        return -1;
    for (size_t i = 0; i < starts->count && result == 0; i++) {
        struct command command = {.row = statement,
                                  .id = starts->items[i].id,
                                  .started_at = starts->items[i].at,
                                  .start_known = starts->items[i].known};

        ocr_bind(statement, NULL, command.id);
        result = ocr_step(import->source, statement, err);
        if (result > 0)
            result = take_row(import, &command, before, err);
        unload(&command);
    }
    return result;
}

int import_executions(struct import *import, struct error *err)
{
    struct start_list starts = {0};
    int result;

    if (!ocr_source_has(import->source, OCR_EXECUTIONS))
        return 0;
    result = load_starts(import, &starts, err) || take_each(import, &starts, err) ? -1 : 0;
    free(starts.items);
    return result;
}
