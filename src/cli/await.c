/*
 * Waiting for the ledger: told by the kernel that something is being written, or else by asking for its
 * version, rarely enough to cost nothing, often enough to feel immediate.
 */
#include <supervise/cli/cli.h>

#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/store/watch.h>

enum { PAUSE_MAX_MS = 150 };

/* The one that stands there now. What changed meanwhile is seen by who looks into it next. */
static int reopen(struct cli *cli, struct error *err)
{
    cli_ledger_close(cli);
    return cli_ledger(cli, LEDGER_READ, err);
}

int cli_await_change(struct cli *cli, int64_t max_ms, struct error *err)
{
    int64_t until = max_ms == NO_INT ? INT64_MAX : awake_now_ms() + max_ms, pause = PAUSE_MAX_MS;

    if (!cli->awaiting) {
        cli->awaiting = true;
        cli->version = NO_INT;
        cli->watch = ledger_watch_open(ledger_path(cli->ledger));
    }
    for (;;) {
        int64_t version = ledger_version(cli->ledger), left = until - awake_now_ms();

        /* The first time nobody knows as of when the caller has looked: it looks once more. */
        if (version != cli->version || left <= 0) {
            cli->version = version;
            return 0;
        }
        /* What was told of is there in a moment, or has been seen already: asked for soon, then less. */
        if (ledger_watch_wait(cli->watch, ledger_path(cli->ledger), pause < left ? pause : left))
            pause = 1;
        else
            pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
        if (!ledger_in_place(cli->ledger) && access(cli->settings->store_path, F_OK) == 0)
            return reopen(cli, err);
    }
}
