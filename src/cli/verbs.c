/* The table of verbs, and how one is found in it: see the header. */
#include <supervise/cli/verbs.h>

#include <string.h>

#include <supervise/base/text.h>

const struct verb *const verbs[] = {
    &verb_run,
    &verb_status,
    &verb_list,
    &verb_log,
    &verb_events,
    &verb_wait,
    &verb_cancel,
    &verb_resume,
    &verb_heartbeat,
    &verb_step_start,
    &verb_step_progress,
    &verb_step_done,
    &verb_step_error,
    &verb_step_skip,
    &verb_step_run,
    &verb_item_done,
    &verb_item_failed,
    &verb_item_list,
    &verb_item_remaining,
    &verb_item_forget,
    &verb_checkpoint_save,
    &verb_checkpoint_list,
    &verb_checkpoint_show,
    &verb_session_begin,
    &verb_session_advance,
    &verb_session_complete_round,
    &verb_session_close,
    &verb_session_show,
    &verb_session_list,
    &verb_session_link,
    &verb_session_import,
    &verb_queue_add,
    &verb_queue_list,
    &verb_queue_move,
    &verb_queue_remove,
    &verb_queue_retry,
    &verb_queue_pause,
    &verb_queue_resume,
    &verb_daemon,
    &verb_sweep,
    &verb_agent_hook,
    &verb_agent_install,
    &verb_agent_uninstall,
    &verb_agent_prompt,
    &verb_config_show,
    &verb_config_check,
    &verb_config_path,
    &verb_db_check,
    &verb_db_backup,
    &verb_db_prune,
    &verb_db_export,
    &verb_db_path,
    &verb_help,
    NULL,
};

const struct verb *const inner_verbs[] = {&verb_queue_claim, NULL};

static const char *const groups[] = {"step",  "item",   "checkpoint", "session", "queue",
                                     "agent", "config", "db",         NULL};

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; verbs[i]; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    for (size_t i = 0; inner_verbs[i]; i++)
        if (strcmp(inner_verbs[i]->name, name) == 0)
            return inner_verbs[i];
    return NULL;
}

bool verb_is_group(const char *name)
{
    for (size_t i = 0; groups[i]; i++)
        if (strcmp(groups[i], name) == 0)
            return true;
    return false;
}

bool verb_in_group(const struct verb *verb, const char *group)
{
    size_t length = strlen(group);

    return strncmp(verb->name, group, length) == 0 && verb->name[length] == ' ';
}

const char *verb_nearest(const char *name)
{
    const char *names[sizeof verbs / sizeof *verbs + sizeof groups / sizeof *groups];
    size_t count = 0;

    for (size_t i = 0; verbs[i]; i++)
        names[count++] = verbs[i]->name;
    for (size_t i = 0; groups[i]; i++)
        names[count++] = groups[i];
    names[count] = NULL;
    return text_nearest(name, names);
}
