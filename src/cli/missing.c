/* What a session still lacks, and what to do next, as an agent is told when it stops or is resumed. */
#include <supervise/cli/words.h>

#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/phases.h>

enum { NEEDS_NAMED = 12 };

static void say_where(struct buf *out, const struct session *session)
{
    AUTOFREE char *phase = words_phase(session->phase, session->phase_number, session->phase_count);

    buf_printf(out, "Session %s is %s%s, round %lld.", session->id, *phase ? "in phase " : "active", phase,
               (long long)session->round);
}

static void say_needs(struct buf *out, const json_t *needs)
{
    size_t count = json_array_size(needs);

    buf_puts(out, count ? " Still missing" : " Nothing is missing");
    for (size_t i = 0; i < count && i < NEEDS_NAMED; i++)
        buf_printf(out, "%s %s", i == 0 ? ":" : ";", json_string_value(json_array_get(needs, i)));
    if (count > NEEDS_NAMED)
        buf_printf(out, "; and %zu more", count - NEEDS_NAMED);
    buf_puts(out, ".");
}

/* The phases that come next; NULL where none is left in this round. */
static const json_t *next_phases(const json_t *definition, const char *phase)
{
    return phase && !phase_final(definition, phase) ? phase_targets(definition, phase) : NULL;
}

static void say_next(struct buf *out, const json_t *definition, const char *phase, bool done)
{
    const json_t *phases = next_phases(definition, phase);
    json_t *name;
    size_t i;

    json_array_foreach((json_t *)phases, i, name)
        buf_printf(out, "%s%s", i == 0 ? " Next: supervise session advance " : " or ",
                   json_string_value(name));
    if (json_array_size(phases) == 0)
        buf_printf(out, " %s: supervise session close", done ? "Next" : "Then");
    buf_puts(out, ".");
}

/* What is missing in an active session; the caller frees. */
static char *describe(const struct session *session)
{
    json_t *definition = session->definition ? json_loads(session->definition, 0, NULL) : NULL;
    json_t *needs = json_loads(session->needs, 0, NULL);
    struct buf out = {0};

    say_where(&out, session);
    say_needs(&out, needs);
    if (session->implicit != 1)
        say_next(&out, definition, session->phase, json_array_size(needs) == 0);
    else if (json_array_size(needs) > 0)
        buf_puts(&out, " Next: finish what is open, or drop from the plan what is not needed.");
    json_decref(definition);
    json_decref(needs);
    return buf_take(&out);
}

int words_missing(struct cli *cli, const char *id, char **text, struct error *err)
{
    struct session *session;

    *text = NULL;
    if (session_get(cli->ledger, id, &session, err))
        return -1;
    if (session && strcmp(session->status, "active") == 0)
        *text = describe(session);
    session_free(session);
    return 0;
}
