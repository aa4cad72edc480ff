/* What JSON can't say, said exactly: see rows.h. */
#include "rows.h"

#include <supervise/base/buf.h>
#include <supervise/base/text.h>

json_t *exact_bytes(const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    AUTOFREE char *hex = NULL;

    if (!data)
        return json_null();
    hex = mem_alloc(2 * size + 1);
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    return json_pack("{s:o}", "hex", json_stringn_nocheck(hex, 2 * size));
}

json_t *exact_text(const char *text, size_t length)
{
    return utf8_valid(text, length) ? json_stringn_nocheck(text, length) : exact_bytes(text, length);
}
