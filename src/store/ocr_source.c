/*
 * Opening a database of Open Code Review without leaving a trace. A file in WAL mode that nobody has open is
 * read as immutable, since any other way SQLite would make a -wal and -shm beside it; one in use has both
 * already, and is read under SQLite's own locks; and one that was left in the middle of something, which
 * only a writer could clean up, is copied first.
 */
#include "ocr_source.h"

#include "sql.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>

struct ocr_source {
    sqlite3 *db;
    char *path;
    struct stat opened; /* st_ino 0: locks hold it */
    bool has[OCR_TABLES];
};

static const char MAGIC[] = "SQLite format 3"; /* with its NUL */
enum { HEADER_SIZE = 100, VERSION_WAL = 2 };
/* Where in the header what stands. */
enum {
    PAGE_SIZE = 16,
    WRITE_VERSION = 18,
    READ_VERSION = 19,
    CHANGES = 24,
    PAGES = 28,
    PAGES_VALID_FOR = 92
};

/* What makes a table one of theirs: others have a table `sessions` too. */
static const struct {
    const char *name;
    const char *columns[4];
} tables[OCR_TABLES] = {
    [OCR_SESSIONS] = {"sessions", {"id", "status", "workflow_type", NULL}},
    [OCR_EVENTS] = {"orchestration_events", {"id", "session_id", "event_type", NULL}},
    [OCR_EXECUTIONS] = {"command_executions", {"id", "command", "started_at", NULL}},
};

const char *ocr_table_name(enum ocr_table table)
{
    return tables[table].name;
}

static int fail(struct ocr_source *source, struct error *err)
{
    switch (sqlite3_errcode(source->db)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, ERR_BUSY, "cannot read %s: another process holds it; try again", source->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(err, ERR_INVALID, "cannot read %s: %s; restore it from a copy", source->path,
                         sqlite3_errmsg(source->db));
    default:
        return error_set(err, ERR_OTHER, "cannot read %s: %s", source->path, sqlite3_errmsg(source->db));
    }
}

/* --- the ways in --- */

