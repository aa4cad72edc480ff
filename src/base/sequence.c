/* Terminal sequences: see the header. */
#include <supervise/base/sequence.h>

#include <string.h>

static enum sequence after_esc(char byte)
{
    if (byte == '[')
        return IN_CSI;
    if (byte && strchr("]PX^_", byte))
        return IN_CONTROL_STRING;
    return byte < ' ' || byte > '/' ? NO_SEQUENCE : AFTER_ESC; /* an intermediate byte: ESC ( B */
}

bool sequence_takes(enum sequence *sequence, char byte)
{
    switch (*sequence) {
    case NO_SEQUENCE:
        if (byte != ESC)
            return false;
        *sequence = AFTER_ESC;
        break;
    case AFTER_ESC:
        *sequence = after_esc(byte);
        break;
    case IN_CSI:
        if (byte >= '@' && byte <= '~')
            *sequence = NO_SEQUENCE;
        break;
    case IN_CONTROL_STRING:
        if (byte == BEL)
            *sequence = NO_SEQUENCE;
        else if (byte == ESC)
            *sequence = AFTER_ESC_IN_IT;
        break;
    case AFTER_ESC_IN_IT:
        *sequence = byte == '\\' ? NO_SEQUENCE : IN_CONTROL_STRING;
        break;
    }
    return true;
}
