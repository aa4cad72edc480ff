/* Explanations and what comes next: every reason with its facts, and none that was not seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/base/text.h>
#include <supervise/domain/explain.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

#define FOURTEEN_O_THREE INT64_C(1770127380000) /* 2026-02-03T14:03:00Z */
#define AN_HOUR_LATER (FOURTEEN_O_THREE + HOUR)

#define ENDED(result, why_so)                                                                                \
    .state = EXPLAIN_FINISHED, .verdict = {OUTCOME_##result, why_so}, .number = 42, .now_ms = AN_HOUR_LATER
#define LASTING(ms) .duration_known = true, .duration_ms = (ms)
#define DRIVING(status, reason)                                                                              \
    .session = "review-42", .drives = true, .round = 1, .in_current_round = true, .session_status = status,  \
    .close_reason = reason

static const char *const three[] = {"sleep", "node", "sh"};
static const char *const five[] = {"sleep", "node", "sh", "cat", "vi"};

static const struct {
    struct explain_facts facts;
    const char *text, *next;
} cases[] = {
    /* in flight */
    {{.state = EXPLAIN_QUEUED, .number = 42}, "queued", NULL},
    {{.state = EXPLAIN_QUEUED, .number = 42, .queued_at = FOURTEEN_O_THREE, .now_ms = AN_HOUR_LATER},
     "queued for 1h",
     NULL},
    {{.state = EXPLAIN_RUNNING, .number = 42}, "running", "supervise log -f 42"},
    {{.state = EXPLAIN_RUNNING, .number = 42, .no_log = true}, "running", NULL},
    {{.state = EXPLAIN_RUNNING, .number = 42, .started_at = FOURTEEN_O_THREE, .now_ms = AN_HOUR_LATER},
     "running for 1h",
     "supervise log -f 42"},
    {{.state = EXPLAIN_RUNNING, .number = 42, .started_at = AN_HOUR_LATER, .now_ms = FOURTEEN_O_THREE},
     "running",
     "supervise log -f 42"},
    {{.state = EXPLAIN_RUNNING, .number = 42, .stopped_by = "cancel", .why = "wrong branch"},
     "running, being stopped by a cancel (wrong branch)",
     "supervise log -f 42"},
    {{.state = EXPLAIN_RUNNING, .number = 42, .stalled = true},
     "running; stalled: no output and no report",
     "supervise log -f 42"},
    {{.state = EXPLAIN_RUNNING,
      .number = 42,
      .stalled = true,
      .activity_at = FOURTEEN_O_THREE,
      .now_ms = AN_HOUR_LATER},
     "running; stalled: no output and no report for 1h",
     "supervise log -f 42"},
    {{.state = EXPLAIN_RUNNING,
      .number = 42,
      .lost = true,
      .heard_of_at = FOURTEEN_O_THREE,
      .now_ms = AN_HOUR_LATER},
     "not known to have ended, but its supervisor is gone since about 14:03Z (last heard of)",
     "supervise sweep"},
    {{.state = EXPLAIN_RUNNING,
      .number = 42,
      .lost = true,
      .threshold_ms = 15 * MINUTE,
      .heard_of_at = FOURTEEN_O_THREE,
      .now_ms = AN_HOUR_LATER},
     "not known to have ended, but its supervisor was last heard of at about 14:03Z",
     "supervise sweep"},
    {{.state = EXPLAIN_RUNNING, .number = 42, .unsupervised = true},
     "running, but its supervisor is gone (when it was last heard of is unknown), so its end will not be "
     "seen as it happens",
     "supervise sweep"},
    {{.state = EXPLAIN_RUNNING, .number = 42, .step_in_error = "extract/pages", .step_message = "no pages"},
     "running; step extract/pages is in error: no pages",
     "supervise log -f 42"},

    /* success */
    {{ENDED(SUCCESS, "exit"), LASTING(1200)}, "exit 0 after 1.2s", NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(0)}, "exit 0 after 0ms", NULL},
    {{ENDED(SUCCESS, "exit")}, "exit 0 after an unknown time", NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .session = "review-42"},
     "exit 0 after 1s, helping session review-42",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .last_line = "bye", .agent_result = "ok", .oom_kills = 1},
     "exit 0 after 1s",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .suspended_ms = 2 * HOUR, .recovered = true},
     "exit 0 after 1s; it was taken for orphaned until its supervisor came back; the machine slept 2h during "
     "the run",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .stragglers = three, .straggler_count = 1},
     "exit 0 after 1s; 1 process left behind had to be killed (sleep)",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .stragglers = three, .straggler_count = 3},
     "exit 0 after 1s; 3 processes left behind had to be killed (sleep, node, sh)",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .stragglers = five, .straggler_count = 5},
     "exit 0 after 1s; 5 processes left behind had to be killed (sleep, node, sh, \xE2\x80\xA6)",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .straggler_count = 2},
     "exit 0 after 1s; 2 processes left behind had to be killed",
     NULL},
    {{ENDED(SUCCESS, "exit"), LASTING(SECOND), .output_held = true, .log_lost = "No space left on device"},
     "exit 0 after 1s; a process left behind held its output open, and what it wrote later is not in the "
     "log; its log is not whole: No space left on device",
     NULL},
    {{ENDED(SUCCESS, "completed"), LASTING(3 * MINUTE), .session = "x", .drives = true, .round = 2,
      .in_current_round = true, .session_status = "closed", .close_reason = "completed"},
     "exit 0 after 3m, and session x was completed in round 2",
     NULL},
    {{ENDED(SUCCESS, "completed"), LASTING(3 * MINUTE), .session = "x", .drives = true, .round = 2,
      .session_status = "active"},
     "exit 0 after 3m, and session x completed round 2",
     NULL},
    {{ENDED(SUCCESS, "completed"), LASTING(3 * MINUTE), .session = "x", .drives = true},
     "exit 0 after 3m, and session x completed the round",
     NULL},
    {{ENDED(SUCCESS, "completed"), LASTING(3 * MINUTE), DRIVING("closed", "completed"), .exit_code = 143,
      .signal = 15, .stopped_by = "deadline"},
     "killed by SIGTERM after 3m, and session review-42 was completed in round 1 before it was stopped by a "
     "deadline",
     NULL},
    {{ENDED(SUCCESS, "stages-done"), LASTING(SECOND), DRIVING("active", NULL), .stages = "extract..load"},
     "exit 0 after 1s, and every step of stages extract..load is done or skipped",
     NULL},

    /* incomplete */
    {{ENDED(INCOMPLETE, "session-active"), LASTING(41 * MINUTE), DRIVING("active", NULL), .phase = "reviews",
      .phase_number = 4, .phase_count = 8, .suspended_ms = 7 * HOUR + 12 * MINUTE},
     "exit 0 after 41m, but session review-42 is still in phase reviews (4 of 8), round 1; the machine slept "
     "7h 12m during the run",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-active"), LASTING(SECOND), DRIVING("active", NULL), .phase = "complete",
      .phase_number = 8, .phase_count = 8},
     "exit 0 after 1s, but session review-42 is still open in phase complete (8 of 8), round 1",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-active"), LASTING(SECOND), DRIVING("active", NULL), .phase = "anything"},
     "exit 0 after 1s, but session review-42 is still in phase anything, round 1",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-active"), LASTING(SECOND), DRIVING("active", NULL)},
     "exit 0 after 1s, but session review-42 is still open, round 1",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-active"), LASTING(SECOND), .session = "s", .drives = true, .round = 1,
      .phase = "reviews"},
     "exit 0 after 1s, but session s did not complete round 1",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-active"), LASTING(SECOND), DRIVING("active", NULL),
      .last_line = " good bye \r\n", .step_in_error = "extract/pages", .agent_result = "max turns"},
     "exit 0 after 1s, but session review-42 is still open, round 1; step extract/pages is in error; its own "
     "result record says \"max turns\"; its last line of output was \"good bye\"",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-stale"), LASTING(SECOND), DRIVING("closed", "stale")},
     "exit 0 after 1s, but session review-42 was closed as stale in round 1",
     "supervise session begin --session review-42"},
    {{ENDED(INCOMPLETE, "session-stale"), LASTING(SECOND), .session = "s", .drives = true, .round = 1,
      .session_status = "active"},
     "exit 0 after 1s, but session s was closed as stale in round 1",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-aborted"), LASTING(SECOND), DRIVING("closed", "aborted"),
      .why = "not worth it"},
     "exit 0 after 1s, but session review-42 was aborted in round 1 (not worth it)",
     "supervise session begin --session review-42"},
    {{ENDED(INCOMPLETE, "session-aborted"), LASTING(SECOND), .session = "s", .drives = true,
      .session_status = "closed", .close_reason = "completed"},
     "exit 0 after 1s, but session s was aborted",
     NULL},
    {{ENDED(INCOMPLETE, "stages-unfinished"), LASTING(SECOND), DRIVING("active", NULL),
      .stages = "extract..load", .left = "extract/pages has not begun, load/all is in error"},
     "exit 0 after 1s, but not every step of stages extract..load in session review-42 is done or skipped: "
     "extract/pages has not begun, load/all is in error",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "session-active"), LASTING(SECOND), DRIVING("active", NULL),
      .left = "main/\x1bread is aborted"},
     "exit 0 after 1s, but session review-42 is still open, round 1: main/\\eread is aborted",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "stages-unfinished"), LASTING(SECOND), DRIVING("active", NULL),
      .stages = "extract..extract"},
     "exit 0 after 1s, but not every step of stage extract in session review-42 is done or skipped",
     "supervise resume 42"},
    {{ENDED(INCOMPLETE, "no-session"), LASTING(SECOND)},
     "exit 0 after 1s, but it was to work in a session and had none",
     "supervise run --session NAME -- ..."},
    {{ENDED(INCOMPLETE, "agent-unfinished"), LASTING(SECOND)},
     "exit 0 after 1s, but its own result record says that it did not finish",
     "supervise log 42"},
    {{ENDED(INCOMPLETE, "agent-unfinished"), LASTING(SECOND), .agent_result = "max turns"},
     "exit 0 after 1s, but its own result record says that it did not finish: \"max turns\"",
     "supervise log 42"},

    /* failed */
    {{ENDED(FAILED, "exit"), LASTING(2 * SECOND), .exit_code = 3}, "exit 3 after 2s", "supervise log 42"},
    {{ENDED(FAILED, "exit"), LASTING(2 * SECOND), .exit_code = 3, .no_log = true}, "exit 3 after 2s", NULL},
    {{ENDED(FAILED, "exit"), LASTING(2 * SECOND), .exit_code = 3, .last_line = "  \r\n"},
     "exit 3 after 2s",
     "supervise log 42"},
    {{ENDED(FAILED, "exit"), LASTING(2 * SECOND), .exit_code = 1, .last_line = "fatal: no such ref"},
     "exit 1 after 2s; its last line of output was \"fatal: no such ref\"",
     "supervise log 42"},
    {{ENDED(FAILED, "exit"), LASTING(2 * SECOND), .exit_code = 137, .oom_kills = 1},
     "exit 137 after 2s; the kernel's OOM killer struck during the run",
     "supervise log 42"},
    {{ENDED(FAILED, "exit"), LASTING(2 * SECOND), .exit_code = 1, .oom_kills = 1},
     "exit 1 after 2s",
     "supervise log 42"},
    {{ENDED(FAILED, "signal"), LASTING(2 * SECOND), .exit_code = 137, .signal = 9, .oom_kills = 2},
     "killed by SIGKILL after 2s; the kernel's OOM killer struck during the run",
     "supervise log 42"},
    {{ENDED(FAILED, "signal"), LASTING(2 * SECOND), .exit_code = 139, .signal = 11, .core_dumped = true,
      .oom_kills = 2},
     "killed by SIGSEGV (core dumped) after 2s",
     "supervise log 42"},
    {{ENDED(FAILED, "signal"), LASTING(2 * SECOND), .exit_code = 168, .signal = 40},
     "killed by signal 40 after 2s",
     "supervise log 42"},
    {{ENDED(FAILED, "deadline"), LASTING(10 * MINUTE), .exit_code = -5, .signal = 9, .deadline = "timeout",
      .deadline_ms = 10 * MINUTE, .stopped_by = "deadline"},
     "ran past its timeout of 10m, and was stopped after 10m; it then died of SIGKILL",
     "supervise log 42"},
    {{ENDED(FAILED, "deadline"), LASTING(10 * MINUTE), .exit_code = -5, .deadline = "idle-timeout",
      .deadline_ms = 5 * MINUTE, .child_code_known = true},
     "was silent beyond its idle timeout of 5m, and was stopped after 10m; it then exited 0",
     "supervise log 42"},
    {{ENDED(FAILED, "deadline"), LASTING(SECOND), .exit_code = -5, .deadline = "watchdog"},
     "asked to be ended by WATCHDOG=trigger, and was stopped after 1s",
     "supervise log 42"},
    {{ENDED(FAILED, "deadline"), LASTING(MINUTE), .exit_code = -5, .deadline = "watchdog",
      .deadline_ms = 5 * SECOND, .child_code_known = true},
     "sent no WATCHDOG=1 for 5s, and was stopped after 1m; it then exited 0",
     "supervise log 42"},
    {{ENDED(FAILED, "deadline"), .exit_code = -5},
     "ran past its deadline, and was stopped after an unknown time",
     "supervise log 42"},
    {{ENDED(FAILED, "spawn"), .exit_code = -1,
      .spawn_error = "cannot enter /nowhere: No such file or directory", .spawn_errno = ENOENT},
     "never started: cannot enter /nowhere: No such file or directory",
     NULL},
    {{ENDED(FAILED, "spawn"), .exit_code = -1, .spawn_errno = ENOENT, .command = "claud"},
     "never started: claud: No such file or directory",
     NULL},
    {{ENDED(FAILED, "spawn"), .exit_code = -1, .spawn_errno = 9999}, "never started: error 9999", NULL},
    {{ENDED(FAILED, "spawn"), .exit_code = -1}, "never started: why is unknown", NULL},
    {{ENDED(FAILED, "orphaned"), .exit_code = -3, .heard_of_at = FOURTEEN_O_THREE},
     "its supervisor is gone since about 14:03Z (last heard of); how the command ended is unknown",
     "supervise log 42"},
    {{ENDED(FAILED, "orphaned"), .exit_code = -3, .heard_of_at = FOURTEEN_O_THREE - 24 * HOUR,
      .threshold_ms = 15 * MINUTE},
     "its supervisor was last heard of at about 2026-02-02T14:03Z; how the command ended is unknown; it was "
     "given up after 15m without a heartbeat",
     "supervise log 42"},
    {{ENDED(FAILED, "orphaned"), .exit_code = -3, .threshold_ms = 2 * HOUR, .capture = "pipe"},
     "its supervisor was never heard of; how the command ended is unknown; it was given up after 2h without "
     "a "
     "heartbeat",
     "supervise log 42"},
    {{ENDED(FAILED, "orphaned"), .exit_code = -3, .unknown_end = "the other recorded -1\n", .last_line = "x"},
     "how it ended is not known: the other recorded -1; its last line of output was \"x\"",
     "supervise log 42"},
    {{ENDED(FAILED, "orphaned"), .exit_code = -3},
     "its supervisor is gone (when it was last heard of is unknown); how the command ended is unknown",
     "supervise log 42"},
    {{ENDED(FAILED, "orphaned"), DRIVING("active", NULL), .exit_code = -3, .heard_of_at = FOURTEEN_O_THREE,
      .capture = "pipe"},
     "its supervisor is gone since about 14:03Z (last heard of); how the command ended is unknown, and "
     "what it wrote from then on failed, as nobody read its output",
     "supervise resume 42"},
    {{ENDED(FAILED, "orphaned"), DRIVING("closed", "completed"), .exit_code = -3,
      .heard_of_at = FOURTEEN_O_THREE, .capture = "pty"},
     "its supervisor is gone since about 14:03Z (last heard of); how the command ended is unknown, and its "
     "terminal was hung up then",
     "supervise log 42"},
    {{ENDED(FAILED, "orphaned"), DRIVING("closed", "aborted"), .exit_code = -3,
      .heard_of_at = FOURTEEN_O_THREE, .capture = "none"},
     "its supervisor is gone since about 14:03Z (last heard of); how the command ended is unknown",
     "supervise session begin --session review-42"},

    /* cancelled */
    {{ENDED(CANCELLED, "cancelled"), LASTING(12 * SECOND), .exit_code = -2, .why = "wrong branch",
      .child_code_known = true},
     "cancelled after 12s (wrong branch); it then exited 0",
     "supervise log 42"},
    {{ENDED(CANCELLED, "cancelled"), LASTING(12 * SECOND), DRIVING("active", NULL), .exit_code = -2,
      .signal = 15},
     "cancelled after 12s; it then died of SIGTERM",
     "supervise resume 42"},
    {{ENDED(CANCELLED, "cancelled"), LASTING(12 * SECOND), .session = "helped", .session_status = "active",
      .exit_code = -2},
     "cancelled after 12s",
     "supervise log 42"},
    {{ENDED(CANCELLED, "cancelled"), LASTING(12 * SECOND), .exit_code = -2, .last_line = "bye"},
     "cancelled after 12s",
     "supervise log 42"},
    {{ENDED(CANCELLED, "cancelled"), .exit_code = -2, .never_ran = true},
     "cancelled before it was started",
     NULL},
    {{ENDED(CANCELLED, "session-closed"), LASTING(12 * SECOND), DRIVING("closed", "aborted"), .exit_code = -4,
      .signal = 15, .why = "out of money"},
     "ended after 12s, because its session review-42 was closed as aborted (out of money); it then died of "
     "SIGTERM",
     "supervise session begin --session review-42"},
    {{ENDED(CANCELLED, "session-closed"), LASTING(12 * SECOND), DRIVING("closed", "completed"),
      .exit_code = -4},
     "ended after 12s, because its session review-42 was closed as completed",
     NULL},
    {{ENDED(CANCELLED, "session-closed"), .exit_code = -4, .never_ran = true},
     "ended before it was started, because its session (unknown) was closed",
     NULL},

    /* what this program does not know */
    {{ENDED(FAILED, "a reason of tomorrow"), LASTING(SECOND), .exit_code = 9}, "exit 9 after 1s", NULL},
    {{.state = EXPLAIN_FINISHED, .verdict = {OUTCOME_FAILED, "exit"}, .exit_code = 1, LASTING(SECOND)},
     "exit 1 after 1s",
     NULL},
};

