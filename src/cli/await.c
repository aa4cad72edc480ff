/* Waiting for the ledger by asking for its version: rarely enough to cost nothing, often enough to feel
 * immediate. */
#include <supervise/cli/cli.h>

#include <time.h>
#include <unistd.h>

#include <supervise/base/time.h>

enum { PAUSE_MIN_MS = 50, PAUSE_MAX_MS = 250, LOOK_AGAIN_MS = 1000 };

int cli_await_change(struct cli *cli, int64_t max_ms, struct error *err)
{
    int64_t version = ledger_version(cli->ledger), start = awake_now_ms();

    /* What changed after the caller looked and before the version was taken is seen at the next look. */
    if (max_ms == NO_INT)
        max_ms = LOOK_AGAIN_MS;

    for (long pause = PAUSE_MIN_MS; awake_now_ms() - start < max_ms; pause *= 2) {
        struct timespec time = {.tv_nsec = (pause < PAUSE_MAX_MS ? pause : (pause = PAUSE_MAX_MS)) * 1000000};

        nanosleep(&time, NULL);
        if (!ledger_in_place(cli->ledger) && access(cli->settings->store_path, F_OK) == 0) {
            cli_ledger_close(cli);
            return cli_ledger(cli, LEDGER_READ, err);
        }
        if (ledger_version(cli->ledger) != version)
            return 0;
    }
    return 0;
}
