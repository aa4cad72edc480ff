/*
 * Commands without supervisor, seen from inside: the watch settles an execution the moment its process is
 * gone, and watches nobody else; a socket that was left behind goes where it is proven to be ours and
 * nobody's any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/process/identity.h>
#include <supervise/store/event.h>
#include <supervise/supervisor/socket.h>
#include <supervise/supervisor/unsupervised.h>

#include "../../src/store/sql.h"

struct world {
    char directory[64];
    struct ledger *ledger;
    struct ev_loop *loop;
    struct unsupervised *watch;
};

static int set_up(void **state)
{
    struct world *world = mem_alloc(sizeof *world);
    AUTOFREE char *path = NULL;
    struct ledger_options options;
    struct error err = {0};

    strcpy(world->directory, "/tmp/supervise-test-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    setenv("XDG_STATE_HOME", world->directory, 1);
    path = mem_printf("%s/ledger/supervise.db", world->directory);
    options = (struct ledger_options){path, 1000, false};
    world->ledger = ledger_open(&options, LEDGER_WRITE, &err);
    assert_non_null(world->ledger);
    world->loop = ev_loop_new(EVFLAG_NOENV);
    world->watch = unsupervised_new(world->loop, world->ledger);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    AUTOFREE char *command = mem_printf("rm -rf %s", world->directory);

    unsupervised_free(world->watch);
    ev_loop_destroy(world->loop);
    ledger_close(world->ledger);
    if (system(command))
        print_message("could not remove %s\n", world->directory);
    free(world);
    return 0;
}

/* A process that lives until it is killed, with its start time. */
static struct process sleeper(void)
{
    struct process process;
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    assert_int_equal(identity_process(pid, &process), 0);
    return process;
}

static void end(const struct process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
}

/* A row of this machine that runs: its supervisor, by start time, and its command. */
static void insert(struct world *world, const char *uid, const struct process *supervisor, int64_t start,
                   const struct process *child)
{
    struct machine machine;
    struct error err;

    identity_machine(&machine);
    if (sql_run(world->ledger, &err,
                "INSERT INTO executions (uid, command, started_at, heartbeat_at, host, boot_id, machine_id, "
                "pid_ns,"
                " supervisor_pid, supervisor_start, pid, pid_start) VALUES (?1, '[]', 1, 1, ?2, ?3, ?4, ?5, "
                "?6, ?7,"
                " ?8, ?9)",
                "tttt"
                "iiiii",
                uid, machine.host, machine.boot_id, machine.machine_id, machine.pid_ns,
                (int64_t)supervisor->pid, start, (int64_t)child->pid, child->start))
        fail_msg("%s", err.text);
}

static int64_t number(struct world *world, const char *query, const char *uid)
{
    struct error err;
    int64_t value;

    assert_int_equal(sql_integer(world->ledger, &err, &value, query, "t", uid), 0);
    return value;
}

static int64_t code(struct world *world, const char *uid)
{
    return number(world, "SELECT exit_code FROM executions WHERE uid = ?", uid);
}

