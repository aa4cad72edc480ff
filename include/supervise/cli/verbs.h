/* The table of verbs, and how a command line becomes one of them with its options and words. */
#ifndef SUPERVISE_CLI_VERBS_H
#define SUPERVISE_CLI_VERBS_H

#include <supervise/base/buf.h>
#include <supervise/cli/cli.h>

extern const struct verb verb_run, verb_status, verb_list, verb_log, verb_events, verb_wait, verb_cancel,
    verb_resume, verb_heartbeat, verb_session_begin, verb_session_show, verb_session_list, verb_session_close,
    verb_item_done, verb_item_failed, verb_item_list, verb_item_remaining, verb_item_forget,
    verb_checkpoint_save, verb_checkpoint_list, verb_checkpoint_show, verb_config_show, verb_config_check,
    verb_config_path, verb_db_check, verb_db_path, verb_db_backup, verb_db_prune, verb_db_export,
    verb_session_import, verb_session_advance, verb_session_complete_round, verb_session_link,
    verb_step_start, verb_step_progress, verb_step_done, verb_step_error, verb_step_skip, verb_step_run,
    verb_sweep, verb_queue_add, verb_queue_list, verb_queue_remove, verb_queue_move, verb_queue_retry,
    verb_queue_pause, verb_queue_resume, verb_queue_claim, verb_daemon, verb_agent_hook, verb_agent_install,
    verb_agent_uninstall, verb_agent_prompt, verb_help;

/* All of them, in the order of help; ends with NULL. */
extern const struct verb *const verbs[];
/* What can be typed besides, and is for this program's own use; ends with NULL. */
extern const struct verb *const inner_verbs[];
/* The options that every verb takes. */
extern const struct option global_options[];

const struct verb *verb_find(const char *name);

/* Whether `name` is the first word of verbs of two words ("session"), and whether `verb` is one of those. */
bool verb_is_group(const char *name);
bool verb_in_group(const struct verb *verb, const char *group);

/*
 * The verb whose name is nearest to what was typed, or NULL. For people who mistype: "sesion begin", "lst".
 */
const char *verb_nearest(const char *name);

/* What a command line asks for. */
struct invocation {
    enum { INVOKE_VERB, INVOKE_HELP, INVOKE_VERSION } what; /* help: of `verb` */
    const struct verb *verb;                                /* NULL where nothing was asked at all */
    struct args args;
};

/*
 * Reads argv, and the global options into `cli`. 0; else `err` says what is wrong and the exit status is
 * returned: 125 where a command was to be run, 2 for all else. Words are moved together inside argv.
 * args_free() in either case.
 */
int args_parse(int argc, char **argv, struct cli *cli, struct invocation *invocation, struct error *err);
void args_free(struct args *args);

/* --- help.c --- */
void help_verb(FILE *out, const struct verb *verb);
void help_usage(FILE *out); /* what to say to nobody who said nothing */
/* "-n, --limit N" as help shows an option. */
void help_option_label(struct buf *out, const struct option *option);

#endif
