/* `session advance` and `session complete-round`: through the phases, and from round to round. */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/cli/verbs.h>
#include <supervise/cli/words.h>

enum { DATA_MAX = 1024 * 1024 };

/* --round: any whole number, as near as it can be told; which of them may be asked for is the rules'
 * business. */
static int read_round(const struct args *args, int64_t *round, const int64_t **asked, struct error *err)
{
    const char *text = args_get(args, "round");
    char *end;

    *asked = NULL;
    if (!text)
        return 0;
    *round = strtoll(text, &end, 10);
    if (!strchr("+-0123456789", *text) || end == text || *end)
        return error_set(err, ERR_USAGE, "cannot take \"%s\" for --round: it is no whole number", text);
    *asked = round;
    return 0;
}

static void say_result(const struct advance_request *request, const struct advance_result *result)
{
    bool changed = result->moved || result->round_completed;
    AUTOFREE char *phase = words_phase(result->phase, result->phase_number, result->phase_count);

    say("session %s is %s %s%s%sround %" PRId64 "%s", request->id, changed ? "now in" : "already in",
        *phase ? "phase " : "", phase, *phase ? ", " : "", result->round,
        result->round_completed || (!changed && !request->phase) ? ", which is complete" : "");
    if (!changed && request->data)
        say_warning("--data is not recorded: there was nothing to do");
}

static int advance(struct cli *cli, const struct args *args, struct advance_request *request,
                   const char *named, struct error *err)
{
    struct advance_result result = {0};
    AUTOBUF struct buf data = {0};
    AUTOFREE char *id = NULL;
    bool only_active;

    if (cli_data(args, DATA_MAX, &data, err) < 0 || cli_ledger_existing(cli, err) < 0 ||
        cli_session(cli, named, &request->execution_uid, &id, &only_active, err) < 0 ||
        session_say_drift(cli, id, err) < 0)
        return -1;
    request->id = id;
    request->data = data.data;
    if (session_advance(cli->ledger, request, &result, err) < 0)
        return -1;
    say_result(request, &result);
    free(result.phase);
    return session_print(cli, id, false, err);
}

static int run_advance(struct cli *cli, const struct args *args)
{
    struct advance_request request = {.phase = args->words[0]};
    const char *named;
    int64_t round;
    struct error err;

    if (read_round(args, &round, &request.round, &err) < 0 || session_named(args, 1, &named, &err) < 0 ||
        advance(cli, args, &request, named, &err) < 0)
        return cli_fail(&err);
    return 0;
}

static int run_complete_round(struct cli *cli, const struct args *args)
{
    struct advance_request request = {0};
    const char *named;
    struct error err;

    if (session_named(args, 0, &named, &err) < 0 || advance(cli, args, &request, named, &err) < 0)
        return cli_fail(&err);
    return 0;
}

static const struct option advance_options[] = {
    {0, "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0, "round", "N", "only if this begins round N, the next one"},
    {0, "data", "FILE", "JSON to be kept with the event; \"-\" is stdin"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_advance = {
    .name = "session advance",
    .synopsis = "[OPTIONS] PHASE",
    .summary = "go on to a phase, along an edge of the workflow; a final one completes the round",
    .examples = "supervise session advance analysis  # inside a run: the session that it drives\n"
                "supervise session advance context --session review-42 --round 2  # the next round\n",
    .options = advance_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_advance,
};

static const struct option complete_round_options[] = {
    {0, "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0, "data", "FILE", "JSON to be kept with the event; \"-\" is stdin"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_session_complete_round = {
    .name = "session complete-round",
    .synopsis = "[OPTIONS] [ID]",
    .summary = "go on to the final phase, which completes the round; without phases, complete it",
    .examples =
        "echo '{\"findings\": 3}' | supervise session complete-round --data -  # with what came of it\n",
    .options = complete_round_options,
    .words_max = 1,
    .run = run_complete_round,
};
