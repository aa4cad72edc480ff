/* A page about one execution or session: what it came to first, then the facts, then the last lines of its
 * output. */
#include <supervise/cli/pages.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/cli/words.h>
#include <supervise/domain/duration.h>
#include <supervise/domain/phases.h>
#include <supervise/supervisor/log_reader.h>

enum { TAIL_LINES = 10, SESSION_EXECUTIONS = 10, PAGE_LINES = 10 };

static void time_line(const char *label, int64_t wall_ms)
{
    AUTOFREE char *time = words_time(wall_ms);
    AUTOFREE char *age = words_age(wall_ms);

    if (*time)
        words_linef(label, "%s (%s)", time, age);
}

static void number_line(const char *label, int64_t number)
{
    if (number != NO_INT)
        words_linef(label, "%" PRId64, number);
}

static void verdict_lines(struct cli *cli, const struct execution *execution)
{
    bool color = cli_color(cli, stdout);
    const char *style;
    const char *label = outcome_label(execution, execution_standing(cli, execution), &style);
    AUTOFREE char *explanation = NULL;
    AUTOFREE char *next = NULL;

    words_explain(cli, execution, &explanation, &next);
    words_linef("Execution", "#%" PRId64 "%s%s", execution->id, execution->name ? " " : "",
                execution->name ? execution->name : "");
    if (color && style)
        printf("%-14s\033[%sm%s\033[0m\n", "State:", style, label);
    else
        words_line("State", label);
    words_line("Explanation", explanation);
    words_line("Next", next);
}

static void session_lines(const struct execution *execution)
{
    AUTOFREE char *phase = words_phase(execution->phase, execution->phase_number, execution->phase_count);

    if (execution->session)
        words_linef("Session", "%s (%s)", execution->session, execution->drives == 1 ? "drives it" : "helps");
    words_line("Workflow", execution->workflow);
    words_line("Phase", phase);
    number_line("Round", execution->round);
    words_line("Stages", execution->stages);
}

static void time_lines(const struct execution *execution)
{
    AUTOFREE char *took = words_took(execution);

    time_line("Queued", execution->queued_at);
    time_line("Started", execution->started_at);
    time_line("Finished", execution->finished_at);
    words_line("Took", took);
    time_line("Cancel asked", execution->cancel_requested_at);
    if (execution->finished_at == NO_INT) {
        time_line("Heartbeat", execution->heartbeat_at);
        time_line("Activity", execution->activity_at);
        time_line("Progress", execution->progress_at);
    }
}

static void usage_line(const char *usage)
{
    json_t *object = usage ? json_loads(usage, 0, NULL) : NULL;
    char user[64], system[64], memory[64];

    if (json_is_object(object)) {
        duration_human(json_integer_value(json_object_get(object, "user_ms")), user, sizeof user);
        duration_human(json_integer_value(json_object_get(object, "system_ms")), system, sizeof system);
        size_format(json_integer_value(json_object_get(object, "max_rss_kib")) * 1024, memory, sizeof memory);
        words_linef("Usage", "%s user, %s system, %s of memory", user, system, memory);
    }
    json_decref(object);
}

static void process_lines(const struct execution *execution)
{
    number_line("Exit code", execution->exit_code);
    number_line("Signal", execution->signal);
    words_line("Stopped by", execution->stopped_by);
    if (execution->spawn_errno != NO_INT)
        words_line("Spawn error", strerror((int)execution->spawn_errno));
    if (execution->finished_at == NO_INT) {
        number_line("Process", execution->pid);
        number_line("Supervisor", execution->supervisor_pid);
    }
    words_line("Host", execution->host);
    usage_line(execution->usage);
}

static void note_lines(const char *notes)
{
    json_t *array = notes ? json_loads(notes, 0, NULL) : NULL, *note;
    size_t index;

    json_array_foreach(array, index, note)
        words_line("Note", json_string_value(note));
    json_decref(array);
}

/* One line of output as a terminal can take it: any bytes may stand in it, and a pty ends it with CR LF. */
static void output_line(const char *line, size_t length)
{
    AUTOBUF struct buf visible = {0};

    if (length > 0 && line[length - 1] == '\r')
        length--;
    text_visible(&visible, line, length);
    printf("  %s\n", visible.data);
}

