/*
 * Lines of an agent that is known without a file ("0" to "3" as the first byte says which): what they tell
 * does not depend on how reads cut them, and fits where it is kept.
 */
#include "fuzz.h"

#include <supervise/config/settings.h>
#include <supervise/domain/agent_reader.h>
#include <supervise/domain/agent_scan.h>

static const json_t *definition_of(unsigned number)
{
    static const char *const agents[] = {"claude", "codex", "opencode", "gemini"};
    static struct settings *settings;
    struct error err;

    if (!settings) {
        setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
        settings = settings_load(NULL, NULL, &err);
        HOLDS(settings);
    }
    return json_object_get(settings_agents(settings), agents[number % 4]);
}

/* The session's id, and another one where one came. */
static char *session_in(const json_t *definition, struct fuzz_pieces pieces, struct buf *told)
{
    struct agent_scan *scan = agent_scan_new(definition);
    char *session;

    while (fuzz_piece(&pieces))
        agent_scan_feed(scan, 1, pieces.piece, pieces.length);
    agent_scan_feed(scan, 1, NULL, 0);
    session = mem_strdup(agent_scan_session(scan));
    if (session)
        buf_printf(told, "session %s, other %s\n", session, agent_scan_other(scan));
    agent_scan_free(scan);
    return session;
}

static void tell(struct agent_reader *reader, unsigned what, struct buf *told)
{
    AUTOFREE char *result = agent_reader_result(reader), *text = agent_reader_text(reader);
    json_t *record = result ? json_loads(result, 0, NULL) : NULL;
    struct plan_item item;

    HOLDS(!result || (json_is_object(record) && strlen(result) <= AGENT_RESULT_MAX));
    HOLDS(agent_reader_rate_limit(reader) >= 0);
    buf_printf(told, "%u: %s, %s, %d, %lld\n", what, result, text, agent_reader_unfinished(reader),
               (long long)agent_reader_rate_limit(reader));
    for (int count = 0; agent_reader_plan(reader, &item); count++) {
        HOLDS(count < AGENT_PLAN_MAX && *item.name);
        buf_printf(told, "%d %s = %s\n", item.state, item.key, item.name);
        free(item.key);
        free(item.name);
    }
    json_decref(record);
}

static char *told_by(const json_t *definition, struct fuzz_pieces pieces)
{
    struct buf told = {0};
    AUTOFREE char *session = session_in(definition, pieces, &told);
    struct agent_reader *reader = agent_reader_new(definition);
    unsigned what = 0;

    while (fuzz_piece(&pieces))
        what |= agent_reader_feed(reader, 0, pieces.piece, pieces.length, session);
    what |= agent_reader_feed(reader, 0, NULL, 0, session);
    tell(reader, what, &told);
    agent_reader_free(reader);
    return buf_take(&told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const json_t *definition = definition_of(size ? data[0] : 0);
    AUTOFREE char *whole =
        told_by(definition, (struct fuzz_pieces){.input = data, .size = size, .whole = true});
    AUTOFREE char *cut = told_by(definition, (struct fuzz_pieces){.input = data, .size = size});

    HOLDS(strcmp(whole, cut) == 0);
    return 0;
}
