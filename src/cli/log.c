/*
 * `log`: the output that was kept of an execution, as it came. Followed, it ends when the execution has ended
 * and all of its output was shown: the end is asked for before the output is read, so that the last bytes
 * can't fall between.
 */
#include <supervise/cli/asciicast.h>
#include <supervise/cli/log_replay.h>
#include <supervise/cli/log_view.h>
#include <supervise/cli/verbs.h>
#include <supervise/cli/words.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/base/time.h>
#include <supervise/domain/outcome.h>

enum {
    POLL_MS = 100,
    LIFE_TURNS = 10, /* how often a follower asks whether the supervisor lives */
    CLOSED_END_MS = 20000
};

struct showing {
    struct cli *cli;
    struct execution *execution;
    struct log_reader *reader; /* NULL until there is a path to read from */
    struct log_view *view;
    struct log_replay *replay; /* --replay: when, and how, it is written to stdout */
    struct asciicast *cast;    /* --asciicast: what is shown instead of the view, */
    struct cast_file *file;    /* and where */
    int only;                  /* enum log_stream; -1: both */
    int64_t tail;              /* NO_INT: from the first */
    bool gaps_said;            /* on stderr: what is on stdout is the command's alone */
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

/* A signal, or a reader that went away, has ended what we do. */
static bool is_over(const struct showing *showing)
{
    return (showing->replay && log_replay_over(showing->replay)) ||
           (showing->file && cast_file_over(showing->file));
}

static int put(struct showing *showing, const struct buf *text, struct error *err)
{
    if (showing->file)
        return cast_file_write(showing->file, text, err);
    if (showing->replay)
        return log_replay_write(showing->replay, text->data, text->len, err);
    if (text->len && fwrite(text->data, 1, text->len, stdout) < text->len)
        return error_errno(err, "cannot write the output");
    return 0;
}

static int show_chunk(struct showing *showing, struct log_chunk *chunk, struct buf *text, struct error *err)
{
    text->len = 0;
    if (showing->only >= 0 && (int)chunk->stream != showing->only)
        chunk->length = 0;
    if (chunk->length == 0 && chunk->gap_bytes == 0)
        return 0;
    if (showing->replay)
        log_replay_wait(showing->replay, chunk->wall_ms);
    if (is_over(showing))
        return 0;
    if (chunk->gap_bytes > 0 && showing->gaps_said) {
        fflush(stdout);
        say("%lld bytes of output are missing here", (long long)chunk->gap_bytes);
    }
    if (showing->cast)
        asciicast_chunk(showing->cast, chunk, text);
    else
        log_view_chunk(showing->view, chunk, text);
    return put(showing, text, err);
}

/* All there is at present. -1 with err. */
static int show_present(struct showing *showing, struct buf *text, struct error *err)
{
    struct log_chunk chunk;
    int result = 0;

    while (!is_over(showing) && (result = log_reader_next(showing->reader, &chunk, err)) > 0)
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

/*
 * What has happened to the execution since: where the ledger has changed, and where its supervisor is gone,
 * which may have written the end just before. The version is read first, so that no change falls between.
 */
static int look_out(struct showing *showing, unsigned turn, int64_t *version, bool *ended, struct error *err)
{
    const struct execution *execution = showing->execution;
    int64_t now = ledger_version(showing->cli->ledger);
    bool gone = false;
    bool lost = turn % LIFE_TURNS == 0 && execution->started_at != NO_INT &&
                execution_standing(showing->cli, execution) == STANDING_LOST;

    if (lost || now != *version || execution->finished_at != NO_INT)
        if (look_again(showing, &gone, err) < 0)
            return -1;
    *version = now;
    lost = lost && showing->execution->finished_at == NO_INT;
    if (lost)
        say("the supervisor of #%lld is gone: no more of its output will come",
            (long long)showing->execution->id);
    *ended = gone || lost || has_ended(showing->execution);
    return 0;
}

static int follow(struct showing *showing, struct buf *text, struct error *err)
{
    static const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    int64_t version = NO_INT; /* none: what is known is from before it */
    bool ended;

    for (unsigned turn = 0;; turn++) {
        if (look_out(showing, turn, &version, &ended, err) < 0 || show_step(showing, ended, text, err) < 0)
            return -1;
        /* Without a log, one that runs will not get one: its row has the path from the start. */
        if (ended || (!showing->execution->log && showing->execution->started_at != NO_INT))
            return 0;
        nanosleep(&pause, NULL);
    }
}

static int show_all(struct showing *showing, bool following, struct error *err)
{
    AUTOBUF struct buf text = {0};
    int result = following ? follow(showing, &text, err) : show_step(showing, false, &text, err);

    if (result < 0)
        return -1;
    text.len = 0;
    if (showing->cast)
        asciicast_end(showing->cast, &text);
    else
        log_view_end(showing->view, &text);
    if (put(showing, &text, err) < 0)
        return -1;
    return fflush(stdout) == 0 ? 0 : error_errno(err, "cannot write the output");
}

/* --- recordings --- */

static int64_t integer_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) && json_integer_value(value) > 0 ? json_integer_value(value) : NO_INT;
}

