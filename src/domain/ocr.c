/* The records of Open Code Review, read: see the header. */
#include <supervise/domain/ocr.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/base/time.h>

#define BLANKS " \t\r\n"

bool ocr_time(const char *text, int64_t *wall_ms)
{
    AUTOFREE char *utc = NULL;

    if (!text)
        return false;
    if (time_parse(text, wall_ms) == 0)
        return true;
    utc = mem_printf("%sZ", text);
    return time_parse(utc, wall_ms) == 0;
}

enum ocr_event ocr_event_of(const char *type)
{
    static const struct {
        const char *type;
        enum ocr_event event;
    } events[] = {
        {"session_created", OCR_CREATED},         {"session_resumed", OCR_RESUMED},
        {"round_started", OCR_ROUND_STARTED},     {"phase_transition", OCR_PHASE},
        {"round_completed", OCR_ROUND_COMPLETED}, {"map_completed", OCR_MAP_COMPLETED},
        {"session_closed", OCR_CLOSED},           {"session_aborted", OCR_ABORTED},
        {"session_auto_closed_stale", OCR_STALE}, {"session_synced", OCR_REASON},
        {"session_legacy_import", OCR_REASON},
    };

    for (size_t i = 0; type && i < sizeof events / sizeof *events; i++)
        if (strcmp(events[i].type, type) == 0)
            return events[i].event;
    return OCR_UNKNOWN;
}

enum ocr_kind ocr_kind_of(const char *command, bool heartbeat)
{
    static const char instance[] = "session-instance";
    size_t length = sizeof instance - 1;

    if (strncmp(command, instance, length) == 0 && (command[length] == '\0' || command[length] == ':'))
        return OCR_INSTANCE;
    return heartbeat ? OCR_SUPERVISOR : OCR_UTILITY;
}

/* --- ends --- */

/* Their runner adds this line where the command could not be started; else -1 is the end by a signal. */
static bool find_spawn_error(const char *output, struct ocr_end *end)
{
    static const char mark[] = "Process error: spawn ";
    const char *found = output ? strstr(output, mark) : NULL;

    if (!found)
        return false;
    end->spawn_error = found + sizeof "Process error: " - 1;
    end->spawn_error_length = strcspn(end->spawn_error, "\r\n");
    return true;
}

static struct ocr_end unknown_end(const char *recorded)
{
    return (struct ocr_end){.exit_code = -3, .unknown_end = recorded};
}

struct ocr_end ocr_end_of(const struct ocr_recorded *recorded)
{
    struct ocr_end end = {.exit_code = (int)recorded->code};

    if (!recorded->has_code)
        return unknown_end("Open Code Review recorded an end without an exit code");
    if (recorded->code >= 0 && recorded->code <= 255)
        return end;
    switch (recorded->code) {
    case -1:
        if (find_spawn_error(recorded->output, &end))
            return end;
        return unknown_end("Open Code Review recorded -1: it could not be started, or a signal killed it");
    case -2:
        end.stopped_by = "cancel";
        end.note = "Open Code Review recorded a cancel (-2); it does so also for what its dashboard found "
                   "running when it stopped or started";
        return end;
    case -3:
        return end;
    case -4:
        if (recorded->in_session)
            return end;
        return unknown_end("Open Code Review recorded that it was closed with its workflow (-4), and not "
                           "with which");
    case -5:
        end.stopped_by = "deadline";
        return end;
    default:
        return unknown_end("Open Code Review recorded an exit code that no process has");
    }
}

/* --- the command --- */

/* Appends the words of a text, as far as blanks tell them apart. */
static void add_words(json_t *words, const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t word = 0;

        at += strspn(text + at, BLANKS);
        while (at + word < length && !strchr(BLANKS, text[at + word]))
            word++;
        if (word)
            json_array_append_new(words, json_stringn(text + at, word));
        at += word;
    }
}

/* The length of what comes before the arguments: the program, and with `ocr` its verb. */
static size_t program_length(const char *command)
{
    size_t length = strspn(command, BLANKS);
    bool ocr = strncmp(command + length, "ocr", 3) == 0 && command[length + 3] &&
               strchr(BLANKS, command[length + 3]);

    if (ocr)
        length += 3 + strspn(command + length + 3, BLANKS);
    return length + strcspn(command + length, BLANKS);
}

static bool all_strings(const json_t *args)
{
    const json_t *arg;
    size_t i;

    json_array_foreach(args, i, arg)
        if (!json_is_string(arg))
            return false;
    return json_is_array(args);
}

/* Whether the text is these arguments, one after another, whatever quotes stand between. */
static bool says_args(const char *text, const json_t *args)
{
    const json_t *arg;
    size_t i;

    json_array_foreach(args, i, arg) {
        const char *found = strstr(text, json_string_value(arg));

        if (!found)
            return false;
        text = found + json_string_length(arg);
    }
    return true;
}

char *ocr_command(const char *command, const char *args)
{
    json_t *given = args ? json_loads(args, JSON_ALLOW_NUL, NULL) : NULL, *words = json_array();
    size_t program = program_length(command);
    const char *rest = command + program;
    char *text;

    rest += strspn(rest, BLANKS);
    if (all_strings(given) && (*rest == '\0' || (json_array_size(given) && says_args(rest, given)))) {
        add_words(words, command, program);
        json_array_extend(words, given);
    } else {
        /* Where quotes stand in it the words can't be told apart: it stays one. */
        if (command[strcspn(command, "'\"\\")] == '\0')
            add_words(words, command, strlen(command));
        else
            json_array_append_new(words, json_string(command));
        if (all_strings(given))
            json_array_extend(words, given);
        else if (args)
            json_array_append_new(words, json_string(args));
    }
    if (json_array_size(words) == 0)
        json_array_append_new(words, json_string(command));
    text = json_dumps(words, JSON_COMPACT);
    json_decref(given);
    json_decref(words);
    return text ? text : mem_strdup("[]");
}

/* --- ids --- */

void ocr_uid(const char *uid, int64_t number, const char *command, const char *started_at,
             char out[UID_LENGTH + 1])
{
    AUTOBUF struct buf key = {0};

    if (uid && uid_valid(uid)) {
        memcpy(out, uid, UID_LENGTH + 1);
        return;
    }
    if (uid && *uid)
        buf_printf(&key, "uid\n%s\n", uid);
    else
        buf_printf(&key, "row\n%lld\n%s\n", (long long)number, command);
    buf_puts(&key, started_at ? started_at : "");
    uid_from_text(key.data, key.len, out);
}

char *ocr_session_id(const char *id, const char *started_at)
{
    enum { HEAD_MAX = 100, TAIL = 10 };
    AUTOFREE char *key = mem_printf("session\n%s\n%s", id, started_at ? started_at : "");
    AUTOFREE char *head = mem_strndup(id, strnlen(id, HEAD_MAX));
    char uid[UID_LENGTH + 1];

    uid_from_text(key, strlen(key), uid);
    for (char *c = head; *c; c++) {
        char one[] = {'a', *c, '\0'};

        if (session_id_fault(one))
            *c = '-';
    }
    return mem_printf("%s%s-%.*s", *head == '-' || *head == '\0' ? "ocr" : "", head, TAIL, uid);
}
