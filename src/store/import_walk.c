/*
 * The walk: what each event of a session there is among ours. A completed close needs its round_completed; a
 * close that has none is an aborted one, whatever let it happen there. See the header.
 */
#include "import_walk.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

/* Where the session stands after the events so far. */
struct place {
    struct walk *walk;
    const struct ocr_session_event *event; /* that is being taken; NULL: none, it is inferred from the row */
    size_t next;                           /* the event behind it */
    bool told;                             /* our session_created is written */
    int64_t at;
    int64_t round, opening;
    bool completed; /* the opening's round */
    char *phase;
    const char *close_reason; /* NULL: active */
    int64_t closed_at;
    const char *last_reason; /* the type of the last event that let it be closed; NULL */
    bool reason_is_old;      /* of an earlier opening */
};

static struct ledger *ledger_of(const struct place *place)
{
    return place->walk->import->ledger;
}

static bool is_map(const struct place *place)
{
    return place->walk->row->workflow && strcmp(place->walk->row->workflow, "map") == 0;
}

/* Of a map only map_completed tells the run: in the others the column holds a round. */
static int64_t round_of(const struct place *place, const struct ocr_session_event *event)
{
    bool tells = !is_map(place) || ocr_event_of(event->type) == OCR_MAP_COMPLETED;

    return tells && event->round != NO_INT ? event->round : place->round;
}

/* Writes an event of ours; `object` is freed. */
static int put(struct place *place, const char *type, json_t *object, struct error *err)
{
    const struct ocr_session_event *event = place->event;

    json_object_set_new(object, "ocr",
                        event ? json_pack("{s:I}", "event", (json_int_t)event->id)
                              : json_pack("{s:b}", "inferred", 1));
    return import_event(place->walk->import, place->at, type, place->walk->id, object,
                        event ? event->metadata : NULL, err);
}

static json_t *with_round(int64_t round)
{
    return json_pack("{s:I}", "round", (json_int_t)round);
}

static int tell_created(struct place *place, struct error *err)
{
    const struct ocr_session *row = place->walk->row;

    place->told = true;
    return put(place, "session_created",
               json_pack("{s:s?, s:s, s:s?, s:s?}", "workflow",
                         place->walk->definition ? row->workflow : NULL, "id", row->id, "branch", row->branch,
                         "session_dir", row->directory),
               err);
}

/* --- openings --- */

/* When that round was completed, by the events that are taken; NO_INT: it was not. */
static int completion_of(const struct place *place, int64_t round, int64_t *at, struct error *err)
{
    return sql_integer(ledger_of(place), err, at,
                       "SELECT max(at) FROM events WHERE session = ?1 AND type = 'round_completed'"
                       " AND data ->> '$.round' = ?2",
                       "ti", place->walk->id, round);
}

static int settle(struct place *place, const char *as, int64_t at, struct error *err)
{
    return sql_run(ledger_of(place), err,
                   "UPDATE rounds SET settled_at = ?2, settled_as = ?3 WHERE id = ?1 AND settled_as IS NULL",
                   "iit", place->opening, at, as);
}

/* A round that was completed once is so in each of its openings: it was only looked at again. */
static int complete_opening(struct place *place, int64_t at, struct error *err)
{
    place->completed = true;
    return sql_run(ledger_of(place), err, "UPDATE rounds SET completed_at = ?2 WHERE id = ?1", "ii",
                   place->opening, at);
}

static int open_round(struct place *place, int64_t round, struct error *err)
{
    int64_t completed_at;

    if (completion_of(place, round, &completed_at, err) ||
        sql_run(ledger_of(place), err, "INSERT INTO rounds (session, round, opened_at) VALUES (?1, ?2, ?3)",
                "tii", place->walk->id, round, place->at))
        return -1;
    place->opening = sqlite3_last_insert_rowid(ledger_of(place)->db);
    place->round = round;
    place->completed = false;
    place->reason_is_old = place->last_reason != NULL;
    return completed_at == NO_INT ? 0 : complete_opening(place, completed_at, err);
}

/* A round that was left without being completed stays open for ever: nobody aborted it. */
static int go_to_round(struct place *place, int64_t round, struct error *err)
{
    if (round == place->round)
        return 0;
    if (place->completed && settle(place, "completed", place->at, err))
        return -1;
    return open_round(place, round, err);
}

