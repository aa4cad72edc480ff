/* Durations and sizes as people write them in options and settings. */
#ifndef SUPERVISE_DOMAIN_DURATION_H
#define SUPERVISE_DOMAIN_DURATION_H

#include <stddef.h>
#include <stdint.h>

/*
 * "250ms", "1.5s", "90s", "15m", "2h", "7d", "1h30m" (units fall from left to right, each once; a fraction
 * only in the last part); "0" is none and gives 0. A bare number, a sign, a space, anything that is not a
 * whole number of milliseconds or does not fit is refused. 0, or -1.
 */
int duration_parse(const char *text, int64_t *ms);

/* As settings are shown, in a form duration_parse() reads back as the same: "1h30m", "250ms", "1.5s", "0". */
void duration_format(int64_t ms, char *text, size_t size);

/* For people, at most two units: "340ms", "12.3s", "4m 12s", "7h 12m", "3d 4h". */
void duration_human(int64_t ms, char *text, size_t size);

/* "64MiB", "10KB", "1.5GiB", "4096" (bytes); kB/KB MB GB TB are powers of 1000, KiB MiB GiB TiB of 1024, "B"
 * too. 0, or -1. */
int size_parse(const char *text, int64_t *bytes);
void size_format(int64_t bytes, char *text, size_t size);

#endif