static int begin_cast(struct showing *showing, const char *path, struct error *err)
{
    const struct execution *execution = showing->execution;
    json_t *seen = execution->facts ? json_loads(execution->facts, 0, NULL) : NULL;
    const char *capture = json_string_value(json_object_get(seen, "capture"));
    AUTOFREE char *title = words_command(execution->command);
    AUTOBUF struct buf text = {0};
    struct asciicast_header header = {
        .columns = integer_of(seen, "columns"),
        .rows = integer_of(seen, "rows"),
        .started_at = execution->started_at,
        .title = title,
    };

    header.terminal = header.rows != NO_INT || (capture && strcmp(capture, "pty") == 0);
    json_decref(seen);
    showing->file = cast_file_open(path, err);
    if (!showing->file)
        return -1;
    showing->cast = asciicast_new(&header, &text);
    return put(showing, &text, err);
}

/* A recording that isn't whole leaves no file; a replay that a signal ended is ended by it here. */
static int end_recording(struct showing *showing, int result, struct error *err)
{
    bool whole = result == 0 && !is_over(showing);

    log_replay_end(showing->replay);
    asciicast_free(showing->cast);
    if (showing->file && cast_file_close(showing->file, whole, err) < 0)
        return -1;
    return result;
}

/* --- options --- */

/* What can't be had together. */
static const struct conflict {
    const char *option, *with, *why;
} conflicts[] = {
    {"raw", "json", "JSON has times, and bytes as text"},
    {"timestamps", "json", "JSON has them already"},
    {"timestamps", "raw", "it would not be raw"},
    {"replay", "follow", "what comes now is shown as it comes"},
    {"replay", "tail", "it begins at the beginning"},
    {"replay", "timestamps", "it is raw"},
    {"replay", "json", "it is raw"},
    {"asciicast", "follow", "it has what is there; wait for the end first"},
    {"asciicast", "tail", "it begins at the beginning"},
    {"asciicast", "timestamps", "it has its own"},
    {"asciicast", "json", "it is JSON of another kind"},
    {"asciicast", "raw", "it is text"},
    {"asciicast", "replay", "one writes a file, the other shows"},
};

static bool is_given(const struct cli *cli, const struct args *args, const char *name)
{
    return strcmp(name, "json") == 0 ? cli->json : args_has(args, name);
}

static int check_together(const struct cli *cli, const struct args *args, struct error *err)
{
    static const char *const of_replay[] = {"speed", "idle-limit"};

    for (size_t i = 0; i < sizeof conflicts / sizeof *conflicts; i++)
        if (is_given(cli, args, conflicts[i].option) && is_given(cli, args, conflicts[i].with))
            return error_set(err, ERR_USAGE, "cannot take --%s with --%s: %s", conflicts[i].option,
                             conflicts[i].with, conflicts[i].why);
    for (size_t i = 0; i < sizeof of_replay / sizeof *of_replay; i++)
        if (args_has(args, of_replay[i]) && !args_has(args, "replay"))
            return error_set(err, ERR_USAGE, "cannot take --%s without --replay: nothing else has a speed",
                             of_replay[i]);
    return 0;
}

