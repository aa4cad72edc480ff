/* Help and manual page, held against the tables: whatever can be typed is shown in both, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <supervise/base/text.h>
#include <supervise/cli/verbs.h>

static const char manual[] = "man/supervise.1";

static char *help_of(const struct verb *verb)
{
    static char *text; /* static: gcc takes what the stream makes of it for a pointer into this frame */
    static size_t size;
    FILE *out = open_memstream(&text, &size);

    help_verb(out, verb);
    fclose(out);
    return text;
}

/* What `help` with that word prints. */
static char *printed_help(const char *word)
{
    static char text[65536];
    char *words[] = {(char *)word, NULL};
    struct args args = {.words = words, .word_count = word ? 1 : 0};
    struct cli cli = {.color = "auto"};
    FILE *file = tmpfile();
    int saved;
    size_t length;

    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    assert_int_equal(verb_help.run(&cli, &args), 0);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

/* `text` is the help of `verb`; its option is shown with what it does behind it. */
static void assert_shown(const char *text, const struct option *option)
{
    struct buf label = {0};
    char *end = mem_printf("  %s\n", option->help);
    const char *at;

    help_option_label(&label, option);
    at = strstr(text, label.data);
    assert_non_null(at);
    assert_non_null(strstr(at, end));
    buf_free(&label);
    free(end);
}

static void help_begins_with_examples_and_shows_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; verbs[i]; i++) {
        const struct verb *verb = verbs[i];
        AUTOFREE char *text = help_of(verb);
        AUTOFREE char *usage =
            mem_printf("Usage: supervise %s%s%s\n", verb->name, *verb->synopsis ? " " : "", verb->synopsis);

        assert_int_equal(strncmp(text, "Examples:\n  ", 12), 0);
        assert_non_null(strstr(text, usage));
        assert_non_null(strstr(text, verb->summary));
        for (const struct option *option = verb->options; option && option->name; option++)
            assert_shown(text, option);
        for (const struct option *option = global_options; option->name; option++)
            assert_shown(text, option);
    }
}

static void every_example_says_what_it_is_for(void **state)
{
    (void)state;
    for (size_t i = 0; verbs[i]; i++) {
        AUTOFREE char *examples = mem_strdup(verbs[i]->examples);
        char *rest = NULL;

        for (char *line = strtok_r(examples, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            assert_non_null(strstr(line, "supervise"));
            assert_non_null(strstr(line, "  # "));
        }
    }
}

/* The column at which what the option does begins. */
static size_t column_of(const char *text, const struct option *option)
{
    char *end = mem_printf("  %s\n", option->help);
    const char *found = strstr(text, end), *line = found;

    assert_non_null(found);
    while (line[-1] != '\n')
        line--;
    free(end);
    return (size_t)(found - line);
}

static void assert_aligned(const char *text, const struct option *options)
{
    for (const struct option *option = options; option && option->name; option++)
        assert_int_equal(column_of(text, option), column_of(text, options));
}

static void assert_lines_fit(const char *text, size_t width)
{
    char *copy = mem_strdup(text), *rest = NULL;

    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        assert_true(text_columns(line) <= width);
    free(copy);
}

static void explanations_stand_below_each_other_on_lines_that_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; verbs[i]; i++) {
        AUTOFREE char *text = help_of(verbs[i]);

        assert_aligned(text, verbs[i]->options);
        assert_aligned(text, global_options);
        assert_lines_fit(text, 120);
    }
}

static void the_main_help_names_every_verb_and_every_exit_code(void **state)
{
    char *text = printed_help(NULL);

    (void)state;
    assert_int_equal(strncmp(text, "Examples:\n  supervise -- ", 24), 0);
    for (size_t i = 0; verbs[i]; i++) {
        AUTOFREE char *line = mem_printf("\n  %s ", verbs[i]->name);

        assert_non_null(strstr(text, line));
        assert_non_null(strstr(text, verbs[i]->summary));
    }
    for (int code = 0; code <= 8; code++) {
        AUTOFREE char *line = mem_printf("\n  %d ", code);

        assert_non_null(strstr(text, line));
    }
    assert_non_null(strstr(text, "\n  75 "));
    assert_non_null(strstr(text, "\n  125 "));
    for (const struct option *option = global_options; option->name; option++)
        assert_non_null(strstr(text, option->help));
}

static void help_of_a_group_names_its_verbs_alone(void **state)
{
    char *text = printed_help("session");

    (void)state;
    assert_non_null(strstr(text, "\n  session begin "));
    assert_non_null(strstr(text, "\n  session close "));
    assert_null(strstr(text, "\n  list "));
}

/* --- the manual page --- */

