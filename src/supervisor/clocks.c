/*
 * The clocks of a life: its deadlines, the watchdog among them, counted while the machine is awake
 * (CLOCK_MONOTONIC, as libev's timers are), its heartbeat, and the sweeps it does for all.
 */
#include "life.h"

#include <supervise/base/time.h>

static const double SWEEP_ON = 0.1; /* seconds: what a sweep leaves to the command between its bits */

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

/* Of the lowest priority: what else has happened when it strikes is dealt with before. */
static void start_timer(struct life *life, ev_timer *timer,
                        void (*callback)(struct ev_loop *, ev_timer *, int), double after, double repeat)
{
    ev_timer_init(timer, callback, after, repeat);
    ev_set_priority(timer, EV_MINPRI);
    timer->data = life;
    ev_timer_start(life->loop, timer);
}

void clocks_activity(struct life *life)
{
    life->activity_wall = wall_now_ms();
    life->activity_awake = awake_now_ms();
    life->activity_slept = slept_now_ms();
}

static void deadline_struck(struct life *life, const char *which, int64_t ms)
{
    if (life->deadline || life->child_gone || life->stopping != STOP_NONE)
        return;
    life->deadline = which;
    life->deadline_ms = ms;
    life->deadline_struck_wall = wall_now_ms();
    life_go_on(life);
}

static void timeout_passed(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    deadline_struck(life, "timeout", life->plan->timeout_ms);
}

/*
 * Once more round the loop, which looks at what waits: whoever was stopped and continued finds the time over
 * before the messages that came meanwhile.
 */
static void on_timeout(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    start_timer(watcher->data, watcher, timeout_passed, 0, 0);
}

/* While both were stopped there could be no activity: that time doesn't count. */
static int64_t idle_left(const struct life *life)
{
    int64_t since =
        life->continued_awake > life->activity_awake ? life->continued_awake : life->activity_awake;

    return since + life->plan->idle_timeout_ms - awake_now_ms();
}

/* Reports of others reach the ledger only: it is asked before the deadline is said to have passed. */
static void on_idle(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;
    int64_t limit = life->plan->idle_timeout_ms, left = idle_left(life);

    (void)loop;
    (void)events;
    if (left <= 0) {
        record_look(life);
        left = idle_left(life);
    }
    if (left <= 0)
        deadline_struck(life, "idle-timeout", limit);
    else
        start_timer(life, watcher, on_idle, seconds(left), 0);
}

/* ---- What sd_notify(3) asks of the clocks ---- */

static void watchdog_missed(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    deadline_struck(life, "watchdog", life->watchdog_ms);
}

/* Once more round the loop, as with the timeout. */
static void on_watchdog(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    start_timer(watcher->data, watcher, watchdog_missed, 0, 0);
}

void clocks_watch(struct life *life)
{
    ev_timer_stop(life->loop, &life->on_watchdog);
    if (!life->watchdog_ms || life->child_gone)
        return;
    ev_now_update(life->loop);
    start_timer(life, &life->on_watchdog, on_watchdog, seconds(life->watchdog_ms), 0);
}

void clocks_continued(struct life *life)
{
    life->continued_awake = awake_now_ms();
    clocks_watch(life);
}

void clocks_watchdog_usec(struct life *life, int64_t usec)
{
    life->watchdog_ms = usec / 1000 + (usec % 1000 != 0);
    clocks_watch(life);
}

void clocks_watchdog_trigger(struct life *life)
{
    deadline_struck(life, "watchdog", 0);
}

/* Where it would strike before: whoever needs still more time asks again. */
static void extend(struct life *life, ev_timer *timer, void (*callback)(struct ev_loop *, ev_timer *, int),
                   double after)
{
    if (!ev_is_active(timer) || ev_timer_remaining(life->loop, timer) >= after)
        return;
    ev_timer_stop(life->loop, timer);
    start_timer(life, timer, callback, after, 0);
}

void clocks_extend(struct life *life, int64_t usec)
{
    ev_now_update(life->loop);
    extend(life, &life->on_timeout, on_timeout, (double)usec / 1000000);
    extend(life, &life->on_watchdog, on_watchdog, (double)usec / 1000000);
}

static void on_heartbeat(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;

    (void)loop;
    (void)events;
    record_heartbeat(life);
    life_go_on(life);
}

static void on_sweep(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct life *life = watcher->data;
    bool more = record_sweep(life);

    (void)loop;
    (void)events;
    start_timer(life, watcher, on_sweep, more ? SWEEP_ON : seconds(life->plan->settings->sweep_interval), 0);
}

void clocks_start(struct life *life)
{
    const struct run_plan *plan = life->plan;
    double beat = seconds(plan->settings->sweep_heartbeat_interval);
    double sweep = seconds(plan->settings->sweep_interval);

    ev_now_update(life->loop);
    clocks_activity(life);
    if (plan->timeout_ms)
        start_timer(life, &life->on_timeout, on_timeout, seconds(plan->timeout_ms), 0);
    if (plan->idle_timeout_ms)
        start_timer(life, &life->on_idle, on_idle, seconds(plan->idle_timeout_ms), 0);
    life->watchdog_ms = life->control.path ? plan->watchdog_ms : 0;
    clocks_watch(life);
    start_timer(life, &life->on_heartbeat, on_heartbeat, beat, beat);
    start_timer(life, &life->on_sweep, on_sweep, sweep, 0);
}

void clocks_child_gone(struct life *life)
{
    ev_timer_stop(life->loop, &life->on_timeout);
    ev_timer_stop(life->loop, &life->on_idle);
    ev_timer_stop(life->loop, &life->on_watchdog);
}
