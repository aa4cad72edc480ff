/* What is told of writes beside the ledger: of the ledger's own files alone, and never more than can be read.
 */
#include "ledger_world.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <supervise/store/watch.h>

/* As many writes to two files in turn as told one by one: equal ones that follow each other are told once. */
static void write_beside(const struct world *world, const char *name, const char *other, int count)
{
    char *paths[] = {mem_printf("%s/ledger/%s", world->directory, name),
                     mem_printf("%s/ledger/%s", world->directory, other)};
    int files[2];

    for (int i = 0; i < 2; i++) {
        files[i] = open(paths[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(files[i] >= 0);
    }
    for (int i = 0; i < count; i++)
        assert_int_equal(write(files[i % 2], "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        close(files[i]);
        free(paths[i]);
    }
}

static bool is_more(int watch)
{
    return poll(&(struct pollfd){.fd = watch, .events = POLLIN}, 1, 0) > 0;
}

static void only_the_files_of_the_ledger_count(void **state)
{
    struct world *world = *state;
    int watch = ledger_watch_open(world->path);

    assert_true(watch >= 0);
    assert_false(ledger_watch_read(watch, world->path));
    write_beside(world, "foreign", "other", 2);
    assert_false(ledger_watch_read(watch, world->path));
    write_beside(world, "foreign", "supervise.db-wal", 2);
    assert_true(ledger_watch_read(watch, world->path));
    assert_false(ledger_watch_read(watch, world->path));
    close(watch);
}

static void who_writes_without_end_holds_nobody(void **state)
{
    struct world *world = *state;
    int watch = ledger_watch_open(world->path), reads = 0;

    write_beside(world, "foreign", "other", 4000);
    assert_false(ledger_watch_read(watch, world->path));
    assert_true(is_more(watch));
    while (is_more(watch)) {
        assert_false(ledger_watch_read(watch, world->path));
        assert_true(++reads < 4000);
    }
    close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_the_files_of_the_ledger_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_writes_without_end_holds_nobody, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