static int reopen(struct place *place, int64_t round, struct error *err)
{
    const char *initial = json_string_value(json_object_get(place->walk->definition, "initial"));

    if (settle(place, place->close_reason, place->closed_at, err))
        return -1;
    place->close_reason = NULL;
    free(place->phase);
    place->phase = mem_strdup(initial);
    if (open_round(place, round, err))
        return -1;
    return put(place, "session_reopened", with_round(round), err);
}

/* --- closing --- */

/* Whether the opening's round is completed by what comes before the session is opened again. */
static bool will_be_completed(const struct place *place)
{
    enum ocr_event wanted = is_map(place) ? OCR_MAP_COMPLETED : OCR_ROUND_COMPLETED;

    for (size_t i = place->next; i < place->walk->count; i++) {
        const struct ocr_session_event *event = &place->walk->events[i];
        enum ocr_event kind = ocr_event_of(event->type);

        if (kind == wanted && round_of(place, event) == place->round)
            return true;
        if (kind == OCR_CREATED || kind == OCR_RESUMED || kind == OCR_ROUND_STARTED)
            break;
    }
    return false;
}

static int close_as(struct place *place, const char *reason, const char *type, const char *why,
                    struct error *err)
{
    place->close_reason = reason;
    place->closed_at = place->at;
    return put(place, type, json_pack("{s:s*}", "why", why), err);
}

/* Closed by what says nothing of the work: completed where its round is. */
static int close_by_round(struct place *place, struct error *err)
{
    AUTOFREE char *why = NULL;

    if (place->completed || will_be_completed(place))
        return close_as(place, "completed", "session_closed", NULL, err);
    why = mem_printf("Open Code Review closed it, and nothing says that %s %lld was completed%s%s%s",
                     is_map(place) ? "map run" : "round", (long long)place->round,
                     place->last_reason ? "; what let it be closed is a " : "",
                     place->last_reason ? place->last_reason : "",
                     place->last_reason && place->reason_is_old ? " of an earlier round" : "");
    import_tally(place->walk->import->result->altered, "session",
                 "it was closed without its round being completed: it is closed as aborted",
                 place->walk->row->id);
    return close_as(place, "aborted", "session_aborted", why, err);
}

/* --- events --- */

static int take_begin(struct place *place, enum ocr_event kind, struct error *err)
{
    int64_t round = round_of(place, place->event);

    if (kind == OCR_CREATED && !place->told)
        return tell_created(place, err);
    if (place->close_reason) {
        if (reopen(place, round, err))
            return -1;
    } else {
        if (go_to_round(place, round, err))
            return -1;
        if (kind != OCR_ROUND_STARTED)
            return put(place, "session_resumed", json_object(), err);
    }
    return kind == OCR_ROUND_STARTED ? put(place, "round_started", with_round(round), err) : 0;
}

static int take_phase(struct place *place, struct error *err)
{
    const struct ocr_session_event *event = place->event;
    json_t *data;

    if (!place->close_reason && go_to_round(place, round_of(place, event), err))
        return -1;
    data = json_pack("{s:s?, s:s?, s:I}", "from", place->phase, "to", event->phase, "round",
                     (json_int_t)round_of(place, event));
    if (event->phase) {
        free(place->phase);
        place->phase = mem_strdup(event->phase);
    }
    return put(place, "phase_advanced", data, err);
}

static int take_completed(struct place *place, struct error *err)
{
    int64_t round = round_of(place, place->event);

    if (!place->close_reason && round > place->round && go_to_round(place, round, err))
        return -1;
    if (put(place, "round_completed", with_round(round), err))
        return -1;
    if (round == place->round)
        return place->completed ? 0 : complete_opening(place, place->at, err);
    return sql_run(ledger_of(place), err,
                   "UPDATE rounds SET completed_at = ?3, settled_at = coalesce(settled_at, ?3),"
                   " settled_as = coalesce(settled_as, 'completed') WHERE completed_at IS NULL AND id ="
                   " (SELECT max(id) FROM rounds WHERE session = ?1 AND round = ?2)",
                   "tii", place->walk->id, round, place->at);
}

