/* How an agent's conversation is continued: see the header. */
#include <supervise/domain/agent_resume.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/phases.h>

struct words {
    char **list; /* ends with NULL */
    size_t count;
};

static void add(struct words *words, const char *word)
{
    words->list = mem_resize(words->list, (words->count + 2) * sizeof *words->list);
    words->list[words->count++] = mem_strdup(word);
    words->list[words->count] = NULL;
}

static void add_first(struct words *words, char *const *from, size_t count)
{
    for (size_t i = 0; i < count && from[i]; i++)
        add(words, from[i]);
}

/* ---- What is kept ---- */

enum kept { KEPT_NOT, KEPT_FLAG, KEPT_VALUE, KEPT_WORDS };

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t size = strlen(end);

    return length > size && memcmp(text + length - size, end, size) == 0;
}

/* What an entry of "keep" takes; *length is that of its name. */
static enum kept entry_read(const char *entry, size_t *length)
{
    *length = strlen(entry);
    if (ends_with(entry, *length, "...")) {
        *length -= 3;
        return KEPT_WORDS;
    }
    if (ends_with(entry, *length, "=")) {
        *length -= 1;
        return KEPT_VALUE;
    }
    return KEPT_FLAG;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

/* How a word is kept by one entry; as a flag where its value, if it has one, is part of the word. */
static enum kept kept_by(const char *entry, const char *word)
{
    size_t length;
    enum kept kept = entry_read(entry, &length);
    bool letter = length == 2 && word[0] == '-' && word[1] != '-';

    if (strncmp(entry, word, length) != 0)
        return KEPT_NOT;
    if (word[length] == '\0')
        return kept;
    if (word[length] == '=' || (letter && kept == KEPT_VALUE))
        return KEPT_FLAG;
    return KEPT_NOT;
}

static enum kept kept_of(const json_t *keep, const char *word)
{
    json_t *entry;
    size_t i;

    json_array_foreach((json_t *)keep, i, entry) {
        enum kept kept = kept_by(json_string_value(entry), word);

        if (kept != KEPT_NOT)
            return kept;
    }
    return KEPT_NOT;
}

/* How many words an option has with what it takes. */
static size_t extent(enum kept kept, char *const *words)
{
    size_t count = 1;

    if (kept == KEPT_VALUE && words[1])
        return 2;
    while (kept == KEPT_WORDS && words[count] && !is_option(words[count]))
        count++;
    return count;
}

static void add_options(struct words *words, const json_t *keep, char *const *arguments)
{
    bool first = true;

    while (*arguments && strcmp(*arguments, "--") != 0) {
        size_t count = 1;

        if (is_option(*arguments)) {
            enum kept kept = kept_of(keep, *arguments);

            count = extent(kept, arguments);
            if (kept != KEPT_NOT)
                add_first(words, arguments, count);
        } else {
            if (first && strings_contain(keep, *arguments))
                add(words, *arguments);
            first = false;
        }
        arguments += count;
    }
}

static bool forgets(const json_t *definition, char *const *arguments)
{
    for (; *arguments && strcmp(*arguments, "--") != 0; arguments++)
        if (strings_contain(json_object_get(definition, "forgets"), *arguments))
            return true;
    return false;
}

/* ---- The words ---- */

static void add_with_session(struct words *words, const char *word, const char *session)
{
    const char *place = strstr(word, "{session}");
    AUTOFREE char *whole = NULL;

    if (place)
        whole = mem_printf("%.*s%s%s", (int)(place - word), word, session, place + strlen("{session}"));
    add(words, place ? whole : word);
}

static void add_word(struct words *words, const json_t *definition, const struct agent_resume *facts,
                     const char *word)
{
    if (strcmp(word, "{program}") == 0) {
        add_first(words, facts->argv, facts->program);
    } else if (strcmp(word, "{options}") == 0) {
        add_options(words, json_object_get(definition, "keep"), facts->argv + facts->program);
    } else if (strcmp(word, "{prompt}") == 0) {
        add(words, facts->prompt);
    } else {
        add_with_session(words, word, facts->session);
    }
}

char **agent_resume_words(const json_t *definition, const struct agent_resume *facts, bool *prompted)
{
    json_t *resume = json_object_get(definition, "resume"), *word;
    struct words words = {0};
    size_t i;

    *prompted = strings_contain(resume, "{prompt}");
    if (facts->program == 0 && (strings_contain(resume, "{program}") || strings_contain(resume, "{options}")))
        return NULL;
    if (forgets(definition, facts->argv + facts->program))
        return NULL;
    json_array_foreach(resume, i, word)
        add_word(&words, definition, facts, json_string_value(word));
    return words.list;
}

/* ---- What a file may say ---- */

const char *agent_resume_fault(const char *word)
{
    static const char *const known[] = {"{session}", "{program}", "{options}", "{prompt}"};
    size_t length = strlen(word);

    if (length < 3 || word[0] != '{' || word[length - 1] != '}' ||
        strspn(word + 1, "abcdefghijklmnopqrstuvwxyz_") != length - 2)
        return NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(word, known[i]) == 0)
            return NULL;
    return "stands for nothing: {session}, {program}, {options} and {prompt} do";
}

const char *agent_keep_fault(const char *entry)
{
    size_t length;
    enum kept kept = entry_read(entry, &length);

    if (entry[0] == '-' ? strspn(entry, "-") == length : kept != KEPT_FLAG)
        return "is no option: \"--flag\", \"--option=\" with a value, \"--option...\" with words, or the "
               "name "
               "of a subcommand";
    return NULL;
}
