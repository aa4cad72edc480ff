/* The graph of phases: what may be advanced to from where, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/domain/phases.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* a -> b -> c, b -> d, c -> d; done and dropped are final; nowhere leads nowhere. */
#define GRAPH                                                                                                \
    "{\"phases\":[\"a\",\"b\",\"c\",\"done\",\"dropped\",\"nowhere\"],\"initial\":\"a\","                    \
    "\"final\":[\"done\",\"dropped\"],\"edges\":{\"a\":[\"b\"],\"b\":[\"c\",\"dropped\"],"                   \
    "\"c\":[\"done\",\"c\"],\"done\":[\"a\"],\"dropped\":[\"a\"],\"nowhere\":[]},"                           \
    "\"strict\":false,\"stages\":[]}"
#define STAGES                                                                                               \
    "{\"phases\":[],\"initial\":null,\"final\":[],\"edges\":{},\"strict\":false,"                            \
    "\"stages\":[{\"name\":\"s\",\"steps\":[]}]}"

static const struct {
    const char *what, *definition;
    bool closed;
    const char *phase;
    int64_t round;
    const char *to;
    bool round_asked;
    int64_t asked;
    enum advance advance;
} cases[] = {
    {"along an edge", GRAPH, false, "a", 1, "b", false, 0, ADVANCE_MOVE},
    {"one edge of several", GRAPH, false, "b", 1, "dropped", false, 0, ADVANCE_MOVE},
    {"into a final phase", GRAPH, false, "c", 1, "done", false, 0, ADVANCE_MOVE},
    {"over a phase", GRAPH, false, "a", 1, "c", false, 0, ADVANCE_NO_EDGE},
    {"against an edge", GRAPH, false, "b", 1, "a", false, 0, ADVANCE_NO_EDGE},
    {"from final to final", GRAPH, false, "done", 1, "dropped", false, 0, ADVANCE_NO_EDGE},
    {"from final over the initial one", GRAPH, false, "done", 1, "b", false, 0, ADVANCE_NO_EDGE},
    {"from where nothing leads", GRAPH, false, "nowhere", 1, "a", false, 0, ADVANCE_NO_EDGE},
    {"from no phase", GRAPH, false, NULL, 1, "a", false, 0, ADVANCE_NO_EDGE},
    {"to itself", GRAPH, false, "a", 1, "a", false, 0, ADVANCE_STAY},
    {"to itself where an edge says so", GRAPH, false, "c", 1, "c", false, 0, ADVANCE_STAY},
    {"to itself comes before the round", GRAPH, false, "a", 1, "a", true, 7, ADVANCE_STAY},
    {"unknown", GRAPH, false, "a", 1, "x", false, 0, ADVANCE_UNKNOWN},
    {"unknown, by its case", GRAPH, false, "a", 1, "B", false, 0, ADVANCE_UNKNOWN},
    {"unknown, empty", GRAPH, false, "a", 1, "", false, 0, ADVANCE_UNKNOWN},
    {"unknown comes before the round", GRAPH, false, "done", 1, "x", true, 7, ADVANCE_UNKNOWN},
    {"closed comes before all", GRAPH, true, "a", 1, "x", true, 7, ADVANCE_CLOSED},
    {"closed, to itself", GRAPH, true, "a", 1, "a", false, 0, ADVANCE_CLOSED},

    {"the next round", GRAPH, false, "done", 1, "a", false, 0, ADVANCE_NEXT_ROUND},
    {"the next round, from another final phase", GRAPH, false, "dropped", 4, "a", false, 0,
     ADVANCE_NEXT_ROUND},
    {"the next round, asked for", GRAPH, false, "done", 1, "a", true, 2, ADVANCE_NEXT_ROUND},
    {"this round", GRAPH, false, "done", 1, "a", true, 1, ADVANCE_OTHER_ROUND},
    {"the round after the next", GRAPH, false, "done", 1, "a", true, 3, ADVANCE_OTHER_ROUND},
    {"no round", GRAPH, false, "done", 1, "a", true, 0, ADVANCE_OTHER_ROUND},
    {"less than a round", GRAPH, false, "done", 1, "a", true, INT64_MIN, ADVANCE_OTHER_ROUND},
    {"more than there can be", GRAPH, false, "done", INT64_MAX, "a", true, INT64_MAX, ADVANCE_OTHER_ROUND},
    {"the next round on another way", GRAPH, false, "a", 1, "b", true, 2, ADVANCE_OTHER_ROUND},
    {"the next round to skip the graph", GRAPH, false, "b", 1, "a", true, 2, ADVANCE_OTHER_ROUND},
    {"the round comes before the edge", GRAPH, false, "a", 1, "done", true, 2, ADVANCE_OTHER_ROUND},

    {"without workflow, anywhere", NULL, false, NULL, 1, "x", false, 0, ADVANCE_MOVE},
    {"without workflow, from anywhere", NULL, false, "y", 1, "x", false, 0, ADVANCE_MOVE},
    {"without workflow, to itself", NULL, false, "x", 1, "x", false, 0, ADVANCE_STAY},
    {"without workflow, closed", NULL, true, "y", 1, "x", false, 0, ADVANCE_CLOSED},
    {"without workflow, no round begins", NULL, false, "y", 1, "x", true, 2, ADVANCE_OTHER_ROUND},
    {"without workflow, no name", NULL, false, "y", 1, "", false, 0, ADVANCE_UNKNOWN},
    {"without workflow, a control character", NULL, false, "y", 1, "x\ny", false, 0, ADVANCE_UNKNOWN},
    {"without workflow, no UTF-8", NULL, false, "y", 1, "caf\xe9", false, 0, ADVANCE_UNKNOWN},
    {"stages only, anywhere", STAGES, false, NULL, 1, "x", false, 0, ADVANCE_MOVE},
    {"stages only, no round begins", STAGES, false, "x", 1, "y", true, 2, ADVANCE_OTHER_ROUND},
};