static void on_deadline(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* Runs the loop until that execution has an end, or for ten seconds. */
static void run_until_ended(struct world *world, const char *uid)
{
    ev_timer timer;

    ev_timer_init(&timer, on_deadline, 10, 0);
    ev_timer_start(world->loop, &timer);
    while (code(world, uid) == NO_INT && ev_is_active(&timer))
        ev_run(world->loop, EVRUN_ONCE);
    ev_timer_stop(world->loop, &timer);
}

static void the_watch_settles_an_execution_when_its_command_is_gone(void **state)
{
    struct world *world = *state;
    struct process alive = sleeper(), watched = sleeper(), supervised = sleeper();
    AUTOFREE char *notes = NULL;
    struct error err = {0};

    insert(world, "watched", &alive, alive.start - 1, &watched);
    insert(world, "supervised", &alive, alive.start, &supervised);
    for (int i = 0; i < 2; i++) /* the second time nothing is new */
        assert_int_equal(unsupervised_watch(world->watch, &err), 0);
    ev_run(world->loop, EVRUN_NOWAIT);
    assert_int_equal(code(world, "watched"), NO_INT);
    end(&supervised);
    end(&watched);
    run_until_ended(world, "watched");
    assert_int_equal(code(world, "watched"), -3);
    assert_int_equal(code(world, "supervised"), NO_INT);
    assert_int_equal(
        number(world, "SELECT pid IS NULL AND duration_ms IS NULL FROM executions WHERE uid = ?", "watched"),
        1);
    assert_int_equal(number(world,
                            "SELECT count(*) FROM events WHERE execution = ? AND type = 'execution_finished'",
                            "watched"),
                     1);
    assert_int_equal(
        sql_text(world->ledger, &err, &notes, "SELECT notes FROM executions WHERE uid = 'watched'", ""), 0);
    assert_non_null(strstr(notes, "was seen to end at 20"));
    end(&alive);
}

static bool ask(struct world *world, const struct execution *row, int64_t kill_after_ms)
{
    struct error err = {0};
    bool acted = false;

    assert_int_equal(unsupervised_ask(world->ledger, row, kill_after_ms, &acted, &err), 0);
    return acted;
}

static void one_that_is_cancelled_meanwhile_ends_as_cancelled(void **state)
{
    struct world *world = *state;
    struct process alive = sleeper(), watched;
    struct execution *row;
    struct error err = {0};
    int status;
    bool written;

    signal(SIGTERM, SIG_IGN); /* the sleeper's, too */
    watched = sleeper();
    signal(SIGTERM, SIG_DFL);
    insert(world, "watched", &alive, alive.start - 1, &watched);
    assert_int_equal(unsupervised_watch(world->watch, &err), 0);
    assert_int_equal(execution_intend_stop(world->ledger, "watched", "cancel", NULL, &written, &err), 0);
    assert_int_equal(execution_get(world->ledger, "watched", &row, &err), 0);
    assert_true(ask(world, row, 3600000));
    assert_false(ask(world, row, 3600000)); /* within the grace nobody asks twice, nor kills */
    assert_int_equal(identity_ask(watched.pid, watched.start), PROCESS_LIVES);
    assert_true(ask(world, row, 0));
    waitpid(watched.pid, &status, 0);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    run_until_ended(world, "watched");
    assert_int_equal(code(world, "watched"), -2);
    execution_free(row);
    end(&alive);
}

static void a_heartbeat_since_the_judgement_keeps_it_in_flight(void **state)
{
    struct world *world = *state;
    struct process alive = sleeper();
    struct liveness given_up = {.threshold_ms = 1, .lost = true};
    struct execution *row;
    struct error err = {0};
    int64_t exit_code;
    bool changed;

    insert(world, "row", &alive, alive.start, &alive);
    assert_int_equal(execution_get(world->ledger, "row", &row, &err), 0);
    assert_int_equal(execution_heartbeat(world->ledger, "row", NO_INT, NO_INT, &err), 0);
    assert_int_equal(unsupervised_settle(world->ledger, row, &given_up, NULL, &exit_code, &changed, &err), 0);
    assert_false(changed);
    assert_int_equal(code(world, "row"), NO_INT);
    execution_free(row);
    end(&alive);
}

static void each_sleep_of_the_machine_is_an_event_and_the_row_has_their_sum(void **state)
{
    struct world *world = *state;
    struct process alive = sleeper();
    struct error err = {0};

    insert(world, "row", &alive, alive.start, &alive);
    assert_int_equal(execution_suspended(world->ledger, "row", 5000, 5000, &err), 0);
    assert_int_equal(execution_suspended(world->ledger, "row", 2000, 7000, &err), 0);
    assert_int_equal(number(world, "SELECT facts ->> '$.suspended_ms' FROM executions WHERE uid = ?", "row"),
                     7000);
    assert_int_equal(
        number(world,
               "SELECT sum(data ->> '$.ms') FROM events WHERE execution = ? AND type = 'host_suspended'",
               "row"),
        7000);
    end(&alive);
}

static int bound(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void a_socket_that_was_left_behind_goes_with_the_directory_made_for_it(void **state)
{
    char directory[] = "/tmp/supervise-XXXXXX", shared[] = "/tmp/supervise-test-XXXXXX";
    AUTOFREE char *path = NULL;
    AUTOFREE char *kept = NULL;
    int fd;

    (void)state;
    path = mem_printf("%s/uid.sock", mkdtemp(directory));
    fd = bound(path);
    control_socket_remove(path);
    assert_int_equal(access(path, F_OK), 0); /* somebody is bound there */
    close(fd);
    control_socket_remove(path);
    assert_int_equal(access(directory, F_OK), -1);

    kept = mem_printf("%s/uid.sock", mkdtemp(shared));
    close(bound(kept));
    chmod(shared, 0755);
    control_socket_remove(kept);
    assert_int_equal(access(kept, F_OK), 0); /* others may have put it there */
    chmod(shared, 0700);
    control_socket_remove(kept);
    assert_int_equal(access(kept, F_OK), -1);
    assert_int_equal(rmdir(shared), 0); /* the directory isn't ours to remove */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_watch_settles_an_execution_when_its_command_is_gone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_cancelled_meanwhile_ends_as_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_heartbeat_since_the_judgement_keeps_it_in_flight, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_sleep_of_the_machine_is_an_event_and_the_row_has_their_sum,
                                        set_up, tear_down),
        cmocka_unit_test(a_socket_that_was_left_behind_goes_with_the_directory_made_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
