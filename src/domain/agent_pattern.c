/* Patterns for session ids: see the header. */
#include <supervise/domain/agent_pattern.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

/* regexec() keeps every state of its automaton that a text reached, and lets go of none before regfree(). */
enum { COMPILE_AGAIN_AFTER = 8 * 1024 };

struct agent_pattern {
    regex_t compiled;
    char *text;
    size_t read; /* since it was compiled */
};

/* `at` is behind the '['; gives what is behind the ']' that closes it. */
static const char *after_bracket(const char *at)
{
    at += *at == '^';
    at += *at == ']'; /* first, it stands for itself */
    while (*at && *at != ']') {
        if (*at == '[' && at[1] && strchr(".:=", at[1])) { /* [:digit:] */
            const char close[] = {at[1], ']', '\0'}, *closed = strstr(at + 2, close);

            at = closed ? closed + 1 : at;
        }
        at++;
    }
    return at + (*at == ']');
}

/* What is behind the character, [...] or escape that `at` stands on. */
static const char *after(const char *at)
{
    if (*at == '[')
        return after_bracket(at + 1);
    return at + (*at == '\\' && at[1] ? 2 : 1);
}

/* What {M,N} repeats is copied that often, and a repeated repetition multiplies. */
static const char *repeat_fault(const char *at, char before)
{
    if (strchr(")}*+?", before))
        return "{M,N} may follow a character or [...] alone";
    for (; *at && *at != '}'; at++)
        if (strtol(at, NULL, 10) > AGENT_REPEAT_MAX)
            return "{M,N} may be up to 255";
    return NULL;
}

/* Each repetition of a repetition, x++, doubles what is compiled. */
static const char *repetition_fault(const char *at, char before)
{
    if (*at == '{')
        return repeat_fault(at + 1, before);
    return strchr("*+?", *at) && strchr("}*+?", before) ? "a repetition may not be repeated" : NULL;
}

/* As in x++, ((x+)+)+ doubles with each group. */
static size_t groups_of(const char *text)
{
    size_t groups = 0;

    for (const char *at = text; *at; at = after(at))
        groups += *at == '(';
    return groups;
}

/* What regcomp() or regexec() would take without bound; NULL: nothing. */
static const char *cost_fault(const char *text)
{
    const char *why = NULL;
    char before = '(';

    if (strlen(text) > AGENT_PATTERN_MAX)
        return "it is longer than 256 bytes";
    for (const char *at = text; *at && !why; at = after(at)) {
        if (at[0] == '\\' && at[1] >= '1' && at[1] <= '9')
            why = "back-references are not taken";
        else
            why = repetition_fault(at, before);
        before = at[0];
    }
    return why;
}

struct agent_pattern *agent_pattern_new(const char *text, char *why, size_t size)
{
    const char *fault = cost_fault(text);
    size_t groups = groups_of(text);
    struct agent_pattern *pattern;
    int error;

    if (groups > 1)
        snprintf(why, size, "it has %zu groups", groups);
    if (fault)
        snprintf(why, size, "%s", fault);
    if (fault || groups > 1)
        return NULL;
    pattern = mem_alloc(sizeof *pattern);
    error = regcomp(&pattern->compiled, text, REG_EXTENDED);
    if (error) {
        regerror(error, &pattern->compiled, why, size);
        free(pattern);
        return NULL;
    }
    pattern->text = mem_strdup(text);
    if (pattern->compiled.re_nsub == 1)
        return pattern;
    snprintf(why, size, "it has %zu groups", pattern->compiled.re_nsub);
    agent_pattern_free(pattern);
    return NULL;
}

void agent_pattern_free(struct agent_pattern *pattern)
{
    if (!pattern)
        return;
    regfree(&pattern->compiled);
    free(pattern->text);
    free(pattern);
}

/* False where there is no memory for it: then there is no match, and the next line tries again. */
static bool compile_again(struct agent_pattern *pattern)
{
    regfree(&pattern->compiled); /* also what a failed regcomp() left: it is empty then */
    if (regcomp(&pattern->compiled, pattern->text, REG_EXTENDED))
        return false;
    pattern->read = 0;
    return true;
}

bool agent_pattern_find(struct agent_pattern *pattern, const char *line, size_t length, size_t *start,
                        size_t *end)
{
    regmatch_t found[2] = {{.rm_so = 0, .rm_eo = (regoff_t)length}};

    if (pattern->read > COMPILE_AGAIN_AFTER && !compile_again(pattern))
        return false;
    pattern->read += length;
    if (regexec(&pattern->compiled, line, 2, found, REG_STARTEND) || found[1].rm_so < 0)
        return false;
    *start = (size_t)found[1].rm_so;
    *end = (size_t)found[1].rm_eo;
    return true;
}
