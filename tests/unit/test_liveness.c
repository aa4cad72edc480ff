/* Who is alive: every rule as a case, and what must never be called dead over every combination of facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <supervise/domain/liveness.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { MINUTE = 60000, HOUR = 60 * MINUTE };
static const struct liveness_limits limits = {15 * MINUTE, 2 * HOUR, 10 * MINUTE};
static const struct liveness_limits never = {0, 0, 0};

static void the_host_is_known_by_its_boot_then_by_its_machine_and_name(void **state)
{
    static const struct {
        struct host_names recorded, ours;
        enum life_host host;
    } cases[] = {
        {{"b1", "m1", "h1"}, {"b1", "m1", "h1"}, HOST_THIS_BOOT},
        {{"b1", "m1", "h1"}, {"b1", "m2", "h2"}, HOST_THIS_BOOT}, /* a container's names differ */
        {{"b1", NULL, NULL}, {"b1", "", ""}, HOST_THIS_BOOT},
        {{"b1", "m1", "h1"}, {"b2", "m1", "h1"}, HOST_EARLIER_BOOT},
        {{"b1", "m1", "h1"}, {"b2", "m1", "h2"}, HOST_OTHER}, /* an image that was cloned */
        {{"b1", "m1", "h1"}, {"b2", "m2", "h1"}, HOST_OTHER},
        {{"b1", "", "h1"}, {"b2", "", "h1"}, HOST_OTHER}, /* a missing machine id matches nothing */
        {{"b1", NULL, "h1"}, {"b2", NULL, "h1"}, HOST_OTHER},
        {{"b1", "m1", ""}, {"b2", "m1", ""}, HOST_OTHER},
        {{"b1", "m1", "h1"}, {"", "m1", "h1"}, HOST_UNKNOWN}, /* no /proc here: not booted since */
        {{"", "m1", "h1"}, {"b1", "m1", "h1"}, HOST_UNKNOWN}, /* nor there */
        {{NULL, "m1", "h1"}, {"b1", "m1", "h1"}, HOST_UNKNOWN},
        {{"", "m1", "h1"}, {"", "m1", "h1"}, HOST_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (life_host(&cases[i].recorded, &cases[i].ours) != cases[i].host)
            fail_msg("case %zu", i);
}

#define HERE .host = HOST_THIS_BOOT, .same_pid_ns = true
#define BEAT(age) .heartbeat_known = true, .heartbeat_age_ms = (age), .started_age_ms = 9 * HOUR