static void every_reason_is_explained_with_what_was_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *text = explain(&cases[i].facts);

        assert_string_equal(text, cases[i].text);
    }
}

static void what_comes_next_is_one_command_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *next = explain_next(&cases[i].facts);

        if (!cases[i].next && next)
            print_error("%s\n", cases[i].text);
        if (cases[i].next)
            assert_string_equal(next, cases[i].next);
        else
            assert_null(next);
    }
}

/* Every verdict the rules can give is in the cases: a new reason without a sentence is found here. */
static void no_verdict_is_without_a_case(void **state)
{
    static const int codes[] = {-5, -4, -3, -2, -1, 0, 1};
    enum { FLAGS = 1 << 6, SETTLED = 4, STAGES = 3 };

    (void)state;
    for (size_t i = 0; i < COUNT(codes) * FLAGS * SETTLED * STAGES; i++) {
        size_t rest = i / FLAGS, found = 0;
        struct outcome_facts facts = {
            .finished = true,
            .signal = i & 1 ? 15 : 0,
            .stopped = i & 2,
            .session = i & 4,
            .drives = i & 8,
            .require_session = i & 16,
            .agent_unfinished = i & 32,
            .settled = (enum settled)(rest % SETTLED),
            .stages = (enum stages_state)(rest / SETTLED % STAGES),
            .exit_code = codes[rest / SETTLED / STAGES],
        };
        struct verdict verdict = outcome_of(&facts);

        for (size_t j = 0; j < COUNT(cases); j++) {
            if (cases[j].facts.verdict.outcome == verdict.outcome && cases[j].facts.verdict.reason)
                found += strcmp(cases[j].facts.verdict.reason, verdict.reason) == 0;
        }
        assert_int_not_equal(found, 0);
    }
}

