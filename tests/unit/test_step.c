/* The rules of steps: what a report does, cell by cell; which texts are names and counts; which step and
 * which stages a text means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/step.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The table of the contract: a row a verb, a column a status. */
static void a_report_does_what_the_table_says(void **state)
{
    static const enum step_action table[][6] = {
        /* nothing yet,      running,      done,         error,        aborted,      skipped */
        [STEP_START] = {STEP_BEGIN, STEP_NOTHING, STEP_BEGIN, STEP_BEGIN, STEP_BEGIN, STEP_BEGIN},
        [STEP_PROGRESS] = {STEP_BEGIN_REPORT, STEP_REPORT, STEP_REFUSED, STEP_REFUSED, STEP_REFUSED,
                           STEP_REFUSED},
        [STEP_DONE] = {STEP_BEGIN_REPORT, STEP_REPORT, STEP_NOTHING, STEP_REFUSED, STEP_REFUSED,
                       STEP_REFUSED},
        [STEP_ERROR] = {STEP_BEGIN_REPORT, STEP_REPORT, STEP_REFUSED, STEP_REFUSED, STEP_REFUSED,
                        STEP_REFUSED},
        [STEP_SKIP] = {STEP_SKIPPED, STEP_REFUSED, STEP_REFUSED, STEP_SKIPPED, STEP_SKIPPED, STEP_NOTHING},
    };
    static const enum step_status columns[] = {STATUS_NONE,  STATUS_RUNNING, STATUS_DONE,
                                               STATUS_ERROR, STATUS_ABORTED, STATUS_SKIPPED};

    (void)state;
    for (size_t verb = 0; verb < COUNT(table); verb++)
        for (size_t i = 0; i < COUNT(columns); i++)
            if (step_action((enum step_verb)verb, columns[i]) != table[verb][i])
                fail_msg("step %s on %s", step_verb_words((enum step_verb)verb),
                         step_status_name(columns[i]));
}

static void a_status_is_found_by_its_name(void **state)
{
    (void)state;
    for (int status = STATUS_NONE; status <= STATUS_SKIPPED; status++)
        assert_int_equal(step_status_from_name(step_status_name((enum step_status)status)), status);
    assert_int_equal(step_status_from_name("finished"), STATUS_NONE);
    assert_int_equal(step_status_from_name(NULL), STATUS_NONE);
}

static void any_text_makes_a_name_where_anything_is_left(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"Read", "Read"},
        {"  Read it \t\n", "Read it"},
        {"a\nb\x1b[2J\xc2\x85z", "a b [2J z"},
        {"a\xff"
         "b\xc2",
         "a b"},
        {"größer – 3/b", "größer – 3/b"},
        {"", NULL},
        {" \n\xff ", NULL},
    };
    char longest[200];
    AUTOFREE char *cut = NULL;
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *name = step_name_from(cases[i].text);

        if (!cases[i].name)
            assert_null(name);
        else
            assert_string_equal(name, cases[i].name);
        if (name)
            assert_null(step_name_fault(name));
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 126, "ü–", sizeof "ü–"); /* the dash would end beyond the limit */
    cut = step_name_from(longest);
    assert_int_equal(strlen(cut), 128);
    assert_null(step_name_fault(cut));
}

static void names_are_bounded_text_without_controls(void **state)
{
    char longest[STEP_NAME_MAX + 2];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[STEP_NAME_MAX + 1] = '\0';
    assert_string_equal(step_name_fault(longest), "is longer than 128 bytes");
    longest[STEP_NAME_MAX] = '\0';
    assert_null(step_name_fault(longest));
    assert_null(step_name_fault("Seite 3/b – größer"));
    assert_string_equal(step_name_fault(""), "is empty");
    assert_string_equal(step_name_fault("a\nb"), "holds a control character");
    assert_string_equal(step_name_fault("a\x1b[2J"), "holds a control character");
    assert_string_equal(step_name_fault("a\x7f"), "holds a control character");
    assert_string_equal(step_name_fault("a\xc2\x85"), "holds a control character");
    assert_string_equal(step_name_fault("a\xff"), "is no UTF-8");
    assert_string_equal(step_name_fault("a\xc2"), "is no UTF-8");
}