static json_t *definition_of(const char *text)
{
    return text ? json_loads(text, 0, NULL) : NULL;
}

static void what_a_request_to_advance_comes_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *definition = definition_of(cases[i].definition);
        struct advance_facts facts = {definition,  cases[i].closed,      cases[i].phase, cases[i].round,
                                      cases[i].to, cases[i].round_asked, cases[i].asked};
        enum advance advance = advance_of(&facts);

        json_decref(definition);
        if (advance != cases[i].advance)
            fail_msg("%s: %d, expected %d", cases[i].what, (int)advance, (int)cases[i].advance);
    }
}

static void what_is_final_and_where_it_stands(void **state)
{
    json_t *graph = definition_of(GRAPH), *stages = definition_of(STAGES);

    (void)state;
    assert_true(phase_final(graph, "done"));
    assert_true(phase_final(graph, "dropped"));
    assert_false(phase_final(graph, "c"));
    assert_false(phase_final(graph, NULL));
    assert_false(phase_final(stages, "done"));
    assert_false(phase_final(NULL, "done"));
    assert_int_equal(phase_number(graph, "a"), 1);
    assert_int_equal(phase_number(graph, "nowhere"), 6);
    assert_int_equal(phase_number(graph, "x"), 0);
    assert_int_equal(phase_number(graph, NULL), 0);
    assert_int_equal(phase_number(NULL, "a"), 0);
    assert_true(phases_any(graph));
    assert_false(phases_any(stages));
    assert_false(phases_any(NULL));
    json_decref(graph);
    json_decref(stages);
}

static void assert_reached(const json_t *definition, const char *start, const char *expected)
{
    json_t *reached = phases_reached(definition, start);
    char *text = json_dumps(reached, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(reached);
}

static void what_can_be_reached(void **state)
{
    json_t *graph = definition_of(GRAPH);

    (void)state;
    assert_reached(graph, "a", "[\"b\",\"c\",\"dropped\",\"done\",\"a\"]");
    assert_reached(graph, "c", "[\"done\",\"c\",\"a\",\"b\",\"dropped\"]");
    assert_reached(graph, "nowhere", "[]");
    assert_reached(graph, "x", "[]");
    assert_reached(NULL, "a", "[]");
    json_decref(graph);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_request_to_advance_comes_to),
        cmocka_unit_test(what_is_final_and_where_it_stands),
        cmocka_unit_test(what_can_be_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
