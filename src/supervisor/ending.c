/*
 * The end of a life: what was seen, as facts and events, and how it is written: to the ledger in five tries,
 * else to the spool. What nobody could write is still judged, from what this process knows.
 */
#include "life.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/base/time.h>
#include <supervise/domain/outcome.h>
#include <supervise/domain/stop.h>
#include <supervise/store/spool.h>

enum { FINISH_TRIES = 5, AGENT_SAYS_COLUMNS = 200, SAY_STOPPED_MS = 1000, REAPED_WITHIN_MS = 1000 };

static int64_t own_code(const struct life *life)
{
    if (life->spawn_error)
        return EXIT_NEVER_STARTED;
    return WIFSIGNALED(life->wait_status) ? 128 + WTERMSIG(life->wait_status)
                                          : WEXITSTATUS(life->wait_status);
}

static int64_t own_signal(const struct life *life)
{
    return !life->spawn_error && WIFSIGNALED(life->wait_status) ? WTERMSIG(life->wait_status) : NO_INT;
}

static bool cancelled_by_signal(const struct life *life)
{
    int died_of = own_signal(life) == NO_INT ? 0 : (int)own_signal(life);

    for (const int *number = stop_signals; *number; number++)
        if (life->received >> *number & 1 && stop_is_cancel(*number, (int)own_code(life), died_of))
            return true;
    return false;
}

/*
 * On a terminal of its own the command is reaped by the leader of its session, and what it has used becomes
 * ours with that: in a moment, unless somebody has stopped it.
 */
static void reap_leader(const struct life *life)
{
    struct pollfd gone = {.fd = life->child.leader > 1 ? pidfd_open(life->child.leader, 0) : -1,
                          .events = POLLIN};

    if (gone.fd < 0)
        return;
    if (poll(&gone, 1, REAPED_WITHIN_MS) > 0)
        waitpid(life->child.leader, NULL, WNOHANG);
    close(gone.fd);
}

static char *usage_json(const struct life *life)
{
    struct rusage usage;

    reap_leader(life);
    getrusage(RUSAGE_CHILDREN, &usage);
    return mem_printf("{\"user_ms\":%lld,\"system_ms\":%lld,\"max_rss_kib\":%ld}",
                      (long long)usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000,
                      (long long)usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000,
                      usage.ru_maxrss);
}

/* How long the machine slept during the run; less than a second is the clocks' own jitter. */
static int64_t suspended_ms(const struct life *life)
{
    int64_t slept = slept_now_ms() - life->started_slept;

    return slept >= SLEEP_MS ? slept : 0;
}

static json_t *straggler_names(const json_t *stragglers)
{
    json_t *names = json_array(), *entry;
    size_t i;

    json_array_foreach(stragglers, i, entry)
        json_array_append(names, json_object_get(entry, "command"));
    return names;
}

const char *capture_name(enum capture capture)
{
    static const char *const names[] = {
        [CAPTURE_NONE] = "none", [CAPTURE_PIPE] = "pipe", [CAPTURE_PTY] = "pty"};

    return names[capture];
}

