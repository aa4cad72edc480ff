/* Statements by format, transactions, rows into structs, SQLite's errors into ours: see sql.h. */
#include "sql.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

/* How each primary result code is told: what class of error it is, and what to do about it. */
static const struct {
    int code;
    enum error_code as;
    const char *advice;
} results[] = {
    {SQLITE_BUSY, ERR_BUSY, "; another process holds it: try again"},
    {SQLITE_LOCKED, ERR_BUSY, "; another process holds it: try again"},
    {SQLITE_NOTADB, ERR_INVALID, "; name another file with --db"},
    {SQLITE_CORRUPT, ERR_INVALID, "; see `supervise db check`"},
    {SQLITE_CONSTRAINT, ERR_INVARIANT, ""},
    {SQLITE_FULL, ERR_OTHER, "; make room on that disk"},
};

int sql_fail(struct ledger *ledger, struct error *err)
{
    int code = sqlite3_errcode(ledger->db) & 0xff;

    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].code == code)
            return error_set(err, results[i].as, "cannot use the ledger %s: %s%s", ledger->path,
                             sqlite3_errmsg(ledger->db), results[i].advice);
    return error_set(err, ERR_OTHER, "cannot use the ledger %s: %s", ledger->path,
                     sqlite3_errmsg(ledger->db));
}

static int bind_all(sqlite3_stmt *statement, const char *format, va_list args)
{
    int code = SQLITE_OK, count = sqlite3_bind_parameter_count(statement);

    /* A filter that isn't asked for stands at the end of the format and not in the statement. */
    for (int i = 1; format[i - 1] && i <= count && code == SQLITE_OK; i++) {
        switch (format[i - 1]) {
        case 't': {
            code = sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        }
        case 'b': {
            struct blob blob = va_arg(args, struct blob);
            code = sqlite3_bind_blob64(statement, i, blob.data, blob.size, SQLITE_STATIC);
            break;
        }
        default: {
            int64_t value = va_arg(args, int64_t);
            code =
                value == NO_INT ? sqlite3_bind_null(statement, i) : sqlite3_bind_int64(statement, i, value);
        }
        }
    }
    return code;
}

static sqlite3_stmt *bind_list(struct ledger *ledger, struct error *err, const char *sql, const char *format,
                               va_list args)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        bind_all(statement, format, args) == SQLITE_OK)
        return statement;
    sql_fail(ledger, err);
    sqlite3_finalize(statement);
    return NULL;
}

sqlite3_stmt *sql_bind(struct ledger *ledger, struct error *err, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement;
    va_list args;

    va_start(args, format);
    statement = bind_list(ledger, err, sql, format, args);
    va_end(args);
    return statement;
}

int sql_step(struct ledger *ledger, sqlite3_stmt *statement, struct error *err)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return sql_fail(ledger, err);
    }
}

int sql_run(struct ledger *ledger, struct error *err, const char *sql, const char *format, ...)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;
    va_list args;
    int step;

    va_start(args, format);
    statement = bind_list(ledger, err, sql, format, args);
    va_end(args);
    if (!statement)
        return -1;
    do
        step = sql_step(ledger, statement, err);
    while (step > 0);
    return step;
}

sqlite3_stmt *sql_keep(struct ledger *ledger, enum kept which, struct error *err, const char *sql)
{
    sqlite3_stmt **kept = &ledger->kept[which];

    if (!*kept && sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL) != SQLITE_OK)
        sql_fail(ledger, err);
    return *kept;
}

void sql_let_go(struct ledger *ledger)
{
    for (int i = 0; i < KEPT_COUNT; i++)
        sql_finalize(&ledger->kept[i]);
}

int sql_run_kept(struct ledger *ledger, enum kept which, struct error *err, const char *sql,
                 const char *format, ...)
{
    sqlite3_stmt *statement = sql_keep(ledger, which, err, sql);
    va_list args;
    int step;

    if (!statement)
        return -1;
    va_start(args, format);
    step = bind_all(statement, format, args) == SQLITE_OK ? sql_step(ledger, statement, err)
                                                          : sql_fail(ledger, err);
    va_end(args);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return step;
}

