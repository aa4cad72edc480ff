/*
 * What sweeps decide: see the header. Executions are looked at a page at a time, in order of their number;
 * what is to change is changed by a compare-and-set of the store.
 */
#include <supervise/supervisor/sweeper.h>

#include <stdlib.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>
#include <supervise/domain/outcome.h>
#include <supervise/store/spool.h>
#include <supervise/supervisor/liveness.h>
#include <supervise/supervisor/unsupervised.h>

enum { PAGE = 64 };

/* In this order. */
enum stage { STAGE_RUNNING, STAGE_CLOSED, STAGE_STALE, STAGE_DONE };

struct sweep {
    struct ledger *ledger;
    const struct settings *settings;
    bool dry_run;
    enum stage stage;
    int64_t after; /* executions up to that number have been looked at */
    struct execution_list page;
    size_t next; /* of the page */
    bool spool_taken;
    struct name_list stale;
    struct sweep_report report;
};

/* ---- What is told ---- */

void sweep_report_free(struct sweep_report *report)
{
    for (size_t i = 0; i < report->liveness_count; i++) {
        free(report->liveness[i].uid);
        free(report->liveness[i].name);
    }
    free(report->liveness);
    name_list_free(&report->stale);
    *report = (struct sweep_report){0};
}

static void tell(struct sweep *sweep, const struct execution *execution, const char *action)
{
    struct sweep_report *report = &sweep->report;

    report->liveness = mem_resize(report->liveness, (report->liveness_count + 1) * sizeof *report->liveness);
    report->liveness[report->liveness_count++] =
        (struct swept){execution->id, mem_strdup(execution->uid), mem_strdup(execution->name), action};
}

static const char *action_of(int64_t exit_code)
{
    switch (exit_code) {
    case EXIT_CANCELLED:
        return "cancelled";
    case EXIT_DEADLINE:
        return "deadline";
    default:
        return "orphaned";
    }
}

/* ---- One execution ---- */

/* Nobody saw its end. What was spooled before its supervisor went is an end that somebody saw. */
static int settle(struct sweep *sweep, const struct execution *execution, const struct liveness *liveness,
                  struct error *err)
{
    int64_t exit_code;
    bool changed = true;

    if (sweep->dry_run) {
        if (execution_presumed_code(sweep->ledger, execution, &exit_code, err))
            return -1;
    } else {
        if (!sweep->spool_taken)
            spool_take_in(sweep->ledger);
        sweep->spool_taken = true;
        if (unsupervised_settle(sweep->ledger, execution, liveness,
                                "its supervisor was gone; the sweep that found it wrote this end", &exit_code,
                                &changed, err))
            return -1;
    }
    if (changed)
        tell(sweep, execution, action_of(exit_code));
    return 0;
}

/* It is to end, and nobody else is there to do it. */
static int ask(struct sweep *sweep, const struct execution *execution, struct error *err)
{
    bool acted = true;

    if (!sweep->dry_run &&
        unsupervised_ask(sweep->ledger, execution, sweep->settings->run_kill_after, &acted, err))
        return -1;
    if (acted)
        tell(sweep, execution, "stopped");
    return 0;
}

static int leave(struct sweep *sweep, const struct execution *execution, struct error *err)
{
    bool changed;

    if (execution_unsupervised(sweep->ledger, execution, wall_now_ms(), sweep->dry_run, &changed, err))
        return -1;
    if (changed)
        tell(sweep, execution, "unsupervised");
    return 0;
}

static int release(struct sweep *sweep, const struct execution *execution, const struct liveness *liveness,
                   struct error *err)
{
    bool changed = true;

    if (!sweep->dry_run && unsupervised_release(sweep->ledger, execution, liveness, &changed, err))
        return -1;
    if (changed)
        tell(sweep, execution, "released");
    return 0;
}

static int sweep_execution(struct sweep *sweep, const struct execution *execution, struct error *err)
{
    struct liveness liveness = liveness_look(execution, sweep->settings);

    if (!liveness.lost)
        return 0;
    if (!is_unsupervised(&liveness))
        return sweep->stage == STAGE_CLOSED ? release(sweep, execution, &liveness, err)
                                            : settle(sweep, execution, &liveness, err);
    return sweep->stage == STAGE_CLOSED || execution->stopped_by ? ask(sweep, execution, err)
                                                                 : leave(sweep, execution, err);
}