/* What was seen, as domain/explain.h names it. */
static char *facts_json(const struct life *life)
{
    json_t *facts = json_object();
    const char *last = life->log ? log_writer_last_line(life->log) : NULL;
    int64_t slept = suspended_ms(life);
    AUTOFREE char *says = agent_reader_text(life->reader);
    char *text;

    json_object_set_new(facts, "capture", json_string(capture_name(life->plan->capture)));
    if (life->size.ws_row && life->size.ws_col) {
        json_object_set_new(facts, "rows", json_integer(life->size.ws_row));
        json_object_set_new(facts, "columns", json_integer(life->size.ws_col));
    }
    if (slept)
        json_object_set_new(facts, "suspended_ms", json_integer(slept));
    if (own_signal(life) == SIGKILL && life->oom_kills >= 0 && oom_kill_count() > life->oom_kills)
        json_object_set_new(facts, "oom_kills", json_integer(oom_kill_count() - life->oom_kills));
    if (last && *last) {
        AUTOBUF struct buf clean = {0};

        text_to_utf8(&clean, last, strlen(last));
        json_object_set_new(facts, "last_line", json_string(clean.data));
    }
    if (!life->spawn_error)
        json_object_set_new(facts, "child_code", json_integer(own_code(life)));
    if (!life->spawn_error && WIFSIGNALED(life->wait_status) && WCOREDUMP(life->wait_status))
        json_object_set_new(facts, "core", json_true());
    if (life->stragglers)
        json_object_set_new(facts, "stragglers", straggler_names(life->stragglers));
    if (life->output_held)
        json_object_set_new(facts, "output_held", json_true());
    if (says)
        json_object_set_new(facts, "agent_says", json_stringn(says, text_fit(says, AGENT_SAYS_COLUMNS)));
    if (agent_reader_rate_limit(life->reader))
        json_object_set_new(facts, "rate_limit_over_at", json_integer(agent_reader_rate_limit(life->reader)));
    if (life->log_lost_text)
        json_object_set_new(facts, "log_lost", json_string(life->log_lost_text));
    if (life->deadline && life->stopped_first)
        json_object_set_new(
            facts, "deadline",
            json_pack("{s:s, s:I}", "kind", life->deadline, "ms", (json_int_t)life->deadline_ms));
    if (life->spawn_error) {
        AUTOBUF struct buf clean = {0};

        text_to_utf8(&clean, life->spawn_error, strlen(life->spawn_error));
        json_object_set_new(facts, "spawn_error", json_string(clean.data));
    }
    if (life->spawn_error || life->plan->child_status)
        json_object_set_new(facts, "wrapper_status",
                            json_integer(life->spawn_error ? life->spawn_status : own_code(life)));
    text = json_dumps(facts, JSON_COMPACT);
    json_decref(facts);
    return text;
}

/* The events of what was seen on the way and doesn't stand in the ledger yet; at most three. */
static size_t events_of(const struct life *life, struct execution_event events[3])
{
    int64_t slept = suspended_ms(life) - life->slept_told, now = wall_now_ms();
    size_t count = 0;

    if (life->deadline && life->stopped_first && !life->deadline_written)
        events[count++] = (struct execution_event){"execution_deadline", record_deadline_data(life),
                                                   life->deadline_struck_wall};
    if (slept >= SLEEP_MS)
        events[count++] =
            (struct execution_event){"host_suspended", mem_printf("{\"ms\":%lld}", (long long)slept), now};
    if (life->stragglers) {
        json_t *data = json_pack("{s:O}", "processes", life->stragglers);

        events[count++] = (struct execution_event){"stragglers_killed", json_dumps(data, JSON_COMPACT), now};
        json_decref(data);
    }
    return count;
}

/* Five tries, with growing pauses, within the busy timeout in all. */
static int finish_in_ledger(struct life *life, const struct execution_end *end, bool *known,
                            struct execution **row, struct error *err)
{
    int64_t whole = life->plan->settings->store_busy_timeout, began = awake_now_ms();

    for (int try = 0; try < FINISH_TRIES; try++) {
        int64_t left = whole - (awake_now_ms() - began), pause_ms = 20L << try;

        ledger_set_busy_timeout(life->ledger, left > 0 ? left / (FINISH_TRIES - try) : 0);
        if (!ledger_in_place(life->ledger))
            error_set(err, ERR_OTHER,
                      "cannot write to the ledger %s: the file there is not the one that was open",
                      ledger_path(life->ledger));
        else if (execution_finish(life->ledger, end, known, row, err) == 0)
            return 0;
        if (try + 1 < FINISH_TRIES && pause_ms < left)
            nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000}, NULL);
    }
    return -1;
}

/* What is known without the ledger: the row as this process wrote it, or would have. */
static struct execution *row_from_memory(const struct life *life, const struct execution_end *end)
{
    struct execution *row = mem_alloc(sizeof *row);
    bool exact;
    struct outcome_facts facts = {.finished = true,
                                  .exit_code = (int)end->exit_code,
                                  .signal = end->signal == NO_INT ? 0 : (int)end->signal,
                                  .session = life->begun.session != NULL,
                                  .drives = life->begun.drives,
                                  .require_session = life->plan->require_session,
                                  .stages = life->plan->stages ? STAGES_UNFINISHED : STAGES_NONE,
                                  .agent_unfinished = end->agent_unfinished};
    struct verdict verdict;

