/* `daemon`: starts what is due in the queue, and sweeps, until it is told to end. */
#include <supervise/cli/verbs.h>

#include <supervise/process/inherit.h>
#include <supervise/supervisor/daemon.h>

static int run_daemon(struct cli *cli, const struct args *args)
{
    struct daemon_plan plan = {.once = args_has(args, "once"), .until_idle = args_has(args, "until-idle")};
    struct inherited inherited;
    struct error err;
    bool closed[3] = {false};
    int status = 0;

    inherit_read(&inherited, closed);
    if (cli_settings(cli, &err) || !settings_ledger(cli->settings, &err)) {
        status = cli_fail(&err);
    } else {
        plan.settings = cli->settings;
        if (daemon_run(&plan, &inherited, &err))
            status = cli_fail(&err);
    }
    inherit_free(&inherited);
    return status;
}

static const struct option options[] = {
    {0, "once", NULL, "sweep, start what is due and has a slot, and return"},
    {0, "until-idle", NULL, "end once there was nothing to do for queue.idle"},
    {0},
};

const struct verb verb_daemon = {
    .name = "daemon",
    .synopsis = "[OPTIONS]",
    .summary = "start what is due in the queue, and sweep, until a signal ends it; what runs goes on",
    .examples = "supervise daemon  # in the foreground; says READY=1 to systemd\n"
                "supervise daemon --once  # from cron, in place of a daemon\n",
    .options = options,
    .run = run_daemon,
};
