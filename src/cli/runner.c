/* From a plan to a summary line and an exit status: see the header. */
#include <supervise/cli/runner.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/cli/words.h>
#include <supervise/domain/outcome.h>

enum { OURS = 125 };

void run_inherit(struct inherited *inherited)
{
    bool closed[3];

    inherit_plug(closed);
    inherit_read(inherited, closed);
    inherited->creation_mask = umask(077);
}

enum capture run_capture(const char *capture, bool detached)
{
    if (strcmp(capture, "none") == 0)
        return CAPTURE_NONE;
    if (strcmp(capture, "pty") == 0)
        return CAPTURE_PTY;
    if (strcmp(capture, "auto") == 0 && !detached && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return CAPTURE_PTY;
    return CAPTURE_PIPE;
}

/* One line: number, outcome, why, and what to do; quiet with -q. */
static void summarise(struct cli *cli, const struct run_result *result)
{
    const struct execution *row = result->row;
    AUTOFREE char *explanation = NULL, *next = NULL;
    AUTOBUF struct buf line = {0};
    const char *style, *label;
    bool color;

    if (cli->level < 0)
        return;
    label = outcome_label(row, STANDING_FINE, &style);
    color = cli_color(cli, stderr) && style;
    words_explain(cli, row, &explanation, &next);
    buf_puts(&line, result->mid_line ? "\nsupervise: " : "supervise: ");
    if (row->id != NO_INT)
        buf_printf(&line, "#%lld ", (long long)row->id);
    if (color)
        buf_printf(&line, "\033[%sm%s\033[0m: ", style, label);
    else
        buf_printf(&line, "%s: ", label);
    buf_puts(&line, explanation);
    if (next)
        buf_printf(&line, "; next: %s", next);
    buf_puts(&line, "\n");
    say_as_it_is(line.data);
}

static int exit_status(struct cli *cli, const struct run_plan *plan, const struct run_result *result)
{
    const struct execution *row = result->row;
    struct verdict verdict = {row->outcome ? outcome_from_name(row->outcome) : OUTCOME_NONE, row->reason};

    if (result->spawn_error || plan->child_status)
        return result->status;
    return outcome_exit_status(&verdict, (int)row->exit_code, row->signal == NO_INT ? 0 : (int)row->signal,
                               (int)cli->settings->run_incomplete_exit);
}

char **runner_words(const char *command, const char *exact)
{
    json_t *array = json_loads(command, 0, NULL), *word;
    char **words = mem_alloc((json_array_size(array) + 1) * sizeof *words);
    size_t i;

    json_array_foreach(array, i, word) {
        words[i] = mem_strdup(exact ? exact : json_string_value(word));
        if (exact)
            exact += strlen(exact) + 1;
    }
    json_decref(array);
    return words;
}

void runner_free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

int run_fail(const struct error *err)
{
    say_error("%s", err->text);
    return OURS;
}

int run_here(struct cli *cli, const struct run_plan *plan, struct inherited *inherited, int *status,
             struct error *err)
{
    struct run_result result;

    if (run_execution(plan, inherited, NULL, NULL, &result, err))
        return -1;
    if (result.spawn_error)
        say_error("%s", result.spawn_error);
    else
        summarise(cli, &result);
    *status = exit_status(cli, plan, &result);
    run_result_free(&result);
    return 0;
}
