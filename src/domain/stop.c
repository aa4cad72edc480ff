/* Signals that cancel: see the header. */
#include <supervise/domain/stop.h>

#include <signal.h>
#include <stddef.h>

/* TERM asks us to stop: any end but exit 0 obeys it. A key or a hang-up only counts where the child ended by
 * it. */
static const struct {
    int number;
    bool any_but_zero;
} rules[] = {
    {SIGHUP, false},
    {SIGINT, false},
    {SIGQUIT, false},
    {SIGTERM, true},
};
const int stop_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, 0};

bool stop_is_cancel(int received, int exit_code, int died_of)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].number == received)
            return rules[i].any_but_zero ? exit_code != 0 || died_of != 0
                                         : died_of == received || exit_code == 128 + received;
    return false;
}
