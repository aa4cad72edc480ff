/*
 * Text made visible: without controls, UTF-8, and as it was where that was visible; what is UTF-8 is what
 * jansson says; what fits into columns has no more of them.
 */
#include "fuzz.h"

#include <jansson.h>

#include <supervise/base/text.h>

static bool is(const struct buf *text, const char *bytes, size_t length)
{
    return text->len == length && memcmp(text->data, bytes, length) == 0;
}

static void check_columns(const char *text)
{
    size_t all = text_columns(text), tried[] = {0, all / 3, all / 2, all - (all > 0)};

    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        size_t columns = tried[i], fits = text_fit(text, columns);
        AUTOFREE char *head = mem_strndup(text, fits);

        HOLDS(fits <= strlen(text) && utf8_valid(head, fits) && text_columns(head) <= columns);
    }
    HOLDS(text_fit(text, all) == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"status", "session", "step", "sweep", "run", NULL};
    const char *bytes = size ? (const char *)data : "";
    AUTOBUF struct buf visible = {0}, again = {0}, clean = {0}, coded = {0};
    AUTOFREE char *text = fuzz_text(data, size);
    json_t *oracle = json_stringn(bytes, size);
    bool valid = utf8_valid(bytes, size);

    HOLDS(valid == (oracle != NULL));
    text_visible(&visible, bytes, size);
    text_visible(&again, visible.data, visible.len);
    HOLDS(utf8_valid(visible.data, visible.len) && strlen(visible.data) == visible.len);
    HOLDS(!text_has_controls(visible.data) && is(&again, visible.data, visible.len));
    if (utf8_valid(text, strlen(text)) && strlen(text) == size)
        HOLDS(is(&visible, bytes, size) == !text_has_controls(text));
    text_to_utf8(&clean, bytes, size);
    HOLDS(utf8_valid(clean.data, clean.len) && is(&clean, bytes, size) == valid);
    check_columns(visible.data);
    text_base64(&coded, bytes, size);
    HOLDS(coded.len == (size + 2) / 3 * 4);
    if (size < 64) /* it costs their product */
        text_nearest(text, words);
    json_decref(oracle);
    return 0;
}
