/* Steps: what a report changes, and what they say of an execution. */
#ifndef SUPERVISE_STORE_STEP_H
#define SUPERVISE_STORE_STEP_H

#include <supervise/domain/step.h>
#include <supervise/store/execution.h>

struct step_report {
    enum step_verb verb;
    const char *session;     /* --session, or NULL: that of the execution, or what report_session() finds */
    const char *execution;   /* the caller's UID, or NULL */
    const char *stage;       /* or NULL: where the step is declared */
    const char *name, *text; /* text: the message, the error, or why it is skipped; NULL: none */
    int64_t done, total;     /* NO_INT: not said */
    const char *gone; /* the UID of an execution that is proven to be dead, though no end is written yet */
};

struct step_reported {
    char *session, *stage, *name;
    const char *how; /* the session was found: "option", "execution", "implicit", "only-active" */
    char *holder;    /* where it was refused: the UID of the execution in flight that runs the step */
};

/*
 * Does to a step what the table in domain/step.h says, in one transaction with its event. A refusal changes
 * nothing. ERR_ILLEGAL: not from the status it has; ERR_INVARIANT: the session is closed, or another
 * execution runs the step. The caller gives `reported` to step_reported_free() in either case.
 */
int step_report(struct ledger *ledger, const struct step_report *report, struct step_reported *reported,
                struct error *err);
void step_reported_free(struct step_reported *reported);

/* What the steps of its session tell of an execution that has not succeeded; NULL where they tell nothing. */
struct step_facts {
    char *left;     /* what of its --stages, or of the session that it began, isn't done, a list */
    char *in_error; /* "stage/name" of a step that failed during the run */
    char *error;    /* its message */
    char *next;     /* what is to be done about its session, as the view `completeness` says */
};
/* The caller frees *facts with step_facts_free(); it is NULL where there is nothing to tell. */
int step_facts_read(struct ledger *ledger, const struct execution *execution, struct step_facts **facts,
                    struct error *err);
void step_facts_free(struct step_facts *facts); /* NULL is allowed */

#endif