/* The first row of a statement: 1 with it, 0 where there is none, -1. The caller finalizes. */
static int first_row(struct ledger *ledger, struct error *err, sqlite3_stmt **statement, const char *sql,
                     const char *format, va_list args)
{
    *statement = bind_list(ledger, err, sql, format, args);
    return *statement ? sql_step(ledger, *statement, err) : -1;
}

int sql_integer(struct ledger *ledger, struct error *err, int64_t *value, const char *sql, const char *format,
                ...)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;
    va_list args;
    int row;

    va_start(args, format);
    row = first_row(ledger, err, &statement, sql, format, args);
    va_end(args);
    *value = row > 0 && sqlite3_column_type(statement, 0) != SQLITE_NULL ? sqlite3_column_int64(statement, 0)
                                                                         : NO_INT;
    return row < 0 ? -1 : 0;
}

int sql_text(struct ledger *ledger, struct error *err, char **value, const char *sql, const char *format, ...)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;
    va_list args;
    int row;

    va_start(args, format);
    row = first_row(ledger, err, &statement, sql, format, args);
    va_end(args);
    *value = row > 0 ? mem_strdup((const char *)sqlite3_column_text(statement, 0)) : NULL;
    return row < 0 ? -1 : 0;
}

int sql_begin(struct ledger *ledger, struct error *err)
{
    return sqlite3_exec(ledger->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                                      : sql_fail(ledger, err);
}

int sql_end(struct ledger *ledger, int result, struct error *err)
{
    if (result == 0 && sqlite3_exec(ledger->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        result = sql_fail(ledger, err);
    /* A full disk may have rolled back already: a second ROLLBACK is refused and does no harm. */
    if (result != 0 && !sqlite3_get_autocommit(ledger->db))
        sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
    return result == 0 ? 0 : -1;
}

void sql_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

void sql_load(sqlite3_stmt *statement, const struct field *fields, size_t count, void *object)
{
    for (size_t i = 0; i < count; i++) {
        int column = (int)i;
        char *place = (char *)object + fields[i].offset;
        bool null = sqlite3_column_type(statement, column) == SQLITE_NULL;

        switch (fields[i].kind) {
        case FIELD_INT:
        case FIELD_TIME:
        case FIELD_BOOL:
            *(int64_t *)place = null ? NO_INT : sqlite3_column_int64(statement, column);
            break;
        case FIELD_TEXT:
        case FIELD_JSON:
            *(char **)place = mem_strdup((const char *)sqlite3_column_text(statement, column));
            break;
        case FIELD_BLOB: {
            const void *data = sqlite3_column_blob(statement, column);
            size_t size = (size_t)sqlite3_column_bytes(statement, column);

            *(char **)place = data ? memcpy(mem_alloc(size), data, size) : NULL;
            *(size_t *)(place + sizeof(char *)) = data ? size : 0;
            break;
        }
        }
    }
}

void sql_unload(const struct field *fields, size_t count, void *object)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == FIELD_TEXT || fields[i].kind == FIELD_JSON || fields[i].kind == FIELD_BLOB)
            free(*(char **)((char *)object + fields[i].offset));
}

static bool named(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

char *sql_select(const struct field *fields, size_t count, const char *const *absent, const char *view,
                 const char *tail)
{
    struct buf sql = {0};

    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, "%s%s", i ? ", " : "SELECT ",
                   named(absent, fields[i].name) ? "NULL" : fields[i].name);
    buf_printf(&sql, " FROM %s %s", view, tail);
    return buf_take(&sql);
}

char *sql_file_uri(const char *path, const char *query)
{
    struct buf uri = {0};

    buf_puts(&uri, "file:");
    for (const char *c = path; *c; c++)
        buf_printf(&uri, strchr("%?#", *c) ? "%%%02X" : "%c", *c);
    buf_printf(&uri, "?%s", query);
    return buf_take(&uri);
}
