/*
 * A JSON object as it comes: see the header. What there is most of (strings, nested values) is passed over in
 * loops of its own.
 */
#include "agent_object.h"

#include <stdint.h>
#include <string.h>

enum state {
    BEGIN, /* blanks before the '{' */
    KEY,   /* none yet: an empty object tells as little as none */
    IN_KEY,
    COLON,
    VALUE,
    IN_ID,     /* the string that the field has */
    IN_STRING, /* any other */
    IN_SCALAR, /* a number, true, false, null */
    NESTED,
    IN_NESTED_STRING,
    COMMA, /* or '}' */
    CLOSED,
    NO_OBJECT,
    STATE_COUNT
};

bool agent_is_id(const char *bytes, size_t length)
{
    if (length == 0 || length > AGENT_SESSION_MAX || bytes[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!((bytes[i] >= '0' && bytes[i] <= '9') || (bytes[i] >= 'a' && bytes[i] <= 'z') ||
              (bytes[i] >= 'A' && bytes[i] <= 'Z') || (bytes[i] && strchr("._:-", bytes[i]))))
            return false;
    return true;
}

/* --- strings that are read: a key, an id --- */

static void take_byte(struct agent_object *object, char byte)
{
    if (object->state == IN_ID) {
        if (object->length < sizeof object->id)
            object->id[object->length++] = byte; /* one more than an id may have, and it is none */
    } else if (object->matched < object->field_length && object->field[object->matched] == byte) {
        object->matched++;
    } else {
        object->matched = SIZE_MAX;
    }
}

/* As UTF-8. Half a surrogate pair becomes what UTF-8 doesn't have: no name that we look for, and no id. */
static void take_code(struct agent_object *object, unsigned code)
{
    if (code < 0x80) {
        take_byte(object, (char)code);
        return;
    }
    if (code >= 0x800)
        take_byte(object, (char)(0xe0 | code >> 12));
    take_byte(object, (char)(code < 0x800 ? 0xc0 | code >> 6 : 0x80 | (code >> 6 & 0x3f)));
    take_byte(object, (char)(0x80 | (code & 0x3f)));
}

/* False where JSON has no such escape. */
static bool take_escaped(struct agent_object *object, char byte)
{
    static const char named[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at = byte ? strchr(named, byte) : NULL;

    object->escaped = false;
    if (byte == 'u') {
        object->digits = 4;
        object->code = 0;
    } else if (at) {
        take_byte(object, meant[at - named]);
    }
    return byte == 'u' || at;
}

static bool take_digit(struct agent_object *object, char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = byte ? strchr(digits, byte >= 'A' && byte <= 'F' ? byte | 0x20 : byte) : NULL;

    if (!at)
        return false;
    object->code = object->code << 4 | (unsigned)(at - digits);
    if (--object->digits == 0)
        take_code(object, object->code);
    return true;
}

/* False where the line is no object. */
static bool in_read_string(struct agent_object *object, char byte)
{
    if (object->digits)
        return take_digit(object, byte);
    if (object->escaped)
        return take_escaped(object, byte);
    if (byte == '\\') {
        object->escaped = true;
    } else if (byte != '"') {
        take_byte(object, byte);
    } else if (object->state == IN_KEY) {
        object->state = COLON;
    } else {
        object->found = agent_is_id(object->id, object->length);
        object->state = COMMA;
    }
    return true;
}

/* --- tokens --- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_scalar(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '+' ||
           byte == '.' || byte == 'E';
}

static void begin_value(struct agent_object *object, char byte)
{
    bool ours = object->matched == object->field_length && !object->found;

    if (ours)
        object->length = 0; /* of one that was no id */
    object->depth = 1;
    if (byte == '"')
        object->state = ours ? IN_ID : IN_STRING;
    else if (byte == '{' || byte == '[')
        object->state = NESTED;
    else
        object->state = is_scalar(byte) ? IN_SCALAR : NO_OBJECT;
}

static void in_nested(struct agent_object *object, char byte)
{
    if (byte == '"')
        object->state = IN_NESTED_STRING;
    else if (byte == '{' || byte == '[')
        object->depth++;
    else if ((byte == '}' || byte == ']') && --object->depth == 0)
        object->state = COMMA;
}

/* Strings that are only passed over: what a '\' escapes doesn't matter. */
static void in_passed_string(struct agent_object *object, char byte)
{
    if (object->escaped)
        object->escaped = false;
    else if (byte == '\\')
        object->escaped = true;
    else if (byte == '"')
        object->state = object->state == IN_STRING ? COMMA : NESTED;
}

/* The states that wait for one of one or two characters: others make the line no object. */
static const struct {
    char byte, end;
    int next;
} waiting[STATE_COUNT] = {
    [BEGIN] = {'{', 0, KEY},
    [KEY] = {'"', 0, IN_KEY},
    [COLON] = {':', 0, VALUE},
    [COMMA] = {',', '}', KEY},
};

static void in_tokens(struct agent_object *object, char byte)
{
    if (is_blank(byte))
        return;
    if (byte && byte == waiting[object->state].end)
        object->state = CLOSED;
    else if (byte && byte == waiting[object->state].byte)
        object->state = waiting[object->state].next;
    else
        object->state = NO_OBJECT;
    if (object->state == IN_KEY)
        object->matched = 0;
}

static void in_scalar(struct agent_object *object, char byte)
{
    if (is_scalar(byte))
        return;
    object->state = COMMA;
    in_tokens(object, byte);
}

/* --- bytes --- */

void agent_object_begin(struct agent_object *object)
{
    object->state = BEGIN;
    object->found = object->escaped = false;
    object->digits = 0;
}

static void take(struct agent_object *object, char byte)
{
    switch (object->state) {
    case IN_KEY:
    case IN_ID:
        if (!in_read_string(object, byte))
            object->state = NO_OBJECT;
        break;
    case VALUE:
        if (!is_blank(byte))
            begin_value(object, byte);
        break;
    case IN_STRING:
    case IN_NESTED_STRING:
        in_passed_string(object, byte);
        break;
    case IN_SCALAR:
        in_scalar(object, byte);
        break;
    case NESTED:
        in_nested(object, byte);
        break;
    default: /* CLOSED and NO_OBJECT wait for nothing */
        in_tokens(object, byte);
    }
}

enum { IN_STRINGS = 1, IN_VALUES = 2, IN_BOTH = 3 };
static const unsigned char stops[256] = {
    ['\n'] = IN_BOTH,  ['\r'] = IN_BOTH,  ['"'] = IN_BOTH,   ['\\'] = IN_STRINGS, ['\x1b'] = IN_VALUES,
    ['['] = IN_VALUES, [']'] = IN_VALUES, ['{'] = IN_VALUES, ['}'] = IN_VALUES,
};

static const char *skip(unsigned where, const char *at, const char *end)
{
    while (at < end && !(stops[(unsigned char)*at] & where))
        at++;
    return at;
}

static bool in_string(const struct agent_object *object)
{
    return object->state == IN_KEY || object->state == IN_ID || object->state == IN_STRING ||
           object->state == IN_NESTED_STRING;
}

static bool is_others(const struct agent_object *object, char byte)
{
    return byte == '\n' || byte == '\r' || (byte == '\x1b' && !in_string(object));
}

const char *agent_object_run(struct agent_object *object, const char *at, const char *end)
{
    while (object->state != NO_OBJECT) {
        if (object->state == NESTED)
            at = skip(IN_VALUES, at, end);
        else if ((object->state == IN_STRING || object->state == IN_NESTED_STRING) && !object->escaped)
            at = skip(IN_STRINGS, at, end);
        if (at == end || is_others(object, *at))
            break;
        take(object, *at++);
    }
    return at;
}

void agent_object_blank(struct agent_object *object)
{
    take(object, ' ');
}

bool agent_object_failed(const struct agent_object *object)
{
    return object->state == NO_OBJECT;
}

bool agent_object_has_id(const struct agent_object *object)
{
    return object->state == CLOSED && object->found;
}
