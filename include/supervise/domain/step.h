/*
 * Steps and stages: what may name them, which one a report means, and what a report does to a step. Rules
 * only: plain structs, no clock, no ledger.
 */
#ifndef SUPERVISE_DOMAIN_STEP_H
#define SUPERVISE_DOMAIN_STEP_H

#include <supervise/base/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STEP_NAME_MAX = 128 };

/* NULL where the text may name a step; else what is wrong with it, as the end of a sentence ("is empty").
 * What may name its stage: stage_fault() in id.h. */
const char *step_name_fault(const char *name);

/* A name made of any UTF-8: without controls and outer spaces, and short enough; NULL where nothing is left.
 * The caller frees. */
char *step_name_from(const char *text);

/*
 * A step as it was typed: NAME, or STAGE/NAME where no `stage` (of --stage, or NULL) says which. The caller
 * frees both; *stage stays NULL where none was named. ERR_USAGE.
 */
int step_read_name(const char *word, const char *option, char **stage, char **name, struct error *err);

/* "3/10": whether the text is meant as counts. ERR_USAGE where it is, and can't be: 0 <= N <= M, M > 0. */
bool step_counts(const char *text);
int step_read_counts(const char *text, int64_t *done, int64_t *total, struct error *err);

/* What a workflow declares: a stage with one of its steps; with NULL for a stage that declares none. */
struct declared_step {
    const char *stage, *name;
};

/*
 * The stage that a report means: the one named, else the one in which the step is declared, else "main".
 * ERR_AMBIGUOUS where that could be several. With `strict` what isn't declared is refused: ERR_ILLEGAL, as an
 * unknown phase is.
 */
int step_place(const struct declared_step *declared, size_t count, bool strict, const char *stage,
               const char *name, const char **place, struct error *err);

/* `--stages A..B`, or A alone, as "A..B": both are among the names (ended by NULL), in that order. The caller
 * frees *range. */
int stages_range(const char *const *names, const char *text, char **range, struct error *err);

/* ---- What a report does ---- */

enum step_verb { STEP_START, STEP_PROGRESS, STEP_DONE, STEP_ERROR, STEP_SKIP };
enum step_status { STATUS_NONE, STATUS_RUNNING, STATUS_DONE, STATUS_ERROR, STATUS_ABORTED, STATUS_SKIPPED };

enum step_action {
    STEP_REFUSED,
    STEP_NOTHING,
    STEP_BEGIN,        /* a new attempt, running */
    STEP_BEGIN_REPORT, /* a new attempt, begun now, to which the report then applies */
    STEP_REPORT,       /* the report changes the attempt that runs */
    STEP_SKIPPED,      /* a new attempt that never ran */
};
enum step_action step_action(enum step_verb verb, enum step_status now);

/* "running", "done"...; STATUS_NONE is "idle". */
const char *step_status_name(enum step_status status);
enum step_status step_status_from_name(const char *name); /* STATUS_NONE for NULL, and what is none */
const char *step_verb_words(enum step_verb verb);         /* what it does to a step: "start", "end"... */

#endif
