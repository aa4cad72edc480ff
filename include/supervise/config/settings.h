/*
 * The settings: one table of them, each with type, default and where its value came from. Built-in < /etc <
 * user < project < $SUPERVISE_CONFIG or --config < environment < options.
 */
#ifndef SUPERVISE_CONFIG_SETTINGS_H
#define SUPERVISE_CONFIG_SETTINGS_H

#include <supervise/base/error.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Every duration in milliseconds, every size in bytes, 0 where the setting is "none". Strings are owned by
 * the struct. */
struct settings {
    char *store_path; /* absolute; NULL where no place was found: see settings_ledger() */
    int64_t store_busy_timeout;
    bool store_sync_full; /* store.sync = "full" */

    char *run_capture; /* auto, pty, pipe, none */
    int64_t run_timeout, run_idle_timeout, run_kill_after, run_drain;
    int64_t run_incomplete_exit;
    char **run_uid_env; /* ends with NULL */
    bool run_require_session;
    bool run_kill_on_supervisor_death; /* run.on_supervisor_death = "kill" (default "keep") */

    int64_t sweep_interval, sweep_stale_session_after, sweep_heartbeat_interval, sweep_heartbeat_stale_after,
        sweep_no_heartbeat_after, sweep_stalled_after;

    int64_t queue_slots;
    bool queue_autostart;
    int64_t queue_idle;

    char *log_dir; /* absolute; the default is "logs" beside the ledger; NULL where that has no place */
    int64_t log_max_size, log_keep;

    int64_t checkpoint_max_size;

    int64_t agents_max_nudges;
    char *agents_resume_prompt;

    json_t *workflows; /* object: name -> definition as sessions keep it (see config/workflow.h) */

    struct setting_origins *origins; /* where each value came from: private to settings.c */
};

/*
 * Finds and reads the files in their order, then the environment. `config_option` is the value of --config or
 * NULL, `db_option` of --db or NULL. NULL with ERR_INVALID and "FILE:LINE: ..." (ERR_NOT_FOUND for a file
 * that was named and isn't there). A file found above the working directory that belongs to another user is
 * ignored, with a warning. The caller frees with settings_free().
 */
struct settings *settings_load(const char *config_option, const char *db_option, struct error *err);
void settings_free(struct settings *settings);

/*
 * The agent programs: name -> {"match": [...], "resume": [...], ...}, the keys of [agent.NAME] where set.
 * Owned by the settings.
 */
json_t *settings_agents(const struct settings *settings);
/* The name of the agent that a command is, see config/agents.h; NULL: none. */
const char *settings_agent_of(const struct settings *settings, char *const *argv);

/* store_path; NULL with ERR_OTHER where no place was found, which matters only to those who need a ledger. */
const char *settings_ledger(const struct settings *settings, struct error *err);

/*
 * [{"key", "value", "origin"}]: every setting, "agent.NAME.KEY", "workflow.NAME"; durations and sizes as they
 * are written in a file. An origin is "built-in", "FILE:LINE", "environment SUPERVISE_DB" or "option --db".
 * The caller owns it.
 */
json_t *settings_json(const struct settings *settings);

/* The files that were looked for, in order: [{"path", "found": bool, "why"}]; the caller owns it. */
json_t *settings_files(const char *config_option);

/* Reads one file alone over the built-in values and says whether it is right. 0, or -1 with "FILE:LINE: ...".
 */
int settings_check_file(const char *path, struct error *err);

#endif
