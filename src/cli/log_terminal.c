/*
 * Which sequences change what a terminal keeps, as a table: a state is left by one sequence, entered by
 * another, and undone by a third. The sequences are those of ECMA-48 and xterm, and the keyboard protocol of
 * kitty.
 */
#include <supervise/cli/log_terminal.h>

#include <stdlib.h>
#include <string.h>

/* In the order in which they are undone: first those that belong to the screen that is left then. */
static const struct state {
    char prefix;        /* of its parameters; 0: none */
    char on, off;       /* final bytes: what makes the state unusual, and usual again */
    const char *number; /* the parameter that means it; NULL: any, and none (or only zeros) is `off` */
    const char *undo;
} states[] = {
    {0, 'm', 0, NULL, "\033[0m"},
    {0, 'r', 0, NULL, "\0337\033[r\0338"}, /* the region that scrolls; undone, it moves the cursor */
    {0, 'h', 'l', "4", "\033[4l"},         /* insert */
    {'?', 'h', 'l', "6", "\0337\033[?6l\0338"},
    {'?', 'h', 'l', "47", "\033[?47l"},
    {'?', 'h', 'l', "1047", "\033[?1047l"},
    {'?', 'h', 'l', "1049", "\033[?1049l"},
    {'?', 'l', 'h', "25", "\033[?25h"},
    {'?', 'l', 'h', "7", "\033[?7h"},
    {'?', 'h', 'l', "1", "\033[?1l"},
    {'?', 'h', 'l', "5", "\033[?5l"},
    {'?', 'h', 'l', "9", "\033[?9l"},
    {'?', 'h', 'l', "66", "\033[?66l"},
    {'?', 'h', 'l', "1000", "\033[?1000l"},
    {'?', 'h', 'l', "1002", "\033[?1002l"},
    {'?', 'h', 'l', "1003", "\033[?1003l"},
    {'?', 'h', 'l', "1004", "\033[?1004l"},
    {'?', 'h', 'l', "1005", "\033[?1005l"},
    {'?', 'h', 'l', "1006", "\033[?1006l"},
    {'?', 'h', 'l', "1015", "\033[?1015l"},
    {'?', 'h', 'l', "1016", "\033[?1016l"},
    {'?', 'h', 'l', "2004", "\033[?2004l"},
    {'?', 'h', 'l', "2026", "\033[?2026l"},
    {'>', 'm', 0, NULL, "\033[>4m"}, /* how keys with modifiers are sent */
    {0, 'q', 0, NULL, "\033[0 q"},   /* the cursor's shape */
    {0, 0, 0, NULL, "\033>"},        /* STATE_KEYPAD */
    {0, 0, 0, NULL, "\033(B\017"},   /* STATE_CHARSET */
};
enum { STATES = sizeof states / sizeof *states, STATE_KEYPAD = STATES - 2, STATE_CHARSET = STATES - 1 };
_Static_assert(STATES <= 32, "a bit each");

static void set_state(struct log_terminal *terminal, size_t state, bool on)
{
    uint32_t bit = UINT32_C(1) << state;

    terminal->left = on ? terminal->left | bit : terminal->left & ~bit;
}

/* Whether a parameter list ("1;25") has that number. */
static bool has_number(const char *list, const char *number)
{
    size_t length = strlen(number);

    for (const char *at = list; *at; at += strspn(at, ";")) {
        size_t size = strcspn(at, ";");

        if (size == length && memcmp(at, number, size) == 0)
            return true;
        at += size;
    }
    return false;
}

/* Whether what has no number is as usual: without parameters, or zeros only. The first of CSI > m says which
 * of the keys, not how. */
static bool is_usual(char prefix, const char *list)
{
    if (prefix == '>')
        list += strcspn(list, ";");
    return list[strspn(list, "0; ")] == '\0';
}

static void end_control(struct log_terminal *terminal, char final)
{
    const char *list = terminal->parameters;
    char prefix = strchr("?<=>", *list) && *list ? *list : '\0';

    list += prefix != '\0';
    if (final == 'u' && prefix == '>')
        terminal->keyboards++;
    if (final == 'u' && prefix == '<')
        terminal->keyboards -= *list >= '0' && *list <= '9' ? strtol(list, NULL, 10) : 1;
    if (terminal->keyboards < 0)
        terminal->keyboards = 0;
    for (size_t i = 0; i < STATES; i++) {
        if (states[i].prefix != prefix || (final != states[i].on && final != states[i].off))
            continue;
        if (!states[i].number)
            set_state(terminal, i, !is_usual(prefix, list));
        else if (has_number(list, states[i].number))
            set_state(terminal, i, final == states[i].on);
    }
}

static void take_control(struct log_terminal *terminal, char byte)
{
    if (byte >= 0x40 && byte < 0x7F) {
        terminal->parameters[terminal->length] = '\0';
        end_control(terminal, byte);
        terminal->state = PLAIN;
    } else if (terminal->length < TERMINAL_PARAMETERS_MAX - 1) {
        terminal->parameters[terminal->length++] = byte;
    }
}

static void take_escaped(struct log_terminal *terminal, char byte)
{
    terminal->length = 0;
    terminal->state = byte == '['                   ? CONTROL
                      : byte == '('                 ? CHARSET_1
                      : strchr("]PX^_", byte)       ? STRING
                      : byte >= 0x20 && byte < 0x30 ? ESCAPED
                                                    : PLAIN;
    if (byte == '=' || byte == '>')
        set_state(terminal, STATE_KEYPAD, byte == '=');
    if (byte == 'c') /* the terminal began anew */
        *terminal = (struct log_terminal){0};
}

static void take(struct log_terminal *terminal, char byte)
{
    if (byte == '\033') {
        terminal->state = ESCAPED;
    } else if (byte == '\030' || byte == '\032' || (byte == '\007' && terminal->state == STRING)) {
        terminal->state = PLAIN;
    } else if (terminal->state == CHARSET_1) {
        set_state(terminal, STATE_CHARSET, byte != 'B');
        terminal->state = PLAIN;
    } else if (byte == '\016' || byte == '\017') {
        set_state(terminal, STATE_CHARSET, byte == '\016');
    } else if (terminal->state == ESCAPED && byte) {
        take_escaped(terminal, byte);
    } else if (terminal->state == CONTROL && byte >= 0x20) {
        take_control(terminal, byte);
    }
}

void log_terminal_bytes(struct log_terminal *terminal, const void *bytes, size_t length)
{
    const char *text = bytes;

    for (size_t i = 0; i < length; i++) {
        if (terminal->state != PLAIN || (unsigned char)text[i] < 0x20)
            take(terminal, text[i]);
        terminal->in_line = text[i] != '\n';
    }
}

void log_terminal_undo(const struct log_terminal *terminal, struct buf *out)
{
    if (terminal->state != PLAIN)
        buf_puts(out, "\030");
    for (size_t i = 0; i < STATES; i++)
        if (terminal->left & UINT32_C(1) << i)
            buf_puts(out, states[i].undo);
    if (terminal->keyboards > 0)
        buf_printf(out, "\033[<%lldu", (long long)terminal->keyboards);
}
