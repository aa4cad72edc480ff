/*
 * What the files of the store share: the connection, statements by format, transactions. Errors of SQLite are
 * mapped to ours here, and nowhere else.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <supervise/store/execution.h>
#include <supervise/store/ledger.h>

#include <sqlite3.h>

/* Statements that are compiled once: that of an event is in almost every transaction, the others are compiled
 * while a command starts, so that nothing of that is left to do when it has ended. */
enum kept { KEPT_EVENT, KEPT_STANDING, KEPT_END, KEPT_COUNT };

struct ledger {
    sqlite3 *db;
    char *path;
    int64_t busy_timeout_ms;
    int64_t busy_since;     /* awake ms: when the wait that is going on began */
    uint64_t device, inode; /* of the file that is open; 0, 0: in memory */
    sqlite3_stmt *kept[KEPT_COUNT];
};

/* Text and blob parameters that are not copied live until the statement is done. */
struct blob {
    const void *data;
    size_t size;
};

/*
 * Prepares and binds. One letter a parameter: 't' const char * (NULL is NULL), 'i' int64_t (NO_INT is NULL),
 * 'b' struct blob (data NULL is NULL). NULL with err.
 */
sqlite3_stmt *sql_bind(struct ledger *ledger, struct error *err, const char *sql, const char *format, ...);

/* One statement to its end; its rows are ignored. */
int sql_run(struct ledger *ledger, struct error *err, const char *sql, const char *format, ...);

/* The same with a statement that is kept. */
int sql_run_kept(struct ledger *ledger, enum kept which, struct error *err, const char *sql,
                 const char *format, ...);
/* Compiles it, where that wasn't done: the statement, which sqlite3_reset() is to be called for after use; or
 * NULL. */
sqlite3_stmt *sql_keep(struct ledger *ledger, enum kept which, struct error *err, const char *sql);
void sql_let_go(struct ledger *ledger); /* of all that are kept */

/* SQLITE_ROW gives 1, the end 0, an error -1. */
int sql_step(struct ledger *ledger, sqlite3_stmt *statement, struct error *err);

/* The first column of the first row: as an integer (NO_INT: no row or NULL), as a text (NULL; the caller
 * frees). */
int sql_integer(struct ledger *ledger, struct error *err, int64_t *value, const char *sql, const char *format,
                ...);
int sql_text(struct ledger *ledger, struct error *err, char **value, const char *sql, const char *format,
             ...);

/* What the connection says went wrong, as an error: returns -1. */
int sql_fail(struct ledger *ledger, struct error *err);

int sql_begin(struct ledger *ledger, struct error *err); /* BEGIN IMMEDIATE */
/* COMMIT where `result` is 0 and it succeeds; else ROLLBACK, and -1. */
int sql_end(struct ledger *ledger, int result, struct error *err);

void sql_finalize(sqlite3_stmt **statement);
#define AUTOSTMT __attribute__((cleanup(sql_finalize)))

/* Loads a row whose columns are `fields`, in their order from column 0, into `object`. */
void sql_load(sqlite3_stmt *statement, const struct field *fields, size_t count, void *object);
void sql_unload(const struct field *fields, size_t count, void *object); /* frees its texts */
/* "SELECT a, b, c FROM view TAIL"; the columns that `absent` (ended by NULL; or NULL) names are NULL. The
 * caller frees. */
char *sql_select(const struct field *fields, size_t count, const char *const *absent, const char *view,
                 const char *tail);

/* The path as a URI that SQLite opens, with "immutable=1" or the like; the caller frees. */
char *sql_file_uri(const char *path, const char *query);

/* Brings the schema to the newest version, a copy of an older file first (migrate.c). */
int ledger_migrate(struct ledger *ledger, struct error *err);
enum { LEDGER_APPLICATION_ID = 0x53555056 }; /* "SUPV" */
int64_t ledger_schema_version(void);         /* ours */

#endif