static void output_lines(const char *title, const struct execution *execution)
{
    AUTOBUF struct buf tail = {0};
    struct error err;

    if (!execution->log)
        return;
    if (log_tail(execution, TAIL_LINES, &tail, &err) < 0) {
        say_warning("%s", err.text);
        return;
    }
    if (tail.len > 0)
        printf("\n%s:\n", title);
    for (size_t at = 0; at < tail.len;) {
        const char *end = memchr(tail.data + at, '\n', tail.len - at);
        size_t length = end ? (size_t)(end - (tail.data + at)) : tail.len - at;

        output_line(tail.data + at, length);
        at += length + 1;
    }
}

/* Where the work stands that it is a part of. */
static void session_pipeline(struct cli *cli, const char *id)
{
    struct session *session = NULL;
    struct error err;

    if (!id)
        return;
    if (session_get(cli->ledger, id, &session, &err) < 0)
        say_warning("%s", err.text);
    if (session)
        pipeline_print(cli, session->stages);
    session_free(session);
}

void execution_page(struct cli *cli, const struct execution *execution)
{
    AUTOFREE char *command = words_command(execution->command);

    verdict_lines(cli, execution);
    words_line("Status", execution->status_text);
    words_line("Command", command);
    words_line("Directory", execution->cwd);
    session_lines(execution);
    if (execution->attempt > 1)
        number_line("Attempt", execution->attempt);
    time_lines(execution);
    process_lines(execution);
    words_line("Agent", execution->agent);
    words_line("Agent session", execution->agent_session);
    note_lines(execution->notes);
    words_line("UID", execution->uid);
    words_line("Parent", execution->parent_uid);
    words_line("Log", execution->log);
    session_pipeline(cli, execution->session);
    output_lines("Output", execution);
}

/* "context, analysis, [reviews], complete": all there are, and where it is. Without a workflow there is only
 * that. */
static void phase_lines(const struct session *session)
{
    json_t *definition = session->definition ? json_loads(session->definition, 0, NULL) : NULL;
    const json_t *phases = json_object_get(definition, "phases"), *phase;
    AUTOFREE char *here = words_phase(session->phase, session->phase_number, session->phase_count);
    AUTOBUF struct buf line = {0};
    size_t i;

    json_array_foreach(phases, i, phase) {
        const char *name = json_string_value(phase);
        bool current = session->phase && strcmp(name, session->phase) == 0;

        buf_printf(&line, "%s%s%s%s", i ? ", " : "", current ? "[" : "", name, current ? "]" : "");
    }
    words_line("Phase", here);
    words_line("Phases", line.data);
    json_decref(definition);
}

static void round_line(const json_t *round)
{
    static const struct {
        const char *member, *word;
    } times[] = {{"opened_at", "opened"}, {"completed_at", "completed"}, {"settled_at", "settled"}};
    const char *settled_as = json_string_value(json_object_get(round, "settled_as"));
    AUTOFREE char *label =
        mem_printf("Round %lld", (long long)json_integer_value(json_object_get(round, "round")));
    AUTOBUF struct buf line = {0};

    buf_puts(&line, settled_as                                                ? settled_as
                    : json_is_integer(json_object_get(round, "completed_at")) ? "complete, and still open"
                                                                              : "open");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const json_t *at = json_object_get(round, times[i].member);
        AUTOFREE char *time = words_time(json_is_integer(at) ? json_integer_value(at) : NO_INT);

        if (*time)
            buf_printf(&line, "%s%s %s", i ? ", " : "; ", times[i].word, time);
    }
    words_line(label, line.data);
}

/* The newest openings, of which a session may have had very many, in their order. */
static void round_lines(const struct session *session)
{
    json_t *rounds = json_loads(session->rounds, 0, NULL);
    size_t count = json_array_size(rounds);

    for (size_t i = count > PAGE_LINES ? count - PAGE_LINES : 0; i < count; i++)
        round_line(json_array_get(rounds, i));
    json_decref(rounds);
}

