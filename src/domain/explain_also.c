/* What else is worth telling when it was seen: a table of facts, each with the outcomes it belongs to. */
#include <supervise/domain/explain_fact.h>

#include <supervise/domain/explain_word.h>

#include <signal.h>

#include <supervise/base/time.h>

enum { STRAGGLERS_NAMED = 3 };

static void put_quoted(struct buf *out, const char *lead, const char *text)
{
    buf_puts(out, lead);
    buf_puts(out, "\"");
    word_text(out, text);
    buf_puts(out, "\"");
}

static void also_recovered(struct buf *out, const struct explain_facts *facts)
{
    if (facts->recovered)
        buf_puts(out, "; it was taken for orphaned until its supervisor came back");
}

static void also_suspended(struct buf *out, const struct explain_facts *facts)
{
    if (facts->suspended_ms > 0) {
        buf_puts(out, "; the machine slept ");
        word_duration(out, facts->suspended_ms);
        buf_puts(out, " during the run");
    }
}

/* The killer strikes others too: it is named only where the end fits, 137 being how a shell passes it on. */
static void also_oom(struct buf *out, const struct explain_facts *facts)
{
    if (facts->oom_kills > 0 && (facts->signal == SIGKILL || facts->exit_code == 128 + SIGKILL))
        buf_puts(out, "; the kernel's OOM killer struck during the run");
}

static void also_stalled(struct buf *out, const struct explain_facts *facts)
{
    if (facts->stalled) {
        buf_puts(out, "; stalled: no output and no report");
        word_since(out, facts->activity_at, facts->now_ms);
    }
}

static void also_step(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->step_in_error)
        return;
    buf_puts(out, "; step ");
    word_text(out, facts->step_in_error);
    buf_puts(out, " is in error");
    if (facts->step_message) {
        buf_puts(out, ": ");
        word_text(out, facts->step_message);
    }
}

static void also_agent(struct buf *out, const struct explain_facts *facts)
{
    if (facts->agent_result && !word_is(facts->verdict.reason, "agent-unfinished"))
        put_quoted(out, "; its own result record says ", facts->agent_result);
}

static void also_rate_limit(struct buf *out, const struct explain_facts *facts)
{
    char time[TIME_TEXT_SIZE];

    if (facts->rate_limit_over_at == 0)
        return;
    time_format(facts->rate_limit_over_at, time);
    buf_printf(out, "; the rate limit that it met is over at %s", time);
}

/* What the agent says of its end is in that line too, in a form for programs. */
static void also_last_line(struct buf *out, const struct explain_facts *facts)
{
    if (!word_is_blank(facts->last_line) && !(facts->agent_result && *facts->last_line == '{'))
        put_quoted(out, "; its last line of output was ", facts->last_line);
}

static void also_stragglers(struct buf *out, const struct explain_facts *facts)
{
    size_t count = facts->straggler_count;

    if (count == 0)
        return;
    buf_printf(out, "; %zu process%s left behind had to be killed", count, count == 1 ? "" : "es");
    for (size_t i = 0; facts->stragglers && i < count && i < STRAGGLERS_NAMED; i++) {
        buf_puts(out, i == 0 ? " (" : ", ");
        word_text(out, facts->stragglers[i]);
    }
    if (facts->stragglers)
        buf_puts(out, count > STRAGGLERS_NAMED ? ", …)" : ")");
}

static void also_output_held(struct buf *out, const struct explain_facts *facts)
{
    if (facts->output_held)
        buf_puts(out,
                 "; a process left behind held its output open, and what it wrote later is not in the log");
}

static void also_log_lost(struct buf *out, const struct explain_facts *facts)
{
    if (facts->log_lost) {
        buf_puts(out, "; its log is not whole: ");
        word_text(out, facts->log_lost);
    }
}

typedef void also_fn(struct buf *out, const struct explain_facts *facts);

#define OF(outcome) (1U << (outcome))
#define NOT_FINISHED OF(OUTCOME_NONE)
#define NO_SUCCESS (OF(OUTCOME_INCOMPLETE) | OF(OUTCOME_FAILED))
#define FINISHED (OF(OUTCOME_SUCCESS) | NO_SUCCESS | OF(OUTCOME_CANCELLED))

static const struct also {
    unsigned outcomes;
    also_fn *put;
} alsos[] = {
    {FINISHED, also_recovered},
    {FINISHED | NOT_FINISHED, also_suspended},
    {NOT_FINISHED, also_stalled},
    {NO_SUCCESS | OF(OUTCOME_CANCELLED), also_oom},
    {NO_SUCCESS | NOT_FINISHED, also_step},
    {NO_SUCCESS, also_agent},
    {NO_SUCCESS, also_rate_limit},
    {NO_SUCCESS, also_last_line},
    {FINISHED, also_stragglers},
    {FINISHED, also_output_held},
    {FINISHED, also_log_lost},
};

void explain_also(struct buf *out, const struct explain_facts *facts)
{
    for (size_t i = 0; i < sizeof alsos / sizeof *alsos; i++) {
        if (alsos[i].outcomes & OF(facts->verdict.outcome))
            alsos[i].put(out, facts);
    }
}
