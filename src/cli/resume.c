/*
 * `resume`: runs the last command of a session again, or what continues the agent's own conversation, on the
 * same session, as the next attempt. It says what it runs and why; where it can't, which of the reasons it is
 * and what to do.
 */
#include <supervise/cli/runner.h>
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/cli/words.h>
#include <supervise/config/agents.h>
#include <supervise/domain/agent_resume.h>
#include <supervise/process/spawn.h>
#include <supervise/store/checkpoint.h>

/*
 * Of a session the newest execution that drives it counts, whichever of those was named: what an agent ran
 * below `supervise` meanwhile only helped.
 */
static int find_last(struct cli *cli, const char *ref, struct execution **last, struct error *err)
{
    struct execution *driver = NULL;

    if (cli_ledger_existing(cli, err) || execution_resolve(cli->ledger, ref, false, last, err))
        return -1;
    if (!(*last)->session || ((*last)->drives != 1 && strcmp((*last)->session, ref) != 0))
        return 0;
    if (execution_driver(cli->ledger, (*last)->session, &driver, err))
        return -1;
    if (driver) {
        execution_free(*last);
        *last = driver;
    }
    return 0;
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

/* What the agent is told: to go on, and what its session lacks, or without one how its last run ended. */
static int prompt_of(struct cli *cli, const struct execution *last, char **prompt, struct error *err)
{
    const char *order = cli->settings->agents_resume_prompt;
    AUTOFREE char *missing = NULL, *explanation = NULL, *next = NULL;

    if (last->drives == 1 && words_missing(cli, last->session, &missing, err))
        return -1;
    words_explain(cli, last, &explanation, &next);
    *prompt = missing ? mem_printf("%s %s", order, missing)
                      : mem_printf("%s How your last run ended: %s.", order, explanation);
    return 0;
}

/* What runs, and why. */
struct choice {
    char **words; /* ended by NULL */
    char *why;
    bool prompted; /* an agent is told in these words what to do */
};

/* What continues the agent's conversation; choice->words stays NULL where that can't be. */
static int choose_agent(struct cli *cli, const struct execution *last, char *const *argv,
                        struct choice *choice, struct error *err)
{
    json_t *agents = settings_agents(cli->settings);
    const json_t *agent = json_object_get(agents, last->agent);
    AUTOFREE char *prompt = NULL;
    struct agent_resume facts = {
        .argv = argv, .program = agent_program(agents, argv, last->agent), .session = last->agent_session};

    if (!last->agent_session) {
        choice->why = mem_printf("no session id of %s was captured, so the same command again", last->agent);
        return 0;
    }
    if (prompt_of(cli, last, &prompt, err))
        return -1;
    facts.prompt = prompt;
    choice->words = agent_resume_words(agent, &facts, &choice->prompted);
    choice->why =
        choice->words
            ? mem_printf("%s's own session %s", last->agent, last->agent_session)
            : mem_printf("%s's own session %s can't be gone on with by what the command and [agent.%s] say, "
                         "so the same command again",
                         last->agent, last->agent_session, last->agent);
    return 0;
}

static int choose(struct cli *cli, const struct execution *last, struct choice *choice, struct error *err)
{
    char **words = runner_words(last->command, last->argv);

    if (last->agent && choose_agent(cli, last, words, choice, err)) {
        runner_free_words(words);
        return -1;
    }
    if (choice->words)
        runner_free_words(words);
    else
        choice->words = words;
    if (!choice->why)
        choice->why = mem_strdup("the same command again");
    return 0;
}

static void say_what(const struct execution *last, const struct choice *choice, const struct run_plan *plan)
{
    json_t *array = json_array();
    AUTOFREE char *text = NULL, *command = NULL;
    AUTOFREE char *where = plan->session ? mem_printf(" in session %s", plan->session) : mem_strdup("");
    AUTOFREE char *from =
        plan->resume_from ? mem_printf(" from checkpoint %s", plan->resume_from) : mem_strdup("");

    for (char **word = choice->words; *word; word++)
        json_array_append_new(array, text_json(*word));
    text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    command = words_command(text);
    say("resuming #%lld%s%s, attempt %lld: %s (%s)", (long long)last->id, where, from,
        (long long)plan->attempt, command, choice->why);
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

/*
 * The plan of the next attempt. An agent that is told what to do in its words gets no stdin but a terminal:
 * several read all of a pipe before they begin, and one that nobody closes keeps them waiting for ever.
 */
static struct run_plan plan_of(struct cli *cli, const struct execution *last, const struct choice *choice)
{
    const struct settings *settings = cli->settings;

    return (struct run_plan){
        .argv = choice->words,
        .session = last->drives == 1 ? last->session : NULL,
        .stages = last->drives == 1 ? last->stages : NULL,
        .name = last->name,
        .cwd = last->cwd,
        .settings = settings,
        .attempt = last->attempt + 1,
        .timeout_ms = settings->run_timeout,
        .idle_timeout_ms = settings->run_idle_timeout,
        .kill_after_ms = settings->run_kill_after,
        .require_session = last->require_session == 1,
        .capture = run_capture(settings->run_capture, false),
        .stdin_null = choice->prompted && !isatty(STDIN_FILENO),
    };
}

static int go_on(struct cli *cli, const struct execution *last, struct inherited *inherited)
{
    struct choice choice = {0};
    struct run_plan plan;
    AUTOFREE char *checkpoint = NULL;
    struct error err;
    int status;

    if (choose(cli, last, &choice, &err))
        return cli_fail(&err);
    plan = plan_of(cli, last, &choice);
    if (check_program(last, choice.words, &err) ||
        (plan.session && checkpoint_last(cli->ledger, plan.session, &checkpoint, &err))) {
        status = cli_fail(&err);
    } else {
        plan.resume_from = checkpoint;
        say_what(last, &choice, &plan);
        cli_ledger_close(
            cli); /* the wrapper opens its own, and nothing of SQLite may be open across its fork */
        if (run_here(cli, &plan, inherited, &status, &err))
            status = cli_fail(&err);
    }
    runner_free_words(choice.words);
    free(choice.why);
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
