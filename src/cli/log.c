/*
 * `log`: the output that was kept of an execution, as it came. Followed, it ends when the execution has ended
 * and all of its output was shown: the end is asked for before the output is read, so that the last bytes
 * can't fall between.
 */
#include <supervise/cli/log_view.h>
#include <supervise/cli/verbs.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/domain/outcome.h>

enum { POLL_MS = 100, CLOSED_END_MS = 20000 };

struct showing {
    struct cli *cli;
    struct execution *execution;
    struct log_reader *reader; /* NULL until there is a path to read from */
    struct log_view *view;
    int only;       /* enum log_stream; -1: both */
    int64_t tail;   /* NO_INT: from the first */
    bool gaps_said; /* on stderr: what is on stdout is the command's alone */
};

/*
 * No more output will come. What was closed with its session has its end written first and its process ended
 * after that, which is waited for, but not for ever.
 */
static bool has_ended(const struct execution *execution)
{
    if (execution->finished_at == NO_INT)
        return false;
    return execution->exit_code != EXIT_SESSION_CLOSED || execution->pid == NO_INT ||
           wall_now_ms() - execution->finished_at > CLOSED_END_MS;
}

/* Why there is nothing to show. */
static void say_nothing_kept(const struct showing *showing)
{
    const struct execution *execution = showing->execution;
    long long number = (long long)execution->id;

    if (execution->log && execution->started_at != NO_INT && execution->finished_at == NO_INT)
        say("#%lld has written nothing yet", number);
    else if (execution->started_at == NO_INT && execution->finished_at == NO_INT)
        say("#%lld is queued: it has written nothing yet; wait for it with -f", number);
    else if (execution->started_at == NO_INT || execution->exit_code == EXIT_NEVER_STARTED)
        say("#%lld never ran: there is no output", number);
    else if (execution->log)
        say("no output of #%lld is kept: it wrote none, or its log was removed", number);
    else
        say("no output of #%lld is kept: it ran with capture \"none\"", number);
}

static int put(const struct buf *text, struct error *err)
{
    if (text->len && fwrite(text->data, 1, text->len, stdout) < text->len)
        return error_errno(err, "cannot write the output");
    return 0;
}

static int show_chunk(struct showing *showing, struct log_chunk *chunk, struct buf *text, struct error *err)
{
    text->len = 0;
    if (chunk->gap_bytes > 0 && showing->gaps_said) {
        fflush(stdout);
        say("%lld bytes of output are missing here", (long long)chunk->gap_bytes);
    }
    if (showing->only >= 0 && (int)chunk->stream != showing->only)
        chunk->length = 0;
    log_view_chunk(showing->view, chunk, text);
    return put(text, err);
}

/* All there is at present. -1 with err. */
static int show_present(struct showing *showing, struct buf *text, struct error *err)
{
    struct log_chunk chunk;
    int result;

    while ((result = log_reader_next(showing->reader, &chunk, err)) > 0)
        if (show_chunk(showing, &chunk, text, err) < 0)
            return -1;
    if (result == 0 && fflush(stdout) != 0)
        return error_errno(err, "cannot write the output");
    return result;
}

/* As soon as it is known where the output is kept. */
static int open_log(struct showing *showing, struct error *err)
{
    const struct execution *execution = showing->execution;

    if (showing->reader || !execution->log)
        return 0;
    showing->reader = log_reader_open(execution->log, execution->uid, err);
    if (!showing->reader)
        return -1;
    if (has_ended(execution))
        log_reader_ended(showing->reader);
    if (log_reader_unindexed(showing->reader))
        say_warning(
            "the index of this log is missing or damaged: times and streams are not known, and what is "
            "longer than log.max_size is not in order");
    if (showing->tail == NO_INT)
        return 0;
    return log_reader_to_tail(showing->reader, showing->tail, showing->only, 0, err);
}

/* The row as it is now; one that was pruned is as good as ended. */
static int look_again(struct showing *showing, bool *gone, struct error *err)
{
    struct execution *now = NULL;

    if (execution_get(showing->cli->ledger, showing->execution->uid, &now, err) < 0)
        return -1;
    *gone = !now;
    if (!now)
        return 0;
    execution_free(showing->execution);
    showing->execution = now;
    return 0;
}

