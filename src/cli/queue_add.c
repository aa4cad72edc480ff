/* `queue add` and `queue retry`: a command that is to run later, with the environment of whoever asks. */
#include <supervise/cli/queued.h>
#include <supervise/cli/verbs.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/domain/id.h>
#include <supervise/process/identity.h>
#include <supervise/store/queue.h>
#include <supervise/supervisor/run.h>

/*
 * Ours, each text ended by a NUL. The socket that we were given to report to is nobody's by then; a
 * configuration that was named stays the one.
 */
static int environment_of(const struct cli *cli, struct buf *environment, struct error *err)
{
    static const char socket[] = "NOTIFY_SOCKET=", config[] = "SUPERVISE_CONFIG=";

    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, socket, strlen(socket)) != 0 &&
            !(cli->config_option && strncmp(*variable, config, strlen(config)) == 0))
            buf_append(environment, *variable, strlen(*variable) + 1);
    if (cli->config_option) {
        AUTOFREE char *path = path_absolute(cli->config_option);
        AUTOFREE char *variable = path ? mem_printf("%s%s", config, path) : NULL;

        if (!variable)
            return error_errno(err, "cannot find the way to %s", cli->config_option);
        buf_append(environment, variable, strlen(variable) + 1);
    }
    return 0;
}

/* The parent is who asks, not who will start it. */
static const char *caller_uid(void)
{
    const char *uid = getenv("SUPERVISE_EXECUTION_UID");

    return uid && *uid ? uid : NULL;
}

static void print_added(struct cli *cli, const struct execution_start *start,
                        const struct execution_begun *begun)
{
    if (cli->json)
        json_print(json_pack("{s:I, s:s}", "id", (json_int_t)begun->id, "uid", start->uid), false);
    else
        printf("%s\n", start->uid);
    fflush(stdout); /* the daemon must not be waited for by who reads it */
}

static void say_added(struct cli *cli, const struct queue_request *request, int64_t number,
                      const char *cancelled)
{
    AUTOFREE char *words = NULL;
    struct predecessor predecessor;
    struct error ignored; /* it is queued, whether or not it can be said what it waits for */

    if (cancelled) {
        say("#%" PRId64 " is cancelled at once, and will not run: %s", number, cancelled);
        return;
    }
    if (request->after_count > 0 &&
        queue_waits_for(cli->ledger, request->start.uid, &predecessor, &ignored) == 1)
        words = after_words(&predecessor);
    say("#%" PRId64 " is queued%s%s", number, words ? "; it waits for " : "", words ? words : "");
}

/* Adds it and says so. `request` lacks what is the same for all: UID, time, environment, parent. */
static int add(struct cli *cli, struct queue_request request, struct error *err)
{
    AUTOBUF struct buf environment = {0};
    AUTOFREE char *cancelled = NULL;
    struct execution_begun begun = {0};
    char uid[UID_LENGTH + 1];

    if (environment_of(cli, &environment, err) || identity_uid(uid, err))
        return -1;
    request.start.uid = uid;
    request.start.parent_uid = caller_uid();
    request.start.queued_at = wall_now_ms();
    request.environment = environment.data;
    request.environment_size = environment.len;
    if (queue_add(cli->ledger, &request, &begun, &cancelled, err))
        return -1;
    print_added(cli, &request.start, &begun);
    say_added(cli, &request, begun.id, cancelled);
    free(begun.session);
    if (!cancelled)
        queued_see_to_daemon(cli);
    return 0;
}

/* ---- add ---- */

static int check(const struct args *args, struct error *err)
{
    const char *session, *name = args_get(args, "name"), *stages = args_get(args, "stages");

    if (session_named(args, NO_WORD, &session, err))
        return -1;
    if (name && (!*name || strlen(name) > 256 || !utf8_valid(name, strlen(name))))
        return error_set(err, ERR_USAGE, "cannot use \"%s\" as a name: it must be 1 to 256 bytes of UTF-8",
                         name);
    if (stages && !session)
        return error_set(err, ERR_USAGE, "--stages needs --session: they are those of its workflow");
    return 0;
}

/* The UIDs of what it is to come after; the caller frees with free_list(). */
static int find_after(struct cli *cli, const struct args *args, char ***list, size_t *count,
                      struct error *err)
{
    size_t at = 0;
    const char *ref;

