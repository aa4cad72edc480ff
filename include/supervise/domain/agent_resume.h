/*
 * The command that continues an agent's conversation, made of the command that began it. The words of
 * "resume" in the agent's definition stand for themselves, but for
 *
 *   {session}   anywhere in a word: the id of the conversation
 *   {program}   a whole word: the words of the command up to its program (`npx -y PACKAGE`, a path)
 *   {options}   a whole word: those options of the command that "keep" lists, in their order
 *   {prompt}    a whole word: what the agent is to be told
 *
 * An entry of "keep" is an option: "--flag"; "--option=" with a value, as the next word, behind '=', or, of a
 * single letter, behind that; "--option..." with all words up to the next option. An entry without '-' is the
 * name of a subcommand, kept where it is the first word of the command that is neither option nor value. What
 * stands behind "--" is nothing of these. With an option that "forgets" lists the agent keeps no
 * conversation.
 */
#ifndef SUPERVISE_DOMAIN_AGENT_RESUME_H
#define SUPERVISE_DOMAIN_AGENT_RESUME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct agent_resume {
    char *const *argv;   /* the command that began the conversation */
    size_t program;      /* how many of its words lead to its program; 0: it isn't known to have one */
    const char *session; /* the id of the conversation */
    const char *prompt;
};

/*
 * The words, ended by NULL; the caller frees them. NULL where the definition says none, asks for what isn't
 * known, or the conversation was not kept. *prompted: the prompt is one of them.
 */
char **agent_resume_words(const json_t *definition, const struct agent_resume *facts, bool *prompted);

/* NULL where the word may stand in "resume", in "keep"; else what is wrong with it, as the end of a sentence.
 */
const char *agent_resume_fault(const char *word);
const char *agent_keep_fault(const char *entry);

#endif
