/* Identifiers: what may be one, whatever the locale says. Those of sessions and UIDs are ASCII alone. */
#include <supervise/domain/id.h>

#include <string.h>

#include <supervise/base/text.h>

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

/* C0 but the tab, DEL and C1, in UTF-8. */
static bool breaks_lines(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i], next = i + 1 < length ? (unsigned char)text[i + 1] : 0;

        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return true;
        if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
            return true;
    }
    return false;
}

const char *label_fault(const char *label)
{
    size_t length = strlen(label);

    if (length == 0)
        return "is empty";
    if (length > LABEL_MAX)
        return "is longer than 128 bytes";
    if (label[0] == '-')
        return "begins with '-', as only options do";
    if (!utf8_valid(label, length))
        return "is not UTF-8";
    return text_has_controls(label) ? "has a control character" : NULL;
}

const char *stage_fault(const char *stage)
{
    size_t length = strlen(stage);

    if (strchr(stage, '/') || strstr(stage, ".."))
        return "has a \"/\" or \"..\", which stand between names";
    if (length > 0 && (stage[0] == '.' || stage[length - 1] == '.'))
        return "begins or ends with \".\", where A..B would be cut";
    return label_fault(stage);
}

const char *item_id_fault(const char *id, size_t length, bool lines)
{
    if (length == 0)
        return "is empty";
    if (length > ITEM_ID_MAX)
        return "is longer than 4096 bytes";
    if (memchr(id, '\0', length))
        return "has a NUL";
    if (!utf8_valid(id, length))
        return "is not UTF-8";
    return lines && breaks_lines(id, length)
               ? "has a control character; ids that do can be given with -0, each ended by a NUL"
               : NULL;
}

const char *name_fault(const char *name)
{
    if (!*name)
        return "is empty";
    if (text_has_controls(name))
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

/* FNV-1a with 128 bits, by hand: its prime is 2^88 + 0x13B. */
void uid_from_text(const char *text, size_t length, char uid[UID_LENGTH + 1])
{
    __extension__ unsigned __int128 hash = UINT64_C(0x6C62272E07BB0142);
    uint8_t bytes[UID_LENGTH];

    hash = hash << 64 | UINT64_C(0x62B821756295C58D);
    for (size_t i = 0; i < length; i++) {
        hash ^= (unsigned char)text[i];
        hash = (hash << 88) + hash * 0x13B;
    }
    /* The first letter has a byte for itself; five bits of the rest for each other. */
    bytes[0] = (uint8_t)hash;
    for (int i = 1; i < UID_LENGTH; i++)
        bytes[i] = (uint8_t)(hash >> (5 * i + 3));
    uid_from_random(bytes, uid);
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