/* What closing it as completed still needs. */
static void need_lines(const struct session *session)
{
    json_t *needs = strcmp(session->status, "active") == 0 ? json_loads(session->needs, 0, NULL) : NULL,
           *need;
    size_t count = json_array_size(needs), i;

    json_array_foreach(needs, i, need)
        if (i < PAGE_LINES)
            words_line("To close", json_string_value(need));
    if (count > PAGE_LINES)
        words_linef("To close", "and %zu more: `supervise session close` lists all", count - PAGE_LINES);
    json_decref(needs);
}

/* Its newest executions, as a table below the rest, and what the newest of them wrote. */
static int session_executions(struct cli *cli, const struct session *session, struct error *err)
{
    struct execution_filter filter = {.session = session->id, .since = NO_INT, .limit = SESSION_EXECUTIONS};
    struct execution_list list = {0};
    AUTOFREE char *title = NULL;

    if (executions_list(cli->ledger, &filter, &list, err) < 0)
        return -1;
    if (list.count > 0) {
        puts("\nExecutions, newest first:");
        executions_table(cli, &list);
        title = mem_printf("Output of #%" PRId64, list.items[0]->id);
        output_lines(title, list.items[0]);
    }
    execution_list_free(&list);
    return 0;
}

/* What is to be waited for, by its number, since several may be in flight: the newest that drives the
 * session, else the newest; NO_INT where none is any more. */
static int in_flight(struct cli *cli, const char *id, int64_t *number, struct error *err)
{
    struct execution_filter filter = {.session = id, .since = NO_INT, .limit = NO_INT, .in_flight = true};
    struct execution_list list = {0};

    *number = NO_INT;
    if (executions_list(cli->ledger, &filter, &list, err) < 0)
        return -1;
    for (size_t i = list.count; i-- > 0;)
        if (list.items[i]->drives == 1 || (*number == NO_INT && i == 0))
            *number = list.items[i]->id;
    execution_list_free(&list);
    return 0;
}

/* The first phase to which its workflow leads from here, as a shell takes it; NULL where none is left of this
 * round. The caller frees. */
static char *next_phase(const struct session *session)
{
    json_t *definition = session->definition ? json_loads(session->definition, 0, NULL) : NULL;
    const json_t *targets =
        phase_final(definition, session->phase) ? NULL : phase_targets(definition, session->phase);
    json_t *command = json_pack("[O*]", json_array_get(targets, 0));
    AUTOFREE char *text = json_array_size(command) ? json_dumps(command, JSON_COMPACT) : NULL;

    json_decref(command);
    json_decref(definition);
    return text ? words_command(text) : NULL;
}

/* What to do next, and how it is typed. */
static int next_line(struct cli *cli, const struct session *session, struct error *err)
{
    static const char *const commands[][2] = {
        {"resume", "resume"}, {"close", "session close"}, {"reopen", "session begin"}};
    AUTOFREE char *command = NULL, *phase = NULL;
    int64_t number = NO_INT;

    if (strcmp(session->next, "wait") == 0 && in_flight(cli, session->id, &number, err) < 0)
        return -1;
    if (number != NO_INT)
        command = mem_printf("wait %" PRId64, number);
    if (strcmp(session->next, "advance") == 0 && (phase = next_phase(session)))
        command = mem_printf("session advance %s --session %s", phase, session->id);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i][0], session->next) == 0)
            command = mem_printf("%s %s", commands[i][1], session->id);
    words_linef("Next", "%s%s%s", session->next, command ? ": supervise " : "", command ? command : "");
    return 0;
}

int session_page(struct cli *cli, const struct session *session, struct error *err)
{
    AUTOFREE char *totals = words_totals(session->totals);

    words_line("Session", session->id);
    words_linef("Status", "%s%s%s", session->status, session->close_reason ? ", " : "",
                session->close_reason ? session->close_reason : "");
    words_line("Completeness", session->completeness);
    if (next_line(cli, session, err) < 0)
        return -1;
    words_line("Workflow", session->workflow);
    phase_lines(session);
    round_lines(session);
    need_lines(session);
    time_line("Started", session->started_at);
    time_line("Updated", session->updated_at);
    time_line("Closed", session->closed_at);
    words_line("Totals", totals);
    pipeline_print(cli, session->stages);
    return session_executions(cli, session, err);
}
