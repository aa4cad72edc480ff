/*
 * The sessions of another ledger: which of ours each is, whether there is something new of it, and what it
 * was when it was last taken. That stands in `meta` under "ocr:ID".
 */
#include "import_walk.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

/* --- reading --- */

enum { ID, STATUS, WORKFLOW, PHASE, BRANCH, DIRECTORY, STARTED, UPDATED, ROUND, MAP_RUN };
static const char *const session_columns[] = {
    [ID] = "id",
    [STATUS] = "status",
    [WORKFLOW] = "workflow_type",
    [PHASE] = "current_phase",
    [BRANCH] = "branch",
    [DIRECTORY] = "session_dir",
    [STARTED] = "started_at",
    [UPDATED] = "updated_at",
    [ROUND] = "current_round",
    [MAP_RUN] = "current_map_run",
    [MAP_RUN + 1] = NULL,
};

static int64_t round_or(int64_t round, int64_t otherwise)
{
    return round >= 1 ? round : otherwise;
}

static void load_session(sqlite3_stmt *statement, struct ocr_session *session)
{
    *session = (struct ocr_session){
        .id = ocr_text(statement, ID),
        .status = ocr_text(statement, STATUS),
        .workflow = ocr_text(statement, WORKFLOW),
        .phase = ocr_text(statement, PHASE),
        .branch = ocr_text(statement, BRANCH),
        .directory = ocr_text(statement, DIRECTORY),
        .started_text = ocr_text(statement, STARTED),
        .updated_text = ocr_text(statement, UPDATED),
        .current_round = round_or(ocr_integer(statement, ROUND), 1),
        .current_map_run = round_or(ocr_integer(statement, MAP_RUN), 1),
        .started_at = NO_INT,
        .updated_at = NO_INT,
    };
    ocr_time(session->started_text, &session->started_at);
    ocr_time(session->updated_text, &session->updated_at);
}

static void free_session(struct ocr_session *session)
{
    free(session->id);
    free(session->status);
    free(session->workflow);
    free(session->phase);
    free(session->branch);
    free(session->directory);
    free(session->started_text);
    free(session->updated_text);
}

struct event_list {
    struct ocr_session_event *items;
    size_t count, capacity;
};

static void free_events(struct event_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].type);
        free(list->items[i].phase);
        free(list->items[i].metadata);
    }
    free(list->items);
}

static const char *const event_columns[] = {"id",       "event_type", "phase", "round",
                                            "metadata", "created_at", NULL};

/* Of what has no time that can be read, the time of what came before stands. */
static int load_events(struct import *import, sqlite3_stmt *statement, const struct ocr_session *session,
                       struct event_list *list, struct error *err)
{
    int64_t last = session->started_at;
    int step;

    ocr_bind(statement, session->id, 0);
    while ((step = ocr_step(import->source, statement, err)) > 0) {
        struct ocr_session_event *event;
        AUTOFREE char *at = ocr_text(statement, 5);

        if (list->count == list->capacity) {
            list->capacity = list->capacity ? 2 * list->capacity : 32;
            list->items = mem_resize(list->items, list->capacity * sizeof *list->items);
        }
        event = &list->items[list->count++];
        *event = (struct ocr_session_event){
            .id = ocr_integer(statement, 0),
            .type = ocr_text(statement, 1),
            .phase = ocr_text(statement, 2),
            .round = round_or(ocr_integer(statement, 3), NO_INT),
            .metadata = ocr_text(statement, 4),
            .at = NO_INT,
        };
        if (ocr_time(at, &event->at))
            last = event->at;
        else
            event->at = last;
    }
    return step;
}

/* A session that doesn't say when it began did so with the first of what is known of it. */
static void find_times(struct import *import, struct ocr_session *session, struct event_list *events)
{
    int64_t first = session->updated_at;

    for (size_t i = events->count; i-- > 0;)
        if (events->items[i].at != NO_INT)
            first = events->items[i].at;
    if (session->started_at == NO_INT) {
        import_tally(import->result->altered, "session",
                     "when it began can't be read: the first time known of it stands for that", session->id);
        session->started_at = first == NO_INT ? 0 : first;
    }
    for (size_t i = 0; i < events->count; i++)
        if (events->items[i].at == NO_INT)
            events->items[i].at = session->started_at;
}

/* --- which of ours --- */

/* What is kept of the last import: "row" is all that decides whether there is something new. */
static json_t *record_of(const struct ocr_session *session, const struct event_list *events)
{
    int64_t last = events->count ? events->items[events->count - 1].id : 0;
    json_t *row =
        json_pack("[s?, s?, I, I, s?]", session->status, session->phase, (json_int_t)session->current_round,
                  (json_int_t)session->current_map_run, session->updated_text);

    return json_pack("{s:s, s:s?, s:I, s:o}", "id", session->id, "started_at", session->started_text, "event",
                     (json_int_t)(last == NO_INT ? 0 : last), "row", row);
}

static bool same_session(const json_t *record, const json_t *kept)
{
    return json_equal(json_object_get(record, "id"), json_object_get(kept, "id")) &&
           json_equal(json_object_get(record, "started_at"), json_object_get(kept, "started_at"));
}

