/* JSON: the members that programs rely on, all of them, always, in bytes that every reader takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <supervise/base/buf.h>
#include <supervise/cli/cli.h>

/* As the contract lists them. */
static const char execution_members[] = "id uid parent_uid name session drives workflow stages command cwd "
                                        "host state outcome reason explanation next "
                                        "exit_code signal stopped_by spawn_errno round attempt queued_at "
                                        "started_at finished_at heartbeat_at activity_at "
                                        "progress_at duration_ms pid supervisor_pid supervised stalled lost "
                                        "cancel_requested_at status_text log agent "
                                        "agent_session agent_result usage notes ";
static const char session_members[] = "id workflow status close_reason completeness next phase phase_number "
                                      "phase_count round started_at updated_at "
                                      "closed_at totals stages executions ";
static const char event_members[] = "id at type session execution data ";

static void members(const json_t *object, char *names, size_t size)
{
    const char *name;
    json_t *value;
    size_t length = 0;

    json_object_foreach((json_t *)object, name, value)
        length += (size_t)snprintf(names + length, size - length, "%s ", name);
}

/* Every integer NULL, as a row of the ledger with nothing in it. */
static void clear(void *row, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == FIELD_INT || fields[i].kind == FIELD_TIME || fields[i].kind == FIELD_BOOL)
            *(int64_t *)((char *)row + fields[i].offset) = NO_INT;
}

static struct execution finished(void)
{
    struct execution execution = {0};

    clear(&execution, execution_fields, execution_field_count);
    execution.id = 42;
    execution.uid = (char *)"abcdefghijklmnopqrst";
    execution.state = (char *)"finished";
    execution.outcome = (char *)"failed";
    execution.reason = (char *)"exit";
    execution.command = (char *)"[\"make\", \"-j8\"]";
    execution.exit_code = 2;
    execution.drives = 0;
    execution.attempt = 1;
    execution.started_at = 1770091506789;
    execution.finished_at = 1770091507000;
    execution.duration_ms = 211;
    execution.log = (char *)"/logs/abcdefghijklmnopqrst.log";
    execution.notes = (char *)"[\"a note\"]";
    return execution;
}

static void an_execution_has_all_its_members_in_their_order(void **state)
{
    struct cli cli = {.color = "auto"};
    struct execution execution = finished();
    json_t *object = execution_json(&cli, &execution);
    char names[2048];

    (void)state;
    members(object, names, sizeof names);
    assert_string_equal(names, execution_members);
    assert_int_equal(json_integer_value(json_object_get(object, "id")), 42);
    assert_true(json_is_false(json_object_get(object, "drives")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "command"), 1)), "-j8");
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "notes"), 0)), "a note");
    assert_string_equal(json_string_value(json_object_get(object, "started_at")), "2026-02-03T04:05:06.789Z");
    assert_true(json_is_null(json_object_get(object, "queued_at")));
    assert_true(json_is_null(json_object_get(object, "signal")));
    assert_true(json_is_null(json_object_get(object, "supervised")));
    assert_true(json_is_false(json_object_get(object, "stalled")));
    assert_true(json_is_false(json_object_get(object, "lost")));
    assert_non_null(strstr(json_string_value(json_object_get(object, "explanation")), "exit 2"));
    assert_string_equal(json_string_value(json_object_get(object, "next")), "supervise log 42");
    json_decref(object);
}

static void what_was_seen_gets_into_the_explanation(void **state)
{
    struct cli cli = {.color = "auto"};
    struct execution execution = finished();
    json_t *object;

    (void)state;
    execution.facts = (char *)"{\"suspended_ms\": 25920000, \"last_line\": \"out of ideas\"}";
    object = execution_json(&cli, &execution);
    assert_non_null(strstr(json_string_value(json_object_get(object, "explanation")), "7h 12m"));
    assert_non_null(strstr(json_string_value(json_object_get(object, "explanation")), "out of ideas"));
    json_decref(object);
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
    struct cli cli = {.color = "auto"};
    struct execution execution = finished();
    json_t *object;

    (void)state;
    execution.name = (char *)"a\xff\xc3z";
    execution.cwd = (char *)"";
    object = execution_json(&cli, &execution);
    assert_string_equal(json_string_value(json_object_get(object, "name")), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
    assert_string_equal(json_string_value(json_object_get(object, "cwd")), "");
    json_decref(object);
}

static void a_session_has_all_its_members_in_their_order(void **state)
{
    struct cli cli = {.color = "auto"};
    struct session session = {0};
    char names[2048];
    json_t *object;

    (void)state;
    clear(&session, session_fields, session_field_count);
    session.id = (char *)"review-42";
    session.status = (char *)"active";
    session.totals = (char *)"{\"steps\": 3, \"usage\": {}}";
    session.stages = (char *)"[]";
    session.executions = (char *)"[1, 2]";
    object = session_json(&cli, &session);
    members(object, names, sizeof names);
    assert_string_equal(names, session_members);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "totals"), "steps")), 3);
    assert_int_equal(json_array_size(json_object_get(object, "executions")), 2);
    assert_true(json_is_null(json_object_get(object, "phase")));
    json_decref(object);
}

static void an_event_has_all_its_members_in_their_order_and_any_data(void **state)
{
    struct event event = {.id = 7,
                          .at = 1770091506789,
                          .type = (char *)"round_completed",
                          .data = (char *)"{\"round\": 1, \"data\": \"a\\u0000b\"}"};
    char names[2048];
    json_t *object = event_json(&event);

    (void)state;
    members(object, names, sizeof names);
    assert_string_equal(names, event_members);
    assert_int_equal(json_string_length(json_object_get(json_object_get(object, "data"), "data")), 3);
    json_decref(object);
}

/* What goes to stdout while `print` works; the caller frees. */
static char *stdout_of(void (*print)(size_t rows), size_t rows)
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    char *text;
    off_t length;

    assert_non_null(file);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    print(rows);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    length = lseek(fileno(file), 0, SEEK_END);
    text = mem_alloc((size_t)length + 1);
    assert_int_equal(pread(fileno(file), text, (size_t)length, 0), length);
    fclose(file);
    return text;
}

static json_t *a_row(size_t number)
{
    return json_pack("{s:i, s:s, s:[s, s], s:{}}", "id", (int)number, "text", "two\nlines, {and} [marks]\n]",
                     "array", "a", "b", "empty");
}

static void print_whole(size_t rows)
{
    json_t *array = json_array();

    for (size_t i = 0; i < rows; i++)
        json_array_append_new(array, a_row(i));
    json_print(array, false);
}

static void print_rows(size_t rows)
{
    struct json_rows printed = {0};

    for (size_t i = 0; i < rows; i++)
        json_rows_add(&printed, a_row(i));
    json_rows_end(&printed);
}

static void an_array_row_by_row_is_what_it_would_be_whole(void **state)
{
    (void)state;
    for (size_t rows = 0; rows < 4; rows++) {
        AUTOFREE char *whole = stdout_of(print_whole, rows);
        AUTOFREE char *by_rows = stdout_of(print_rows, rows);

        assert_string_equal(by_rows, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_execution_has_all_its_members_in_their_order),
        cmocka_unit_test(what_was_seen_gets_into_the_explanation),
        cmocka_unit_test(bytes_that_are_no_utf8_become_replacement_characters),
        cmocka_unit_test(a_session_has_all_its_members_in_their_order),
        cmocka_unit_test(an_event_has_all_its_members_in_their_order_and_any_data),
        cmocka_unit_test(an_array_row_by_row_is_what_it_would_be_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
