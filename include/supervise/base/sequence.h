/*
 * Terminal sequences in a text that comes byte for byte (ECMA-48): ESC [ ... letter; ESC ] (and P X ^ _) ...
 * BEL or ESC \; ESC, intermediate bytes and a letter.
 */
#ifndef SUPERVISE_BASE_SEQUENCE_H
#define SUPERVISE_BASE_SEQUENCE_H

#include <stdbool.h>

enum sequence { NO_SEQUENCE, AFTER_ESC, IN_CSI, IN_CONTROL_STRING, AFTER_ESC_IN_IT };

enum { ESC = 0x1b, BEL = 0x07 };

/* Whether the next byte belongs to a sequence. What ends the text in between is the caller's to say. */
bool sequence_takes(enum sequence *sequence, char byte);

#endif
