/* Words for people: commands, ages and lengths of time as tables and pages show them. */
#ifndef SUPERVISE_CLI_WORDS_H
#define SUPERVISE_CLI_WORDS_H

#include <supervise/cli/cli.h>

/* A JSON array of strings as a shell would take it: `make -j8 'my target'`. The caller frees. */
char *words_command(const char *json_array);

/*
 * Why it has the outcome it has, in one sentence, and what to do about it; *next is NULL where there is
 * nothing to do. The caller frees both. From the row, what it saw (`facts`), and how it stands now.
 */
void words_explain(const struct cli *cli, const struct execution *execution, char **explanation, char **next);

/* "3m ago" or "in 2s"; "" where there is no time. The caller frees. */
char *words_age(int64_t wall_ms);

/* "2026-02-03 04:05:06" where we are; "" where there is no time. The caller frees. */
char *words_time(int64_t wall_ms);

/* How long it took, or has been running: "4m 12s"; "" where that isn't known. The caller frees. */
char *words_took(const struct execution *execution);

/* "reviews (4 of 8)"; "" where there is no phase. The caller frees. */
char *words_phase(const char *phase, int64_t number, int64_t count);

/* "12 steps, tokens 340", of an execution's steps (or NO_INT) and usage (JSON), or of a session's totals
 * (JSON);
 * "" where nothing was counted. The caller frees. */
char *words_counters(int64_t steps, const char *usage);
char *words_totals(const char *totals);

/*
 * What a session still lacks, in sentences for whoever works on it, an agent first of all: "Session review-42
 * is in phase reviews (4 of 8), round 1. Still missing: round 1 is not complete (phase reviews). Next:
 * supervise session advance aggregation." NULL where the session isn't active. The ledger must be open; the
 * caller frees *text.
 */
int words_missing(struct cli *cli, const char *session, char **text, struct error *err);

/* Aligned "Label:  value" lines on stdout; nothing for a NULL or empty value. The value is made visible. */
void words_line(const char *label, const char *value);
void words_linef(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
