/*
 * `events`: the history, line by line. Read in portions, so that no transaction stays open while a slow
 * reader takes its time, which would keep the write-ahead log from being folded back.
 */
#include <supervise/cli/verbs.h>
#include <supervise/cli/words.h>

#include <stdlib.h>
#include <string.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>

enum { PORTION = 256 };

struct portion {
    struct buf lines;
    int count;
    int64_t last;
    bool json;
};

/* "exit_code=0 outcome=success": the members of an event's data for people. */
static void append_data(struct buf *out, const char *data)
{
    json_t *object = data ? json_loads(data, JSON_ALLOW_NUL, NULL) : NULL, *value;
    const char *key;

    json_object_foreach(object, key, value) {
        AUTOFREE char *text = json_is_string(value) ? mem_strdup(json_string_value(value))
                                                    : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

        if (json_is_null(value) || !text)
            continue;
        buf_puts(out, "  ");
        text_visible(out, key, strlen(key));
        buf_puts(out, "=");
        text_visible(out, text, strlen(text));
    }
    json_decref(object);
}

static void append_line(struct buf *out, const struct event *event)
{
    AUTOFREE char *time = words_time(event->at);
    AUTOFREE char *session = text_visible_dup(event->session ? event->session : "");

    buf_printf(out, "%lld  %s  %s", (long long)event->id, time, event->type);
    if (*session)
        buf_printf(out, "  %s", session);
    if (event->execution)
        buf_printf(out, "  %s", event->execution);
    append_data(out, event->data);
    buf_puts(out, "\n");
}

static void append_json(struct buf *out, const struct event *event)
{
    json_t *object = event_json(event);
    AUTOFREE char *text = json_dumps(object, JSON_COMPACT);

    if (text)
        buf_printf(out, "%s\n", text);
    json_decref(object);
}

static int take_event(const struct event *event, void *context)
{
    struct portion *portion = context;

    portion->last = event->id;
    if (portion->json)
        append_json(&portion->lines, event);
    else
        append_line(&portion->lines, event);
    return ++portion->count >= PORTION;
}

/* Everything after filter->after, which moves on; *printed counts. -1 with err. */
static int print_events(struct cli *cli, struct event_filter *filter, size_t *printed, struct error *err)
{
    struct portion portion;

    do {
        portion = (struct portion){.last = filter->after, .json = cli->json};
        if (events_each(cli->ledger, filter, take_event, &portion, err) < 0) {
            buf_free(&portion.lines);
            return -1;
        }
        if (portion.lines.len > 0)
            fwrite(portion.lines.data, 1, portion.lines.len, stdout);
        buf_free(&portion.lines);
        filter->after = portion.last;
        *printed += (size_t)portion.count;
    } while (portion.count >= PORTION && !ferror(stdout));
    return 0;
}

/* Whether the execution has ended: nothing more is to be expected of it. */
static int has_ended(struct cli *cli, const char *uid, bool *ended, struct error *err)
{
    struct execution *execution = NULL;

    *ended = false;
    if (!uid)
        return 0;
    if (execution_get(cli->ledger, uid, &execution, err) < 0)
        return -1;
    *ended = !execution || strcmp(execution->state, "finished") == 0;
    execution_free(execution);
    return 0;
}

/*
 * The first line for programs: what they read of the ledger from then on takes account of every event up to
 * that number. Another ledger in its place begins again, with another such line.
 */
static int begin_snapshot(struct cli *cli, struct event_filter *filter, int64_t *snapshot, struct error *err)
{
    int64_t newest;

    if (events_newest(cli->ledger, &newest, err))
        return -1;
    if (newest < *snapshot)
        filter->after = 0;
    if (cli->json && (*snapshot == NO_INT || newest < *snapshot))
        printf("{\"type\":\"snapshot\",\"snapshot\":%lld}\n", (long long)newest);
    *snapshot = newest;
    return 0;
}

static int follow(struct cli *cli, struct event_filter *filter, struct error *err)
{
    int64_t snapshot = NO_INT;
    size_t printed = 0;
    bool ended;

    for (;;) {
        if (begin_snapshot(cli, filter, &snapshot, err))
            return -1;
        /* Asked before the events are read: an end between the two is then seen in the next turn. */
        if (has_ended(cli, filter->execution, &ended, err) < 0 ||
            print_events(cli, filter, &printed, err) < 0)
            return -1;
        /* What was flushed in between has failed without a word of this. */
        if (fflush(stdout) != 0 || ferror(stdout) || ended)
            return 0;
        if (cli_await_change(cli, NO_INT, err) < 0)
            return -1;
    }
}

static int print_once(struct cli *cli, struct event_filter *filter, struct error *err)
{
    size_t printed = 0;

    if (print_events(cli, filter, &printed, err) < 0)
        return -1;
    if (printed == 0 && !cli->json)
        say("no event is recorded%s", filter->after > 0 ? " since" : "");
    return 0;
}

static int run_events(struct cli *cli, const struct args *args)
{
    struct event_filter filter = {0};
    struct execution *execution = NULL;
    struct session *session = NULL;
    struct error err;
    int result;

    if (args_integer(args, "since", 0, &filter.after, &err) < 0 || cli_ledger(cli, LEDGER_READ, &err) < 0)
        return cli_fail(&err);
    if (args->word_count > 0 && cli_resolve(cli, args->words[0], &execution, &session, &err) < 0)
        return cli_fail(&err);
    filter.execution = execution ? execution->uid : NULL;
    filter.session = session ? session->id : NULL;
    result = args_has(args, "follow") ? follow(cli, &filter, &err) : print_once(cli, &filter, &err);
    execution_free(execution);
    session_free(session);
    return result < 0 ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    {'f', "follow", NULL,
     "go on with what comes; for one execution, until it has ended; with --json first {\"snapshot\": ID}"},
    {0, "since", "ID", "only those after the event of this number"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_events = {
    .name = "events",
    .synopsis = "[OPTIONS] [REF]",
    .summary = "what happened, oldest first: all of it, or of one execution or session",
    .examples = "supervise events @last  # the life of the newest execution\n"
                "supervise events -f review-42  # a session's, as they happen\n"
                "supervise events --since 1042 --json  # for programs: an object a line\n",
    .options = options,
    .words_max = 1,
    .run = run_events,
};
