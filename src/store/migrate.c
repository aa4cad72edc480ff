/*
 * Migrations: numbered .sql files, embedded at build, each applied in one transaction that also sets
 * user_version. An older file is copied beside itself first (FILE.v1 for version 1), so that nothing is lost
 * by a migration that was wrong.
 */
#include "sql.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>

static const char *const migrations[] = {
#include "schema.inc"
};
enum { NEWEST = sizeof migrations / sizeof *migrations };

int64_t ledger_schema_version(void)
{
    return NEWEST;
}

static int copy_aside(struct ledger *ledger, int64_t version, struct error *err)
{
    AUTOFREE char *copy = mem_printf("%s.v%lld", ledger->path, (long long)version);
    AUTOFREE char *unfinished = mem_printf("%s.%d", copy, (int)getpid());
    int fd = open(unfinished, O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return error_errno(err, "cannot copy the ledger to %s before its migration", unfinished);
    close(fd);
    if (sql_run(ledger, err, "VACUUM INTO ?", "t", unfinished)) {
        unlink(unfinished);
        return -1;
    }
    if (rename(unfinished, copy)) {
        error_errno(err, "cannot copy the ledger to %s before its migration", copy);
        unlink(unfinished);
        return -1;
    }
    say("the ledger %s is brought from schema %lld to %d; the old one is kept as %s", ledger->path,
        (long long)version, NEWEST, copy);
    return 0;
}

static int apply(struct ledger *ledger, int64_t version, struct error *err)
{
    char pragma[96];

    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
             LEDGER_APPLICATION_ID, (long long)version + 1);
    if (sqlite3_exec(ledger->db, migrations[version], NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(ledger->db, pragma, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(ledger, err);
    return 0;
}

/* One migration, unless somebody else has made it meanwhile. */
static int migrate_from(struct ledger *ledger, int64_t version, struct error *err)
{
    int64_t now;

    if (sql_begin(ledger, err))
        return -1;
    if (sql_integer(ledger, err, &now, "PRAGMA user_version", ""))
        return sql_end(ledger, -1, err);
    return sql_end(ledger, now == version ? apply(ledger, version, err) : 0, err);
}

int ledger_migrate(struct ledger *ledger, struct error *err)
{
    int64_t version;

    if (sql_integer(ledger, err, &version, "PRAGMA user_version", ""))
        return -1;
    if (version > 0 && version < NEWEST && copy_aside(ledger, version, err))
        return -1;
    if (version >= NEWEST)
        return 0;
    for (; version < NEWEST; version++)
        if (migrate_from(ledger, version, err))
            return -1;
    /* Else the file alone, as someone copies it or looks at its header, would be no ledger for a long time.
     * What hinders this leaves all in the -wal, where it is as good. */
    sqlite3_wal_checkpoint_v2(ledger->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return 0;
}
