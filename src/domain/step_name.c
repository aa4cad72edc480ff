/* Names of steps and stages: which texts may be names, and which step or stages a text means. */
#include <supervise/domain/step.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/domain/id.h>

enum { NAMES_MAX = 256 };
static const char UNDECLARED_STAGE[] = "main";

const char *step_name_fault(const char *name)
{
    size_t length = strlen(name);

    if (length == 0)
        return "is empty";
    if (length > STEP_NAME_MAX)
        return "is longer than 128 bytes";
    if (!utf8_valid(name, length))
        return "is no UTF-8";
    return text_has_controls(name) ? "holds a control character" : NULL;
}

char *step_name_from(const char *text)
{
    struct buf name = {0};
    size_t left = strlen(text), length, kept = 0;

    for (; left > 0; text += length, left -= length) {
        char one[5] = {0};

        length = utf8_length(text, left);
        memcpy(one, text, length);
        if (!length)
            length = 1; /* a byte that is no UTF-8 */
        if (name.len + length > STEP_NAME_MAX)
            break;
        if (*one && *one != ' ' && !text_has_controls(one)) {
            buf_puts(&name, one);
            kept = name.len;
        } else if (name.len > 0) {
            buf_puts(&name, " ");
        }
    }
    if (kept)
        name.data[kept] = '\0';
    else
        buf_free(&name);
    return name.data;
}

int step_read_name(const char *word, const char *option, char **stage, char **name, struct error *err)
{
    const char *slash = option ? NULL : strchr(word, '/');
    const char *fault;

    *stage = slash ? mem_strndup(word, (size_t)(slash - word)) : mem_strdup(option);
    *name = mem_strdup(slash ? slash + 1 : word);
    if (*stage && (fault = stage_fault(*stage)))
        error_set(err, ERR_USAGE, "cannot take \"%s\" as the name of a stage: it %s", *stage, fault);
    else if ((fault = step_name_fault(*name)))
        error_set(err, ERR_USAGE, "cannot take \"%s\" as the name of a step: it %s", *name, fault);
    if (!fault)
        return 0;
    free(*stage);
    free(*name);
    *stage = *name = NULL;
    return -1;
}

/* ---- Counts ---- */

/* Past one whole number, signed or not; NULL where there is none. */
static const char *past_number(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t count = strspn(digits, "0123456789");

    return count ? digits + count : NULL;
}

bool step_counts(const char *text)
{
    const char *slash = past_number(text);
    const char *end = slash && *slash == '/' ? past_number(slash + 1) : NULL;

    return end && *end == '\0';
}

int step_read_counts(const char *text, int64_t *done, int64_t *total, struct error *err)
{
    char *slash;

    errno = 0;
    *done = strtoll(text, &slash, 10);
    *total = strtoll(slash + 1, NULL, 10);
    if (errno || *done < 0 || *total <= 0 || *done > *total)
        return error_set(err, ERR_USAGE,
                         "cannot take \"%s\" as N of M: N is 0 or more, M is 1 or more, and N is at most M",
                         text);
    return 0;
}

/* ---- Which step is meant ---- */

/* "; did you mean "x"?", or where nothing is near, what there is. The caller frees. */
static char *suggestion(const char *typed, const char *const *names)
{
    const char *nearest = text_nearest(typed, names);
    AUTOBUF struct buf all = {0};

    if (nearest)
        return mem_printf("; did you mean \"%s\"?", nearest);
    for (size_t i = 0; names[i] && i < 20; i++)
        buf_printf(&all, "%s%s", i ? ", " : "; declared are: ", names[i]);
    return all.len ? buf_take(&all) : mem_strdup("; it declares none");
}

/* The names of the stages, or of the steps of one, ended by NULL. */
static void names_of(const struct declared_step *declared, size_t count, const char *stage,
                     const char *names[NAMES_MAX + 1])
{
    size_t found = 0;

    for (size_t i = 0; i < count && found < NAMES_MAX; i++) {
        if (stage && strcmp(declared[i].stage, stage) == 0 && declared[i].name)
            names[found++] = declared[i].name;
        if (!stage && (found == 0 || strcmp(names[found - 1], declared[i].stage) != 0))
            names[found++] = declared[i].stage;
    }
    names[found] = NULL;
}

