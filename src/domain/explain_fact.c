/*
 * The placeholders of an explanation: a table of them, each a small function that writes one fact. What is
 * not known writes nothing, or that it is unknown.
 */
#include <supervise/domain/explain_fact.h>

#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/domain/explain_word.h>

#include <signal.h>
#include <string.h>

static void put_number(struct buf *out, const struct explain_facts *facts)
{
    buf_printf(out, "%lld", (long long)facts->number);
}

/* Never cut: it stands in commands. */
static void put_session(struct buf *out, const struct explain_facts *facts)
{
    const char *session = facts->session ? facts->session : "(unknown)";

    text_visible(out, session, strlen(session));
}

static void put_after(struct buf *out, const struct explain_facts *facts)
{
    if (facts->never_ran) {
        buf_puts(out, " before it was started");
        return;
    }
    buf_puts(out, " after ");
    if (facts->duration_known)
        word_duration(out, facts->duration_ms);
    else
        buf_puts(out, "an unknown time");
}

static void put_signal(struct buf *out, const struct explain_facts *facts)
{
    const char *name = sigabbrev_np(facts->signal);

    if (name)
        buf_printf(out, "SIG%s", name);
    else
        buf_printf(out, "signal %d", facts->signal);
    if (facts->core_dumped)
        buf_puts(out, " (core dumped)");
}

static void put_end(struct buf *out, const struct explain_facts *facts)
{
    if (facts->signal) {
        buf_puts(out, "killed by ");
        put_signal(out, facts);
    } else {
        buf_printf(out, "exit %d", facts->exit_code);
    }
    put_after(out, facts);
}

/* How the process really ended, where exit_code says that we stopped it. */
static void put_then(struct buf *out, const struct explain_facts *facts)
{
    if (facts->signal) {
        buf_puts(out, "; it then died of ");
        put_signal(out, facts);
    } else if (facts->child_code_known) {
        buf_printf(out, "; it then exited %d", facts->child_code);
    }
}

static void put_why(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->why)
        return;
    buf_puts(out, " (");
    word_text(out, facts->why);
    buf_puts(out, ")");
}

static void put_in_round(struct buf *out, const struct explain_facts *facts)
{
    if (facts->round)
        buf_printf(out, " in round %lld", (long long)facts->round);
}

/* A session that went on completed a round; one that was closed in it is complete itself. */
static void put_completed(struct buf *out, const struct explain_facts *facts)
{
    if (facts->in_current_round && word_is(facts->close_reason, "completed")) {
        buf_puts(out, "was completed");
        put_in_round(out, facts);
    } else if (facts->round) {
        buf_printf(out, "completed round %lld", (long long)facts->round);
    } else {
        buf_puts(out, "completed the round");
    }
}

static void put_before_stop(struct buf *out, const struct explain_facts *facts)
{
    if (facts->stopped_by) {
        buf_puts(out, " before it was stopped by a ");
        word_text(out, facts->stopped_by);
    }
}

static void put_helped(struct buf *out, const struct explain_facts *facts)
{
    if (facts->session && !facts->drives) {
        buf_puts(out, ", helping session ");
        put_session(out, facts);
    }
}

/* In the last phase only the closing is missing, and that has to be said. */
static void put_open(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->in_current_round) {
        buf_puts(out, "did not complete ");
        if (facts->round)
            buf_printf(out, "round %lld", (long long)facts->round);
        else
            buf_puts(out, "its round");
        return;
    }
    buf_puts(out, "is still ");
    if (!facts->phase || (facts->phase_number && facts->phase_number == facts->phase_count))
        buf_puts(out, facts->phase ? "open " : "open");
    if (facts->phase) {
        buf_puts(out, "in phase ");
        word_text(out, facts->phase);
    }
    if (facts->phase && facts->phase_number && facts->phase_count)
        buf_printf(out, " (%lld of %lld)", (long long)facts->phase_number, (long long)facts->phase_count);
    if (facts->round)
        buf_printf(out, ", round %lld", (long long)facts->round);
}

static void put_as(struct buf *out, const struct explain_facts *facts)
{
    if (facts->in_current_round && facts->close_reason) {
        buf_puts(out, " as ");
        word_text(out, facts->close_reason);
    }
}

static void put_stages(struct buf *out, const struct explain_facts *facts)
{
    const char *dots = facts->stages ? strstr(facts->stages, "..") : NULL;
    size_t length = dots ? (size_t)(dots - facts->stages) : 0;
    bool one = dots &&
               memcmp(facts->stages, dots + 2, length < strlen(dots + 2) ? length : strlen(dots + 2)) == 0 &&
               length == strlen(dots + 2);

    buf_puts(out, one ? "stage " : facts->stages ? "stages " : "its stages");
    if (facts->stages)
        word_text(out, one ? dots + 2 : facts->stages);
}

/* A list, of which every name counts: it is long enough to be cut where it is made. */
static void put_left(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->left)
        return;
    buf_puts(out, ": ");
    text_visible(out, facts->left, strlen(facts->left));
}

static void put_result(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->agent_result)
        return;
    buf_puts(out, ": \"");
    word_text(out, facts->agent_result);
    buf_puts(out, "\"");
}

