/*
 * ^C and its like, held back while something is half done. Who holds them asks now and then whether one
 * waits, cleans up, and releases them: it then ends the process as if nothing had been held.
 */
#ifndef SUPERVISE_CLI_HOLD_H
#define SUPERVISE_CLI_HOLD_H

#include <signal.h>
#include <stdbool.h>

struct signal_hold {
    sigset_t held, before;
};

void signals_hold(struct signal_hold *hold);
bool signals_waiting(const struct signal_hold *hold);
void signals_release(const struct signal_hold *hold);

#endif
