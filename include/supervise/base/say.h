/*
 * What the program says on stderr: lines that begin with "supervise: ". What a child wrote never gets into
 * them raw: every control character of the finished text is made visible.
 */
#ifndef SUPERVISE_BASE_SAY_H
#define SUPERVISE_BASE_SAY_H

#include <stdint.h>

/* -1: errors and warnings only (-q); 0: as usual; 1: more (-v). */
void say_set_level(int level);

/*
 * How long a line waits for a reader of stderr that takes nothing, before it is dropped; SAY_WAITS, as at the
 * beginning: until one of the signals that ask us to end comes.
 */
enum { SAY_WAITS = -1 };
void say_set_patience(int64_t ms);

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));        /* unless -q */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2))); /* with -v only */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_as_it_is(const char *line); /* ours all through, with its colours and its end of line */

#endif
