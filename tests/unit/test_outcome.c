/* The rules of the outcome: one by one by hand, and every combination against a second telling of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/domain/outcome.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Facts in the order of `struct outcome_facts`, with what must come of them. */
static const struct {
    const char *what;
    struct outcome_facts facts;
    enum outcome outcome;
    const char *reason;
} cases[] = {
    {"not finished, whatever stands there", {.exit_code = -2, .signal = 9}, OUTCOME_NONE, NULL},
    {"cancelled", {.finished = true, .exit_code = -2, .stopped = true}, OUTCOME_CANCELLED, "cancelled"},
    {"cancelled, signal beside it",
     {.finished = true, .exit_code = -2, .signal = 15, .stopped = true},
     OUTCOME_CANCELLED,
     "cancelled"},
    {"cancelled wins over a completed round",
     {.finished = true,
      .exit_code = -2,
      .stopped = true,
      .session = true,
      .drives = true,
      .settled = SETTLED_COMPLETED},
     OUTCOME_CANCELLED,
     "cancelled"},
    {"closed with its session",
     {.finished = true, .exit_code = -4, .session = true, .drives = true, .settled = SETTLED_ABORTED},
     OUTCOME_CANCELLED,
     "session-closed"},
    {"closed with its session, completed",
     {.finished = true,
      .exit_code = -4,
      .signal = 15,
      .stopped = true,
      .session = true,
      .drives = true,
      .settled = SETTLED_COMPLETED},
     OUTCOME_CANCELLED,
     "session-closed"},
    {"never started", {.finished = true, .exit_code = -1}, OUTCOME_FAILED, "spawn"},
    {"orphaned", {.finished = true, .exit_code = -3}, OUTCOME_FAILED, "orphaned"},
    {"orphaned in a round that was completed",
     {.finished = true, .exit_code = -3, .session = true, .drives = true, .settled = SETTLED_COMPLETED},
     OUTCOME_FAILED,
     "orphaned"},
    {"past its deadline",
     {.finished = true, .exit_code = -5, .signal = 15, .stopped = true},
     OUTCOME_FAILED,
     "deadline"},
    {"drives, completed, exit 0",
     {.finished = true, .session = true, .drives = true, .settled = SETTLED_COMPLETED},
     OUTCOME_SUCCESS,
     "completed"},
    {"drives, completed, stages unfinished",
     {.finished = true,
      .session = true,
      .drives = true,
      .settled = SETTLED_COMPLETED,
      .stages = STAGES_UNFINISHED},
     OUTCOME_SUCCESS,
     "completed"},
    {"drives, completed, then stopped by us",
     {.finished = true,
      .exit_code = 143,
      .signal = 15,
      .stopped = true,
      .session = true,
      .drives = true,
      .settled = SETTLED_COMPLETED},
     OUTCOME_SUCCESS,
     "completed"},
    {"drives, completed, exit 1",
     {.finished = true, .exit_code = 1, .session = true, .drives = true, .settled = SETTLED_COMPLETED},
     OUTCOME_FAILED,
     "exit"},
    {"drives, completed, killed by others",
     {.finished = true,
      .exit_code = 137,
      .signal = 9,
      .session = true,
      .drives = true,
      .settled = SETTLED_COMPLETED},
     OUTCOME_FAILED,
     "signal"},
    {"killed by a signal", {.finished = true, .exit_code = 139, .signal = 11}, OUTCOME_FAILED, "signal"},
    {"128+N of its own is an exit", {.finished = true, .exit_code = 137}, OUTCOME_FAILED, "exit"},
    {"other non-zero", {.finished = true, .exit_code = 75}, OUTCOME_FAILED, "exit"},
    {"non-zero with all stages done",
     {.finished = true, .exit_code = 2, .session = true, .drives = true, .stages = STAGES_DONE},
     OUTCOME_FAILED,
     "exit"},
    {"the agent says it did not finish",
     {.finished = true, .agent_unfinished = true},
     OUTCOME_INCOMPLETE,
     "agent-unfinished"},
    {"so does a helper's",
     {.finished = true, .session = true, .agent_unfinished = true},
     OUTCOME_INCOMPLETE,
     "agent-unfinished"},
    {"an agent that failed failed",
     {.finished = true, .exit_code = 1, .agent_unfinished = true},
     OUTCOME_FAILED,
     "exit"},
    {"who drives is judged by the session",
     {.finished = true,
      .session = true,
      .drives = true,
      .settled = SETTLED_COMPLETED,
      .agent_unfinished = true},
     OUTCOME_SUCCESS,
     "completed"},
    {"exit 0 and no session", {.finished = true}, OUTCOME_SUCCESS, "exit"},
    {"exit 0 and helps an open session", {.finished = true, .session = true}, OUTCOME_SUCCESS, "exit"},
    {"exit 0 and helps an aborted session",
     {.finished = true, .session = true, .settled = SETTLED_ABORTED},
     OUTCOME_SUCCESS,
     "exit"},
    {"exit 0, session required, none",
     {.finished = true, .require_session = true},
     OUTCOME_INCOMPLETE,
     "no-session"},
    {"exit 0, session required, helps one",
     {.finished = true, .require_session = true, .session = true},
     OUTCOME_SUCCESS,
     "exit"},
    {"every step of its stages is done",
     {.finished = true, .session = true, .drives = true, .stages = STAGES_DONE},
     OUTCOME_SUCCESS,
     "stages-done"},
    {"done stages in a session aborted later",
     {.finished = true, .session = true, .drives = true, .settled = SETTLED_ABORTED, .stages = STAGES_DONE},
     OUTCOME_SUCCESS,
     "stages-done"},
    {"a step of its stages is missing",
     {.finished = true, .session = true, .drives = true, .stages = STAGES_UNFINISHED},
     OUTCOME_INCOMPLETE,
     "stages-unfinished"},
    {"the round is open",
     {.finished = true, .session = true, .drives = true},
     OUTCOME_INCOMPLETE,
     "session-active"},
    {"closed as stale",
     {.finished = true, .session = true, .drives = true, .settled = SETTLED_STALE},
     OUTCOME_INCOMPLETE,
     "session-stale"},
    {"closed as aborted",
     {.finished = true, .session = true, .drives = true, .settled = SETTLED_ABORTED},
     OUTCOME_INCOMPLETE,
     "session-aborted"},
    {"stopped too late: exit 0, round open",
     {.finished = true, .stopped = true, .session = true, .drives = true},
     OUTCOME_INCOMPLETE,
     "session-active"},
};

