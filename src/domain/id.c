/* Identifiers: ASCII alone, whatever the locale says. */
#include <supervise/domain/id.h>

#include <supervise/base/text.h>

#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char uid_alphabet[] = LOWER "234567";

const char *session_id_fault(const char *id)
{
    size_t length = strlen(id);

    if (length == 0)
        return "is empty";
    if (length > SESSION_ID_MAX)
        return "is longer than 128 characters";
    if (id[0] == '-')
        return "begins with '-', as only options do";
    if (strspn(id, DIGITS LOWER UPPER "._:/+-") != length)
        return "has a character other than A-Z a-z 0-9 and . _ : / + -";
    if (strspn(id, DIGITS) == length)
        return "is all digits, which would be the number of an execution";
    return NULL;
}

const char *name_fault(const char *name)
{
    if (!*name)
        return "is empty";
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        if (*at < ' ' || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) /* C0, DEL, C1 */
            return "holds a control character";
    return utf8_valid(name, strlen(name)) ? NULL : "is no UTF-8";
}

void uid_from_random(const uint8_t random[UID_LENGTH], char uid[UID_LENGTH + 1])
{
    uid[0] = uid_alphabet[random[0] * 26 >> 8];
    for (int i = 1; i < UID_LENGTH; i++)
        uid[i] = uid_alphabet[random[i] & 31];
    uid[UID_LENGTH] = '\0';
}

bool uid_valid(const char *text)
{
    return strlen(text) == UID_LENGTH && ref_uid_prefix(text);
}

bool ref_number(const char *ref, int64_t *number)
{
    int64_t value = 0;

    ref += ref[0] == '#';
    if (ref[0] == '\0' || ref[strspn(ref, DIGITS)] != '\0')
        return false;
    for (; *ref; ref++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *ref - '0', &value)) {
            value = 0;
            break;
        }
    }
    *number = value;
    return true;
}

bool ref_uid_prefix(const char *ref)
{
    size_t length = strlen(ref);

    return length >= 4 && length <= UID_LENGTH && strchr(LOWER, ref[0]) &&
           strspn(ref, uid_alphabet) == length;
}
