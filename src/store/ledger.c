/*
 * Opening the ledger: whose file it is, how it waits for locks, and an empty one where there is nothing to
 * read. The file is made by us, 0600, before SQLite sees it: SQLite gives its -wal and -shm the same mode.
 */
#include "memory.h"
#include "sql.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/time.h>
#include <supervise/store/spool.h>

enum { WAL_PAGES = 200 };

/*
 * Waits with growing, jittered pauses (0.25 to 0.5, 0.5 to 1 ... 4 to 8 ms), so that a crowd of writers
 * spreads out. Most transactions take less than the first of them; the longer the last, the more newcomers
 * would overtake those who have waited longest.
 */
static int on_busy(void *context, int count)
{
    struct ledger *ledger = context;
    int64_t now = awake_now_ms();
    uint16_t dice = 0;
    int64_t pause_us;

    if (count == 0)
        ledger->busy_since = now;
    if (now - ledger->busy_since >= ledger->busy_timeout_ms)
        return 0;
    if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) < 0)
        dice = (uint16_t)getpid();
    pause_us = count < 4 ? 250L << count : 4000;
    pause_us += pause_us * dice / UINT16_MAX;
    nanosleep(&(struct timespec){.tv_nsec = pause_us * 1000}, NULL);
    return 1;
}

void ledger_set_busy_timeout(struct ledger *ledger, int64_t ms)
{
    ledger->busy_timeout_ms = ms;
}

static int create_file(const char *path, struct error *err)
{
    AUTOFREE char *directory = path_parent(path);
    int fd;

    if (path_make_private(directory, err))
        return -1;
    fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST)
        return error_errno(err, "cannot create the ledger %s", path);
    if (fd >= 0)
        close(fd);
    return 0;
}

bool ledger_fold(struct ledger *ledger)
{
    int code;

    sqlite3_busy_handler(ledger->db, NULL, NULL);
    code = sqlite3_wal_checkpoint_v2(ledger->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_handler(ledger->db, on_busy, ledger);
    return code == SQLITE_OK;
}

/*
 * What is left in the -wal is read by each who then opens alone, and only an empty one is begun anew by the
 * next. Where others are at it, they go on, and one of them empties it later: nobody waits for that.
 */
static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    if (pages >= WAL_PAGES)
        ledger_fold(context);
    return SQLITE_OK;
}

