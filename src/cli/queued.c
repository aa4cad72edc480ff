/* Why something waits, and who is to start it: see the header. */
#include <supervise/cli/queued.h>

#include <inttypes.h>
#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/store/queue.h>
#include <supervise/supervisor/daemon.h>

char *queued_why(const struct cli *cli, const struct execution *execution)
{
    struct predecessor predecessor;
    struct queue_standing standing;
    struct process daemon;
    struct error ignored;
    AUTOFREE char *words = NULL;

    if (!cli->ledger || !cli->settings)
        return NULL;
    if (queue_waits_for(cli->ledger, execution->uid, &predecessor, &ignored) == 1) {
        words = after_words(&predecessor);
        return mem_printf("waits for %s", words);
    }
    if (queue_standing(cli->ledger, &standing, &ignored))
        return NULL;
    if (standing.paused)
        return mem_strdup("the queue is paused");
    if (!daemon_runs(ledger_path(cli->ledger), &daemon))
        return mem_strdup("waits for a daemon: none runs");
    if (standing.running >= cli->settings->queue_slots)
        return mem_printf("waits for a slot: %" PRId64 " of %" PRId64 " are taken", standing.running,
                          cli->settings->queue_slots);
    return mem_strdup("waits for its turn");
}

void queued_see_to_daemon(struct cli *cli)
{
    AUTOFREE char *path = mem_strdup(ledger_path(cli->ledger));
    struct queue_standing standing;
    struct process daemon;
    struct error err;

    if (queue_standing(cli->ledger, &standing, &err) == 0 && standing.paused) {
        say("the queue is paused; `supervise queue resume` goes on with it");
        return;
    }
    cli_ledger_close(cli); /* nothing of SQLite may be open across a fork */
    if (!cli->settings->queue_autostart) {
        if (!daemon_runs(path, &daemon))
            say("no daemon runs; `supervise daemon` starts what is queued");
    } else if (daemon_autostart(path, cli->config_option, &err)) {
        say_warning("%s; `supervise daemon` starts what is queued", err.text);
    }
}