static int check_declared(const struct declared_step *declared, size_t count, const char *stage,
                          const char *name, struct error *err)
{
    const char *names[NAMES_MAX + 1];
    AUTOFREE char *hint = NULL;
    bool stage_known = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(declared[i].stage, stage) != 0)
            continue;
        stage_known = true;
        if (declared[i].name && strcmp(declared[i].name, name) == 0)
            return 0;
    }
    names_of(declared, count, stage_known ? stage : NULL, names);
    hint = suggestion(stage_known ? name : stage, names);
    if (!stage_known)
        return error_set(err, ERR_ILLEGAL, "no stage \"%s\" is declared, and the workflow is strict%s", stage,
                         hint);
    return error_set(err, ERR_ILLEGAL, "no step \"%s\" is declared in stage %s, and the workflow is strict%s",
                     name, stage, hint);
}

/* Nothing of that name is declared anywhere, and no stage was named. */
static int check_nameless(const struct declared_step *declared, size_t count, const char *name,
                          struct error *err)
{
    const char *names[NAMES_MAX + 1];
    size_t found = 0;
    AUTOFREE char *hint = NULL;

    for (size_t i = 0; i < count && found < NAMES_MAX; i++)
        if (declared[i].name)
            names[found++] = declared[i].name;
    names[found] = NULL;
    hint = suggestion(name, names);
    return error_set(err, ERR_ILLEGAL, "no step \"%s\" is declared, and the workflow is strict%s", name,
                     hint);
}

int step_place(const struct declared_step *declared, size_t count, bool strict, const char *stage,
               const char *name, const char **place, struct error *err)
{
    AUTOBUF struct buf stages = {0};
    size_t found = 0;

    *place = stage;
    if (stage)
        return strict ? check_declared(declared, count, stage, name, err) : 0;
    for (size_t i = 0; i < count; i++)
        if (declared[i].name && strcmp(declared[i].name, name) == 0) {
            buf_printf(&stages, "%s%s", found++ ? ", " : "", declared[i].stage);
            *place = declared[i].stage;
        }
    if (found > 1)
        return error_set(err, ERR_AMBIGUOUS,
                         "step \"%s\" is declared in several stages: %s; name it with its stage, as %s/%s",
                         name, stages.data, *place, name);
    if (found == 0)
        *place = UNDECLARED_STAGE;
    return found == 0 && strict ? check_nameless(declared, count, name, err) : 0;
}

/* ---- Ranges of stages ---- */

/* Where the name stands among the others; -1 with err where it doesn't. */
static int stage_index(const char *const *names, const char *name, struct error *err)
{
    AUTOFREE char *hint = NULL;

    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    hint = suggestion(name, names);
    return error_set(err, ERR_INVARIANT, "no stage \"%s\" is declared in the workflow of the session%s", name,
                     hint);
}

int stages_range(const char *const *names, const char *text, char **range, struct error *err)
{
    const char *dots = strstr(text, "..");
    AUTOFREE char *first = dots ? mem_strndup(text, (size_t)(dots - text)) : mem_strdup(text);
    const char *last = dots ? dots + 2 : first;
    int from, to;

    *range = NULL;
    if (!*first || !*last)
        return error_set(err, ERR_INVARIANT, "cannot take \"%s\" for --stages: write A..B, or one stage",
                         text);
    if ((from = stage_index(names, first, err)) < 0 || (to = stage_index(names, last, err)) < 0)
        return -1;
    if (from > to)
        return error_set(err, ERR_INVARIANT,
                         "cannot take \"%s\" for --stages: stage %s comes before %s; write %s..%s", text,
                         last, first, last, first);
    *range = mem_printf("%s..%s", first, last);
    return 0;
}
