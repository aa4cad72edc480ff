/*
 * What another program's ledger holds, taken into ours: the sessions, events and commands of Open Code
 * Review. In one transaction, and repeatable: what was taken is known again, what is new since is taken.
 */
#ifndef SUPERVISE_STORE_IMPORT_H
#define SUPERVISE_STORE_IMPORT_H

#include <supervise/store/ledger.h>

#include <jansson.h>
#include <stddef.h>

struct ocr_source;

/*
 * Its database, at one moment; nothing in it or beside it is changed. ERR_NOT_FOUND where there is no file;
 * ERR_INVALID where it is no SQLite file, damaged, or none of Open Code Review; ERR_BUSY where somebody holds
 * it for longer than that.
 */
struct ocr_source *ocr_source_open(const char *path, int64_t busy_ms, struct error *err);
void ocr_source_close(struct ocr_source *source); /* NULL is allowed */

/* What became of a command's output; the importer frees the texts. */
struct import_log {
    char *path;      /* NULL: none was kept */
    char *last_line; /* NULL: none with more than blanks */
    char *lost;      /* why it isn't kept, or not whole; NULL */
};
typedef void import_log_fn(void *context, const char *uid, int64_t wall_ms, const char *output, size_t size,
                           struct import_log *log);

struct import_workflow {
    const char *name;     /* NULL ends the list */
    char *definitions[3]; /* JSON; the first that knows a session's phase is taken, else the last; ends with
                             NULL */
};

struct import_request {
    const struct import_workflow *workflows;
    bool dry_run; /* all is done, and then undone */
    import_log_fn *keep_log;
    void *context;
};

struct import_result {
    int64_t schema_version; /* of the source; NO_INT */
    int64_t sessions_new, sessions_changed, sessions_known;
    int64_t events;
    int64_t executions_new, executions_known, logs;
    /* [{"what", "why", "count", "examples": [...]}]: what was not taken, and what was not taken as it stands.
     */
    json_t *left, *altered;
};

/* The caller gives the result to import_result_free() in either case. */
int import_ocr(struct ledger *ledger, struct ocr_source *source, const struct import_request *request,
               struct import_result *result, struct error *err);
void import_result_free(struct import_result *result);

#endif