    if (end->stopped_by && end->exit_code >= 0)
        facts.exit_code = strcmp(end->stopped_by, "cancel") == 0 ? EXIT_CANCELLED : EXIT_DEADLINE;
    verdict = outcome_of(&facts);
    for (size_t i = 0; i < execution_field_count; i++)
        if (execution_fields[i].kind == FIELD_INT || execution_fields[i].kind == FIELD_TIME ||
            execution_fields[i].kind == FIELD_BOOL)
            *(int64_t *)((char *)row + execution_fields[i].offset) = NO_INT;
    if (life->ledger)
        row->id = life->begun.id;
    row->uid = mem_strdup(life->uid);
    row->name = mem_strdup(life->plan->name);
    row->command = command_json(life->plan->argv, &exact);
    row->log = mem_strdup(life->log_path);
    row->agent_session = mem_strdup(end->agent_session);
    row->state = mem_strdup("finished");
    row->outcome = mem_strdup(outcome_name(verdict.outcome));
    row->reason = mem_strdup(verdict.reason);
    row->exit_code = facts.exit_code;
    row->signal = end->signal;
    row->drives = life->begun.drives;
    row->session = mem_strdup(life->begun.session);
    row->stages = mem_strdup(life->plan->stages);
    row->in_current_round = life->begun.session ? 1 : NO_INT;
    row->duration_ms = end->duration_ms;
    row->started_at = life->started_wall;
    row->finished_at = end->finished_at;
    row->stopped_by = mem_strdup(end->stopped_by);
    row->status_text = mem_strdup(life->notified.status);
    row->facts = mem_strdup(end->facts);
    return row;
}

static void spool_end(struct life *life, const struct execution_end *end, const struct error *why)
{
    bool exact;
    AUTOFREE char *command = command_json(life->plan->argv, &exact);
    AUTOFREE char *path = NULL;
    AUTOBUF struct buf argv = {0};
    struct execution_start start;
    struct error err;

    record_argv(life, exact, &argv);
    start = record_start(life, command, &argv);

    if (spool_write(ledger_path(life->ledger), &start, &life->begun, end, &path, &err))
        say_error("the end of #%lld is lost to the ledger (%s), and %s", (long long)life->begun.id, why->text,
                  err.text);
    else
        say_warning("%s; the end of #%lld is kept in %s, and taken in by the next verb that writes",
                    why->text, (long long)life->begun.id, path);
}

/* A second session id of the agent's is said once, and changes nothing. */
static char *ignored_session(const struct life *life)
{
    const char *other = agent_scan_other(life->scan);

    return other ? mem_printf("a later session id of %s was ignored: %s", life->agent, other) : NULL;
}

void record_end(struct life *life, struct run_result *result)
{
    AUTOFREE char *usage = usage_json(life);
    AUTOFREE char *facts = facts_json(life);
    AUTOFREE char *note = ignored_session(life);
    AUTOFREE char *agent_result = agent_reader_result(life->reader);
    struct execution_event events[3];
    struct execution_said said;
    bool any_said = notify_unwritten(life, &said);
    struct execution_end end = {
        .uid = life->uid,
        .exit_code = own_code(life),
        .signal = own_signal(life),
        .spawn_errno = life->spawn_error ? life->spawned.number : NO_INT,
        .duration_ms = life->spawn_error ? NO_INT : life->exited_awake - life->started_awake,
        .activity_at = life->activity_wall,
        .finished_at = wall_now_ms(),
        .stopped = life->stopped_first,
        .stopped_by = life->deadline && life->stopped_first ? "deadline"
                      : cancelled_by_signal(life)           ? "cancel"
                                                            : NULL,
        .usage = usage,
        .agent_session = agent_scan_session(life->scan),
        .agent_result = agent_result,
        .agent_unfinished = agent_reader_unfinished(life->reader),
        .note = note,
        .facts = facts,
        .planned = life->planned,
        .planned_count = life->planned_count,
        .said = any_said ? &said : NULL,
        .events = events,
        .event_count = events_of(life, events),
    };
    struct error err = {ERR_OTHER, "the row is not in the ledger any more"};
    bool known = false;

    say_set_patience(life->stopping == STOP_NONE ? SAY_WAITS : SAY_STOPPED_MS);
    if (life->ledger && (finish_in_ledger(life, &end, &known, &result->row, &err) || !known))
        spool_end(life, &end, &err);
    if (!result->row)
        result->row = row_from_memory(life, &end);
    for (size_t i = 0; i < end.event_count; i++)
        free(events[i].data);
}
