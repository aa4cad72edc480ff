/* Tables and words: what a terminal gets, and what a file gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/cli/pages.h>
#include <supervise/cli/words.h>

static const struct column columns[] = {{"#", YIELDS_LAST},
                                        {"STATE", YIELDS_LAST},
                                        {"NAME", YIELDS_NEXT},
                                        {"COMMAND", YIELDS_FIRST},
                                        {NULL, YIELDS_LAST}};
static const char *const rows[][4] = {
    {"1", "✓ success", "", "make a-target-with-a-name-that-is-longer-than-any-terminal-would-be"},
    {"20", "✗ failed", "", "日本語のとても長いコマンドラインの引数がここにあります"},
    {"300", "● running", "", "tricky \033[2Jone\nline"},
};

static void print_rows(const char *color, bool named)
{
    struct cli cli = {.color = color};
    struct table *table = table_new(columns);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t c = 0; c < 4; c++)
            table_cell(table, c == 2 && named ? "a-name" : rows[i][c], c == 1 ? "32" : NULL);
    table_print(table, &cli);
    fflush(stdout);
}

static void print_sessions(const char *color, bool named)
{
    struct cli cli = {.color = color};
    char *totals = "{\"steps\": 12, \"usage\": {\"tokens\": 40960}}";
    struct session rich = {.id = "2026-01-12-feature-login",
                           .workflow = "code-review",
                           .status = "active",
                           .completeness = "open",
                           .next = "resume",
                           .phase = "analysis",
                           .phase_number = 2,
                           .phase_count = 5,
                           .round = 1,
                           .updated_at = wall_now_ms(),
                           .totals = totals};
    struct session closed = rich;
    struct session *items[] = {&rich, &closed};

    (void)named;
    closed.id = "review-42";
    closed.status = "closed";
    closed.completeness = "closed-incomplete";
    closed.next = "reopen";
    sessions_table(&cli, &(struct session_list){items, 2});
    fflush(stdout);
}

/* What `print` puts on a terminal of that width; 0: into a file. */
static char *taken(void (*print)(const char *color, bool named), unsigned short width, const char *color,
                   bool named)
{
    struct winsize size = {.ws_col = width, .ws_row = 24};
    int saved, master = -1, slave;
    char path[] = "/tmp/supervise-test-XXXXXX";
    static char text[65536];
    ssize_t got, length = 0;

    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    if (width)
        assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    else
        slave = mkstemp(path);
    dup2(slave, STDOUT_FILENO);
    print(color, named);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    if (width) {
        fcntl(master, F_SETFL, O_NONBLOCK);
        while ((got = read(master, text + length, sizeof text - 1 - (size_t)length)) > 0)
            length += got;
        close(master);
    } else {
        length = pread(slave, text, sizeof text - 1, 0);
        unlink(path);
    }
    close(slave);
    text[length] = '\0';
    return text;
}

static char *printed(unsigned short width, const char *color, bool named)
{
    return taken(print_rows, width, color, named);
}

static void a_file_gets_every_character_and_no_colour(void **state)
{
    char *text = printed(0, "auto", false);

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(text, rows[i][3]));
    assert_null(strchr(text, '\033'));
    assert_null(strstr(text, "…"));
    assert_null(strstr(text, " \n"));
}

static void a_terminal_gets_lines_that_fit(void **state)
{
    (void)state;
    unsetenv("NO_COLOR");
    for (unsigned short width = 1; width <= 120; width++) {
        char *text = printed(width, "never", width % 2), *rest = NULL;
        size_t lines = 0;

        for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest), lines++)
            assert_true(text_columns(line) <= width || width < 10);
        assert_int_equal(lines, 4);
    }
    assert_non_null(strstr(printed(40, "never", false), "make a-target"));
    assert_non_null(strstr(printed(40, "never", false), "…"));
    assert_non_null(strstr(printed(40, "never", false), "✓ success"));
}

static void columns_give_way_in_their_order_and_the_last_stay_whole(void **state)
{
    (void)state;
    assert_non_null(strstr(printed(36, "never", true), "300  ● running  a-name  tricky \\e[2…"));
    assert_non_null(strstr(printed(34, "never", true), "300  ● running  a-name  tricky \\e…"));
    assert_non_null(strstr(printed(28, "never", true), "300  ● running  a-na…  tric…"));
    assert_non_null(strstr(printed(26, "never", true), "300  ● running  a-n…  tri…"));
    assert_non_null(strstr(printed(25, "never", true), "300  ● runni…  a-n…  tri…"));
}

static void in_80_columns_a_session_shows_its_id_where_it_is_and_what_is_next(void **state)
{
    char *text = taken(print_sessions, 80, "never", false);

    (void)state;
    assert_non_null(strstr(text, "\n2026-01-12-feature-login  open "));
    assert_non_null(strstr(text, "  analysis ("));
    assert_non_null(strstr(text, "  resume\r\n"));
    assert_non_null(strstr(text, "\nreview-42                 closed-incom"));
    assert_non_null(strstr(text, "  reopen\r\n"));
    assert_null(strstr(text, "TOTALS"));
    assert_null(strstr(text, "WORKFLOW"));
    assert_null(strstr(text, "STATUS"));
    text = taken(print_sessions, 103, "never", false);
    assert_non_null(strstr(text, "WORKFLOW"));
    assert_null(strstr(text, "TOTALS"));
    assert_non_null(strstr(taken(print_sessions, 0, "never", false), "12 steps, tokens 40960"));
}

