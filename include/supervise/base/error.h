/*
 * Errors are values: a code, which is also the exit status of every verb but `run`, and one line of text of
 * the form "cannot VERB OBJECT: reason; what to do". Functions that can fail return 0, or -1 after filling
 * `struct error`.
 */
#ifndef SUPERVISE_BASE_ERROR_H
#define SUPERVISE_BASE_ERROR_H

#include <errno.h>

enum error_code {
    ERR_OTHER = 1,     /* anything without a code of its own */
    ERR_USAGE = 2,     /* the command line */
    ERR_AMBIGUOUS = 3, /* a REF or session that could be several */
    ERR_NOT_FOUND = 4,
    ERR_ILLEGAL = 5,   /* a transition that the rules do not know */
    ERR_INVARIANT = 6, /* the state does not allow it */
    ERR_INVALID = 7,   /* configuration, JSON, schema */
    ERR_BUSY = 8,      /* the ledger stayed locked */
};

struct error {
    enum error_code code;
    char text[2048]; /* one line, no newline, no "supervise: " before it; one too long lost its middle */
};

/* Fills `err`; returns -1 always, so that a function can end with `return error_set(...)`. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno added; errno is read before anything else happens. Code ERR_OTHER.
 */
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
