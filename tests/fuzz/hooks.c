/*
 * An agent's settings that our hooks are put into: what is there stays, ours are put in once, and come out
 * without a trace.
 */
#include "fuzz.h"

#include <supervise/domain/hook.h>
#include <supervise/domain/hook_settings.h>

#include <jansson.h>

static const char ours[] = "supervise agent hook";

/* What isn't "hooks" is the same in both. */
static void check_kept(const char *before, const char *after)
{
    json_t *one = json_loads(before, JSON_REJECT_DUPLICATES, NULL);
    json_t *other = json_loads(after, JSON_REJECT_DUPLICATES, NULL);

    HOLDS(one && other);
    json_object_del(one, "hooks");
    json_object_del(other, "hooks");
    HOLDS(json_equal(one, other));
    json_decref(one);
    json_decref(other);
}

static bool has_hooks(const char *text)
{
    json_t *whole = json_loads(text, 0, NULL);
    bool has = json_object_get(whole, "hooks") != NULL, empty = json_object_size(whole) == 0;

    json_decref(whole);
    return has || empty; /* what is empty loses the blanks in it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTOFREE char *text = fuzz_text(data, size);
    struct error err = {0};

    if (strlen(text) != size || hook_settings_check("f", text, size, &err) < 0) {
        HOLDS(strlen(text) != size || (err.code == ERR_INVALID && strncmp(err.text, "f:", 2) == 0));
        return 0;
    }
    for (unsigned agent = HOOKS_CLAUDE; agent <= HOOKS_CODEX; agent <<= 1) {
        AUTOFREE char *with = hook_settings_add(text, agent, ours);
        AUTOFREE char *again = hook_settings_add(with, agent, ours);
        AUTOFREE char *without = hook_settings_remove(with);
        AUTOFREE char *cleaner = hook_settings_remove(without);

        HOLDS(hook_settings_check("f", with, strlen(with), &err) == 0);
        HOLDS(hook_settings_check("f", without, strlen(without), &err) == 0);
        HOLDS(strcmp(again, with) == 0 && strcmp(cleaner, without) == 0);
        check_kept(text, with);
        check_kept(text, without);
        HOLDS(has_hooks(text) || strcmp(without, text) == 0);
    }
    return 0;
}