static void put_spawn(struct buf *out, const struct explain_facts *facts)
{
    const char *reason = facts->spawn_errno ? strerrordesc_np(facts->spawn_errno) : NULL;

    if (facts->spawn_error) {
        word_text(out, facts->spawn_error);
        return;
    }
    if (facts->command) {
        word_text(out, facts->command);
        buf_puts(out, ": ");
    }
    if (reason)
        buf_puts(out, reason);
    else if (facts->spawn_errno)
        buf_printf(out, "error %d", facts->spawn_errno);
    else
        buf_puts(out, "why is unknown");
}

/* "14:03Z", with the date where that isn't today's. */
static void put_clock(struct buf *out, int64_t at, int64_t now)
{
    enum { DATE = 10, MINUTE = 16 };
    char text[TIME_TEXT_SIZE], today[TIME_TEXT_SIZE];
    bool same_day;

    time_format(at, text);
    time_format(now, today);
    same_day = strncmp(text, today, DATE) == 0;
    buf_printf(out, "%.*sZ", same_day ? MINUTE - DATE - 1 : MINUTE, same_day ? text + DATE + 1 : text);
}

/* What nobody can prove is not claimed: a supervisor on another host is silent, not gone. */
static void put_gone(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->heard_of_at) {
        buf_puts(out, facts->threshold_ms ? "was never heard of"
                                          : "is gone (when it was last heard of is unknown)");
        return;
    }
    buf_puts(out, facts->threshold_ms ? "was last heard of at about " : "is gone since about ");
    put_clock(out, facts->heard_of_at, facts->now_ms);
    if (!facts->threshold_ms)
        buf_puts(out, " (last heard of)");
}

/* What the loss of its supervisor did to the command itself. */
static void put_cut_off(struct buf *out, const struct explain_facts *facts)
{
    if (facts->threshold_ms)
        return;
    if (word_is(facts->capture, "pty"))
        buf_puts(out, ", and its terminal was hung up then");
    else if (word_is(facts->capture, "pipe"))
        buf_puts(out, ", and what it wrote from then on failed, as nobody read its output");
}

static void put_threshold(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->threshold_ms)
        return;
    buf_puts(out, "; it was given up after ");
    word_duration(out, facts->threshold_ms);
    buf_puts(out, " without a heartbeat");
}

/* Without a length nothing was missed: it was asked for. */
static void put_watchdog(struct buf *out, const struct explain_facts *facts)
{
    if (facts->deadline_ms <= 0) {
        buf_puts(out, "asked to be ended by WATCHDOG=trigger");
        return;
    }
    buf_puts(out, "sent no WATCHDOG=1 for ");
    word_duration(out, facts->deadline_ms);
}

static void put_deadline(struct buf *out, const struct explain_facts *facts)
{
    static const char *const texts[][2] = {
        {"timeout", "ran past its timeout"},
        {"idle-timeout", "was silent beyond its idle timeout"},
    };
    const char *text = "ran past its deadline";

    if (word_is(facts->deadline, "watchdog")) {
        put_watchdog(out, facts);
        return;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (word_is(facts->deadline, texts[i][0]))
            text = texts[i][1];
    }
    buf_puts(out, text);
    if (facts->deadline_ms > 0) {
        buf_puts(out, " of ");
        word_duration(out, facts->deadline_ms);
    }
}

static void put_queued(struct buf *out, const struct explain_facts *facts)
{
    word_since(out, facts->queued_at, facts->now_ms);
}

static void put_waits(struct buf *out, const struct explain_facts *facts)
{
    if (facts->waits)
        buf_printf(out, "; %s", facts->waits);
}

static void put_running(struct buf *out, const struct explain_facts *facts)
{
    word_since(out, facts->started_at, facts->now_ms);
}

static void put_stopping(struct buf *out, const struct explain_facts *facts)
{
    if (!facts->stopped_by)
        return;
    buf_puts(out, ", being stopped by a ");
    word_text(out, facts->stopped_by);
    put_why(out, facts);
}

static void put_unknown_end(struct buf *out, const struct explain_facts *facts)
{
    word_text(out, facts->unknown_end);
}

typedef void put_fn(struct buf *out, const struct explain_facts *facts);

static const struct placeholder {
    const char *name;
    put_fn *put;
} placeholders[] = {
    {"after", put_after},
    {"as", put_as},
    {"before-stop", put_before_stop},
    {"completed", put_completed},
    {"cut-off", put_cut_off},
    {"deadline", put_deadline},
    {"end", put_end},
    {"gone", put_gone},
    {"helped", put_helped},
    {"in-round", put_in_round},
    {"left", put_left},
    {"number", put_number},
    {"open", put_open},
    {"queued", put_queued},
    {"result", put_result},
    {"running", put_running},
    {"session", put_session},
    {"spawn", put_spawn},
    {"stages", put_stages},
    {"stopping", put_stopping},
    {"then", put_then},
    {"threshold", put_threshold},
    {"unknown-end", put_unknown_end},
    {"waits", put_waits},
    {"why", put_why},
};

static void put_placeholder(struct buf *out, const char *name, size_t length,
                            const struct explain_facts *facts)
{
    for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
        if (strlen(placeholders[i].name) == length && memcmp(placeholders[i].name, name, length) == 0) {
            placeholders[i].put(out, facts);
            return;
        }
    }
}

void explain_fill(struct buf *out, const char *text, const struct explain_facts *facts)
{
    for (;;) {
        size_t plain = strcspn(text, "{");
        size_t name;

        buf_append(out, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        name = strcspn(++text, "}");
        put_placeholder(out, text, name, facts);
        text += name + 1;
    }
}