static char *read_manual(void)
{
    FILE *file = fopen(manual, "r");
    struct buf text = {0};
    char part[4096];

    assert_non_null(file);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        buf_append(&text, part, got);
    fclose(file);
    return buf_take(&text);
}

/* From the line `header` to the next one that begins a section. The caller frees; NULL where there is no such
 * line. */
static char *section(const char *text, const char *header)
{
    AUTOFREE char *line = mem_printf("\n%s\n", header);
    const char *begin = strstr(text, line), *end;

    if (!begin)
        return NULL;
    begin += strlen(line);
    end = begin;
    while (*end && strncmp(end, ".Ss ", 4) != 0 && strncmp(end, ".Sh ", 4) != 0)
        end += strcspn(end, "\n") + 1;
    return mem_strndup(begin, (size_t)(end - begin));
}

static void append_item(struct buf *out, const struct option *option)
{
    buf_puts(out, ".It ");
    if (option->letter)
        buf_printf(out, "Fl %c , ", option->letter);
    buf_printf(out, "Fl Fl %s", option->name);
    if (option->arg)
        buf_printf(out, strchr(option->arg, '|') ? " Ns = Ns Ar %s" : " Ar %s", option->arg);
    buf_puts(out, "\n");
}

/* The lines ".It Fl ..." of a section have to be those of the table. */
static void assert_items(const char *name, const char *text, const struct option *options)
{
    AUTOBUF struct buf found = {0};
    AUTOBUF struct buf wanted = {0};
    AUTOFREE char *copy = mem_strdup(text);
    char *rest = NULL;

    buf_puts(&found, "");
    buf_puts(&wanted, "");
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, ".It Fl", 6) == 0)
            buf_printf(&found, "%s\n", line);
    for (const struct option *option = options; option && option->name; option++)
        append_item(&wanted, option);
    if (strcmp(found.data, wanted.data) != 0)
        print_error("%s: the options of \"%s\" should be:\n%s", manual, name, wanted.data);
    assert_string_equal(found.data, wanted.data);
}

static void the_manual_has_every_verb_with_its_synopsis_and_its_options(void **state)
{
    AUTOFREE char *text = read_manual();

    (void)state;
    for (size_t i = 0; verbs[i]; i++) {
        const struct verb *verb = verbs[i];
        AUTOFREE char *header = mem_printf(".Ss %s", verb->name);
        AUTOFREE char *part = section(text, header);
        AUTOFREE char *synopsis =
            mem_printf(".Dl supervise %s%s%s\n", verb->name, *verb->synopsis ? " " : "", verb->synopsis);

        if (!part || !strstr(part, synopsis))
            print_error("%s should have:\n%s\n%s", manual, header, synopsis);
        assert_non_null(part);
        assert_non_null(strstr(part, synopsis));
        assert_items(verb->name, part, verb->options);
    }
    AUTOFREE char *globals = section(text, ".Sh GLOBAL OPTIONS");

    assert_non_null(globals);
    assert_items("global", globals, global_options);
}

static void the_manual_has_no_verb_that_is_none(void **state)
{
    AUTOFREE char *text = read_manual();
    char *from = strstr(text, "\n.Sh VERBS\n"), *to, *rest = NULL;

    (void)state;
    assert_non_null(from);
    from += strlen("\n.Sh VERBS\n");
    to = strstr(from, "\n.Sh ");
    assert_non_null(to);
    *to = '\0';
    for (char *line = strtok_r(from, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, ".Ss ", 4) == 0)
            assert_non_null(verb_find(line + 4));
}

/* One that is left open indents all that follows. */
static void every_list_of_the_manual_ends_in_its_section(void **state)
{
    AUTOFREE char *text = read_manual();
    char *rest = NULL;
    int open = 0;

    (void)state;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        open += strncmp(line, ".Bl", 3) == 0;
        open -= strcmp(line, ".El") == 0;
        if (open && (strncmp(line, ".Ss ", 4) == 0 || strncmp(line, ".Sh ", 4) == 0))
            fail_msg("%s: a list is still open at \"%s\"", manual, line);
    }
    assert_int_equal(0, open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_begins_with_examples_and_shows_every_option),
        cmocka_unit_test(every_example_says_what_it_is_for),
        cmocka_unit_test(explanations_stand_below_each_other_on_lines_that_can_be_read),
        cmocka_unit_test(the_main_help_names_every_verb_and_every_exit_code),
        cmocka_unit_test(help_of_a_group_names_its_verbs_alone),
        cmocka_unit_test(the_manual_has_every_verb_with_its_synopsis_and_its_options),
        cmocka_unit_test(the_manual_has_no_verb_that_is_none),
        cmocka_unit_test(every_list_of_the_manual_ends_in_its_section),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