static void a_step_is_named_with_its_stage_or_beside_it(void **state)
{
    static const struct {
        const char *word, *option, *stage, *name;
    } cases[] = {
        {"pages", NULL, NULL, "pages"},
        {"extract/pages", NULL, "extract", "pages"},
        {"extract/pages/3", NULL, "extract", "pages/3"},
        {"pages", "extract", "extract", "pages"},
        {"pages/3", "extract", "extract", "pages/3"},
        {"/pages", NULL, NULL, NULL},
        {"extract/", NULL, NULL, NULL},
        {"pages", "", NULL, NULL},
        {"pages", "a/b", NULL, NULL},
        {"", NULL, NULL, NULL},
        {"a\tb", NULL, NULL, NULL},
        {"a\tb/c", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *stage = NULL, *name = NULL;
        struct error err;
        int result = step_read_name(cases[i].word, cases[i].option, &stage, &name, &err);

        if (!cases[i].name) {
            assert_int_equal(result, -1);
            assert_int_equal(err.code, ERR_USAGE);
            assert_null(stage);
            assert_null(name);
            continue;
        }
        assert_int_equal(result, 0);
        assert_string_equal(name, cases[i].name);
        if (cases[i].stage)
            assert_string_equal(stage, cases[i].stage);
        else
            assert_null(stage);
    }
}

static void counts_are_n_of_m(void **state)
{
    static const struct {
        const char *text;
        bool counts;
        int result;
    } cases[] = {
        {"3/10", true, 0},
        {"0/1", true, 0},
        {"10/10", true, 0},
        {"11/10", true, -1},
        {"0/0", true, -1},
        {"-1/5", true, -1},
        {"1/-5", true, -1},
        {"1/99999999999999999999", true, -1},
        {"99999999999999999999/99999999999999999999", true, -1},
        {"3", false, 0},
        {"3/", false, 0},
        {"/3", false, 0},
        {"a/b", false, 0},
        {"1/2/3", false, 0},
        {"3/10 of it", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t done, total;
        struct error err;

        if (step_counts(cases[i].text) != cases[i].counts)
            fail_msg("%s", cases[i].text);
        if (!cases[i].counts)
            continue;
        if (step_read_counts(cases[i].text, &done, &total, &err) != cases[i].result)
            fail_msg("%s", cases[i].text);
        if (cases[i].result)
            assert_int_equal(err.code, ERR_USAGE);
    }
}

static const struct declared_step declared[] = {
    {"extract", "pages"}, {"extract", "images"}, {"layout", "set"},
    {"layout", "cover"},  {"print", "cover"},    {"free", NULL},
};

static void a_step_belongs_where_it_is_named_or_declared(void **state)
{
    static const struct {
        const char *stage, *name;
        bool strict;
        const char *place; /* NULL: refused */
        int code;
        const char *says;
    } cases[] = {
        {NULL, "pages", false, "extract", 0, NULL},
        {NULL, "set", true, "layout", 0, NULL},
        {"extract", "cover", false, "extract", 0, NULL},
        {"elsewhere", "cover", false, "elsewhere", 0, NULL},
        {NULL, "new", false, "main", 0, NULL},
        {NULL, "cover", false, NULL, ERR_AMBIGUOUS, "several stages: layout, print;"},
        {NULL, "cover", true, NULL, ERR_AMBIGUOUS, "several stages: layout, print;"},
        {"print", "cover", true, "print", 0, NULL},
        {"print", "covr", true, NULL, ERR_ILLEGAL, "did you mean \"cover\"?"},
        {"pirnt", "cover", true, NULL, ERR_ILLEGAL, "did you mean \"print\"?"},
        {"free", "any", true, NULL, ERR_ILLEGAL, "it declares none"},
        {NULL, "imags", true, NULL, ERR_ILLEGAL, "did you mean \"images\"?"},
        {NULL, "qqqq", true, NULL, ERR_ILLEGAL, "declared are: pages, images, set, cover"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *place;
        struct error err;
        int result = step_place(declared, COUNT(declared), cases[i].strict, cases[i].stage, cases[i].name,
                                &place, &err);

        if (result != (cases[i].place ? 0 : -1))
            fail_msg("case %zu", i);
        if (cases[i].place) {
            assert_string_equal(place, cases[i].place);
            continue;
        }
        assert_int_equal(err.code, cases[i].code);
        if (!strstr(err.text, cases[i].says))
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void a_range_of_stages_goes_forward(void **state)
{
    static const char *const names[] = {"extract", "layout", "print", NULL};
    static const struct {
        const char *text, *range, *says;
    } cases[] = {
        {"extract..print", "extract..print", NULL},
        {"layout..layout", "layout..layout", NULL},
        {"layout", "layout..layout", NULL},
        {"print..extract", NULL, "write extract..print"},
        {"extract..prnt", NULL, "did you mean \"print\"?"},
        {"extrat", NULL, "did you mean \"extract\"?"},
        {"zzz", NULL, "declared are: extract, layout, print"},
        {"extract..", NULL, "write A..B"},
        {"..print", NULL, "write A..B"},
        {"", NULL, "write A..B"},
        {"extract..layout..print", NULL, "no stage \"layout..print\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *range = NULL;
        struct error err;

        if (stages_range(names, cases[i].text, &range, &err) != (cases[i].range ? 0 : -1))
            fail_msg("%s", cases[i].text);
        if (cases[i].range) {
            assert_string_equal(range, cases[i].range);
            continue;
        }
        assert_null(range);
        assert_int_equal(err.code, ERR_INVARIANT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s", err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_does_what_the_table_says),
        cmocka_unit_test(a_status_is_found_by_its_name),
        cmocka_unit_test(any_text_makes_a_name_where_anything_is_left),
        cmocka_unit_test(names_are_bounded_text_without_controls),
        cmocka_unit_test(a_step_is_named_with_its_stage_or_beside_it),
        cmocka_unit_test(counts_are_n_of_m),
        cmocka_unit_test(a_step_belongs_where_it_is_named_or_declared),
        cmocka_unit_test(a_range_of_stages_goes_forward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