static void each_rule_has_its_outcome_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct verdict verdict = outcome_of(&cases[i].facts);

        if (verdict.outcome != cases[i].outcome)
            print_error("%s\n", cases[i].what);
        assert_int_equal(verdict.outcome, cases[i].outcome);
        if (cases[i].reason)
            assert_string_equal(verdict.reason, cases[i].reason);
        else
            assert_null(verdict.reason);
    }
}

/* The same rules told as prose: "outcome reason", asked from what the execution drives instead of from a
 * table. */
static const char *told(const struct outcome_facts *f)
{
    if (!f->finished)
        return "none";
    switch (f->exit_code) {
    case -1:
        return "failed spawn";
    case -2:
        return "cancelled cancelled";
    case -3:
        return "failed orphaned";
    case -4:
        return "cancelled session-closed";
    case -5:
        return "failed deadline";
    default:
        break;
    }
    if (f->drives && f->settled == SETTLED_COMPLETED && (f->stopped || f->exit_code == 0))
        return "success completed";
    if (f->signal != 0 || f->exit_code != 0)
        return f->signal != 0 ? "failed signal" : "failed exit";
    if (!f->drives) {
        if (f->agent_unfinished)
            return "incomplete agent-unfinished";
        return f->require_session && !f->session ? "incomplete no-session" : "success exit";
    }
    if (f->stages != STAGES_NONE)
        return f->stages == STAGES_DONE ? "success stages-done" : "incomplete stages-unfinished";
    if (f->settled == SETTLED_OPEN)
        return "incomplete session-active";
    return f->settled == SETTLED_STALE ? "incomplete session-stale" : "incomplete session-aborted";
}

static void assert_told(const struct outcome_facts *facts)
{
    struct verdict verdict = outcome_of(facts);
    char text[64] = "none";

    if (verdict.outcome != OUTCOME_NONE)
        snprintf(text, sizeof text, "%s %s", outcome_name(verdict.outcome), verdict.reason);
    assert_string_equal(text, told(facts));
}

