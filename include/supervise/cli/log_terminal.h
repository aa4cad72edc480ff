/*
 * What bytes that were written to a terminal leave behind in it: another screen, a hidden cursor, mouse
 * reports, colours. No I/O: bytes in, and what undoes them out. Only what the bytes did is undone: resets
 * that aren't needed move the cursor, or take away what others have set.
 */
#ifndef SUPERVISE_CLI_LOG_TERMINAL_H
#define SUPERVISE_CLI_LOG_TERMINAL_H

#include <supervise/base/buf.h>

#include <stdint.h>

enum { TERMINAL_PARAMETERS_MAX = 48 };

/* All zero: nothing was written yet. */
struct log_terminal {
    enum {
        PLAIN,
        ESCAPED,  /* behind ESC */
        CONTROL,  /* behind ESC [ */
        STRING,   /* in a title, a link, an image: until BEL, ESC or CAN */
        CHARSET_1 /* behind ESC ( */
    } state;
    char parameters[TERMINAL_PARAMETERS_MAX]; /* of a control sequence, as far as it has come */
    size_t length;
    uint32_t left;     /* what isn't as it was: bits of the table of states */
    int64_t keyboards; /* pushed and not popped */
    bool in_line;      /* the last byte ended no line */
};

void log_terminal_bytes(struct log_terminal *terminal, const void *bytes, size_t length);

/* Appends what makes the terminal as it was before the bytes. */
void log_terminal_undo(const struct log_terminal *terminal, struct buf *out);

#endif
