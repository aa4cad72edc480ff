/* What the verbs about the queue share. */
#ifndef SUPERVISE_CLI_QUEUED_H
#define SUPERVISE_CLI_QUEUED_H

#include <supervise/cli/cli.h>

/* Why it is not started yet: "waits for #4, which is running"; NULL where nothing is known. The caller frees.
 */
char *queued_why(const struct cli *cli, const struct execution *execution);

/* Something is due: starts a daemon where none runs, as queue.autostart says, or says that none does. */
void queued_see_to_daemon(struct cli *cli);

#endif