static void every_combination_is_told_the_same_twice(void **state)
{
    static const int codes[] = {-5, -4, -3, -2, -1, 0, 1, 2, 75, 124, 125, 126, 127, 128, 137, 143, 255};
    static const int signals[] = {0, 1, 2, 9, 15, 34, 64};
    enum { FLAGS = 1 << 6, SETTLED = 4, STAGES = 3 };

    (void)state;
    for (size_t i = 0; i < COUNT(codes) * COUNT(signals) * FLAGS * SETTLED * STAGES; i++) {
        size_t flags = i % FLAGS, rest = i / FLAGS;
        struct outcome_facts facts = {
            .finished = flags & 1,
            .stopped = flags & 2,
            .session = flags & 4,
            .drives = flags & 8,
            .require_session = flags & 16,
            .agent_unfinished = flags & 32,
            .settled = (enum settled)(rest % SETTLED),
            .stages = (enum stages_state)(rest / SETTLED % STAGES),
            .signal = signals[rest / SETTLED / STAGES % COUNT(signals)],
            .exit_code = codes[rest / SETTLED / STAGES / COUNT(signals)],
        };

        assert_told(&facts);
    }
}

static void an_outcome_has_a_name_and_is_found_by_it(void **state)
{
    static const struct {
        enum outcome outcome;
        const char *name;
    } names[] = {
        {OUTCOME_SUCCESS, "success"},
        {OUTCOME_INCOMPLETE, "incomplete"},
        {OUTCOME_FAILED, "failed"},
        {OUTCOME_CANCELLED, "cancelled"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(outcome_name(names[i].outcome), names[i].name);
        assert_int_equal(outcome_from_name(names[i].name), names[i].outcome);
    }
    assert_null(outcome_name(OUTCOME_NONE));
    assert_int_equal(outcome_from_name("Success"), OUTCOME_NONE);
    assert_int_equal(outcome_from_name(""), OUTCOME_NONE);
    assert_int_equal(outcome_from_name("running"), OUTCOME_NONE);
}

static void the_wrapper_ends_as_the_outcome_says(void **state)
{
    static const struct {
        enum outcome outcome;
        int exit_code, signal, incomplete, status;
    } ends[] = {
        {OUTCOME_SUCCESS, 0, 0, 75, 0},       {OUTCOME_SUCCESS, 143, 15, 75, 0},
        {OUTCOME_INCOMPLETE, 0, 0, 75, 75},   {OUTCOME_INCOMPLETE, 0, 0, 3, 3},
        {OUTCOME_INCOMPLETE, 0, 0, 0, 0},     {OUTCOME_FAILED, 1, 0, 75, 1},
        {OUTCOME_FAILED, 255, 0, 75, 255},    {OUTCOME_FAILED, 75, 0, 75, 75},
        {OUTCOME_FAILED, 126, 0, 75, 126},    {OUTCOME_FAILED, 137, 9, 75, 137},
        {OUTCOME_FAILED, 139, 11, 75, 139},   {OUTCOME_FAILED, 0, 6, 75, 134},
        {OUTCOME_FAILED, 192, 64, 75, 192},   {OUTCOME_FAILED, -5, 0, 75, 124},
        {OUTCOME_FAILED, -5, 9, 75, 124},     {OUTCOME_FAILED, -1, 0, 75, 125},
        {OUTCOME_FAILED, -3, 0, 75, 125},     {OUTCOME_CANCELLED, -2, 0, 75, 143},
        {OUTCOME_CANCELLED, -2, 2, 75, 130},  {OUTCOME_CANCELLED, -2, 9, 75, 137},
        {OUTCOME_CANCELLED, -4, 15, 75, 143}, {OUTCOME_CANCELLED, -4, 0, 75, 143},
        {OUTCOME_NONE, 0, 0, 75, 125},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct verdict verdict = {.outcome = ends[i].outcome};

        assert_int_equal(outcome_exit_status(&verdict, ends[i].exit_code, ends[i].signal, ends[i].incomplete),
                         ends[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_outcome_and_reason),
        cmocka_unit_test(every_combination_is_told_the_same_twice),
        cmocka_unit_test(an_outcome_has_a_name_and_is_found_by_it),
        cmocka_unit_test(the_wrapper_ends_as_the_outcome_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