static void a_column_that_nobody_uses_is_left_out(void **state)
{
    (void)state;
    assert_null(strstr(printed(0, "auto", false), "NAME"));
    assert_non_null(strstr(printed(0, "auto", true), "NAME"));
}

static void columns_begin_below_each_other(void **state)
{
    char *text = printed(0, "auto", true), *rest = NULL;

    (void)state;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *name = strstr(line, strncmp(line, "#", 1) == 0 ? "NAME" : "a-name");

        assert_non_null(name);
        *name = '\0';
        assert_int_equal(text_columns(line), 16);
    }
}

static void colour_is_for_terminals_and_those_who_ask(void **state)
{
    (void)state;
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    assert_non_null(strstr(printed(80, "auto", false), "\033[32m✓ success\033[0m"));
    assert_non_null(strstr(printed(0, "always", false), "\033[32m✓ success\033[0m"));
    assert_null(strchr(printed(80, "never", false), '\033'));
    setenv("NO_COLOR", "1", 1);
    assert_null(strchr(printed(80, "auto", false), '\033'));
    setenv("NO_COLOR", "", 1);
    assert_non_null(strchr(printed(80, "auto", false), '\033'));
    setenv("TERM", "dumb", 1);
    assert_null(strchr(printed(80, "auto", false), '\033'));
}

static void what_a_child_wrote_cannot_act_on_the_terminal(void **state)
{
    (void)state;
    assert_non_null(strstr(printed(0, "auto", false), "tricky \\e[2Jone\\nline"));
}

static void every_outcome_has_symbol_word_and_colour(void **state)
{
    static const struct {
        const char *state, *outcome;
        enum standing standing;
        const char *label;
    } cases[] = {
        {"finished", "success", STANDING_FINE, "✓ success"},
        {"finished", "incomplete", STANDING_FINE, "◐ incomplete"},
        {"finished", "failed", STANDING_FINE, "✗ failed"},
        {"finished", "cancelled", STANDING_FINE, "⊘ cancelled"},
        {"running", NULL, STANDING_FINE, "● running"},
        {"running", NULL, STANDING_LOST, "! lost"},
        {"running", NULL, STANDING_STALLED, "! stalled"},
        {"queued", NULL, STANDING_FINE, "○ queued"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct execution execution = {.state = (char *)cases[i].state, .outcome = (char *)cases[i].outcome};
        const char *style = NULL;

        assert_string_equal(outcome_label(&execution, cases[i].standing, &style), cases[i].label);
        assert_non_null(style);
    }
}

static void a_command_is_shown_as_a_shell_would_take_it(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"[\"make\", \"-j8\", \"a/b.c\"]", "make -j8 a/b.c"},
        {"[\"sh\", \"-c\", \"echo $HOME; ls\"]", "sh -c 'echo $HOME; ls'"},
        {"[\"echo\", \"\", \"it's\"]", "echo '' 'it'\\''s'"},
        {"[\"größe\"]", "größe"},
        {"[]", ""},
        {NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTOFREE char *text = words_command(cases[i].json);

        assert_string_equal(text, cases[i].text);
    }
}

static void ages_have_one_unit(void **state)
{
    static const struct {
        int64_t ago;
        const char *text;
    } cases[] = {{0, "just now"},     {5500, "5s ago"},      {185000, "3m ago"},
                 {7300000, "2h ago"}, {200000000, "2d ago"}, {-65000, "in 1m"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Some milliseconds pass between the two clocks' readings: half a unit of slack is in the cases. */
        AUTOFREE char *text = words_age(wall_now_ms() - cases[i].ago);

        assert_string_equal(text, cases[i].text);
    }
    AUTOFREE char *none = words_age(NO_INT);
    assert_string_equal(none, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_every_character_and_no_colour),
        cmocka_unit_test(a_terminal_gets_lines_that_fit),
        cmocka_unit_test(columns_give_way_in_their_order_and_the_last_stay_whole),
        cmocka_unit_test(in_80_columns_a_session_shows_its_id_where_it_is_and_what_is_next),
        cmocka_unit_test(a_column_that_nobody_uses_is_left_out),
        cmocka_unit_test(columns_begin_below_each_other),
        cmocka_unit_test(colour_is_for_terminals_and_those_who_ask),
        cmocka_unit_test(what_a_child_wrote_cannot_act_on_the_terminal),
        cmocka_unit_test(every_outcome_has_symbol_word_and_colour),
        cmocka_unit_test(a_command_is_shown_as_a_shell_would_take_it),
        cmocka_unit_test(ages_have_one_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
