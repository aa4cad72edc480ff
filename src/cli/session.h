/* What the verbs of `session` share. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <supervise/cli/cli.h>

/* The definition of a workflow as the settings, which are read, know it; NULL with err where they don't. */
const json_t *session_workflow(struct cli *cli, const char *workflow, struct error *err);

/* Where the configuration says otherwise of its workflow than the session does: one line on stderr. */
int session_say_drift(struct cli *cli, const char *id, struct error *err);

/* With --json the session's object; else its page, where one is wanted. */
int session_print(struct cli *cli, const char *id, bool page, struct error *err);

#endif
