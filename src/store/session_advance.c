/* Moving a session through its phases: advance, complete the round, begin the next one. The rules are those
 * of domain/phases.h; each move is one transaction with its events. */
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/domain/id.h>
#include <supervise/domain/phases.h>
#include <supervise/store/session.h>

/* ---- Rounds ---- */

/* An event whose data are `facts`, a JSON object, with the caller's JSON in their member "data". */
static int event_with_data(struct ledger *ledger, int64_t at, const char *type, const char *id,
                           const char *execution, const char *facts, const char *data, struct error *err)
{
    AUTOFREE char *text = NULL;

    if (!data)
        return event_insert(ledger, at, type, id, execution, facts, err);
    if (sql_text(ledger, err, &text, "SELECT json_insert(?1, '$.data', json(?2))", "tt", facts, data))
        return -1;
    return event_insert(ledger, at, type, id, execution, text, err);
}

int round_complete(struct ledger *ledger, const char *id, const char *execution, const char *data, int64_t at,
                   bool *completed, struct error *err)
{
    AUTOFREE char *facts = NULL;

    if (sql_text(ledger, err, &facts,
                 "SELECT json_object('round', round) FROM rounds WHERE session = ?1 AND completed_at IS NULL"
                 " AND id = (SELECT max(id) FROM rounds WHERE session = ?1)",
                 "t", id))
        return -1;
    *completed = facts != NULL;
    if (!facts)
        return 0;
    if (event_with_data(ledger, at, "round_completed", id, execution, facts, data, err))
        return -1;
    return sql_run(
        ledger, err,
        "UPDATE rounds SET completed_at = ?2 WHERE id = (SELECT max(id) FROM rounds WHERE session = ?1)",
        "ti", id, at);
}

int round_settle(struct ledger *ledger, const char *id, const char *as, int64_t at, struct error *err)
{
    return sql_run(ledger, err,
                   "UPDATE rounds SET settled_at = ?3, settled_as = ?2"
                   " WHERE id = (SELECT max(id) FROM rounds WHERE session = ?1)",
                   "tti", id, as, at);
}

/* ---- Where it stands, and why it may not go on ---- */

struct standing {
    bool closed;
    char *workflow, *phase;
    json_t *definition;
    int64_t round;
};

static void standing_free(struct standing *standing)
{
    free(standing->workflow);
    free(standing->phase);
    json_decref(standing->definition);
}

static int read_standing(struct ledger *ledger, const char *id, struct standing *standing, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(
        ledger, err,
        "SELECT status = 'closed', round, workflow, phase, definition FROM sessions WHERE id = ?", "t", id);
    const char *definition;
    int step;

    if (!statement || (step = sql_step(ledger, statement, err)) < 0)
        return -1;
    if (step == 0)
        return error_set(err, ERR_NOT_FOUND, "no session \"%s\"; `supervise session list` shows them", id);
    standing->closed = sqlite3_column_int(statement, 0);
    standing->round = sqlite3_column_int64(statement, 1);
    standing->workflow = mem_strdup((const char *)sqlite3_column_text(statement, 2));
    standing->phase = mem_strdup((const char *)sqlite3_column_text(statement, 3));
    definition = (const char *)sqlite3_column_text(statement, 4);
    if (definition)
        standing->definition = json_loads(definition, 0, NULL);
    return 0;
}

/* "a, b, c"; the caller frees. */
static char *joined(const json_t *strings)
{
    struct buf out = {0};
    const json_t *string;
    size_t i;

    json_array_foreach(strings, i, string)
        buf_printf(&out, "%s%s", i ? ", " : "", json_string_value(string));
    return buf_take(&out);
}