/* ---- The course ---- */

static void next_stage(struct sweep *sweep)
{
    sweep->stage++;
    sweep->after = 0;
}

static int step_executions(struct sweep *sweep, struct error *err)
{
    const struct execution *execution;

    if (sweep->next == sweep->page.count) {
        execution_list_free(&sweep->page);
        sweep->next = 0;
        sweep->spool_taken = false;
        if (sweep_page(sweep->ledger, sweep->stage == STAGE_RUNNING ? SWEEP_RUNNING : SWEEP_CLOSED,
                       sweep->after, PAGE, &sweep->page, err))
            return -1;
        if (sweep->page.count == 0) {
            next_stage(sweep);
            return 0;
        }
    }
    execution = sweep->page.items[sweep->next++];
    sweep->after = execution->id;
    return sweep_execution(sweep, execution, err);
}

static int step_sessions(struct sweep *sweep, struct error *err)
{
    int64_t threshold = sweep->settings->sweep_stale_session_after, now = wall_now_ms();
    bool changed = true;
    char *id;

    if (sweep->after == 0 && threshold > 0 &&
        sessions_stale(sweep->ledger, now - threshold, &sweep->stale, err))
        return -1;
    if ((size_t)sweep->after == sweep->stale.count) {
        next_stage(sweep);
        return 0;
    }
    id = sweep->stale.items[sweep->after++];
    if (!sweep->dry_run && session_close_stale(sweep->ledger, id, now, threshold, &changed, err))
        return -1;
    if (changed)
        name_list_add(&sweep->report.stale, id);
    return 0;
}

static int note_end(struct sweep *sweep, struct error *err)
{
    const struct sweep_report *report = &sweep->report;

    if (sweep->dry_run || (report->liveness_count == 0 && report->stale.count == 0))
        return 0;
    return sweep_note(sweep->ledger, wall_now_ms(), report->liveness_count, report->stale.count, err);
}

int sweep_some(struct sweep *sweep, int64_t budget_ms, bool *done, struct error *err)
{
    int64_t until = awake_now_ms() + budget_ms;

    while (sweep->stage != STAGE_DONE) {
        if (sweep->stage == STAGE_STALE ? step_sessions(sweep, err) : step_executions(sweep, err))
            return -1;
        if (awake_now_ms() >= until)
            break;
    }
    *done = sweep->stage == STAGE_DONE;
    return *done ? note_end(sweep, err) : 0;
}

static struct sweep *sweep_new(struct ledger *ledger, const struct settings *settings, bool dry_run)
{
    struct sweep *sweep = mem_alloc(sizeof *sweep);

    *sweep = (struct sweep){.ledger = ledger, .settings = settings, .dry_run = dry_run};
    return sweep;
}

struct sweep *sweep_in_turn(struct ledger *ledger, const struct settings *settings, struct error *err)
{
    bool claimed;

    err->text[0] = '\0';
    if (sweep_claim(ledger, "rows", wall_now_ms(), settings->sweep_interval, &claimed, err) || !claimed)
        return NULL;
    return sweep_new(ledger, settings, false);
}

void sweep_free(struct sweep *sweep)
{
    if (!sweep)
        return;
    execution_list_free(&sweep->page);
    name_list_free(&sweep->stale);
    sweep_report_free(&sweep->report);
    free(sweep);
}

int sweep_all(struct ledger *ledger, const struct settings *settings, bool dry_run,
              struct sweep_report *report, struct error *err)
{
    struct sweep *sweep = sweep_new(ledger, settings, dry_run);
    bool done = false;
    int result = 0;

    if (!dry_run)
        result = sweep_claim(ledger, "rows", wall_now_ms(), 0, &done, err);
    for (done = false; result == 0 && !done;)
        result = sweep_some(sweep, INT32_MAX, &done, err);
    *report = sweep->report;
    sweep->report = (struct sweep_report){0};
    sweep_free(sweep);
    return result;
}
