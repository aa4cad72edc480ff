/* Agent programs: how one is known, how its session is found in its output, how it is resumed. */
#ifndef SUPERVISE_CONFIG_AGENT_H
#define SUPERVISE_CONFIG_AGENT_H

#include "setting.h"

/* The agents that are known without a file: name -> {"match", "resume", "session_id"}. The caller owns it. */
json_t *agents_built_in(void);

/* Whether a string of that content stands in their definitions. */
bool agents_built_in_name(const char *text);

/*
 * Reads [agent.NAME] over what is known of that agent, key by key; a new one matches its own name.
 * "session_id" and "session_pattern" are two ways to one thing: the one takes the other's place. `origins`:
 * gets "agent.NAME.KEY" -> "FILE:LINE" for every key that was read. A file found above may not say what to
 * run.
 */
int agent_read(json_t *agents, json_t *origins, const struct setting_file *file,
               const struct toml_member *member, struct error *err);

#endif
