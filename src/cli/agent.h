/* What the verbs of `agent` share. */
#ifndef CLI_AGENT_H
#define CLI_AGENT_H

#include <supervise/cli/cli.h>

/* The command that hooks run; before it, where it isn't found in PATH, the directory of the program. */
#define AGENT_HOOK_COMMAND "supervise agent hook"

/*
 * What an agent is to be told so that its work can be seen to be complete, some twenty lines. `workflow` and
 * its `definition`: or NULL, for any work. `standing`: where its session stands, in words; NULL: it is to
 * begin one. The caller frees.
 */
char *agent_prompt(const char *workflow, const json_t *definition, const char *standing);

#endif
