/* Items: what was processed of the many things that a stage works through, and what is left of them. */
#ifndef SUPERVISE_STORE_ITEM_H
#define SUPERVISE_STORE_ITEM_H

#include <supervise/store/execution.h>

struct item {
    char *id, *stage, *status; /* "done" or "failed" */
    int64_t attempts;
    char *error, *execution; /* the execution's UID */
    int64_t at;
    int64_t execution_number; /* not in JSON */
};
extern const struct field item_fields[]; /* see execution.h */
extern const size_t item_field_count;

/* Gives the ids one after another: 1 with the next (it lives until the next call), 0 at the end, -1 with err.
 */
typedef int item_source(void *context, const char **id, size_t *length, struct error *err);

/*
 * Takes the ids that the next report is about, in their order, each once. No lock is held meanwhile: whoever
 * names them may take their time.
 */
int items_take(struct ledger *ledger, item_source *source, void *context, struct error *err);

enum item_verb { ITEMS_DONE, ITEMS_FAILED, ITEMS_FORGOTTEN };

struct item_report {
    const char *session;   /* by the option, or NULL: see report_session() */
    const char *execution; /* the caller's UID, or NULL */
    const char *stage;
    const char *error; /* of ITEMS_FAILED, UTF-8, or NULL */
};

/*
 * All of the ids taken, or none: ITEMS_FAILED of what is done is refused (ERR_ILLEGAL), ITEMS_FORGOTTEN of
 * what isn't there, too (ERR_NOT_FOUND). What is done and is done again is left as it is. *session and *how
 * are as of report_session(); the caller frees *session.
 */
int items_report(struct ledger *ledger, enum item_verb verb, const struct item_report *report, char **session,
                 const char **how, struct error *err);

/*
 * Of the ids taken, those that aren't done, in their order; how many were taken becomes the stage's total.
 * Nothing of the ledger is held while `each` is called, until it returns non-zero. Strings live during the
 * call only.
 */
int items_remaining(struct ledger *ledger, const struct item_report *report, char **session, const char **how,
                    struct error *err);
int items_remaining_each(struct ledger *ledger, int (*each)(const char *id, size_t length, void *context),
                         void *context, struct error *err);

struct item_filter {
    const char *session;
    const char *stage, *status; /* or NULL: any */
};
/* By stage and id. */
int items_each(struct ledger *ledger, const struct item_filter *filter,
               int (*each)(const struct item *item, void *context), void *context, struct error *err);

#endif