/* What was kept for a session of ours; NULL where it wasn't imported. *there: there is such a session. */
static int read_kept(struct import *import, const char *id, bool *there, json_t **kept, struct error *err)
{
    AUTOFREE char *text = NULL;
    int64_t found;

    if (sql_integer(import->ledger, err, &found, "SELECT 1 FROM sessions WHERE id = ?", "t", id) ||
        sql_text(import->ledger, err, &text, "SELECT value FROM meta WHERE key = 'ocr:' || ?", "t", id))
        return -1;
    *there = found == 1;
    *kept = *there && text ? json_loads(text, 0, NULL) : NULL;
    return 0;
}

/*
 * The same id as there, or one made of it where that can't be, or is another session's: two projects may
 * have a session of the same day and branch. *id is NULL where both are; *kept what was kept of it, or NULL.
 */
static int choose_id(struct import *import, const struct ocr_session *session, const json_t *record,
                     char **id, json_t **kept, struct error *err)
{
    char *candidates[] = {session_id_fault(session->id) ? NULL : mem_strdup(session->id),
                          ocr_session_id(session->id, session->started_text)};
    int result = 0;

    *id = NULL;
    *kept = NULL;
    for (int i = 0; i < 2 && !*kept && result == 0; i++) {
        json_t *of_candidate = NULL;
        bool there = false;

        if (!candidates[i])
            continue;
        result = read_kept(import, candidates[i], &there, &of_candidate, err);
        if (of_candidate && same_session(record, of_candidate)) {
            free(*id);
            *id = mem_strdup(candidates[i]);
            *kept = of_candidate;
            continue;
        }
        json_decref(of_candidate);
        if (!there && !*id)
            *id = mem_strdup(candidates[i]);
    }
    free(candidates[0]);
    free(candidates[1]);
    return result;
}

/* --- taking --- */

/* The text of the definition that knows the phase, else of the last; NULL where there is no such workflow. */
static const char *definition_for(const struct import *import, const struct ocr_session *session)
{
    const char *last = NULL;

    for (const struct import_workflow *w = import->request->workflows; w->name; w++)
        for (int i = 0; session->workflow && strcmp(w->name, session->workflow) == 0 && w->definitions[i];
             i++) {
            json_t *definition = json_loads(w->definitions[i], 0, NULL), *phase;
            bool knows = false;
            size_t at;

            json_array_foreach(json_object_get(definition, "phases"), at, phase)
                knows = knows || (session->phase && strcmp(session->phase, json_string_value(phase)) == 0);
            json_decref(definition);
            last = w->definitions[i];
            if (knows)
                return last;
        }
    return last;
}

static int make(struct import *import, const struct ocr_session *session, const struct event_list *events,
                const char *id, struct error *err)
{
    const char *definition = definition_for(import, session);
    bool map = session->workflow && strcmp(session->workflow, "map") == 0;
    int64_t first =
        events->count && events->items[0].round != NO_INT ? events->items[0].round : session->current_round;

    if (!definition)
        import_tally(import->result->altered, "session",
                     "its workflow is neither review nor map: it has none here", session->id);
    if (strcmp(id, session->id) != 0)
        import_tally(import->result->altered, "session",
                     session_id_fault(session->id) ? "its id can't be one here: it has one made of it"
                                                   : "another has its id here: it has one made of it",
                     session->id);
    if (sql_run(import->ledger, err,
                "INSERT INTO sessions (id, workflow, definition, phase, round, started_at, updated_at)"
                " VALUES (?1, ?2, ?3, ?3 ->> '$.initial', ?4, ?5, ?5)",
                "tttii", id, definition ? session->workflow : NULL, definition, map ? (int64_t)1 : first,
                session->started_at))
        return -1;
    return sql_run(import->ledger, err,
                   "INSERT INTO rounds (session, round, opened_at) SELECT id, round, started_at FROM "
                   "sessions WHERE id = ?",
                   "t", id);
}

/* Whether something was done with it here since: but for a stale sweep, which only says that nothing was. */
static int went_on_here(struct import *import, const char *id, bool *went_on, struct error *err)
{
    int64_t found;

    if (sql_integer(import->ledger, err, &found,
                    "SELECT 1 FROM events v WHERE session = ? AND type <> 'session_auto_closed_stale'"
                    " AND data -> '$.ocr' IS NULL AND NOT EXISTS (SELECT 1 FROM executions e"
                    " WHERE e.uid = v.execution AND e.facts -> '$.ocr' IS NOT NULL) LIMIT 1",
                    "t", id))
        return -1;
    *went_on = found == 1;
    return 0;
}

static int keep(struct import *import, const char *id, const json_t *record, struct error *err)
{
    AUTOFREE char *text = json_dumps(record, JSON_COMPACT);

    return sql_run(import->ledger, err,
                   "INSERT INTO meta (key, value) VALUES ('ocr:' || ?1, ?2) ON CONFLICT (key) DO UPDATE SET "
                   "value = ?2",
                   "tt", id, text);
}

