/*
 * floor LEDGER COMMAND [ARG...]: the least that a recording wrapper can do, for `supervise` to be measured
 * against. It inserts a row, spawns the command, waits for it in libev's loop and updates the row; both
 * writes are transactions of their own, with the settings of the real ledger: WAL, synchronous NORMAL,
 * checkpoints of 200 pages and none at the end, and ten seconds for a lock. Nothing else: no output kept, no
 * events, no signals, no configuration. Exits as the command did.
 *
 * floor -s LEDGER COMMAND [ARG...]: the same on a ledger that `supervise` has made, with an event beside each
 * of the two writes: what the schema costs, its views and guards included, which every process that opens it
 * reads.
 */
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* ?1 is the time, ?2 a number, ?3 the command or NULL, ?4 a UID or NULL. */
static void run(sqlite3 *db, const char *sql, sqlite3_int64 number, const char *command, const char *uid)
{
    sqlite3_stmt *statement;

    must(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)time(NULL) * 1000);
    sqlite3_bind_int64(statement, 2, number);
    sqlite3_bind_text(statement, 3, command, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, uid, -1, SQLITE_STATIC);
    sqlite3_step(statement);
    must(db, sqlite3_finalize(statement));
}

/* One statement in a transaction, with an event where there is one to be written. */
static void write_row(sqlite3 *db, const char *sql, sqlite3_int64 number, const char *command,
                      const char *uid, const char *event)
{
    must(db, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    run(db, sql, number, command, uid);
    if (event)
        run(db, "INSERT INTO events (at, type, execution) VALUES (?1, ?3, ?4)", 0, event, uid);
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
    bool ours = argc > 1 && strcmp(argv[1], "-s") == 0;
    char uid[21] = "a";

    argc -= ours;
    argv += ours;
    if (argc < 3)
        return 125;
    int opened = sqlite3_open(argv[1], &db);
    must(db, opened);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(db, 200);
    sqlite3_busy_timeout(db, 10000);
    must(db, sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", NULL, NULL, NULL));
    must(db,
         sqlite3_exec(db,
                      ours ? "PRAGMA foreign_keys = ON"
                           : "CREATE TABLE IF NOT EXISTS executions (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                             " command TEXT NOT NULL, started_at INTEGER, finished_at INTEGER, pid INTEGER,"
                             " exit_code INTEGER) STRICT;",
                      NULL, NULL, NULL));
    snprintf(uid, sizeof uid, "f%lld%d", (long long)time(NULL), (int)getpid());
    write_row(db,
              ours ? "INSERT INTO executions (started_at, uid, command) VALUES (?1, ?4, json_array(?3))"
                   : "INSERT INTO executions (started_at, pid, command) VALUES (?1, ?2, ?3)",
              0, argv[2], uid, ours ? "execution_started" : NULL);
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
    snprintf(end, sizeof end, "UPDATE executions SET finished_at = ?1, exit_code = %d WHERE %s", code,
             ours ? "uid = ?4" : "id = ?2");
    write_row(db, end, row, NULL, uid, ours ? "execution_finished" : NULL);
    sqlite3_close(db);
    return code;
}