static void assert_clean(const char *text)
{
    assert_true(utf8_valid(text, strlen(text)));
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        assert_true(*byte >= 0x20 && *byte != 0x7F);
        assert_false(byte[0] == 0xC2 && byte[1] >= 0x80 && byte[1] < 0xA0);
    }
}

static void no_control_of_any_text_survives(void **state)
{
    static const char evil[] = "a\x1b[2J\n\r\x07\x7F\xC2\x9B"
                               "1m\xFF\xC3{end}";
    static const char *const names[] = {evil};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct explain_facts facts = cases[i].facts;
        AUTOFREE char *text = NULL;
        AUTOFREE char *next = NULL;

        facts.command = facts.stopped_by = facts.why = facts.session = facts.phase = facts.stages = evil;
        facts.last_line = facts.log_lost = facts.step_in_error = facts.step_message = facts.agent_result =
            evil;
        facts.spawn_error = i % 2 ? evil : NULL;
        facts.deadline = facts.capture = facts.close_reason = evil;
        facts.stragglers = names;
        facts.straggler_count = 1;
        text = explain(&facts);
        assert_clean(text);
        next = explain_next(&facts);
        if (next)
            assert_clean(next);
    }
}

static void a_placeholder_in_foreign_text_is_only_text(void **state)
{
    struct explain_facts facts = {ENDED(FAILED, "exit"), LASTING(SECOND), .exit_code = 1, .why = "x",
                                  .last_line = "{end} {session}"};
    AUTOFREE char *text = explain(&facts);

    (void)state;
    assert_string_equal(text, "exit 1 after 1s; its last line of output was \"{end} {session}\"");
}

