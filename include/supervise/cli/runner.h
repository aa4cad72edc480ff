/* What `run` and `resume` share: from a plan to the summary line and the exit status of the wrapper. */
#ifndef SUPERVISE_CLI_RUNNER_H
#define SUPERVISE_CLI_RUNNER_H

#include <supervise/cli/cli.h>
#include <supervise/supervisor/run.h>

/* Reads what this process inherited, before anything of ours changes it. Call first; inherit_free() it. */
void run_inherit(struct inherited *inherited);

/*
 * The way of capture that a setting or option means: auto is a terminal of its own where the command would
 * talk to one with both stdin and stdout, else pipes.
 */
enum capture run_capture(const char *capture, bool detached);

/* Runs the plan; *status is the wrapper's exit status. -1 where nothing was begun. */
int run_here(struct cli *cli, const struct run_plan *plan, struct inherited *inherited, int *status,
             struct error *err);

/*
 * The words of a command that the ledger keeps, byte for byte: from its JSON array, or from the exact bytes,
 * where those are kept too (else NULL). Ended by NULL; runner_free_words() it.
 */
char **runner_words(const char *command, const char *exact);
void runner_free_words(char **words);

/* Says the error; 125. */
int run_fail(const struct error *err);

#endif
