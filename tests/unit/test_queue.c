/*
 * The queue: the rules of `--after` as a table, the order, the one start, and what becomes of dependents.
 */
#include "ledger_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <supervise/base/buf.h>
#include <supervise/store/queue.h>

#include "../../src/store/sql.h"

/* ---- The rules ---- */

static void what_comes_before_decides(void **state)
{
    static const struct {
        struct predecessor is;
        enum after_rule rule;
        const char *words;
    } cases[] = {
        {{.number = 4}, AFTER_WAITS, "#4, which is queued"},
        {{.number = 4, .started = true}, AFTER_WAITS, "#4, which is running"},
        {{4, true, true, OUTCOME_SUCCESS, false, SETTLED_OPEN}, AFTER_MET, "#4, which has succeeded"},
        {{4, true, true, OUTCOME_SUCCESS, true, SETTLED_COMPLETED}, AFTER_MET, "#4, which has succeeded"},
        {{4, true, true, OUTCOME_FAILED, false, SETTLED_OPEN}, AFTER_LOST, "#4, which has failed"},
        {{4, true, true, OUTCOME_FAILED, true, SETTLED_OPEN}, AFTER_LOST, "#4, which has failed"},
        {{4, false, true, OUTCOME_CANCELLED, false, SETTLED_OPEN}, AFTER_LOST, "#4, which was cancelled"},
        {{4, true, true, OUTCOME_CANCELLED, true, SETTLED_OPEN}, AFTER_LOST, "#4, which was cancelled"},
        {{4, true, true, OUTCOME_INCOMPLETE, true, SETTLED_OPEN},
         AFTER_WAITS,
         "#4, which is incomplete until its session is closed as completed or goes on to the next round"},
        {{4, true, true, OUTCOME_INCOMPLETE, true, SETTLED_ABORTED},
         AFTER_LOST,
         "#4, which ended incomplete in a session that was aborted"},
        {{4, true, true, OUTCOME_INCOMPLETE, true, SETTLED_STALE},
         AFTER_LOST,
         "#4, which ended incomplete in a session that was closed as stale"},
        {{4, true, true, OUTCOME_INCOMPLETE, true, SETTLED_COMPLETED},
         AFTER_LOST,
         "#4, which ended incomplete"},
        {{4, true, true, OUTCOME_INCOMPLETE, false, SETTLED_OPEN},
         AFTER_LOST,
         "#4, which ended incomplete, and has no session that could still be completed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTOFREE char *words = after_words(&cases[i].is);

        assert_string_equal(words, cases[i].words);
        if (after_rule(&cases[i].is) != cases[i].rule)
            fail_msg("%s: rule %d", words, (int)after_rule(&cases[i].is));
    }
}

/* ---- The ledger ---- */

static int64_t number(struct world *world, const char *query)
{
    struct error err;
    int64_t value;

    if (sql_integer(world->ledger, &err, &value, query, ""))
        fail_msg("%s: %s", query, err.text);
    return value;
}

static int try_add(struct world *world, const char *uid, const char *after, struct error *err)
{
    struct queue_request request = {
        .start = {.uid = uid, .command = "[\"true\"]", .cwd = "/", .attempt = 1, .queued_at = 5},
        .environment = "A=1\0B=2",
        .environment_size = 8,
        .after = &after,
        .after_count = after != NULL,
    };
    struct execution_begun begun;
    char *cancelled;
    int result = queue_add(world->ledger, &request, &begun, &cancelled, err);

    free(begun.session);
    free(cancelled);
    return result;
}

static void add(struct world *world, const char *uid, const char *after)
{
    struct error err;

    if (try_add(world, uid, after, &err))
        fail_msg("%s: %s", uid, err.text);
}

static int claim(struct world *world, const char *uid, struct error *err)
{
    struct execution_start start = {.uid = uid, .started_at = 7, .supervisor_pid = 1, .attempt = 1};
    struct execution_begun begun;
    int result = queue_claim(world->ledger, &start, &begun, err);

    free(begun.session);
    return result;
}

static void finish(struct world *world, const char *uid, int64_t code)
{
    struct execution_end end = {.uid = uid,
                                .exit_code = code,
                                .signal = NO_INT,
                                .spawn_errno = NO_INT,
                                .duration_ms = 1,
                                .activity_at = NO_INT,
                                .finished_at = 9,
                                .usage = "{}",
                                .facts = "{}"};
    struct execution *row;
    struct error err;
    bool known;

    if (execution_finish(world->ledger, &end, &known, &row, &err))
        fail_msg("%s", err.text);
    execution_free(row);
}

static void assert_queue(struct world *world, const char *wanted)
{
    struct execution_list list;
    struct buf order = {0};
    struct error err;

    if (queue_list(world->ledger, &list, &err))
        fail_msg("%s", err.text);
    buf_puts(&order, "");
    for (size_t i = 0; i < list.count; i++)
        buf_printf(&order, "%s ", list.items[i]->uid);
    assert_string_equal(order.data, wanted);
    execution_list_free(&list);
    buf_free(&order);
}

static bool may(void *context, const char *uid)
{
    return !context || strcmp(uid, context) != 0;
}

static void assert_next(struct world *world, char *but, const char *wanted)
{
    struct queued queued;
    struct error err;

    if (queue_next(world->ledger, may, but, &queued, &err))
        fail_msg("%s", err.text);
    if (!wanted)
        assert_null(queued.uid);
    else
        assert_string_equal(queued.uid, wanted);
    queued_free(&queued);
}

static void it_goes_in_order_and_the_order_can_be_changed(void **state)
{
    struct world *world = *state;
    struct error err;

    add(world, "a", NULL);
    add(world, "b", NULL);
    add(world, "c", NULL);
    assert_queue(world, "a b c ");
    assert_next(world, NULL, "a");
    assert_next(world, "a", "b");
    assert_int_equal(queue_move(world->ledger, "c", QUEUE_FIRST, NULL, &err), 0);
    assert_queue(world, "c a b ");
    assert_int_equal(queue_move(world->ledger, "c", QUEUE_LAST, NULL, &err), 0);
    assert_queue(world, "a b c ");
    assert_int_equal(queue_move(world->ledger, "c", QUEUE_BEFORE, "b", &err), 0);
    assert_queue(world, "a c b ");
    assert_int_equal(queue_move(world->ledger, "a", QUEUE_BEFORE, "a", &err), 0);
    assert_queue(world, "a c b ");
    assert_int_equal(queue_move(world->ledger, "b", QUEUE_BEFORE, "gone", &err), -1);
    assert_int_equal(err.code, ERR_INVARIANT);
    assert_queue(world, "a c b ");
}

static void assert_standing(struct world *world, bool paused, bool waits, int64_t running)
{
    struct queue_standing standing;
    struct error err;

    assert_int_equal(queue_standing(world->ledger, &standing, &err), 0);
    assert_int_equal(standing.paused, paused);
    assert_int_equal(standing.waits, waits);
    assert_int_equal(standing.running, running);
}

static void how_it_stands_is_told(void **state)
{
    struct world *world = *state;
    struct error err;
    bool changed, holds;

    assert_standing(world, false, false, 0);
    add(world, "a", NULL);
    add(world, "b", NULL);
    assert_standing(world, false, true, 0);
    assert_int_equal(queue_pause(world->ledger, true, &changed, &err), 0);
    assert_standing(world, true, false, 0);
    assert_int_equal(queue_pause(world->ledger, false, &changed, &err), 0);
    assert_int_equal(claim(world, "a", &err), 0);
    assert_standing(world, false, true, 1);
    assert_int_equal(queue_holds(world->ledger, "a", &holds, &err), 0);
    assert_false(holds);
    assert_int_equal(queue_holds(world->ledger, "b", &holds, &err), 0);
    assert_true(holds);
    assert_int_equal(queue_remove(world->ledger, "b", &err), 0);
    assert_standing(world, false, false, 1);
}

static void what_is_claimed_is_claimed_once_and_its_environment_is_gone(void **state)
{
    struct world *world = *state;
    struct queued queued;
    struct error err;

    add(world, "a", NULL);
    assert_int_equal(queue_get(world->ledger, "a", &queued, &err), 0);
    assert_int_equal(queued.environment_size, 8);
    assert_memory_equal(queued.environment, "A=1\0B=2", 8);
    queued_free(&queued);
    assert_int_equal(claim(world, "a", &err), 0);
    assert_int_equal(number(world, "SELECT count(*) FROM queue"), 0);
    assert_int_equal(number(world, "SELECT started_at FROM executions WHERE uid = 'a'"), 7);
    assert_int_equal(claim(world, "a", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(number(world, "SELECT count(*) FROM events WHERE type = 'execution_started'"), 1);
    assert_int_equal(queue_remove(world->ledger, "a", &err), -1);
    assert_int_equal(err.code, ERR_INVARIANT);
    assert_int_equal(number(world, "SELECT cancel_requested_at IS NULL FROM executions"), 1);
}

static void nothing_is_claimed_out_of_turn(void **state)
{
    struct world *world = *state;
    struct error err;
    bool changed;

    add(world, "a", NULL);
    add(world, "b", "a");
    assert_int_equal(claim(world, "b", &err), -1);
    assert_int_equal(queue_pause(world->ledger, true, &changed, &err), 0);
    assert_true(changed);
    assert_next(world, NULL, NULL);
    assert_int_equal(claim(world, "a", &err), -1);
    assert_int_equal(queue_pause(world->ledger, true, &changed, &err), 0);
    assert_false(changed);
    assert_int_equal(queue_pause(world->ledger, false, &changed, &err), 0);
    assert_true(changed);
    assert_int_equal(claim(world, "a", &err), 0);
    assert_next(world, NULL, NULL);
}

static void what_waits_goes_on_after_a_success_and_is_cancelled_after_a_failure(void **state)
{
    struct world *world = *state;
    struct predecessor predecessor;
    struct error err;

    add(world, "a", NULL);
    add(world, "b", "a");
    add(world, "c", "b");
    add(world, "d", "c");
    assert_int_equal(queue_settle(world->ledger, &err), 0);
    assert_queue(world, "a b c d ");
    assert_int_equal(claim(world, "a", &err), 0);
    finish(world, "a", 0);
    assert_int_equal(queue_settle(world->ledger, &err), 0);
    assert_next(world, NULL, "b");
    assert_int_equal(queue_waits_for(world->ledger, "b", &predecessor, &err), 0);
    assert_int_equal(queue_waits_for(world->ledger, "c", &predecessor, &err), 1);
    assert_int_equal(predecessor.number, 2);

    assert_int_equal(claim(world, "b", &err), 0);
    finish(world, "b", 3);
    assert_int_equal(queue_settle(world->ledger, &err), 0);
    assert_queue(world, "");
    assert_int_equal(number(world, "SELECT count(*) FROM queue_after"), 0);
    assert_int_equal(number(world, "SELECT count(*) FROM outcomes WHERE uid IN ('c', 'd') AND reason = "
                                   "'cancelled' AND started_at IS NULL"),
                     2);
    assert_int_equal(
        number(world, "SELECT notes ->> '$[0]' = 'it waited for #2, which has failed' FROM executions WHERE "
                      "uid = 'c'"),
        1);
    assert_int_equal(number(world, "SELECT data ->> '$.why' = 'it waited for #3, which was cancelled' FROM "
                                   "events WHERE type = 'execution_finished' AND execution = 'd'"),
                     1);
}

static void after_what_has_succeeded_it_is_due_and_after_what_has_failed_it_is_cancelled(void **state)
{
    struct world *world = *state;
    struct error err;

    add(world, "good", NULL);
    add(world, "bad", NULL);
    assert_int_equal(claim(world, "good", &err), 0);
    assert_int_equal(claim(world, "bad", &err), 0);
    finish(world, "good", 0);
    finish(world, "bad", 1);
    add(world, "a", "good");
    assert_next(world, NULL, "a");
    add(world, "b", "bad");
    assert_int_equal(
        number(world, "SELECT exit_code = -2 AND started_at IS NULL FROM executions WHERE uid = 'b'"), 1);
    assert_int_equal(try_add(world, "c", "nobody", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_queue(world, "a ");
}

static void what_is_removed_is_cancelled_and_so_is_what_waits_for_it(void **state)
{
    struct world *world = *state;
    struct error err;

    add(world, "a", NULL);
    add(world, "b", "a");
    assert_int_equal(queue_remove(world->ledger, "a", &err), 0);
    assert_int_equal(queue_remove(world->ledger, "a", &err), -1);
    assert_queue(world, "");
    assert_int_equal(number(world, "SELECT count(*) FROM executions WHERE exit_code = -2"), 2);
    assert_int_equal(number(world, "SELECT count(*) FROM queue"), 0);
}

static int count_steps(void *context)
{
    ++*(size_t *)context;
    return 0;
}

/* It is asked every 50 ms while a tree is ended: of what waits nothing is read but that it hasn't started. */
static void what_runs_is_found_beside_a_long_queue(void **state)
{
    enum { QUEUED = 500, STEPS_EACH = 10 };
    struct world *world = *state;
    struct execution_list list;
    struct error err;
    size_t steps = 0;

    for (int i = 0; i < QUEUED; i++) {
        AUTOFREE char *uid = mem_printf("q%d", i);

        add(world, uid, NULL);
    }
    assert_int_equal(claim(world, "q7", &err), 0);
    sqlite3_progress_handler(world->ledger->db, 1, count_steps, &steps);
    assert_int_equal(executions_running(world->ledger, &list, &err), 0);
    sqlite3_progress_handler(world->ledger->db, 0, NULL, NULL);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0]->uid, "q7");
    execution_list_free(&list);
    assert_true(steps < QUEUED * STEPS_EACH);
}

/* Nobody else has the ledger open: what each folds back the next one can't know of. */
static void the_wal_of_commands_that_write_once_stays_short(void **state)
{
    struct world *world = *state;
    struct ledger_options options = {world->path, 1000, false};
    AUTOFREE char *wal = mem_printf("%s-wal", world->path);
    struct stat status;
    off_t longest = 0;

    for (int i = 0; i < 200; i++) {
        char uid[16];
        struct error err;

        ledger_close(world->ledger);
        world->ledger = ledger_open(&options, LEDGER_WRITE, &err);
        snprintf(uid, sizeof uid, "u%d", i);
        add(world, uid, NULL);
        assert_int_equal(stat(wal, &status), 0);
        longest = status.st_size > longest ? status.st_size : longest;
    }
    if (longest > 400 * 4120)
        fail_msg("the -wal grew to %lld bytes", (long long)longest);
}

#define WITH_LEDGER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_before_decides),
        WITH_LEDGER(it_goes_in_order_and_the_order_can_be_changed),
        WITH_LEDGER(how_it_stands_is_told),
        WITH_LEDGER(what_is_claimed_is_claimed_once_and_its_environment_is_gone),
        WITH_LEDGER(nothing_is_claimed_out_of_turn),
        WITH_LEDGER(what_waits_goes_on_after_a_success_and_is_cancelled_after_a_failure),
        WITH_LEDGER(after_what_has_succeeded_it_is_due_and_after_what_has_failed_it_is_cancelled),
        WITH_LEDGER(what_is_removed_is_cancelled_and_so_is_what_waits_for_it),
        WITH_LEDGER(what_runs_is_found_beside_a_long_queue),
        WITH_LEDGER(the_wal_of_commands_that_write_once_stays_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