/* Begins the one transaction in which everything is read. */
static int begin(struct ocr_source *source, const char *name, int flags, int64_t busy_ms)
{
    sqlite3_close(source->db);
    source->db = NULL;
    if (sqlite3_open_v2(name, &source->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return -1;
    sqlite3_busy_timeout(source->db, (int)busy_ms);
    sqlite3_db_config(source->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(source->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return sqlite3_exec(source->db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) ==
                   SQLITE_OK
               ? 0
               : -1;
}

static int begin_there(struct ocr_source *source, const char *query, int64_t busy_ms)
{
    AUTOFREE char *name = sql_file_uri(source->path, query);

    return begin(source, name, SQLITE_OPEN_READONLY, busy_ms);
}

static int copy_file(const char *from, const char *to, struct error *err)
{
    AUTOCLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
    AUTOCLOSE int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char part[65536];
    ssize_t got;

    if (in < 0 && errno == ENOENT)
        return 0;
    if (in < 0 || out < 0)
        return error_errno(err, "cannot copy %s to %s", from, to);
    while ((got = read(in, part, sizeof part)) > 0)
        for (ssize_t done = 0, put; done < got; done += put)
            if ((put = write(out, part + done, (size_t)(got - done))) < 0)
                return error_errno(err, "cannot copy %s to %s", from, to);
    return got < 0 ? error_errno(err, "cannot copy %s", from) : 0;
}

static const char *const parts[] = {"", "-wal", "-journal", "-shm"};
enum { PARTS = sizeof parts / sizeof *parts, PARTS_COPIED = 3 };

/* The copy goes as soon as SQLite has it open: it lives as long as we do. */
static int begin_copy(struct ocr_source *source, struct error *err)
{
    const char *temporary = getenv("TMPDIR");
    AUTOFREE char *directory =
        mem_printf("%s/supervise-import-XXXXXX", temporary && *temporary == '/' ? temporary : "/tmp");
    AUTOFREE char *copy = NULL;
    int result = 0;

    if (!mkdtemp(directory))
        return error_errno(err, "cannot make a copy of %s in %s", source->path, directory);
    copy = mem_printf("%s/ocr.db", directory);
    for (int i = 0; i < PARTS_COPIED && result == 0; i++) {
        AUTOFREE char *from = mem_printf("%s%s", source->path, parts[i]);
        AUTOFREE char *to = mem_printf("%s%s", copy, parts[i]);

        result = copy_file(from, to, err);
    }
    if (result == 0 && begin(source, copy, SQLITE_OPEN_READWRITE, 0))
        result = fail(source, err);
    for (int i = 0; i < PARTS; i++) {
        AUTOFREE char *part = mem_printf("%s%s", copy, parts[i]);

        unlink(part);
    }
    rmdir(directory);
    return result;
}

static bool is_there(const struct ocr_source *source, const char *part, bool with_content)
{
    AUTOFREE char *path = mem_printf("%s%s", source->path, part);
    struct stat status;

    return stat(path, &status) == 0 && (!with_content || status.st_size > 0);
}

/* Is it a database at all? */
static int read_header(const struct ocr_source *source, unsigned char header[HEADER_SIZE], struct error *err)
{
    AUTOCLOSE int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        error_errno(err, "cannot read %s", source->path);
        if (errno == ENOENT || errno == ENOTDIR)
            err->code = ERR_NOT_FOUND;
        return -1;
    }
    if (pread(fd, header, HEADER_SIZE, 0) != HEADER_SIZE || memcmp(header, MAGIC, sizeof MAGIC) != 0)
        return error_set(err, ERR_INVALID,
                         "cannot import %s: it is no SQLite database; name the ocr.db below .ocr/data",
                         source->path);
    return 0;
}

static int64_t big_endian(const unsigned char *bytes, size_t count)
{
    int64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value * 256 + bytes[i];
    return value;
}

/* SQLite reads what is missing at the end of a file as zeros, and rows as others than they were. */
static int check_whole(const struct ocr_source *source, struct error *err)
{
    unsigned char header[HEADER_SIZE];
    int64_t page_size, size;
    struct stat status;

    if (read_header(source, header, err))
        return -1;
    page_size = big_endian(header + PAGE_SIZE, 2);
    size = big_endian(header + PAGES, 4) * (page_size == 1 ? 65536 : page_size);
    if (memcmp(header + CHANGES, header + PAGES_VALID_FOR, 4) != 0 || stat(source->path, &status) ||
        status.st_size >= size)
        return 0;
    return error_set(err, ERR_INVALID, "cannot import %s: it is cut off after %lld of %lld bytes",
                     source->path, (long long)status.st_size, (long long)size);
}

static bool only_a_writer_could(struct ocr_source *source)
{
    int code = sqlite3_errcode(source->db);

    return code == SQLITE_READONLY || code == SQLITE_CANTOPEN;
}

static int open_source(struct ocr_source *source, int64_t busy_ms, struct error *err)
{
    unsigned char header[HEADER_SIZE];
    bool wal;

    if (read_header(source, header, err))
        return -1;
    wal = header[WRITE_VERSION] == VERSION_WAL || header[READ_VERSION] == VERSION_WAL;
    if (stat(source->path, &source->opened))
        return error_errno(err, "cannot read %s", source->path);
    if (wal && !is_there(source, "-shm", false)) {
        if (is_there(source, "-wal", true))
            return begin_copy(source, err);
        return begin_there(source, "immutable=1", busy_ms) ? fail(source, err) : check_whole(source, err);
    }
    if (begin_there(source, "mode=ro", busy_ms) == 0) {
        source->opened.st_ino = 0;
        return wal ? 0 : check_whole(source, err);
    }
    return only_a_writer_could(source) ? begin_copy(source, err) : fail(source, err);
}

int ocr_source_still(const struct ocr_source *source, struct error *err)
{
    struct stat now;

    if (source->opened.st_ino == 0)
        return 0;
    if (stat(source->path, &now) == 0 && now.st_ino == source->opened.st_ino &&
        now.st_size == source->opened.st_size && now.st_mtim.tv_sec == source->opened.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == source->opened.st_mtim.tv_nsec)
        return 0;
    return error_set(err, ERR_BUSY, "cannot import %s: it was written to meanwhile; try again", source->path);
}

/* --- what it has --- */

static int has_column(struct ocr_source *source, const char *table, const char *column, bool *has,
                      struct error *err)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(source->db,
                           "SELECT 1 FROM sqlite_schema s JOIN pragma_table_info(s.name) c"
                           " WHERE s.type = 'table' AND s.name = ?1 AND c.name = ?2 COLLATE NOCASE",
                           -1, &statement, NULL) != SQLITE_OK)
        return fail(source, err);
    sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, column, -1, SQLITE_STATIC);
    switch (ocr_step(source, statement, err)) {
    case 1:
        *has = true;
        return 0;
    case 0:
        *has = false;
        return 0;
    default:
        return -1;
    }
}