static void a_long_last_line_is_cut_to_a_line_of_the_terminal(void **state)
{
    static const char lead[] = "exit 1 after 1s; its last line of output was \"";
    char line[400];
    struct explain_facts facts = {ENDED(FAILED, "exit"), LASTING(SECOND), .exit_code = 1, .last_line = line};

    (void)state;
    for (size_t length = 119; length <= 122; length++) {
        AUTOFREE char *text = NULL;

        memset(line, 'x', length);
        line[length] = '\0';
        text = explain(&facts);
        assert_int_equal(text_columns(text), strlen(lead) + (length < 120 ? length : 120) + 1);
        assert_int_equal(strstr(text, "\xE2\x80\xA6") != NULL, length > 120);
    }
}

static void the_longest_session_id_stays_whole_in_the_command(void **state)
{
    char id[129];
    char expected[200];
    struct explain_facts facts = {ENDED(INCOMPLETE, "session-stale"), DRIVING("closed", "stale")};
    AUTOFREE char *next = NULL;

    (void)state;
    memset(id, 's', 128);
    id[128] = '\0';
    facts.session = id;
    snprintf(expected, sizeof expected, "supervise session begin --session %s", id);
    next = explain_next(&facts);
    assert_string_equal(next, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_is_explained_with_what_was_seen),
        cmocka_unit_test(what_comes_next_is_one_command_or_none),
        cmocka_unit_test(no_verdict_is_without_a_case),
        cmocka_unit_test(no_control_of_any_text_survives),
        cmocka_unit_test(a_placeholder_in_foreign_text_is_only_text),
        cmocka_unit_test(a_long_last_line_is_cut_to_a_line_of_the_terminal),
        cmocka_unit_test(the_longest_session_id_stays_whole_in_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
