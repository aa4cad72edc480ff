/*
 * Output at the speed at which it came. `log_timeline` is where each piece stands in time, without I/O; a
 * replay waits for it, writes to stdout, and ends at ^C with the terminal as it was.
 */
#ifndef SUPERVISE_CLI_LOG_REPLAY_H
#define SUPERVISE_CLI_LOG_REPLAY_H

#include <supervise/base/error.h>
#include <supervise/store/execution.h>

/*
 * Begin with {started_at, 0}. The time of what has none is that of the piece before; a clock that was set
 * back takes no time; nor does what is longer than `idle_limit_ms`, beyond that (0: no limit).
 */
struct log_timeline {
    int64_t last_wall_ms; /* NO_INT: none was known yet */
    int64_t at_ms;
};

/* When, from the beginning, a piece comes whose time was `wall_ms` (NO_INT: unknown). Never goes back. */
int64_t log_timeline_at(struct log_timeline *timeline, int64_t wall_ms, int64_t idle_limit_ms);

/*
 * A replay holds back the signals that would end or stop us, but for those that are ignored; over() says that
 * one has come, and the next calls return at once. Time in which we are stopped, or stdout takes nothing, is
 * added to the recording's and not made up for.
 */
struct log_replay;

struct log_replay *log_replay_begin(int64_t started_at, double speed, int64_t idle_limit_ms);
void log_replay_wait(struct log_replay *replay, int64_t wall_ms);
int log_replay_write(struct log_replay *replay, const void *bytes, size_t length, struct error *err);
bool log_replay_over(const struct log_replay *replay);

/* Makes terminal and signals as they were: what has come meanwhile comes now. Frees it; NULL is allowed. */
void log_replay_end(struct log_replay *replay);

#endif
