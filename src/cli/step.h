/* What the verbs of steps share. */
#ifndef CLI_STEP_H
#define CLI_STEP_H

#include <supervise/cli/cli.h>
#include <supervise/store/step.h>

extern const struct option step_options[];

/*
 * Sends a report of the step that the first word and the options name, from the execution that called us. The
 * caller gives `reported` to step_reported_free(), whatever comes of it.
 */
int step_send(struct cli *cli, const struct args *args, struct step_report *report,
              struct step_reported *reported, struct error *err);

#endif
