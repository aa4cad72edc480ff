/*
 * What the program says on stderr: lines that begin with "supervise: ". What a child wrote never gets into
 * them raw: every control character of the finished text is made visible.
 */
#ifndef SUPERVISE_BASE_SAY_H
#define SUPERVISE_BASE_SAY_H

/* -1: errors and warnings only (-q); 0: as usual; 1: more (-v). */
void say_set_level(int level);

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));        /* unless -q */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2))); /* with -v only */
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