/* "0.5", "2": digits and one point, above 0. */
static int read_speed(const char *text, double *speed, struct error *err)
{
    const char *point;

    *speed = 1;
    if (!text)
        return 0;
    point = strchr(text, '.');
    *speed = strtod(text, NULL);
    if (strspn(text, "0123456789.") != strlen(text) || (point && strchr(point + 1, '.')) || *speed <= 0 ||
        !isfinite(*speed))
        return error_set(err, ERR_USAGE,
                         "cannot take \"%s\" for --speed: it is no number above 0, as 0.5 or 10", text);
    return 0;
}

/* All that is wrong with the options is found here, before anything is opened. */
static int read_options(struct showing *showing, const struct args *args, struct log_style *style,
                        struct error *err)
{
    const char *stream = args_get(args, "stream");
    bool raw = args_has(args, "raw") || args_has(args, "replay");

    if (args_integer(args, "tail", 0, &showing->tail, err) < 0 || check_together(showing->cli, args, err) < 0)
        return -1;
    showing->only = !stream ? -1 : strcmp(stream, "err") == 0 ? LOG_ERR : LOG_OUT;
    *style = (struct log_style){
        .json = showing->cli->json,
        .timestamps = args_has(args, "timestamps"),
        .visible = !raw && isatty(STDOUT_FILENO),
        .plain = showing->cli->color && strcmp(showing->cli->color, "never") == 0,
    };
    showing->gaps_said = !style->json && !style->visible && !args_has(args, "asciicast");
    return 0;
}

static int run_log(struct cli *cli, const struct args *args)
{
    struct showing showing = {.cli = cli, .tail = NO_INT};
    bool following = args_has(args, "follow");
    const char *cast = args_get(args, "asciicast");
    int64_t idle_limit = 0;
    struct log_style style;
    struct error err;
    double speed;
    int result;

    if (read_options(&showing, args, &style, &err) < 0 ||
        read_speed(args_get(args, "speed"), &speed, &err) < 0 ||
        args_duration(args, "idle-limit", &idle_limit, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0 ||
        execution_resolve(cli->ledger, args->words[0], following, &showing.execution, &err) < 0)
        return cli_fail(&err);
    showing.view = log_view_new(&style);
    if (args_has(args, "replay"))
        showing.replay = log_replay_begin(showing.execution->started_at, speed, idle_limit);
    result = cast ? begin_cast(&showing, cast, &err) : 0;
    if (result == 0)
        result = show_all(&showing, following, &err);
    result = end_recording(&showing, result, &err);
    if (result == 0 && (!showing.reader || log_reader_missing(showing.reader)))
        say_nothing_kept(&showing);
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
    {0, "replay", NULL, "as it came: at the recorded speed, and raw; ^C ends it"},
    {0, "speed", "N", "with --replay: so many times as fast, such as 0.5 or 10"},
    {0, "idle-limit", "D", "with --replay: no pause is longer than this"},
    {0, "asciicast", "FILE",
     "a recording for asciinema (asciicast v2), written to FILE, or to stdout with -"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_log = {
    .name = "log",
    .synopsis = "[OPTIONS] REF",
    .summary = "the output that was kept of an execution",
    .examples = "supervise log @last  # all of it\n"
                "supervise log -f 42  # as it comes, until #42 has ended\n"
                "supervise log --tail 20 --timestamps nightly  # the last 20 lines and when they came\n"
                "supervise log --stream=err 42 > errors.txt  # stderr alone, byte for byte\n"
                "supervise log --replay --speed 4 --idle-limit 2s 42  # watch it again, faster\n"
                "supervise log --asciicast 42.cast 42  # to be played by asciinema, or on a web page\n",
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run_log,
};