static void each_rule_decides(void **state)
{
    static const struct {
        const char *name;
        struct liveness_facts facts;
        enum life_state supervisor, child;
        int64_t threshold_ms;
        bool lost;
    } cases[] = {
        {"the socket answers, however old the heartbeat",
         {HERE, .socket = SOCKET_ANSWERS, .supervisor = PROCESS_GONE, BEAT(9 * HOUR)},
         LIFE_ALIVE,
         LIFE_UNKNOWN,
         0,
         false},
        {"an answer is proof without a boot id, too",
         {.host = HOST_UNKNOWN, .socket = SOCKET_ANSWERS, BEAT(9 * HOUR)},
         LIFE_ALIVE,
         LIFE_UNKNOWN,
         0,
         false},
        {"it is refused, however young the heartbeat",
         {HERE, .socket = SOCKET_REFUSES, .supervisor = PROCESS_LIVES, BEAT(0)},
         LIFE_DEAD,
         LIFE_UNKNOWN,
         0,
         true},
        {"a refusal reaches across pid namespaces",
         {.host = HOST_THIS_BOOT, .socket = SOCKET_REFUSES, .child = PROCESS_GONE, BEAT(0)},
         LIFE_DEAD,
         LIFE_UNKNOWN,
         0,
         true},
        {"a refusal on another host's file system is none",
         {.host = HOST_OTHER, .socket = SOCKET_REFUSES, BEAT(0)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"nor is one without a boot id",
         {.host = HOST_UNKNOWN,
          .socket = SOCKET_REFUSES,
          .same_pid_ns = true,
          .supervisor = PROCESS_GONE,
          BEAT(0)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"without a socket the process decides: it lives",
         {HERE, .supervisor = PROCESS_LIVES, BEAT(9 * HOUR)},
         LIFE_ALIVE,
         LIFE_UNKNOWN,
         0,
         false},
        {"it is gone, or another",
         {HERE, .supervisor = PROCESS_GONE, .child = PROCESS_LIVES, BEAT(0)},
         LIFE_DEAD,
         LIFE_ALIVE,
         0,
         true},
        {"/proc doesn't tell, and the heartbeat is young",
         {HERE, .supervisor = PROCESS_UNKNOWN, BEAT(15 * MINUTE)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"/proc doesn't tell, and it is old",
         {HERE, .supervisor = PROCESS_UNKNOWN, BEAT(15 * MINUTE + 1)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         15 * MINUTE,
         true},
        {"in another pid namespace a pid is a number",
         {.host = HOST_THIS_BOOT, .supervisor = PROCESS_GONE, .child = PROCESS_LIVES, BEAT(MINUTE)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"before the last boot nothing is alive",
         {.host = HOST_EARLIER_BOOT,
          .same_pid_ns = true,
          .socket = SOCKET_ANSWERS,
          .supervisor = PROCESS_LIVES,
          .child = PROCESS_LIVES,
          BEAT(0)},
         LIFE_DEAD,
         LIFE_DEAD,
         0,
         true},
        {"another host, young",
         {.host = HOST_OTHER, .same_pid_ns = true, .supervisor = PROCESS_GONE, BEAT(MINUTE)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"another host, old",
         {.host = HOST_OTHER,
          .same_pid_ns = true,
          .supervisor = PROCESS_LIVES,
          .child = PROCESS_LIVES,
          BEAT(HOUR)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         15 * MINUTE,
         true},
        {"a heartbeat from the future is a fresh one",
         {.host = HOST_OTHER, BEAT(-9 * HOUR)},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"none ever, and started not so long ago",
         {.host = HOST_OTHER, .started_age_ms = 2 * HOUR},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         0,
         false},
        {"none ever, and started long ago",
         {.host = HOST_OTHER, .started_age_ms = 2 * HOUR + 1},
         LIFE_UNKNOWN,
         LIFE_UNKNOWN,
         2 * HOUR,
         true},
        {"the child alone is gone: that is its supervisor's affair",
         {HERE, .socket = SOCKET_ANSWERS, .child = PROCESS_GONE, BEAT(0)},
         LIFE_ALIVE,
         LIFE_DEAD,
         0,
         false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct liveness found = liveness_of(&cases[i].facts, &limits);

        if (found.supervisor != cases[i].supervisor || found.child != cases[i].child ||
            found.threshold_ms != cases[i].threshold_ms || found.lost != cases[i].lost || found.stalled)
            fail_msg("%s: supervisor %d, child %d, threshold %lld, lost %d, stalled %d", cases[i].name,
                     (int)found.supervisor, (int)found.child, (long long)found.threshold_ms, found.lost,
                     found.stalled);
    }
}

static void a_threshold_of_0_is_never(void **state)
{
    struct liveness_facts facts = {.host = HOST_OTHER, BEAT(INT64_MAX), .activity_age_ms = INT64_MAX};

    (void)state;
    assert_false(liveness_of(&facts, &never).lost);
    assert_false(liveness_of(&facts, &never).stalled);
    facts.heartbeat_known = false;
    facts.started_age_ms = INT64_MAX;
    assert_false(liveness_of(&facts, &never).lost);
}

static void stalled_is_past_its_limit_whoever_lives(void **state)
{
    struct liveness_facts facts = {HERE, .socket = SOCKET_ANSWERS, .activity_age_ms = 10 * MINUTE};

    (void)state;
    assert_false(liveness_of(&facts, &limits).stalled);
    facts.activity_age_ms++;
    assert_true(liveness_of(&facts, &limits).stalled);
    facts.socket = SOCKET_REFUSES;
    assert_true(liveness_of(&facts, &limits).stalled);
}

/* What must hold whatever is seen. */
static void check(const struct liveness_facts *facts)
{
    struct liveness found = liveness_of(facts, &limits);
    bool here = facts->host == HOST_THIS_BOOT;
    bool answers = facts->socket == SOCKET_ANSWERS && (here || facts->host == HOST_UNKNOWN);

    assert_int_equal(found.lost, found.supervisor == LIFE_DEAD || found.threshold_ms > 0);
    if (answers)
        assert_false(found.lost);
    if (facts->host == HOST_OTHER || facts->host == HOST_UNKNOWN)
        assert_int_not_equal(found.supervisor, LIFE_DEAD);
    if (found.supervisor != LIFE_UNKNOWN)
        assert_int_equal(found.threshold_ms, 0);
    if (found.child == LIFE_ALIVE)
        assert_true(here && facts->same_pid_ns && facts->child == PROCESS_LIVES);
    if (found.child == LIFE_DEAD && here)
        assert_true(facts->same_pid_ns && facts->child == PROCESS_GONE);
}

static void nothing_is_dead_that_is_not_proven_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4 * 3 * 2 * 3 * 3 * 2 * 2; i++) {
        unsigned rest = i;
        struct liveness_facts facts = {.started_age_ms = 9 * HOUR};

        facts.host = (enum life_host)(rest % 4), rest /= 4;
        facts.socket = (enum socket_answer)(rest % 3), rest /= 3;
        facts.same_pid_ns = rest % 2, rest /= 2;
        facts.supervisor = (enum process_answer)(rest % 3), rest /= 3;
        facts.child = (enum process_answer)(rest % 3), rest /= 3;
        facts.heartbeat_known = rest % 2, rest /= 2;
        facts.heartbeat_age_ms = rest % 2 ? HOUR : 0;
        check(&facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_is_known_by_its_boot_then_by_its_machine_and_name),
        cmocka_unit_test(each_rule_decides),
        cmocka_unit_test(a_threshold_of_0_is_never),
        cmocka_unit_test(stalled_is_past_its_limit_whoever_lives),
        cmocka_unit_test(nothing_is_dead_that_is_not_proven_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