static int take_closing(struct place *place, enum ocr_event kind, struct error *err)
{
    if (kind != OCR_CLOSED) {
        place->last_reason = place->event->type;
        place->reason_is_old = false;
    }
    if (place->close_reason) {
        import_tally(place->walk->import->result->left, "event", "it closes what is closed already",
                     place->event->type);
        return 0;
    }
    if (kind == OCR_ABORTED)
        return close_as(place, "aborted", "session_aborted", "aborted in Open Code Review", err);
    if (kind == OCR_STALE)
        return close_as(place, "stale", "session_auto_closed_stale", NULL, err);
    return close_by_round(place, err);
}

static int take_none(struct place *place, const char *why)
{
    if (ocr_event_of(place->event->type) == OCR_REASON) {
        place->last_reason = place->event->type;
        place->reason_is_old = false;
    }
    import_tally(place->walk->import->result->left, "event", why,
                 place->event->type ? place->event->type : "?");
    return 0;
}

static int take_event(struct place *place, struct error *err)
{
    enum ocr_event kind = ocr_event_of(place->event->type);

    switch (kind) {
    case OCR_CREATED:
    case OCR_RESUMED:
    case OCR_ROUND_STARTED:
        return take_begin(place, kind, err);
    case OCR_PHASE:
        return take_phase(place, err);
    case OCR_ROUND_COMPLETED:
    case OCR_MAP_COMPLETED:
        if ((kind == OCR_MAP_COMPLETED) != is_map(place))
            return take_none(place, "it completes what is no part of its session's workflow");
        return take_completed(place, err);
    case OCR_CLOSED:
    case OCR_ABORTED:
    case OCR_STALE:
        return take_closing(place, kind, err);
    case OCR_REASON:
        return take_none(place, "there is no such event here: it says nothing of the work");
    case OCR_UNKNOWN:
        break;
    }
    return take_none(place, "there is no such event here");
}

static int take_events(struct place *place, struct error *err)
{
    for (size_t i = place->walk->from; i < place->walk->count; i++) {
        const struct ocr_session_event *event = &place->walk->events[i];

        place->event = event;
        place->next = i + 1;
        if (!place->told && ocr_event_of(event->type) != OCR_CREATED) {
            place->event = NULL;
            if (tell_created(place, err))
                return -1;
            place->event = event;
        }
        place->at = event->at;
        if (take_event(place, err))
            return -1;
    }
    place->event = NULL;
    return !place->told ? tell_created(place, err) : 0;
}

/* --- the row --- */

static void tally_row(const struct place *place, const char *why)
{
    import_tally(place->walk->import->result->altered, "session", why, place->walk->row->id);
}

/* Whether what closed it last there was an abort, or a sweep: that it was completed doesn't undo it. */
static bool closed_unfinished(const struct walk *walk)
{
    enum ocr_event first = OCR_UNKNOWN;

    for (size_t i = 0; i < walk->count; i++) {
        enum ocr_event kind = ocr_event_of(walk->events[i].type);

        if (kind == OCR_CREATED || kind == OCR_RESUMED || kind == OCR_ROUND_STARTED)
            first = OCR_UNKNOWN;
        else if (first == OCR_UNKNOWN && (kind == OCR_CLOSED || kind == OCR_ABORTED || kind == OCR_STALE))
            first = kind;
    }
    return first == OCR_ABORTED || first == OCR_STALE;
}

/* What its row there says wins over its events, but that a round was completed only an event can say. */
static int follow_row(struct place *place, struct error *err)
{
    const struct ocr_session *row = place->walk->row;
    int64_t round = is_map(place) ? row->current_map_run : row->current_round;
    bool closed = row->status && strcmp(row->status, "closed") == 0;

    if (row->updated_at != NO_INT && row->updated_at > place->at)
        place->at = row->updated_at;
    if (place->close_reason && (!closed || round != place->round)) {
        tally_row(place, closed ? "its row is in another round than its events: the row's stands"
                                : "its row is active, its last event closed it: it is active");
        if (reopen(place, round, err))
            return -1;
    }
    if (place->completed && place->close_reason && strcmp(place->close_reason, "completed") != 0 &&
        !closed_unfinished(place->walk)) {
        tally_row(place, "its round was completed after it had been taken as aborted: it is closed anew");
        if (reopen(place, round, err))
            return -1;
    }
    if (round != place->round) {
        tally_row(place, "its row is in another round than its events: the row's stands");
        if (go_to_round(place, round, err) || put(place, "round_started", with_round(round), err))
            return -1;
    }
    return closed && !place->close_reason ? close_by_round(place, err) : 0;
}