    while ((ref = args_next(args, "after", &at))) {
        struct execution *execution = NULL;

        if (execution_resolve(cli->ledger, ref, true, &execution, err))
            return -1;
        *list = mem_resize(*list, (*count + 1) * sizeof **list);
        (*list)[(*count)++] = mem_strdup(execution->uid);
        execution_free(execution);
    }
    return 0;
}

static void free_list(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

static int add_command(struct cli *cli, const struct args *args, char ***after, size_t *after_count,
                       struct error *err)
{
    AUTOBUF struct buf argv = {0};
    bool exact;
    AUTOFREE char *command = command_json(args->words, &exact);
    AUTOFREE char *cwd = path_absolute(".");
    struct queue_request request;

    if (!cwd)
        return error_errno(err, "cannot queue the command: the working directory");
    if (check(args, err) || cli_ledger(cli, LEDGER_WRITE, err) ||
        find_after(cli, args, after, after_count, err))
        return -1;
    for (char **word = args->words; !exact && *word; word++)
        buf_append(&argv, *word, strlen(*word) + 1);
    request = (struct queue_request){
        .start = {.name = args_get(args, "name"),
                  .session = args_get(args, "session"),
                  .stages = args_get(args, "stages"),
                  .command = command,
                  .argv = argv.data,
                  .argv_size = argv.len,
                  .cwd = cwd,
                  .attempt = 1,
                  .require_session = cli->settings->run_require_session},
        .after = (const char *const *)*after,
        .after_count = *after_count,
    };
    return add(cli, request, err);
}

static int run_add(struct cli *cli, const struct args *args)
{
    char **after = NULL;
    size_t count = 0;
    struct error err;
    int result = add_command(cli, args, &after, &count, &err);

    free_list(after, count);
    return result ? cli_fail(&err) : 0;
}

static const struct option add_options[] = {
    {'s', "session", "ID", "the session it drives; made where it doesn't exist"},
    {0, "stages", "A..B", "the stages of its workflow that it is to work through"},
    {0, "after", "REF", "start it once that has succeeded; may be repeated"},
    {'n', "name", "NAME", "a name to find it by"},
    {0},
};

const struct verb verb_queue_add = {
    .name = "queue add",
    .synopsis = "[OPTIONS] [--] COMMAND [ARG...]",
    .summary = "queue a command, with this environment and directory; prints its UID",
    .examples = "supervise queue add -- ./import.sh march  # runs when its turn comes\n"
                "supervise queue add --after 42 -- ./report.sh  # when #42 has succeeded\n"
                "supervise queue add -s book-1 -n draft -- claude -p 'write it'  # drives session book-1\n",
    .options = add_options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_add,
    .command = true,
};

/* ---- retry ---- */

static int check_retry(const struct execution *last, struct error *err)
{
    long long number = (long long)last->id;

    if (last->finished_at == NO_INT)
        return error_set(err, ERR_INVARIANT, "cannot queue #%lld again: it has not ended", number);
    if (strcmp(last->outcome, "success") == 0)
        return error_set(err, ERR_INVARIANT,
                         "cannot queue #%lld again: it has succeeded; a new one: supervise queue add",
                         number);
    return 0;
}

static int retry(struct cli *cli, const char *ref, struct execution **last, struct error *err)
{
    struct queue_request request;

    if (cli_ledger_existing(cli, err) || execution_resolve(cli->ledger, ref, false, last, err) ||
        check_retry(*last, err))
        return -1;
    request = (struct queue_request){
        .start = {.name = (*last)->name,
                  .session = (*last)->drives == 1 ? (*last)->session : NULL,
                  .stages = (*last)->drives == 1 ? (*last)->stages : NULL,
                  .command = (*last)->command,
                  .argv = (*last)->argv,
                  .argv_size = (*last)->argv_size,
                  .cwd = (*last)->cwd,
                  .attempt = (*last)->attempt + 1,
                  .require_session = (*last)->require_session == 1},
    };
    return add(cli, request, err);
}

static int run_retry(struct cli *cli, const struct args *args)
{
    struct execution *last = NULL;
    struct error err;
    int result = retry(cli, args->words[0], &last, &err);

    execution_free(last);
    return result ? cli_fail(&err) : 0;
}

const struct verb verb_queue_retry = {
    .name = "queue retry",
    .synopsis = "REF",
    .summary = "queue the command of what didn't succeed again, as its next attempt; prints its UID",
    .examples = "supervise queue retry 42  # in the directory of #42, with this environment\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_retry,
};
