/*
 * `resume`: runs the last command of a session again, or what continues the agent's own conversation, on the
 * same session, as the next attempt. It says what it runs and why; where it can't, which of the reasons it is
 * and what to do.
 */
#include <supervise/cli/runner.h>
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/say.h>
#include <supervise/cli/words.h>
#include <supervise/process/spawn.h>
#include <supervise/store/checkpoint.h>

/* Of a session the newest execution counts, whichever of its executions was named. */
static int find_last(struct cli *cli, const char *ref, struct execution **last, struct error *err)
{
    struct execution *named = NULL;
    int result;

    if (cli_ledger_existing(cli, err) || execution_resolve(cli->ledger, ref, false, &named, err))
        return -1;
    if (!named->session || named->drives != 1) {
        *last = named;
        return 0;
    }
    result = execution_resolve(cli->ledger, named->session, false, last, err);
    execution_free(named);
    return result;
}

static int check_resumable(const struct execution *last, struct error *err)
{
    if (last->finished_at == NO_INT)
        return error_set(
            err, ERR_INVARIANT,
            "cannot resume #%lld: it has not ended; `supervise wait %lld`, or `supervise cancel %lld`",
            (long long)last->id, (long long)last->id, (long long)last->id);
    if (last->drives == 1 && strcmp(last->session_status, "closed") == 0)
        return error_set(err, ERR_INVARIANT,
                         "cannot resume #%lld: its session %s is closed; `supervise session begin --session "
                         "%s` opens it again",
                         (long long)last->id, last->session, last->session);
    return 0;
}

static char *with_session(const char *word, const char *session)
{
    const char *place = strstr(word, "{session}");

    if (!place)
        return mem_strdup(word);
    return mem_printf("%.*s%s%s", (int)(place - word), word, session, place + strlen("{session}"));
}

/* What continues the agent's conversation, or NULL where that isn't known. */
static char **agent_words(const struct cli *cli, const struct execution *last)
{
    const json_t *agent = last->agent ? json_object_get(settings_agents(cli->settings), last->agent) : NULL;
    json_t *resume = json_object_get(agent, "resume"), *word;
    char **words;
    size_t i;

    if (!last->agent_session || json_array_size(resume) == 0)
        return NULL;
    words = mem_alloc((json_array_size(resume) + 1) * sizeof *words);
    json_array_foreach(resume, i, word)
        words[i] = with_session(json_string_value(word), last->agent_session);
    return words;
}

static void say_what(const struct execution *last, char **words, bool agent, const struct run_plan *plan)
{
    json_t *array = json_array();
    AUTOFREE char *text = NULL, *command = NULL;
    AUTOFREE char *why =
        agent         ? mem_printf("%s's own session %s", last->agent, last->agent_session)
        : last->agent ? mem_printf("no session id of %s was captured, so the same command again", last->agent)
                      : mem_strdup("the same command again");
    AUTOFREE char *where = last->session ? mem_printf(" in session %s", last->session) : mem_strdup("");
    AUTOFREE char *from =
        plan->resume_from ? mem_printf(" from checkpoint %s", plan->resume_from) : mem_strdup("");

    for (char **word = words; *word; word++)
        json_array_append_new(array, text_json(*word));
    text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    command = words_command(text);
    say("resuming #%lld%s%s, attempt %lld: %s (%s)", (long long)last->id, where, from,
        (long long)plan->attempt, command, why);
}

static int check_program(const struct execution *last, char **words, struct error *err)
{
    if (spawn_finds(words[0], last->cwd))
        return 0;
    return error_set(
        err, ERR_NOT_FOUND,
        "cannot resume #%lld: %s is not found; install it, or run another command with `supervise run`",
        (long long)last->id, words[0]);
}

static int go_on(struct cli *cli, const struct execution *last, struct inherited *inherited)
{
    char **agent = agent_words(cli, last), **words = agent ? agent : runner_words(last->command, last->argv);
    struct run_plan plan = {
        .argv = words,
        .session = last->drives == 1 ? last->session : NULL,
        .stages = last->drives == 1 ? last->stages : NULL,
        .name = last->name,
        .cwd = last->cwd,
        .settings = cli->settings,
        .attempt = last->attempt + 1,
        .timeout_ms = cli->settings->run_timeout,
        .idle_timeout_ms = cli->settings->run_idle_timeout,
        .kill_after_ms = cli->settings->run_kill_after,
        .require_session = last->require_session == 1,
        .capture = run_capture(cli->settings->run_capture, false),
    };
    AUTOFREE char *checkpoint = NULL;
    struct error err;
    int status;

    if (check_program(last, words, &err) ||
        (plan.session && checkpoint_last(cli->ledger, plan.session, &checkpoint, &err))) {
        status = cli_fail(&err);
    } else {
        plan.resume_from = checkpoint;
        say_what(last, words, agent != NULL, &plan);
        cli_ledger_close(
            cli); /* the wrapper opens its own, and nothing of SQLite may be open across its fork */
        status = run_here(cli, &plan, inherited, false);
    }
    runner_free_words(words);
    return status;
}

static int resume(struct cli *cli, const struct args *args)
{
    struct inherited inherited;
    struct execution *last = NULL;
    struct error err;
    int status;

    run_inherit(&inherited);
    if (find_last(cli, args->words[0], &last, &err) || check_resumable(last, &err))
        status = cli_fail(&err);
    else
        status = go_on(cli, last, &inherited);
    execution_free(last);
    inherit_free(&inherited);
    return status;
}

const struct verb verb_resume = {
    .name = "resume",
    .synopsis = "REF",
    .summary = "run the last command of a session again, or continue its agent's conversation",
    .examples = "supervise resume 42        # what #42 left unfinished, on the same session\n"
                "supervise resume review-7  # the last command of session review-7\n",
    .words_min = 1,
    .words_max = 1,
    .run = resume,
    .wraps = true,
};
