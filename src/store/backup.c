/*
 * The copy of the ledger: pages by way of SQLite, from one snapshot, into a file beside the one that was
 * named, which gets its name once all of it is on the disk. Writers don't wait for it.
 */
#include "sql.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/store/copy.h>

enum { PAGES_AT_ONCE = 1000 };

static int fail(struct ledger *ledger, const char *path, sqlite3 *copy, struct error *err)
{
    int code = sqlite3_errcode(copy) & 0xff;

    return error_set(err,
                     code == SQLITE_BUSY      ? ERR_BUSY
                     : code == SQLITE_CORRUPT ? ERR_INVALID
                                              : ERR_OTHER,
                     "cannot copy the ledger %s to %s: %s%s", ledger->path, path, sqlite3_errmsg(copy),
                     code == SQLITE_FULL || code == SQLITE_IOERR ? "; is there room on that disk?" : "");
}

static int copy_pages(struct ledger *ledger, sqlite3 *copy, const char *path, bool (*stopped)(void *),
                      void *context, bool *done, struct error *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", ledger->db, "main");
    int code = SQLITE_OK;

    if (!backup)
        return fail(ledger, path, copy, err);
    while (code == SQLITE_OK && !stopped(context))
        code = sqlite3_backup_step(backup, PAGES_AT_ONCE);
    *done = code == SQLITE_DONE;
    if (sqlite3_backup_finish(backup) != SQLITE_OK)
        return fail(ledger, path, copy, err);
    return 0;
}

/* What is unfinished needs neither journal nor sync: it is thrown away if anything fails. */
static int copy_to(struct ledger *ledger, const char *unfinished, const char *path, bool (*stopped)(void *),
                   void *context, bool *done, struct error *err)
{
    sqlite3 *copy = NULL;
    int result;

    if (sqlite3_open_v2(unfinished, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL) !=
            SQLITE_OK) {
        result = fail(ledger, path, copy, err);
    } else if ((result = sql_run(ledger, err, "BEGIN", "")) == 0) {
        /* A first read takes the snapshot, which the steps would take one by one otherwise. */
        result = sql_run(ledger, err, "SELECT 1 FROM main.sqlite_schema", "");
        if (result == 0)
            result = copy_pages(ledger, copy, path, stopped, context, done, err);
        result = sql_end(ledger, result, err);
    }
    if (sqlite3_close(copy) != SQLITE_OK && result == 0)
        result = fail(ledger, path, copy, err);
    return result;
}

static int sync_path(const char *path)
{
    AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? 0 : -1;
}

/* A file system that can't rename without replacing is told to rename; what stood there was looked for
 * before. */
static int give_name(const char *unfinished, const char *path, struct error *err)
{
    AUTOFREE char *directory = path_parent(path);

    if (sync_path(unfinished) || (renameat2(AT_FDCWD, unfinished, AT_FDCWD, path, RENAME_NOREPLACE) &&
                                  (errno != EINVAL || access(path, F_OK) == 0 || rename(unfinished, path))))
        return error_errno(err, "cannot write the copy of the ledger %s", path);
    if (sync_path(directory))
        return error_errno(err, "cannot sync the directory of %s", path);
    return 0;
}

int ledger_backup(struct ledger *ledger, const char *path, bool (*stopped)(void *), void *context, bool *done,
                  struct error *err)
{
    AUTOFREE char *unfinished = mem_printf("%s.XXXXXX", path);
    int fd, result;

    *done = false;
    if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_set(
            err, ERR_OTHER,
            "cannot copy the ledger to %s: there is such a file, and nothing is overwritten; name "
            "another one, or remove that first",
            path);
    fd = mkostemp(unfinished, O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot copy the ledger to %s: cannot create a file there", path);
    close(fd);
    result = copy_to(ledger, unfinished, path, stopped, context, done, err);
    if (result == 0 && *done)
        result = give_name(unfinished, path, err);
    if (result || !*done)
        unlink(unfinished);
    *done = *done && result == 0;
    return result;
}
