/*
 * The hooks of ours in an agent's settings: {"hooks": {EVENT: [{"hooks": [{"type": "command", "command":
 * ...}]}]}}. Only text: what is the user's stays as it was written.
 */
#ifndef SUPERVISE_DOMAIN_HOOK_SETTINGS_H
#define SUPERVISE_DOMAIN_HOOK_SETTINGS_H

#include <supervise/base/error.h>

#include <stddef.h>

/* Whether the text is JSON that hooks can stand in; else ERR_INVALID with `name` and the line. */
int hook_settings_check(const char *name, const char *text, size_t length, struct error *err);

/* With `command` at every event of the agent (a bit of domain/hook.h), once; the caller frees. */
char *hook_settings_add(const char *text, unsigned agent, const char *command);
/* Without what hook_settings_add() put in, now or earlier, for whichever command of ours. */
char *hook_settings_remove(const char *text);

#endif