static int refuse_unknown(const struct standing *standing, const char *id, const char *to, struct error *err)
{
    const json_t *phases = json_object_get(standing->definition, "phases"), *phase;
    const char **names = mem_alloc((json_array_size(phases) + 1) * sizeof *names), *nearest;
    AUTOFREE char *all = joined(phases);
    size_t i;

    json_array_foreach(phases, i, phase)
        names[i] = json_string_value(phase);
    nearest = text_nearest(to, names);
    if (!phases_any(standing->definition))
        error_set(err, ERR_ILLEGAL, "cannot advance session %s to \"%.200s\": a phase's name that %s", id, to,
                  name_fault(to));
    else
        error_set(err, ERR_ILLEGAL,
                  "cannot advance session %s to \"%.200s\": workflow %s has no such phase%s%s%s; its phases "
                  "are: %s",
                  id, to, standing->workflow, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                  nearest ? "\"?" : "", all);
    free(names);
    return -1;
}

static int refuse_edge(const struct standing *standing, const char *id, const char *to, struct error *err)
{
    AUTOFREE char *targets =
        standing->phase ? joined(phase_targets(standing->definition, standing->phase)) : mem_strdup("");

    return error_set(err, ERR_ILLEGAL,
                     "cannot advance session %s from %s to %s: what can be reached from %s is: %s", id,
                     standing->phase ? standing->phase : "no phase", to,
                     standing->phase ? standing->phase : "there", *targets ? targets : "nothing");
}

static int refuse_round(const struct standing *standing, const char *id, struct error *err)
{
    const char *initial = json_string_value(json_object_get(standing->definition, "initial"));

    if (!initial)
        return error_set(
            err, ERR_ILLEGAL,
            "cannot begin another round of session %s: it has no phases that lead to one; close it, and"
            " begin it again",
            id);
    return error_set(
        err, ERR_ILLEGAL,
        "cannot begin such a round of session %s: it is in phase %s of round %lld, and round %lld begins"
        " with the way from a final phase to %s",
        id, standing->phase ? standing->phase : "(none)", (long long)standing->round,
        (long long)standing->round + (standing->round < INT64_MAX), initial);
}

static int refuse_several(const struct standing *standing, const char *id, struct error *err)
{
    AUTOFREE char *final = joined(json_object_get(standing->definition, "final"));

    return error_set(err, ERR_ILLEGAL,
                     "cannot complete the round of session %s: several phases are final: %s; name one with"
                     " `supervise session advance`",
                     id, final);
}

/* ---- The moves ---- */

static int write_move(struct ledger *ledger, const struct advance_request *request,
                      const struct standing *standing, const char *to, int64_t at, struct error *err)
{
    json_t *object = json_pack("{s:s?, s:s, s:I}", "from", standing->phase, "to", to, "round",
                               (json_int_t)standing->round);
    AUTOFREE char *facts = json_dumps(object, JSON_COMPACT);
    /* Into a final phase they go with the completion. */
    const char *data = phase_final(standing->definition, to) ? NULL : request->data;

    json_decref(object);
    if (sql_run(ledger, err, "UPDATE sessions SET phase = ?2, round = ?3 WHERE id = ?1", "tti", request->id,
                to, standing->round))
        return -1;
    return event_with_data(ledger, at, "phase_advanced", request->id, request->execution_uid, facts, data,
                           err);
}

/* What was completed is settled, and what comes is judged by an opening of its own. */
static int open_next_round(struct ledger *ledger, const char *id, struct standing *standing, int64_t at,
                           struct error *err)
{
    standing->round++;
    return round_settle(ledger, id, "completed", at, err) ||
                   sql_run(ledger, err, "INSERT INTO rounds (session, round, opened_at) VALUES (?1, ?2, ?3)",
                           "tii", id, standing->round, at)
               ? -1
               : 0;
}