static int set_up(struct ledger *ledger, bool sync_full, struct error *err)
{
    sqlite3_extended_result_codes(ledger->db, 1);
    sqlite3_busy_handler(ledger->db, on_busy, ledger);
    /* The last one out would checkpoint, with two fsyncs that every short command would pay for. */
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_hook(ledger->db, on_commit, ledger);
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    if (sqlite3_exec(ledger->db, sync_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                     NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(ledger, err);
    return 0;
}

static int read_age(struct ledger *ledger, int64_t *application, int64_t *version, struct error *err)
{
    return sql_integer(ledger, err, application, "PRAGMA application_id", "") ||
                   sql_integer(ledger, err, version, "PRAGMA user_version", "")
               ? -1
               : 0;
}

/* Whose file is it, and of which age? An empty file is nobody's yet: version 0. */
static int identify(struct ledger *ledger, int64_t *version, struct error *err)
{
    int64_t application, objects = 1;

    if (read_age(ledger, &application, version, err))
        return -1;
    /* One snapshot: somebody else may be making the schema at this moment. */
    if ((application != LEDGER_APPLICATION_ID || *version <= 0) &&
        (sql_run(ledger, err, "BEGIN", "") || read_age(ledger, &application, version, err) ||
         sql_integer(ledger, err, &objects, "SELECT count(*) FROM (SELECT 1 FROM sqlite_schema LIMIT 1)",
                     "") ||
         sql_run(ledger, err, "COMMIT", "")))
        return -1;
    if (application != LEDGER_APPLICATION_ID && (application != 0 || *version != 0 || objects > 0))
        return error_set(
            err, ERR_INVALID,
            "cannot use %s as the ledger: it is another program's database; name another file with --db",
            ledger->path);
    if (*version < 0 || (*version == 0 && objects > 0))
        return error_set(
            err, ERR_INVALID,
            "cannot use the ledger %s: its user_version says %lld, and it has tables; restore it from a copy",
            ledger->path, (long long)*version);
    if (*version > ledger_schema_version())
        return error_set(
            err, ERR_INVALID,
            "cannot use the ledger %s: its schema is version %lld, this program knows %lld; use the newer "
            "supervise that wrote it",
            ledger->path, (long long)*version, (long long)ledger_schema_version());
    return 0;
}

static int remember_file(struct ledger *ledger, struct error *err)
{
    struct stat status;

    if (stat(ledger->path, &status))
        return error_errno(err, "cannot use the ledger %s", ledger->path);
    ledger->device = status.st_dev;
    ledger->inode = status.st_ino;
    return 0;
}

static int open_db(struct ledger *ledger, const char *name, int flags, bool sync_full, struct error *err)
{
    int code;

    sql_let_go(ledger);
    sqlite3_close(ledger->db);
    ledger->db = NULL;
    code = sqlite3_open_v2(name, &ledger->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    if (!ledger->db)
        return error_set(err, ERR_OTHER, "cannot open the ledger %s: out of memory", ledger->path);
    if (code != SQLITE_OK)
        return error_set(err, ERR_OTHER, "cannot open the ledger %s: %s", ledger->path,
                         sqlite3_system_errno(ledger->db) ? strerror(sqlite3_system_errno(ledger->db))
                                                          : sqlite3_errmsg(ledger->db));
    return set_up(ledger, sync_full, err);
}

/* Two that create a file at once: for the switch to WAL SQLite doesn't ask the busy handler. */
static int make_wal(struct ledger *ledger, struct error *err)
{
    for (int count = 0; sql_run(ledger, err, "PRAGMA journal_mode = WAL", ""); count++)
        if (err->code != ERR_BUSY || !on_busy(ledger, count))
            return -1;
    return 0;
}

static int not_a_file(const struct ledger *ledger, struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "cannot use %s as the ledger: it is no regular file; name another with --db",
                     ledger->path);
}

static int open_for_writing(struct ledger *ledger, bool sync_full, struct error *err)
{
    struct stat status;
    int64_t version;

    if (access(ledger->path, W_OK)) {
        if (errno != ENOENT && errno != ENOTDIR)
            return error_errno(err, "cannot write to the ledger %s", ledger->path);
        if (create_file(ledger->path, err))
            return -1;
    }
    if (stat(ledger->path, &status) == 0 && !S_ISREG(status.st_mode))
        return not_a_file(ledger, err);
    if (open_db(ledger, ledger->path, SQLITE_OPEN_READWRITE, sync_full, err) ||
        identify(ledger, &version, err))
        return -1;
    if (sqlite3_db_readonly(ledger->db, "main") == 1)
        return error_set(err, ERR_OTHER, "cannot write to the ledger %s: it is read-only", ledger->path);
    if (version == 0 && make_wal(ledger, err))
        return -1;
    if ((version < ledger_schema_version() && ledger_migrate(ledger, err)) || remember_file(ledger, err))
        return -1;
    spool_take_in(ledger);
    return 0;
}

static int open_empty(struct ledger *ledger, struct error *err)
{
    if (open_db(ledger, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, false, err))
        return -1;
    return ledger_migrate(ledger, err);
}

/* A file on a read-only medium that nobody writes to can still be read; SQLite must be told that nobody does.
 */
static int open_immutable(struct ledger *ledger, int64_t *version, struct error *err)
{
    AUTOFREE char *wal = mem_printf("%s-wal", ledger->path);
    AUTOFREE char *name = sql_file_uri(ledger->path, "immutable=1");
    struct stat status;

    if (stat(wal, &status) == 0 && status.st_size > 0)
        return -1;
    return open_db(ledger, name, SQLITE_OPEN_READONLY, false, err) || identify(ledger, version, err) ? -1 : 0;
}

/* Ends that wait in the spool are shown as if they stood there, in a copy that no other sees. */
static int copy_with_spool(struct ledger *ledger, bool sync_full, struct error *err)
{
    sqlite3 *original = ledger->db;
    sqlite3_backup *backup;
    int result = -1;

    ledger->db = NULL;
    if (open_db(ledger, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, sync_full, err) == 0) {
        backup = sqlite3_backup_init(ledger->db, "main", original, "main");
        if (backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE)
            result = 0;
        if (sqlite3_backup_finish(backup) != SQLITE_OK || result)
            result = sql_fail(ledger, err);
    }
    sqlite3_close(original);
    if (result == 0)
        spool_show(ledger);
    return result;
}

static int open_for_reading(struct ledger *ledger, bool sync_full, struct error *err)
{
    struct stat status;
    int64_t version;

    if (stat(ledger->path, &status) && (errno == ENOENT || errno == ENOTDIR))
        return open_empty(ledger, err);
    if (!S_ISREG(status.st_mode))
        return not_a_file(ledger, err);
    if (open_db(ledger, ledger->path, SQLITE_OPEN_READONLY, sync_full, err) ||
        identify(ledger, &version, err)) {
        int code = sqlite3_errcode(ledger->db) & 0xff;

        if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || open_immutable(ledger, &version, err))
            return -1;
    }
    if (version == 0)
        return open_empty(ledger, err);
    if (version < ledger_schema_version())
        return open_for_writing(ledger, sync_full, err);
    /* A copy is in nobody's place: who waits for a change opens anew. */
    return spool_waits(ledger->path) ? copy_with_spool(ledger, sync_full, err) : remember_file(ledger, err);
}

/*
 * One thread, and nobody asks for memory statistics: locks and counters that every allocation would pay for.
 * SQLite's own reserves, for small pieces and for pages, only save what a general allocator would cost.
 */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    memory_use();
}

struct ledger *ledger_open(const struct ledger_options *options, enum ledger_mode mode, struct error *err)
{
    struct ledger *ledger = mem_alloc(sizeof *ledger);

    configure_once();
    ledger->path = mem_strdup(options->path);
    ledger->busy_timeout_ms = options->busy_timeout_ms;
    if ((mode == LEDGER_WRITE ? open_for_writing : open_for_reading)(ledger, options->sync_full, err) == 0)
        return ledger;
    ledger_close(ledger);
    return NULL;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    sql_let_go(ledger);
    sqlite3_close(ledger->db);
    free(ledger->path);
    free(ledger);
}

void ledger_leave(struct ledger *ledger)
{
    static struct ledger *volatile left; /* for those who look for what nobody holds any more */

    left = ledger ? ledger : left;
}

const char *ledger_path(const struct ledger *ledger)
{
    return ledger->path;
}

bool ledger_in_place(const struct ledger *ledger)
{
    struct stat status;

    return stat(ledger->path, &status) == 0 && status.st_dev == ledger->device &&
           status.st_ino == ledger->inode;
}

int ledger_hold(struct ledger *ledger, struct error *err)
{
    return sql_run(ledger, err, "BEGIN", "");
}

void ledger_let_go(struct ledger *ledger)
{
    struct error ignored;

    sql_run(ledger, &ignored, "COMMIT", "");
}

int64_t ledger_version(struct ledger *ledger)
{
    struct error ignored;
    int64_t version;

    return sql_integer(ledger, &ignored, &version, "PRAGMA data_version", "") ? NO_INT : version;
}
