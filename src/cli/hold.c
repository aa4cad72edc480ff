/* ^C and its like, held back while something is half done: see the header. */
#include <supervise/cli/hold.h>

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* But for those that would not end us: they are ignored, or held back by whoever started us. */
void signals_hold(struct signal_hold *hold)
{
    sigemptyset(&hold->held);
    sigprocmask(SIG_BLOCK, NULL, &hold->before);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction action;

        if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN &&
            sigismember(&hold->before, ending[i]) == 0)
            sigaddset(&hold->held, ending[i]);
    }
    sigprocmask(SIG_BLOCK, &hold->held, NULL);
}

bool signals_waiting(const struct signal_hold *hold)
{
    sigset_t pending;

    if (sigpending(&pending) != 0)
        return false;
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (sigismember(&hold->held, ending[i]) == 1 && sigismember(&pending, ending[i]) == 1)
            return true;
    return false;
}

void signals_release(const struct signal_hold *hold)
{
    sigprocmask(SIG_SETMASK, &hold->before, NULL);
}