static int walk_session(struct import *import, const struct ocr_session *session,
                        const struct event_list *events, const char *id, const json_t *kept,
                        struct error *err)
{
    struct walk walk = {.import = import,
                        .row = session,
                        .events = events->items,
                        .count = events->count,
                        .id = id,
                        .made = kept == NULL};
    int64_t last = json_integer_value(json_object_get(kept, "event"));
    const char *status = json_string_value(json_array_get(json_object_get(kept, "row"), 0));
    AUTOFREE char *definition = NULL;
    int result;

    walk.was_active = status && strcmp(status, "closed") != 0;
    while (kept && walk.from < walk.count && walk.events[walk.from].id <= last)
        walk.from++;
    if (sql_text(import->ledger, err, &definition, "SELECT definition FROM sessions WHERE id = ?", "t", id))
        return -1;
    walk.definition = definition ? json_loads(definition, 0, NULL) : NULL;
    result = import_walk(&walk, err);
    json_decref(walk.definition);
    return result;
}

static int take(struct import *import, const struct ocr_session *session, const struct event_list *events,
                const char *id, const json_t *record, const json_t *kept, struct error *err)
{
    bool went_on = false;

    if (kept && json_equal(record, kept)) {
        import->result->sessions_known++;
        return 0;
    }
    if (kept && went_on_here(import, id, &went_on, err))
        return -1;
    if (went_on) {
        import_tally(import->result->left, "session", "it went on here since it was taken", session->id);
        return 0;
    }
    if (!kept && make(import, session, events, id, err))
        return -1;
    if (kept)
        import->result->sessions_changed++;
    else
        import->result->sessions_new++;
    return walk_session(import, session, events, id, kept, err) || keep(import, id, record, err) ? -1 : 0;
}

static int take_session(struct import *import, sqlite3_stmt *select_events, struct ocr_session *session,
                        struct error *err)
{
    struct event_list events = {0};
    json_t *record = NULL, *kept = NULL;
    AUTOFREE char *id = NULL;
    int result = select_events ? load_events(import, select_events, session, &events, err) : 0;

    if (result == 0) {
        find_times(import, session, &events);
        record = record_of(session, &events);
        result = choose_id(import, session, record, &id, &kept, err);
    }
    if (result == 0 && !id) {
        import_tally(import->result->left, "session", "other sessions have its id here", session->id);
    } else if (result == 0) {
        json_object_set_new(import->sessions, session->id, json_string(id));
        result = take(import, session, &events, id, record, kept, err);
    }
    json_decref(record);
    json_decref(kept);
    free_events(&events);
    return result;
}

/* --- all of them --- */

static int by_start(const void *a, const void *b)
{
    const struct ocr_session *left = a, *right = b;

    if (left->started_at != right->started_at)
        return left->started_at < right->started_at ? -1 : 1;
    return strcmp(left->id, right->id);
}

static int load_sessions(struct import *import, struct ocr_session **sessions, size_t *count,
                         struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        ocr_select(import->source, OCR_SESSIONS, session_columns, "ORDER BY rowid", err);
    int step;

    if (!statement)
        return -1;
    while ((step = ocr_step(import->source, statement, err)) > 0) {
        *sessions = mem_resize(*sessions, (*count + 1) * sizeof **sessions);
        load_session(statement, &(*sessions)[*count]);
        if ((*sessions)[*count].id)
            (*count)++;
        else
            free_session(&(*sessions)[*count]);
    }
    return step;
}

/* Events whose session isn't there. */
static int count_orphans(struct import *import, struct error *err)
{
    static const char *const columns[] = {"id", NULL};
    AUTOSTMT sqlite3_stmt *statement =
        ocr_select(import->source, OCR_EVENTS, columns,
                   ocr_source_has(import->source, OCR_SESSIONS)
                       ? "WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = session_id) ORDER BY 1"
                       : "ORDER BY 1",
                   err);
    int step;

    if (!statement)
        return -1;
    while ((step = ocr_step(import->source, statement, err)) > 0) {
        AUTOFREE char *id = ocr_text(statement, 0);

        import_tally(import->result->left, "event", "its session isn't there", id ? id : "?");
    }
    return step;
}

int import_sessions(struct import *import, struct error *err)
{
    bool events = ocr_source_has(import->source, OCR_EVENTS);
    AUTOSTMT sqlite3_stmt *select_events = NULL;
    struct ocr_session *sessions = NULL;
    size_t count = 0;
    int result = 0;

    if (events && count_orphans(import, err))
        return -1;
    if (!ocr_source_has(import->source, OCR_SESSIONS))
        return 0;
    if (events && !(select_events = ocr_select(import->source, OCR_EVENTS, event_columns,
                                               "WHERE session_id = ? ORDER BY id", err)))
        return -1;
    result = load_sessions(import, &sessions, &count, err);
    if (count)
        qsort(sessions, count, sizeof *sessions, by_start);
    for (size_t i = 0; i < count && result == 0; i++)
        result = take_session(import, select_events, &sessions[i], err);
    for (size_t i = 0; i < count; i++)
        free_session(&sessions[i]);
    free(sessions);
    return result;
}