static bool knows_phase(const json_t *definition, const char *phase)
{
    const json_t *known;
    size_t i;

    json_array_foreach(json_object_get(definition, "phases"), i, known)
        if (strcmp(json_string_value(known), phase) == 0)
            return true;
    return json_array_size(json_object_get(definition, "phases")) == 0;
}

/* The row's phase; of what the workflow doesn't know the events', and of that the initial one. */
static const char *phase_at_last(const struct place *place)
{
    const char *row = place->walk->row->phase;

    if (row && knows_phase(place->walk->definition, row)) {
        if (!place->close_reason && place->phase && strcmp(row, place->phase) != 0)
            tally_row(place, "its row is in another phase than its events: the row's stands");
        return row;
    }
    if (row)
        tally_row(place, "its workflow doesn't know the phase of its row");
    if (place->phase && knows_phase(place->walk->definition, place->phase))
        return place->phase;
    return json_string_value(json_object_get(place->walk->definition, "initial"));
}

/* The row is written once, at the end: what is closed takes no change. */
static int write_row(struct place *place, struct error *err)
{
    if (place->close_reason && settle(place, place->close_reason, place->closed_at, err))
        return -1;
    if (sql_run(ledger_of(place), err,
                "UPDATE sessions SET status = 'active', close_reason = NULL, closed_at = NULL WHERE id = ?",
                "t", place->walk->id))
        return -1;
    return sql_run(ledger_of(place), err,
                   "UPDATE sessions SET status = iif(?2 IS NULL, 'active', 'closed'), close_reason = ?2,"
                   " closed_at = iif(?2 IS NULL, NULL, ?3), phase = ?4, round = ?5,"
                   " updated_at = max(updated_at, ?6) WHERE id = ?1",
                   "ttitii", place->walk->id, place->close_reason, place->closed_at, phase_at_last(place),
                   place->round, place->at);
}

/* --- from where, and all of it --- */

static const char *reason_named(const char *name)
{
    static const char *const reasons[] = {"completed", "aborted", "stale"};

    for (size_t i = 0; name && i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(name, reasons[i]) == 0)
            return reasons[i];
    return NULL;
}

/* Where our ledger has it. */
static int load_place(struct place *place, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement =
        sql_bind(ledger_of(place), err,
                 "SELECT s.close_reason, s.closed_at, s.phase, r.id, r.round, r.completed_at IS NOT NULL"
                 " FROM sessions s JOIN rounds r ON r.session = s.id WHERE s.id = ? ORDER BY r.id DESC "
                 "LIMIT 1",
                 "t", place->walk->id);

    if (!statement)
        return -1;
    switch (sql_step(place->walk->import->ledger, statement, err)) {
    case 1:
        break;
    case 0:
        return error_set(err, ERR_INVARIANT, "session %s has no round; see `supervise db check`",
                         place->walk->id);
    default:
        return -1;
    }
    place->close_reason = reason_named((const char *)sqlite3_column_text(statement, 0));
    place->closed_at = sqlite3_column_int64(statement, 1);
    place->phase = mem_strdup((const char *)sqlite3_column_text(statement, 2));
    place->opening = sqlite3_column_int64(statement, 3);
    place->round = sqlite3_column_int64(statement, 4);
    place->completed = sqlite3_column_int(statement, 5);
    return 0;
}

int import_walk(struct walk *walk, struct error *err)
{
    struct place place = {
        .walk = walk, .next = walk->count, .told = !walk->made, .at = walk->row->started_at};
    int result = load_place(&place, err);

    /* Where nothing is new but the row, that was after all its events. */
    for (size_t i = 0; i < walk->count && (i <= walk->from || walk->from == walk->count); i++)
        if (walk->events[i].at > place.at)
            place.at = walk->events[i].at;
    if (result == 0 && walk->was_active && place.close_reason)
        result = reopen(&place, place.round, err);
    if (result == 0)
        result = take_events(&place, err) || follow_row(&place, err) || write_row(&place, err) ? -1 : 0;
    free(place.phase);
    return result;
}