static int move(struct ledger *ledger, const struct advance_request *request, struct standing *standing,
                const char *to, int64_t at, struct advance_result *result, struct error *err)
{
    struct advance_facts facts = {.definition = standing->definition,
                                  .closed = standing->closed,
                                  .phase = standing->phase,
                                  .round = standing->round,
                                  .to = to,
                                  .round_asked = request->round != NULL,
                                  .asked = request->round ? *request->round : 0};

    switch (advance_of(&facts)) {
    case ADVANCE_CLOSED:
        return session_refuse_closed(request->id, err);
    case ADVANCE_UNKNOWN:
        return refuse_unknown(standing, request->id, to, err);
    case ADVANCE_STAY:
        return 0;
    case ADVANCE_OTHER_ROUND:
        return refuse_round(standing, request->id, err);
    case ADVANCE_NO_EDGE:
        return refuse_edge(standing, request->id, to, err);
    case ADVANCE_NEXT_ROUND:
        result->round_started = true;
        if (open_next_round(ledger, request->id, standing, at, err))
            return -1;
        break;
    case ADVANCE_MOVE:
        break;
    }
    result->moved = true;
    if (write_move(ledger, request, standing, to, at, err) ||
        (result->round_started &&
         round_started(ledger, request->id, standing->round, request->execution_uid, at, err)))
        return -1;
    free(standing->phase);
    standing->phase = mem_strdup(to);
    if (!phase_final(standing->definition, to))
        return 0;
    return round_complete(ledger, request->id, request->execution_uid, request->data, at,
                          &result->round_completed, err);
}

/* Into the only final phase; without phases the round alone. */
static int complete(struct ledger *ledger, const struct advance_request *request, struct standing *standing,
                    int64_t at, struct advance_result *result, struct error *err)
{
    const json_t *final = json_object_get(standing->definition, "final");

    if (standing->closed)
        return session_refuse_closed(request->id, err);
    if (!phases_any(standing->definition))
        return round_complete(ledger, request->id, request->execution_uid, request->data, at,
                              &result->round_completed, err);
    if (phase_final(standing->definition, standing->phase))
        return 0;
    if (json_array_size(final) != 1)
        return refuse_several(standing, request->id, err);
    return move(ledger, request, standing, json_string_value(json_array_get(final, 0)), at, result, err);
}

/* The ledger has to be able to hold it inside the event. */
static int check_data(struct ledger *ledger, const char *data, struct error *err)
{
    int64_t valid = 1;

    if (data && sql_integer(ledger, err, &valid, "SELECT json_valid('{\"data\":' || ?1 || '}')", "t", data))
        return -1;
    return valid == 1
               ? 0
               : error_set(err, ERR_INVALID, "cannot take the data: it is no JSON that the ledger can hold");
}

static int advance_in_transaction(struct ledger *ledger, const struct advance_request *request,
                                  struct advance_result *result, struct error *err)
{
    struct standing standing = {0};
    int64_t now = wall_now_ms();
    int code = check_data(ledger, request->data, err) || read_standing(ledger, request->id, &standing, err);

    if (!code)
        code = report_link(ledger, request->id, request->execution_uid, now, err);
    if (!code)
        code = request->phase ? move(ledger, request, &standing, request->phase, now, result, err)
                              : complete(ledger, request, &standing, now, result, err);
    if (!code && request->execution_uid && (result->moved || result->round_completed))
        code = report_progress(ledger, request->execution_uid, now, err);
    result->phase = mem_strdup(standing.phase);
    result->phase_number = phase_number(standing.definition, standing.phase);
    result->phase_count = (int64_t)json_array_size(json_object_get(standing.definition, "phases"));
    result->round = standing.round;
    standing_free(&standing);
    return code ? -1 : 0;
}

int session_advance(struct ledger *ledger, const struct advance_request *request,
                    struct advance_result *result, struct error *err)
{
    int code;

    *result = (struct advance_result){0};
    if (sql_begin(ledger, err))
        return -1;
    code = sql_end(ledger, advance_in_transaction(ledger, request, result, err), err);
    if (code) {
        free(result->phase);
        *result = (struct advance_result){0};
    }
    return code;
}
