/*
 * Help, printed from the tables of verbs and options alone: what isn't in them can't be done, and what is, is
 * shown here and in the manual page.
 */
#include <supervise/cli/verbs.h>

#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>

/* What is wider gets its explanation on a line of its own, lest it push all others to the right. */
enum { LABEL_COLUMNS = 32 };

static const char main_examples[] = "supervise -- make -j8  # run a command, and record how it really ended\n"
                                    "supervise -s review-42 -- ./agent  # run it as part of a session\n"
                                    "supervise status  # what runs, and what has just ended\n"
                                    "supervise list --outcome incomplete  # exit 0, but the work isn't done\n"
                                    "supervise log @last  # the output of the newest execution\n"
                                    "supervise cancel 42  # end one, and have it recorded as cancelled\n";

struct row {
    const char *left, *right;
};

static const struct row verb_codes[] = {
    {"0", "done"},
    {"1", "anything without a code of its own"},
    {"2", "the command line is wrong"},
    {"3", "a reference that could mean several"},
    {"4", "no such execution, session, workflow or file"},
    {"5", "a transition that the rules do not know"},
    {"6", "what has to hold first does not hold"},
    {"7", "invalid data: configuration, JSON, schema"},
    {"8", "the ledger stayed busy; nothing was done"},
};

static const struct row run_codes[] = {
    {"0", "success"},
    {"N", "failed: the command's own code, 128+N for signal N, 124 for a deadline"},
    {"75", "incomplete: it ended with 0, but its work is not done (run.incomplete_exit)"},
    {"128+N", "cancelled: by signal N, 143 where there was none"},
    {"125", "supervise itself could not do its work, or the command line is wrong"},
    {"126", "the command cannot be executed"},
    {"127", "the command was not found"},
};

static void print_row(FILE *out, const char *left, size_t width, const char *right)
{
    size_t used = text_columns(left);

    if (used > width)
        fprintf(out, "  %s\n  %*s  %s\n", left, (int)width, "", right);
    else
        fprintf(out, "  %s%*s  %s\n", left, (int)(width - used), "", right);
}

static void print_codes(FILE *out, const char *title, const struct row *rows, size_t count)
{
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < count; i++)
        print_row(out, rows[i].left, 5, rows[i].right);
}

/* Lines "COMMAND  # what for", the second halves below each other. */
static void print_examples(FILE *out, const char *examples)
{
    AUTOFREE char *copy = mem_strdup(examples);
    size_t width = 0;

    for (const char *line = examples; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        const char *end = line + strcspn(line, "\n"), *remark = strstr(line, "  # ");
        size_t length = (size_t)((remark && remark < end ? remark : end) - line);

        width = length > width ? length : width;
    }
    fputs("Examples:\n", out);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *remark = strstr(line, "  # ");

        if (remark)
            *remark = '\0';
        print_row(out, line, width, remark ? remark + 2 : "");
    }
}

void help_option_label(struct buf *out, const struct option *option)
{
    if (option->letter)
        buf_printf(out, "-%c, ", option->letter);
    buf_printf(out, "--%s", option->name);
    if (option->arg)
        buf_printf(out, strchr(option->arg, '|') ? "=%s" : " %s", option->arg);
}

static void print_options(FILE *out, const char *title, const struct option *options)
{
    size_t width = 0;

    if (!options || !options->name)
        return;
    fprintf(out, "\n%s:\n", title);
    for (int pass = 0; pass < 2; pass++)
        for (const struct option *option = options; option->name; option++) {
            AUTOBUF struct buf label = {0};

            /* Long names stand below each other, with or without a letter before them. */
            buf_puts(&label, option->letter ? "" : "    ");
            help_option_label(&label, option);
            if (pass == 1)
                print_row(out, label.data, width, option->help);
            else if (label.len > width && label.len <= LABEL_COLUMNS)
                width = label.len;
        }
}

static void print_verbs(FILE *out, const char *title, const char *group)
{
    size_t width = 0;

    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; verbs[i]; i++)
        if (strlen(verbs[i]->name) > width)
            width = strlen(verbs[i]->name);
    for (size_t i = 0; verbs[i]; i++)
        if (!group || verb_in_group(verbs[i], group))
            print_row(out, verbs[i]->name, width, verbs[i]->summary);
}

static void print_synopsis(FILE *out, const struct verb *verb)
{
    fprintf(out, "\nUsage: supervise %s%s%s\n", verb->name, *verb->synopsis ? " " : "", verb->synopsis);
}

void help_verb(FILE *out, const struct verb *verb)
{
    print_examples(out, verb->examples);
    print_synopsis(out, verb);
    fprintf(out, "\n%s: %s.\n", verb->name, verb->summary);
    print_options(out, "Options", verb->options);
    print_options(out, "Global options", global_options);
    if (verb->command)
        print_codes(out, "Exit status", run_codes, sizeof run_codes / sizeof *run_codes);
}

void help_usage(FILE *out)
{
    fputs("usage: supervise [OPTIONS] -- COMMAND [ARG...]\n"
          "       supervise [GLOBAL OPTIONS] VERB [...]\n"
          "See `supervise --help`.\n",
          out);
}

static void help_group(FILE *out, const char *group)
{
    const struct verb *first = NULL;

    for (size_t i = 0; verbs[i] && !first; i++)
        first = verb_in_group(verbs[i], group) ? verbs[i] : NULL;
    if (first)
        print_examples(out, first->examples);
    fprintf(out, "\nUsage: supervise %s VERB [...]\n", group);
    print_verbs(out, "Verbs", group);
    print_options(out, "Global options", global_options);
}

static void help_main(FILE *out)
{
    print_examples(out, main_examples);
    fputs("\nUsage: supervise [OPTIONS] -- COMMAND [ARG...]\n"
          "       supervise [GLOBAL OPTIONS] VERB [...]\n",
          out);
    print_verbs(out, "Verbs", NULL);
    fputs("\nWithout a verb, `run` is meant: its options are shown by `supervise run --help`.\n"
          "A REF is @last, a number, a UID or 4 or more of its first letters, a session's id, or a name.\n",
          out);
    print_options(out, "Global options", global_options);
    print_codes(out, "Exit status", verb_codes, sizeof verb_codes / sizeof *verb_codes);
    print_codes(out, "Exit status of run, and of wait for what it waited for", run_codes,
                sizeof run_codes / sizeof *run_codes);
}

static int run_help(struct cli *cli, const struct args *args)
{
    AUTOFREE char *name = NULL;
    struct error err;
    const char *nearest;

    (void)cli;
    if (args->word_count == 0) {
        help_main(stdout);
        return 0;
    }
    name =
        mem_printf("%s%s%s", args->words[0], args->words[1] ? " " : "", args->words[1] ? args->words[1] : "");
    if (verb_find(name)) {
        help_verb(stdout, verb_find(name));
        return 0;
    }
    if (verb_is_group(name)) {
        help_group(stdout, name);
        return 0;
    }
    nearest = verb_nearest(name);
    error_set(&err, ERR_USAGE, "no help for \"%s\": no such verb%s%s%s", name,
              nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return cli_fail(&err);
}

const struct verb verb_help = {
    .name = "help",
    .synopsis = "[VERB]",
    .summary = "what supervise does, or one verb of it",
    .examples = "supervise help  # everything, in short\n"
                "supervise help session begin  # one verb\n",
    .words_max = 2,
    .run = run_help,
};