static int show_step(struct showing *showing, bool ended, struct buf *text, struct error *err)
{
    if (open_log(showing, err) < 0)
        return -1;
    if (!showing->reader)
        return 0;
    if (ended)
        log_reader_ended(showing->reader);
    return show_present(showing, text, err);
}

static int follow(struct showing *showing, struct buf *text, struct error *err)
{
    static const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    int64_t version = ledger_version(showing->cli->ledger);
    bool ended = has_ended(showing->execution), gone = false;

    for (;;) {
        if (show_step(showing, ended, text, err) < 0)
            return -1;
        /* Without a log, one that runs will not get one: its row has the path from the start. */
        if (ended || (!showing->execution->log && showing->execution->started_at != NO_INT))
            return 0;
        nanosleep(&pause, NULL);
        if (ledger_version(showing->cli->ledger) != version || showing->execution->finished_at != NO_INT) {
            version = ledger_version(showing->cli->ledger);
            if (look_again(showing, &gone, err) < 0)
                return -1;
        }
        ended = gone || has_ended(showing->execution);
    }
}

static int show_all(struct showing *showing, bool following, struct error *err)
{
    AUTOBUF struct buf text = {0};
    int result = following ? follow(showing, &text, err) : show_step(showing, false, &text, err);

    if (result < 0)
        return -1;
    text.len = 0;
    log_view_end(showing->view, &text);
    if (put(&text, err) < 0 || fflush(stdout) != 0)
        return error_errno(err, "cannot write the output");
    if (!showing->reader || log_reader_missing(showing->reader))
        say_nothing_kept(showing);
    return 0;
}

static int read_options(struct showing *showing, const struct args *args, struct log_style *style,
                        struct error *err)
{
    const char *stream = args_get(args, "stream");
    bool raw = args_has(args, "raw");

    if (args_integer(args, "tail", 0, &showing->tail, err) < 0)
        return -1;
    if (showing->cli->json && (raw || args_has(args, "timestamps")))
        return error_set(err, ERR_USAGE, "cannot show JSON with --%s: it has times, and bytes as text",
                         raw ? "raw" : "timestamps");
    if (raw && args_has(args, "timestamps"))
        return error_set(err, ERR_USAGE, "cannot show --timestamps in --raw output: it would not be raw");
    showing->only = !stream ? -1 : strcmp(stream, "err") == 0 ? LOG_ERR : LOG_OUT;
    *style = (struct log_style){
        .json = showing->cli->json,
        .timestamps = args_has(args, "timestamps"),
        .visible = !raw && isatty(STDOUT_FILENO),
        .plain = showing->cli->color && strcmp(showing->cli->color, "never") == 0,
    };
    showing->gaps_said = !style->json && !style->visible;
    return 0;
}

static int run_log(struct cli *cli, const struct args *args)
{
    struct showing showing = {.cli = cli, .tail = NO_INT};
    bool following = args_has(args, "follow");
    struct log_style style;
    struct error err;
    int result;

    if (read_options(&showing, args, &style, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0 ||
        execution_resolve(cli->ledger, args->words[0], following, &showing.execution, &err) < 0)
        return cli_fail(&err);
    showing.view = log_view_new(&style);
    result = show_all(&showing, following, &err);
    log_view_free(showing.view);
    log_reader_close(showing.reader);
    execution_free(showing.execution);
    return result < 0 ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    {'f', "follow", NULL, "go on with what comes, until the execution has ended; of one that is queued too"},
    {0, "stream", "out|err", "only what was written to stdout, or to stderr"},
    {'t', "timestamps", NULL, "before each line the time (UTC) when it began"},
    {'n', "tail", "N", "begin with the last N lines"},
    {0, "raw", NULL, "every byte as it was written, on a terminal too"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_log = {
    .name = "log",
    .synopsis = "[OPTIONS] REF",
    .summary = "the output that was kept of an execution",
    .examples = "supervise log @last  # all of it\n"
                "supervise log -f 42  # as it comes, until #42 has ended\n"
                "supervise log --tail 20 --timestamps nightly  # the last 20 lines and when they came\n"
                "supervise log --stream=err 42 > errors.txt  # stderr alone, byte for byte\n",
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run_log,
};
