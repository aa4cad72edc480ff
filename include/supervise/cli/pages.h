/* Executions and sessions as people see them: tables of many, a page about one. All on stdout. */
#ifndef SUPERVISE_CLI_PAGES_H
#define SUPERVISE_CLI_PAGES_H

#include <supervise/cli/cli.h>

/* Nothing at all where the list is empty. */
void executions_table(struct cli *cli, const struct execution_list *list);
/* The same, row by row; for table_print(). */
struct table *executions_table_new(void);
void executions_table_row(struct cli *cli, struct table *table, const struct execution *execution);
void sessions_table(struct cli *cli, const struct session_list *list);
struct table *sessions_table_new(void);
void sessions_table_row(struct table *table, const struct session *session);

/* Everything about one, the last lines of its output included; of a session, its newest executions, and the
 * output of the newest. */
void execution_page(struct cli *cli, const struct execution *execution);
int session_page(struct cli *cli, const struct session *session, struct error *err);

/* The stages of a session with their steps, as a table below a heading; `stages` is the JSON of `struct
 * session`. Nothing where there are none. */
void pipeline_print(struct cli *cli, const char *stages);

/* Lists as JSON arrays; the caller owns them. */
json_t *executions_json(struct cli *cli, const struct execution_list *list);
json_t *sessions_json(struct cli *cli, const struct session_list *list);

#endif
