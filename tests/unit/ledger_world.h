/* A ledger of its own for each test that asks for one, in a directory that goes with it. */
#ifndef LEDGER_WORLD_H
#define LEDGER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/base/buf.h>
#include <supervise/store/ledger.h>

struct world {
    char directory[64];
    char *path;
    struct ledger *ledger;
};

static int set_up(void **state)
{
    struct world *world = mem_alloc(sizeof *world);
    struct ledger_options options;
    struct error err = {0};

    strcpy(world->directory, "/tmp/supervise-test-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    setenv("XDG_STATE_HOME", world->directory, 1);
    world->path = mem_printf("%s/ledger/supervise.db", world->directory);
    options = (struct ledger_options){world->path, 1000, false};
    world->ledger = ledger_open(&options, LEDGER_WRITE, &err);
    if (!world->ledger)
        fail_msg("%s", err.text);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char *command = mem_printf("rm -rf %s", world->directory);

    ledger_close(world->ledger);
    if (system(command))
        print_message("could not remove %s\n", world->directory);
    free(command);
    free(world->path);
    free(world);
    return 0;
}

#endif
