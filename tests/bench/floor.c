/*
 * floor LEDGER COMMAND [ARG...]: the least that a recording wrapper can do, for `supervise` to be measured
 * against. It inserts a row, spawns the command, waits for it in libev's loop and updates the row; both
 * writes are transactions of their own, with the settings of the real ledger: WAL, synchronous NORMAL,
 * checkpoints of 200 pages and none at the end. Nothing else: no output kept, no events, no signals, no
 * configuration. Exits as the command did.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include <ev.h>
#include <sqlite3.h>

extern char **environ;

static void must(sqlite3 *db, int code)
{
    if (code == SQLITE_OK)
        return;
    fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
    exit(125);
}

/* One statement in a transaction; ?1 is the time, ?2 a number, ?3 the command or NULL. */
static void write_row(sqlite3 *db, const char *sql, sqlite3_int64 number, const char *command)
{
    sqlite3_stmt *statement;

    must(db, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    must(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)time(NULL) * 1000);
    sqlite3_bind_int64(statement, 2, number);
    sqlite3_bind_text(statement, 3, command, -1, SQLITE_STATIC);
    sqlite3_step(statement);
    must(db, sqlite3_finalize(statement));
    must(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
}

static void on_end(struct ev_loop *loop, ev_child *child, int events)
{
    (void)events;
    *(int *)child->data = child->rstatus;
    ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    ev_child child;
    pid_t pid;
    int status = 0;

    if (argc < 3)
        return 125;
    int opened = sqlite3_open(argv[1], &db);
    must(db, opened);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(db, 200);
    must(db, sqlite3_exec(db,
                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                          "CREATE TABLE IF NOT EXISTS executions (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                          " command TEXT NOT NULL, started_at INTEGER, finished_at INTEGER, pid INTEGER,"
                          " exit_code INTEGER) STRICT;",
                          NULL, NULL, NULL));
    write_row(db, "INSERT INTO executions (started_at, pid, command) VALUES (?1, ?2, ?3)", 0, argv[2]);
    sqlite3_int64 row = sqlite3_last_insert_rowid(db);

    struct ev_loop *loop = ev_default_loop(0);
    if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0)
        return 127;
    ev_child_init(&child, on_end, pid, 0);
    child.data = &status;
    ev_child_start(loop, &child);
    ev_run(loop, 0);

    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    char end[128];
    snprintf(end, sizeof end, "UPDATE executions SET finished_at = ?1, exit_code = %d WHERE id = ?2", code);
    write_row(db, end, row, NULL);
    sqlite3_close(db);
    return code;
}
