/* The whole ledger, row by row, in one snapshot: see supervise/store/copy.h. */
#include "rows.h"

#include <supervise/base/buf.h>
#include <supervise/store/copy.h>

static json_t *value_json(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT:
        return exact_text((const char *)sqlite3_column_text(statement, column),
                          (size_t)sqlite3_column_bytes(statement, column));
    case SQLITE_BLOB:
        return exact_bytes(sqlite3_column_bytes(statement, column) ? sqlite3_column_blob(statement, column)
                                                                   : "",
                           (size_t)sqlite3_column_bytes(statement, column));
    default:
        return json_null();
    }
}

/* 1 where no more is wanted. */
static int export_table(struct ledger *ledger, const char *table, const char *select, export_row *each,
                        void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = sql_bind(ledger, err, select, "");
    int step, stop = 0;

    if (!statement)
        return -1;
    while (!stop && (step = sql_step(ledger, statement, err)) != 0) {
        json_t *row = json_object();

        if (step < 0) {
            json_decref(row);
            return -1;
        }
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            json_object_set_new(row, sqlite3_column_name(statement, i), value_json(statement, i));
        stop = each(table, row, context);
        json_decref(row);
    }
    return stop;
}

/* In the order in which they were made, in which each table comes after those that it refers to. */
static int export_tables(struct ledger *ledger, export_row *each, void *context, struct error *err)
{
    AUTOSTMT sqlite3_stmt *tables =
        sql_bind(ledger, err,
                 "SELECT name, printf('SELECT * FROM main.\"%w\"', name) FROM main.sqlite_schema WHERE type "
                 "= 'table' AND name NOT LIKE 'sqlite\\_%'"
                 " ESCAPE '\\' ORDER BY rowid",
                 "");
    int step = -1, result = 0;

    while (tables && result == 0 && (step = sql_step(ledger, tables, err)) > 0)
        result = export_table(ledger, (const char *)sqlite3_column_text(tables, 0),
                              (const char *)sqlite3_column_text(tables, 1), each, context, err);
    return step < 0 || result < 0 ? -1 : 0;
}

int ledger_export(struct ledger *ledger, export_row *each, void *context, struct error *err)
{
    if (sql_run(ledger, err, "BEGIN", ""))
        return -1;
    return sql_end(ledger, export_tables(ledger, each, context, err), err);
}
