/* Taking in another ledger: the transaction, and the account of what was taken and what was left. */
#include "import.h"

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>

enum { EXAMPLES = 5 };

static json_t *find_tally(json_t *list, const char *what, const char *why)
{
    json_t *line;
    size_t i;

    json_array_foreach(list, i, line)
        if (strcmp(json_string_value(json_object_get(line, "what")), what) == 0 &&
            strcmp(json_string_value(json_object_get(line, "why")), why) == 0)
            return line;
    line = json_pack("{s:s, s:s, s:i, s:[]}", "what", what, "why", why, "count", 0, "examples");
    json_array_append_new(list, line);
    return line;
}

void import_tally(json_t *list, const char *what, const char *why, const char *name)
{
    json_t *line = find_tally(list, what, why), *examples = json_object_get(line, "examples");
    AUTOFREE char *visible = text_visible_dup(name);

    json_integer_set(json_object_get(line, "count"), json_integer_value(json_object_get(line, "count")) + 1);
    if (json_array_size(examples) < EXAMPLES)
        json_array_append_new(examples, json_string(visible));
}

static const char INSERT_EVENT[] =
    "INSERT INTO events (at, type, session, data) VALUES (?1, ?2, ?3, CASE WHEN ?5 IS NULL THEN ?4"
    " ELSE json_set(?4, '$.data', json(CASE WHEN json_valid(?5) THEN ?5 ELSE json_quote(?5) END)) END)";

/* Prepared once: there may be many, and to compile the statement with its triggers costs more than to run it.
 */
int import_event(struct import *import, int64_t at, const char *type, const char *session, json_t *object,
                 const char *metadata, struct error *err)
{
    AUTOFREE char *data = json_dumps(object, JSON_COMPACT);
    int step;

    json_decref(object);
    if (!import->insert_event && !(import->insert_event = sql_bind(import->ledger, err, INSERT_EVENT, "")))
        return -1;
    sqlite3_bind_int64(import->insert_event, 1, at);
    sqlite3_bind_text(import->insert_event, 2, type, -1, SQLITE_STATIC);
    sqlite3_bind_text(import->insert_event, 3, session, -1, SQLITE_STATIC);
    sqlite3_bind_text(import->insert_event, 4, data, -1, SQLITE_STATIC);
    sqlite3_bind_text(import->insert_event, 5, metadata, -1, SQLITE_STATIC);
    step = sql_step(import->ledger, import->insert_event, err);
    sqlite3_reset(import->insert_event);
    import->result->events++;
    return step;
}

static int take_all(struct import *import, struct error *err)
{
    for (int table = 0; table < OCR_TABLES; table++)
        if (!ocr_source_has(import->source, (enum ocr_table)table))
            import_tally(import->result->left, "table", "it isn't there, or not with the columns it needs",
                         ocr_table_name((enum ocr_table)table));
    if (import_sessions(import, err) || import_executions(import, err))
        return -1;
    return ocr_source_still(import->source, err);
}

int import_ocr(struct ledger *ledger, struct ocr_source *source, const struct import_request *request,
               struct import_result *result, struct error *err)
{
    struct import import = {.ledger = ledger, .source = source, .request = request, .result = result};
    int code;

    *result = (struct import_result){
        .schema_version = ocr_source_version(source), .left = json_array(), .altered = json_array()};
    if (sql_begin(ledger, err))
        return -1;
    import.sessions = json_object();
    code = take_all(&import, err);
    json_decref(import.sessions);
    sqlite3_finalize(import.insert_event);
    if (code == 0 && request->dry_run)
        return sql_run(ledger, err, "ROLLBACK", "");
    return sql_end(ledger, code, err);
}

void import_result_free(struct import_result *result)
{
    json_decref(result->left);
    json_decref(result->altered);
    *result = (struct import_result){0};
}
