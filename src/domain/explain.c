/*
 * Explanations: a sentence with placeholders for each state and reason, and the command that comes next. The
 * facts themselves are written by explain_fact.c.
 */
#include <supervise/domain/explain.h>

#include <supervise/domain/explain_fact.h>
#include <supervise/domain/explain_word.h>

#include <string.h>

enum next {
    NEXT_NONE,
    NEXT_CLOSE,
    NEXT_LOG,
    NEXT_FOLLOW,
    NEXT_DRIVE,
    NEXT_RESUME,
    NEXT_BEGIN,
    NEXT_IN_SESSION,
    NEXT_SWEEP
};

/* NEXT_DRIVE is decided by the session: see next_of(). */
static const char *const next_commands[] = {
    [NEXT_LOG] = "supervise log {number}",
    [NEXT_FOLLOW] = "supervise log -f {number}",
    [NEXT_RESUME] = "supervise resume {number}",
    [NEXT_BEGIN] = "supervise session begin --session {session}",
    [NEXT_CLOSE] = "supervise session close {session}",
    [NEXT_IN_SESSION] = "supervise run --session NAME -- ...",
    [NEXT_SWEEP] = "supervise sweep",
};

struct sentence {
    enum outcome outcome;
    enum next next;
    const char *key; /* the reason, or the state where there is no outcome */
    const char *text;
};

static const struct sentence sentences[] = {
    {OUTCOME_NONE, NEXT_NONE, "queued", "queued{queued}{waits}"},
    {OUTCOME_NONE, NEXT_FOLLOW, "running", "running{running}{stopping}"},
    {OUTCOME_NONE, NEXT_SWEEP, "unsupervised",
     "running{running}{stopping}, but its supervisor {gone}, so its end will not be seen as it happens"},
    {OUTCOME_NONE, NEXT_SWEEP, "lost", "not known to have ended{running}, but its supervisor {gone}"},

    {OUTCOME_SUCCESS, NEXT_NONE, "completed", "{end}, and session {session} {completed}{before-stop}"},
    {OUTCOME_SUCCESS, NEXT_NONE, "exit", "{end}{helped}"},
    {OUTCOME_SUCCESS, NEXT_NONE, "stages-done", "{end}, and every step of {stages} is done or skipped"},

    {OUTCOME_INCOMPLETE, NEXT_DRIVE, "agent-unfinished",
     "{end}, but its own result record says that it did not finish{result}"},
    {OUTCOME_INCOMPLETE, NEXT_IN_SESSION, "no-session",
     "{end}, but it was to work in a session and had none"},
    {OUTCOME_INCOMPLETE, NEXT_DRIVE, "stages-unfinished",
     "{end}, but not every step of {stages} in session {session} is done or skipped{left}"},
    {OUTCOME_INCOMPLETE, NEXT_DRIVE, "session-active", "{end}, but session {session} {open}{left}"},
    {OUTCOME_INCOMPLETE, NEXT_DRIVE, "session-stale",
     "{end}, but session {session} was closed as stale{in-round}"},
    {OUTCOME_INCOMPLETE, NEXT_DRIVE, "session-aborted",
     "{end}, but session {session} was aborted{in-round}{why}"},

    {OUTCOME_FAILED, NEXT_NONE, "spawn", "never started: {spawn}"},
    {OUTCOME_FAILED, NEXT_DRIVE, "orphaned",
     "its supervisor {gone}; how the command ended is unknown{cut-off}{threshold}"},
    {OUTCOME_FAILED, NEXT_DRIVE, "unknown-end", "how it ended is not known: {unknown-end}"},
    {OUTCOME_FAILED, NEXT_LOG, "deadline", "{deadline}, and was stopped{after}{then}"},
    {OUTCOME_FAILED, NEXT_LOG, "signal", "{end}"},
    {OUTCOME_FAILED, NEXT_LOG, "exit", "{end}"},

    {OUTCOME_CANCELLED, NEXT_DRIVE, "cancelled", "cancelled{after}{why}{then}"},
    {OUTCOME_CANCELLED, NEXT_DRIVE, "session-closed",
     "ended{after}, because its session {session} was closed{as}{why}{then}"},
};

/* A reason that a newer program wrote is still told with how it ended. */
static const struct sentence unheard_of = {OUTCOME_NONE, NEXT_NONE, NULL, "{end}"};

static const char *key_of(const struct explain_facts *facts)
{
    if (facts->state == EXPLAIN_QUEUED)
        return "queued";
    if (facts->state == EXPLAIN_FINISHED)
        return facts->unknown_end && word_is(facts->verdict.reason, "orphaned") ? "unknown-end"
                                                                                : facts->verdict.reason;
    if (facts->lost)
        return "lost";
    return facts->unsupervised ? "unsupervised" : "running";
}

static const struct sentence *sentence_of(const struct explain_facts *facts)
{
    const char *key = key_of(facts);

    for (size_t i = 0; key && i < sizeof sentences / sizeof *sentences; i++) {
        if (sentences[i].outcome == facts->verdict.outcome && strcmp(sentences[i].key, key) == 0)
            return &sentences[i];
    }
    return &unheard_of;
}

char *explain(const struct explain_facts *facts)
{
    struct buf out = {0};

    explain_fill(&out, sentence_of(facts)->text, facts);
    explain_also(&out, facts);
    return buf_take(&out);
}

/*
 * Where the execution drives a session that is open, the session goes on. A closed one has to be begun again
 * first, unless its work is done.
 */
static enum next driven_on(const struct explain_facts *facts)
{
    if (!facts->session || !facts->drives)
        return NEXT_LOG;
    /* Where phases say that the work is done, only saying so is missing; without them exit 0 is all there is.
     */
    if (!word_is(facts->session_status, "closed"))
        return facts->phase_count > 0 && word_is(facts->session_next, "close") ? NEXT_CLOSE : NEXT_RESUME;
    if (!word_is(facts->close_reason, "completed"))
        return NEXT_BEGIN;
    return facts->verdict.outcome == OUTCOME_FAILED ? NEXT_LOG : NEXT_NONE;
}

static enum next next_of(const struct explain_facts *facts)
{
    enum next next = sentence_of(facts)->next;

    if (next == NEXT_DRIVE)
        next = driven_on(facts);
    /* The agent's own conversation can go on, wherever it stopped. */
    if (next == NEXT_LOG && facts->state == EXPLAIN_FINISHED && facts->agent_session)
        next = NEXT_RESUME;
    if ((next == NEXT_LOG || next == NEXT_FOLLOW) && (facts->no_log || facts->never_ran))
        return NEXT_NONE;
    if ((next == NEXT_LOG || next == NEXT_FOLLOW || next == NEXT_RESUME) && !facts->number)
        return NEXT_NONE;
    return next;
}

char *explain_next(const struct explain_facts *facts)
{
    enum next next = next_of(facts);
    struct buf out = {0};

    if (next == NEXT_NONE)
        return NULL;
    explain_fill(&out, next_commands[next], facts);
    return buf_take(&out);
}
