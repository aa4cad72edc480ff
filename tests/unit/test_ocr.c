/* What the records of Open Code Review are taken for: tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/base/buf.h>
#include <supervise/config/workflow.h>
#include <supervise/domain/ocr.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void both_shapes_of_time_are_read_as_utc(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: no time */
    } cases[] = {
        {"1970-01-01 00:00:01", 1000},
        {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01T00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.123456Z", 1123},
        {"1970-01-01 00:00:01.25", 1250},
        {"1970-01-01T00:00:01", 1000},
        {"1970-01-01T01:00:01+01:00", 1000},
        {"2026-02-03 04:05:06", 1770091506000},
        {"2026-02-03T04:05:06.789Z", 1770091506789},
        {"NaN", -1},
        {"", -1},
        {"2026-02-03", -1},
        {"2026-02-30 00:00:00", -1},
        {"2026-02-03 04:05:06 ", -1},
        {"1770091506", -1},
        {NULL, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = -1;

        assert_int_equal(ocr_time(cases[i].text, &ms), cases[i].ms >= 0);
        if (cases[i].ms >= 0)
            assert_int_equal(ms, cases[i].ms);
    }
}

static void every_event_of_theirs_has_a_meaning(void **state)
{
    static const struct {
        const char *type;
        enum ocr_event event;
    } cases[] = {
        {"session_created", OCR_CREATED},
        {"session_resumed", OCR_RESUMED},
        {"round_started", OCR_ROUND_STARTED},
        {"phase_transition", OCR_PHASE},
        {"round_completed", OCR_ROUND_COMPLETED},
        {"map_completed", OCR_MAP_COMPLETED},
        {"session_closed", OCR_CLOSED},
        {"session_aborted", OCR_ABORTED},
        {"session_auto_closed_stale", OCR_STALE},
        {"session_synced", OCR_REASON},
        {"session_legacy_import", OCR_REASON},
        {"session_Closed", OCR_UNKNOWN},
        {"", OCR_UNKNOWN},
        {NULL, OCR_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ocr_event_of(cases[i].type), cases[i].event);
}

static void look_alikes_are_no_instances(void **state)
{
    static const struct {
        const char *command;
        bool heartbeat;
        enum ocr_kind kind;
    } cases[] = {
        {"session-instance", false, OCR_INSTANCE},
        {"session-instance:principal-1", true, OCR_INSTANCE},
        {"session-instance:", false, OCR_INSTANCE},
        {"session-instances", false, OCR_UTILITY},
        {"session-instance-x", true, OCR_SUPERVISOR},
        {"session-instance ", true, OCR_SUPERVISOR},
        {" session-instance", false, OCR_UTILITY},
        {"ocr review", true, OCR_SUPERVISOR},
        {"progress", false, OCR_UTILITY},
        {"", false, OCR_UTILITY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ocr_kind_of(cases[i].command, cases[i].heartbeat), cases[i].kind);
}

static void what_is_not_known_of_an_end_is_not_made_up(void **state)
{
    static const struct {
        struct ocr_recorded recorded;
        int exit_code;
        const char *stopped_by, *spawn_error, *unknown_end; /* a part of it */
        bool note;
    } cases[] = {
        {{true, 0, false, NULL}, 0, NULL, NULL, NULL, false},
        {{true, 255, true, NULL}, 255, NULL, NULL, NULL, false},
        {{true, 137, true, NULL}, 137, NULL, NULL, NULL, false}, /* a shell's word for it: no signal was seen
                                                                  */
        {{true, -1, false, NULL}, -3, NULL, NULL, "-1", false},
        {{true, -1, false, "killed\n"}, -3, NULL, NULL, "-1", false},
        {{true, -1, false, "x\nProcess error: spawn ocr ENOENT\ny"},
         -1,
         NULL,
         "spawn ocr ENOENT",
         NULL,
         false},
        {{true, -2, false, NULL}, -2, "cancel", NULL, NULL, true},
        {{true, -3, true, NULL}, -3, NULL, NULL, NULL, false},
        {{true, -4, true, NULL}, -4, NULL, NULL, NULL, false},
        {{true, -4, false, NULL}, -3, NULL, NULL, "-4", false},
        {{true, -5, false, NULL}, -5, "deadline", NULL, NULL, false},
        {{true, -6, false, NULL}, -3, NULL, NULL, "no process", false},
        {{true, 256, false, NULL}, -3, NULL, NULL, "no process", false},
        {{true, 3221225786, false, NULL}, -3, NULL, NULL, "no process", false},
        {{true, INT64_C(1) << 32, false, NULL}, -3, NULL, NULL, "no process", false},
        {{false, 0, true, NULL}, -3, NULL, NULL, "without an exit code", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ocr_end end = ocr_end_of(&cases[i].recorded);

        assert_int_equal(end.exit_code, cases[i].exit_code);
        assert_int_equal(end.note != NULL, cases[i].note);
        assert_int_equal(end.unknown_end != NULL, cases[i].unknown_end != NULL);
        if (cases[i].unknown_end)
            assert_non_null(strstr(end.unknown_end, cases[i].unknown_end));
        assert_int_equal(end.stopped_by != NULL, cases[i].stopped_by != NULL);
        if (cases[i].stopped_by)
            assert_string_equal(end.stopped_by, cases[i].stopped_by);
        assert_int_equal(end.spawn_error != NULL, cases[i].spawn_error != NULL);
        if (cases[i].spawn_error) {
            assert_int_equal(end.spawn_error_length, strlen(cases[i].spawn_error));
            assert_memory_equal(end.spawn_error, cases[i].spawn_error, end.spawn_error_length);
        }
    }
}

static void a_command_is_told_word_by_word_as_far_as_that_is_known(void **state)
{
    static const struct {
        const char *command, *args, *words;
    } cases[] = {
        {"ocr review --team a:2", "[\"--team\",\"a:2\"]", "[\"ocr\",\"review\",\"--team\",\"a:2\"]"},
        {"review 'two words'", "[\"two words\"]", "[\"review\",\"two words\"]"},
        {"ocr review", "[\"--fresh\"]", "[\"ocr\",\"review\",\"--fresh\"]"},
        {"ocr doctor", "[]", "[\"ocr\",\"doctor\"]"},
        {"ocr doctor", NULL, "[\"ocr\",\"doctor\"]"},
        {"ocr  review\tmain", NULL, "[\"ocr\",\"review\",\"main\"]"},
        {"ocr review 'a b'", NULL, "[\"ocr review 'a b'\"]"},
        {"ocr review main", "[\"--json\"]", "[\"ocr\",\"review\",\"main\",\"--json\"]"},
        {"session-instance:principal-1", NULL, "[\"session-instance:principal-1\"]"},
        {"review", "{\"team\":1}", "[\"review\",\"{\\\"team\\\":1}\"]"},
        {"review", "[1]", "[\"review\",\"[1]\"]"},
        {"review", "not JSON", "[\"review\",\"not JSON\"]"},
        {"ocr", NULL, "[\"ocr\"]"},
        {"ocr ", "[]", "[\"ocr\"]"},
        {"", NULL, "[\"\"]"},
        {"  ", "[]", "[\"  \"]"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *words = ocr_command(cases[i].command, cases[i].args);

        assert_string_equal(words, cases[i].words);
    }
}

static void a_uid_stands_for_its_row_for_ever(void **state)
{
    char uid[UID_LENGTH + 1], other[UID_LENGTH + 1];

    (void)state;
    ocr_uid("cmd-1", 7, "ocr review", "2026-02-03 04:05:06", uid);
    assert_true(uid_valid(uid));
    /* Written down: an import by a later version has to know what this one took. */
    assert_string_equal(uid, "hnrfkug5ku3cvimlzfev");
    ocr_uid("cmd-1", 8, "ocr map", "2026-02-03 04:05:06", other);
    assert_string_equal(uid, other);
    ocr_uid("cmd-1", 7, "ocr review", "2026-02-03 04:05:07", other);
    assert_string_not_equal(uid, other);
    ocr_uid("cmd-2", 7, "ocr review", "2026-02-03 04:05:06", other);
    assert_string_not_equal(uid, other);
    ocr_uid(NULL, 7, "ocr review", "2026-02-03 04:05:06", uid);
    ocr_uid("", 7, "ocr review", "2026-02-03 04:05:06", other);
    assert_string_equal(uid, other);
    ocr_uid(NULL, 8, "ocr review", "2026-02-03 04:05:06", other);
    assert_string_not_equal(uid, other);
    ocr_uid("abcdefghij234567abcd", 7, "x", NULL, uid);
    assert_string_equal(uid, "abcdefghij234567abcd");
}

static void a_session_id_that_can_not_be_one_gets_one_that_can(void **state)
{
    static const char *const ids[] = {"20260203", "",       "two words", "-x",        "\x1b[2J",
                                      "a\nb",     "é@main", "42",        "2026-02-03"};
    char longest[201];

    (void)state;
    memset(longest, 'x', 200);
    longest[200] = '\0';
    for (size_t i = 0; i <= COUNT(ids); i++) {
        const char *id = i < COUNT(ids) ? ids[i] : longest;
        AUTOFREE char *made = ocr_session_id(id, "2026-02-03 04:05:06");
        AUTOFREE char *again = ocr_session_id(id, "2026-02-03 04:05:06");
        AUTOFREE char *later = ocr_session_id(id, "2026-02-03 04:05:07");

        assert_null(session_id_fault(made));
        assert_string_equal(made, again);
        assert_string_not_equal(made, later);
        for (size_t j = 0; j < i; j++) {
            AUTOFREE char *other = ocr_session_id(ids[j], "2026-02-03 04:05:06");

            assert_string_not_equal(made, other);
        }
    }
}

static void the_shipped_workflows_are_those_of_conf(void **state)
{
    json_t *review = workflow_shipped("review"), *map = workflow_shipped("map");

    (void)state;
    assert_int_equal(json_array_size(json_object_get(review, "phases")), 8);
    assert_string_equal(json_string_value(json_object_get(review, "initial")), "context");
    assert_int_equal(json_array_size(json_object_get(map, "phases")), 6);
    assert_string_equal(json_string_value(json_object_get(map, "initial")), "map-context");
    assert_null(workflow_shipped("book"));
    json_decref(review);
    json_decref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_shapes_of_time_are_read_as_utc),
        cmocka_unit_test(every_event_of_theirs_has_a_meaning),
        cmocka_unit_test(look_alikes_are_no_instances),
        cmocka_unit_test(what_is_not_known_of_an_end_is_not_made_up),
        cmocka_unit_test(a_command_is_told_word_by_word_as_far_as_that_is_known),
        cmocka_unit_test(a_uid_stands_for_its_row_for_ever),
        cmocka_unit_test(a_session_id_that_can_not_be_one_gets_one_that_can),
        cmocka_unit_test(the_shipped_workflows_are_those_of_conf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
