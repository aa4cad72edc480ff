/*
 * Clocks, named by what they are for. Wall: records, milliseconds since the epoch, UTC. Awake: durations and
 * deadlines, CLOCK_MONOTONIC, stands still while the machine sleeps. Boot: CLOCK_BOOTTIME, counts the sleep
 * too.
 */
#ifndef SUPERVISE_BASE_TIME_H
#define SUPERVISE_BASE_TIME_H

#include <stdint.h>

int64_t wall_now_ms(void);
int64_t awake_now_ms(void);
int64_t boot_now_ms(void);
int64_t slept_now_ms(void); /* how long the machine has slept since its boot: the same in every process */

/* RFC 3339 in UTC with milliseconds: "2026-02-03T04:05:06.789Z". */
enum { TIME_TEXT_SIZE = 40 };
void time_format(int64_t wall_ms, char text[TIME_TEXT_SIZE]);

/* Reads an RFC 3339 date-time (any offset, any fraction; "t", "z" and a space for "T" too). 0, or -1 if it
 * isn't one. */
int time_parse(const char *text, int64_t *wall_ms);

#endif
