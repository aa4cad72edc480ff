/*
 * What the fuzz targets share. A target is a file that defines LLVMFuzzerTestOneInput() and says what holds
 * for any bytes at all: libFuzzer runs it (`make fuzz`), and so does driver.c, on the corpus (`make check`).
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(claim) ((claim) ? (void)0 : fuzz_refuted(__FILE__, __LINE__, #claim))

static inline _Noreturn void fuzz_refuted(const char *file, int line, const char *claim)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

/* The bytes up to their first NUL as a string that the caller frees: a read behind its end is seen. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    return mem_strndup(size ? (const char *)data : "", size);
}

/* The next line, which is taken off the bytes, as such a string; "" where there is none. */
static inline char *fuzz_line(const uint8_t **data, size_t *size)
{
    const uint8_t *begin = *data, *newline = *size ? memchr(begin, '\n', *size) : NULL;
    size_t length = newline ? (size_t)(newline - begin) : *size;

    *data += length + (newline != NULL);
    *size -= length + (newline != NULL);
    return fuzz_text(begin, length);
}

/*
 * Bytes in pieces, as reads would cut them: the first three of the input say how long the pieces of the rest
 * are, in turn. Each has memory of its own. Begin with {input, its size}; `whole`: in one piece.
 */
enum { FUZZ_CUTS = 3 };
struct fuzz_pieces {
    const uint8_t *input;
    size_t size;
    bool whole;
    size_t at, length, turn;
    char *piece;
};

/* Makes `piece` and `length` the next piece; false where there is none. */
static inline bool fuzz_piece(struct fuzz_pieces *pieces)
{
    size_t left;

    free(pieces->piece);
    pieces->piece = NULL;
    if (pieces->at == 0)
        pieces->at = FUZZ_CUTS;
    if (pieces->at >= pieces->size)
        return false;
    left = pieces->size - pieces->at;
    pieces->length = 1 + pieces->input[pieces->turn++ % FUZZ_CUTS] % 61;
    if (pieces->whole || pieces->length > left)
        pieces->length = left;
    pieces->piece = mem_alloc(pieces->length);
    memcpy(pieces->piece, pieces->input + pieces->at, pieces->length);
    pieces->at += pieces->length;
    return true;
}

#endif
