/*
 * Which agent program a command is. A pure function of the settings and the words of the command: nothing is
 * looked up in PATH, no link is followed.
 */
#ifndef SUPERVISE_CONFIG_AGENTS_H
#define SUPERVISE_CONFIG_AGENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The name of the agent (its key in `agents`, see struct settings; lives as long as that does) whose "match"
 * has the base name of the program; of several the one defined last. Behind what only starts another program
 * (env, nohup, npx PACKAGE, node SCRIPT) that program counts: a package by the program it brings, a script by
 * its base name without .js. What a shell is told to run isn't read. NULL where it is none. `argv` ends with
 * NULL.
 */
const char *agent_match(const json_t *agents, char *const *argv);

/* How many words of that command lead to the program of that agent, itself included; 0 where it isn't one. */
size_t agent_program(const json_t *agents, char *const *argv, const char *agent);

/* False where no built-in agent can be meant, which costs less to know than which one is. */
bool agent_may_match(char *const *argv);

#endif
