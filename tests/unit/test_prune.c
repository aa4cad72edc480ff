/*
 * What `db prune` and `db backup` do when something happens in their middle: a part that changes between
 * being found and being deleted stays whole; a copy that is stopped leaves nothing.
 */
#include "ledger_world.h"

#include <dirent.h>
#include <unistd.h>

#include <supervise/store/copy.h>
#include <supervise/store/prune.h>

#include "../../src/store/sql.h"

/* SQL that somebody else runs once, after what may go was found. */
static const char *meanwhile;

static const char HISTORY[] =
    "INSERT INTO sessions (id, started_at, updated_at) VALUES ('shut', 1, 1);"
    "INSERT INTO rounds (id, session, round, opened_at) VALUES (1, 'shut', 1, 1);"
    "INSERT INTO executions (uid, session, drives, opening, command, started_at, finished_at, exit_code)"
    " VALUES ('aaaaaaaaaaaaaaaaaaaa', 'shut', 1, 1, '[]', 1, 1, 3);"
    "INSERT INTO executions (uid, command, started_at, finished_at, exit_code)"
    " VALUES ('bbbbbbbbbbbbbbbbbbbb', '[]', 1, 1, 3);"
    "INSERT INTO events (at, type, session) VALUES (1, 'session_created', 'shut');"
    "UPDATE sessions SET status = 'closed', close_reason = 'aborted', closed_at = 1;";

static void sql(sqlite3 *db, const char *text)
{
    char *message = NULL;

    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
}

static int set_up_history(void **state)
{
    struct world *world;

    if (set_up(state))
        return -1;
    world = *state;
    meanwhile = NULL;
    sql(world->ledger->db, HISTORY);
    return 0;
}

/* Asked before each batch: the moment at which others get in. */
static bool somebody_else(void *context)
{
    struct world *world = context;
    sqlite3 *other = NULL;

    if (!meanwhile)
        return false;
    assert_int_equal(sqlite3_open(world->path, &other), SQLITE_OK);
    sql(other, meanwhile);
    sqlite3_close(other);
    meanwhile = NULL;
    return false;
}

static void no_log(void *context, const char *uid, const char *log)
{
    (void)context;
    (void)uid;
    (void)log;
}

static struct prune_result prune(struct world *world)
{
    struct prune_request request = {1000, false, somebody_else, no_log, world};
    struct prune_result result;
    struct error err = {0};

    if (ledger_prune(world->ledger, &request, &result, &err))
        fail_msg("%s", err.text);
    return result;
}

static int64_t count(struct world *world, const char *table)
{
    AUTOFREE char *text = mem_printf("SELECT count(*) FROM %s", table);
    struct error err = {0};
    int64_t found;

    assert_int_equal(sql_integer(world->ledger, &err, &found, text, ""), 0);
    return found;
}

static void nothing_happens_meanwhile(void **state)
{
    struct prune_result result = prune(*state);

    assert_int_equal(result.executions, 2);
    assert_int_equal(result.sessions, 1);
    assert_int_equal(result.events, 1);
    assert_int_equal(result.changed, 0);
}

static void assert_session_stays(struct world *world)
{
    struct prune_result result = prune(world);

    assert_int_equal(result.changed, 1);
    assert_int_equal(result.executions, 1); /* the one without session */
    assert_int_equal(result.sessions, 0);
    assert_int_equal(count(world, "events"), 1);
    assert_int_equal(count(world, "rounds"), 1);
    assert_int_equal(count(world, "sessions WHERE id = 'shut'"), 1);
}

static void a_session_that_is_opened_again_meanwhile_stays(void **state)
{
    struct world *world = *state;

    meanwhile = "UPDATE sessions SET status = 'active', close_reason = NULL, closed_at = NULL";
    assert_session_stays(world);
    assert_int_equal(count(world, "executions"), 1);
}

static void a_session_that_gets_an_execution_meanwhile_stays(void **state)
{
    struct world *world = *state;

    meanwhile = "INSERT INTO executions (uid, session, command, started_at) VALUES"
                " ('cccccccccccccccccccc', 'shut', '[]', 1)";
    assert_session_stays(world);
    assert_int_equal(count(world, "executions"), 2);
}

static void an_execution_that_is_linked_elsewhere_meanwhile_stays(void **state)
{
    struct world *world = *state;

    /* As if it had only helped. */
    sql(world->ledger->db, "DROP TRIGGER executions_first_link");
    meanwhile = "INSERT INTO sessions (id, started_at, updated_at) VALUES ('new', 1, 1);"
                "UPDATE executions SET session = 'new' WHERE session = 'shut'";
    assert_session_stays(world);
    assert_int_equal(count(world, "executions"), 1);
}

static bool at_once(void *context)
{
    (void)context;
    return true;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static size_t files_in(const char *directory)
{
    DIR *entries = opendir(directory);
    size_t found = 0;

    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        found++;
    closedir(entries);
    return found;
}

static void a_copy_that_is_stopped_leaves_nothing(void **state)
{
    struct world *world = *state;
    AUTOFREE char *copy = mem_printf("%s/copy.db", world->directory);
    size_t before = files_in(world->directory);
    struct error err = {0};
    bool done;

    assert_int_equal(ledger_backup(world->ledger, copy, at_once, NULL, &done, &err), 0);
    assert_false(done);
    assert_int_equal(files_in(world->directory), before);
    assert_int_equal(ledger_backup(world->ledger, copy, never, NULL, &done, &err), 0);
    assert_true(done);
    assert_int_equal(files_in(world->directory), before + 1);
}

static void a_copy_is_of_one_moment(void **state)
{
    struct world *world = *state;
    AUTOFREE char *copy = mem_printf("%s/copy.db", world->directory);
    struct error err = {0};
    sqlite3 *db = NULL;
    bool done;

    /* Written after the snapshot was taken, before the first page is copied. */
    meanwhile = "INSERT INTO meta VALUES ('later', 1)";
    assert_int_equal(ledger_backup(world->ledger, copy, somebody_else, world, &done, &err), 0);
    assert_true(done);
    assert_int_equal(count(world, "meta"), 1);
    assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
    sql(db, "INSERT INTO meta VALUES ('later', 2)");
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_happens_meanwhile, set_up_history, tear_down),
        cmocka_unit_test_setup_teardown(a_session_that_is_opened_again_meanwhile_stays, set_up_history,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_session_that_gets_an_execution_meanwhile_stays, set_up_history,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_execution_that_is_linked_elsewhere_meanwhile_stays, set_up_history,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_copy_that_is_stopped_leaves_nothing, set_up_history, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_of_one_moment, set_up_history, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