static int look(struct ocr_source *source, struct error *err)
{
    bool any = false;

    for (int table = 0; table < OCR_TABLES; table++) {
        source->has[table] = true;
        for (const char *const *column = tables[table].columns; *column && source->has[table]; column++)
            if (has_column(source, tables[table].name, *column, &source->has[table], err))
                return -1;
        any = any || source->has[table];
    }
    if (any)
        return 0;
    return error_set(err, ERR_INVALID,
                     "cannot import %s: it has none of the tables of Open Code Review (sessions, "
                     "orchestration_events, command_executions)",
                     source->path);
}

struct ocr_source *ocr_source_open(const char *path, int64_t busy_ms, struct error *err)
{
    struct ocr_source *source = mem_alloc(sizeof *source);
    struct stat status;

    source->path = mem_strdup(path);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        error_set(err, ERR_INVALID, "cannot import %s: it is no regular file", path);
    else if (open_source(source, busy_ms, err) == 0 && look(source, err) == 0)
        return source;
    ocr_source_close(source);
    return NULL;
}

void ocr_source_close(struct ocr_source *source)
{
    if (!source)
        return;
    sqlite3_close(source->db);
    free(source->path);
    free(source);
}

bool ocr_source_has(const struct ocr_source *source, enum ocr_table table)
{
    return source->has[table];
}

int64_t ocr_source_version(struct ocr_source *source)
{
    AUTOSTMT sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(source->db, "SELECT max(version) FROM schema_version", -1, &statement, NULL) !=
            SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return NO_INT;
    return ocr_integer(statement, 0);
}

/* --- reading --- */

sqlite3_stmt *ocr_select(struct ocr_source *source, enum ocr_table table, const char *const *columns,
                         const char *tail, struct error *err)
{
    AUTOBUF struct buf sql = {0};
    sqlite3_stmt *statement = NULL;

    for (int i = 0; columns[i]; i++) {
        bool has = false;

        if (has_column(source, tables[table].name, columns[i], &has, err))
            return NULL;
        buf_printf(&sql, "%s%s", i ? ", " : "SELECT ", has ? columns[i] : "NULL");
    }
    buf_printf(&sql, " FROM %s %s", tables[table].name, tail);
    if (sqlite3_prepare_v2(source->db, sql.data, -1, &statement, NULL) != SQLITE_OK) {
        fail(source, err);
        return NULL;
    }
    return statement;
}

void ocr_bind(sqlite3_stmt *statement, const char *text, int64_t number)
{
    sqlite3_reset(statement);
    if (text)
        sqlite3_bind_text(statement, 1, text, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_int64(statement, 1, number);
}

int ocr_step(struct ocr_source *source, sqlite3_stmt *statement, struct error *err)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return fail(source, err);
    }
}

char *ocr_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);
    struct buf utf8 = {0};

    if (!text)
        return NULL;
    for (size_t at = 0; at < size; at++) {
        size_t part = strnlen(text + at, size - at);

        text_to_utf8(&utf8, text + at, part);
        at += part;
        if (at < size)
            buf_puts(&utf8, "\xEF\xBF\xBD");
    }
    return buf_take(&utf8);
}

int64_t ocr_integer(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_INTEGER ? sqlite3_column_int64(statement, column)
                                                                    : NO_INT;
}
