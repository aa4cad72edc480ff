/* Identifiers and REFs: what may be one can't be taken for another kind, and can be shown as it is. */
#include "fuzz.h"

#include <supervise/base/text.h>
#include <supervise/domain/id.h>

static void check_shown(const char *text)
{
    HOLDS(*text && utf8_valid(text, strlen(text)) && !text_has_controls(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTOFREE char *text = fuzz_text(data, size);
    const char *bytes = size ? (const char *)data : "";
    char uid[UID_LENGTH + 1];
    int64_t number = -1;
    bool is_number = ref_number(text, &number);

    HOLDS(!is_number || number >= 0);
    HOLDS(!is_number || (session_id_fault(text) && !ref_uid_prefix(text)));
    HOLDS(!uid_valid(text) || (ref_uid_prefix(text) && !session_id_fault(text) && !label_fault(text)));
    if (!session_id_fault(text))
        check_shown(text);
    if (!name_fault(text))
        check_shown(text);
    if (!label_fault(text))
        check_shown(text);
    HOLDS(stage_fault(text) || (!label_fault(text) && !strchr(text, '/')));
    if (!item_id_fault(bytes, size, true)) {
        HOLDS(!item_id_fault(bytes, size, false) && strlen(text) == size);
        HOLDS(utf8_valid(text, size) && !strpbrk(text, "\n\r"));
    }
    uid_from_text(bytes, size, uid);
    HOLDS(uid_valid(uid));
    if (size >= UID_LENGTH) {
        uid_from_random(data, uid);
        HOLDS(uid_valid(uid) && !ref_number(uid, &number));
    }
    return 0;
}
