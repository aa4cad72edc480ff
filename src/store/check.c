/* `db check`: every rule of check_rules.c, one after another. */
#include "check_rules.h"
#include "sql.h"

#include <supervise/store/check.h>

static int run_check(struct ledger *ledger, size_t i, bool *sound, bool *damaged, json_t *findings,
                     struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, check_rules[i].sql, "");
    int step;

    if (!statement)
        return -1;
    while ((step = sql_step(ledger, statement, err)) > 0) {
        *sound = false;
        *damaged = *damaged || check_rules[i].damage;
        json_array_append_new(findings, json_pack("{s:s, s:s?}", "check", check_rules[i].name, "finding",
                                                  (const char *)sqlite3_column_text(statement, 0)));
    }
    return step;
}

/* The schema as this program makes it, in a temporary table beside the one that is checked. */
static int load_fresh_schema(struct ledger *ledger, struct error *err)
{
    struct ledger_options nowhere = {.path = "/dev/null/none"};
    struct ledger *fresh = ledger_open(&nowhere, LEDGER_READ, err);
    sqlite3_stmt *rows = NULL;
    int step = -1;

    if (fresh && sql_run(ledger, err, "CREATE TEMP TABLE IF NOT EXISTS fresh (type, name, sql)", "") == 0)
        rows = sql_bind(fresh, err, "SELECT type, name, sql FROM sqlite_schema", "");
    while (rows && (step = sql_step(fresh, rows, err)) > 0)
        if (sql_run(ledger, err, "INSERT INTO temp.fresh VALUES (?, ?, ?)", "ttt",
                    sqlite3_column_text(rows, 0), sqlite3_column_text(rows, 1),
                    sqlite3_column_text(rows, 2))) {
            step = -1;
            break;
        }
    sqlite3_finalize(rows);
    ledger_close(fresh);
    return step;
}

int ledger_check(struct ledger *ledger, bool *sound, bool *damaged, json_t **findings, struct error *err)
{
    *sound = true;
    *damaged = false;
    *findings = json_array();
    if (load_fresh_schema(ledger, err)) {
        json_decref(*findings);
        *findings = NULL;
        return -1;
    }
    for (size_t i = 0; i < check_rule_count; i++) {
        if (run_check(ledger, i, sound, damaged, *findings, err) == 0)
            continue;
        /* What can't be read is a finding too: the file is damaged, or a table is missing, which was found by
         * then. */
        *sound = false;
        *damaged = *damaged || err->code == ERR_INVALID;
        if (!*damaged) {
            json_decref(*findings);
            *findings = NULL;
            return -1;
        }
        json_array_append_new(*findings,
                              json_pack("{s:s, s:s}", "check", check_rules[i].name, "finding", err->text));
        return 0;
    }
    return 0;
}

int ledger_knows(struct ledger *ledger, const char *uid, bool *known, struct error *err)
{
    int64_t id;

    if (sql_integer(ledger, err, &id, "SELECT id FROM executions WHERE uid = ?", "t", uid))
        return -1;
    *known = id != NO_INT;
    return 0;
}
