/*
 * Memory and growable strings. Allocation never fails for the caller: where the system has no memory left,
 * the program says so and ends with 125.
 */
#ifndef SUPERVISE_BASE_BUF_H
#define SUPERVISE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t size); /* zeroed; free() it */
void *mem_resize(void *memory, size_t size);
char *mem_strdup(const char *text); /* NULL gives NULL */
char *mem_strndup(const char *text, size_t length);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes that grow. `data` is always NUL-terminated once anything was appended (the NUL is not counted in
 * `len`). */
struct buf {
    char *data;
    size_t len;
    size_t cap;
};

void buf_append(struct buf *buf, const void *bytes, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_free(struct buf *buf);

/* Appends what `fd` gives until its end. -1 with errno; EFBIG where `buf` would have more than `max` bytes.
 */
int buf_read(struct buf *buf, int fd, size_t max);

/* The text as a C string that the caller frees; "" where nothing was appended. `buf` is empty afterwards. */
char *buf_take(struct buf *buf);

/* For `__attribute__((cleanup))`: frees what a `char *` points to. */
void mem_cleanup(void *pointer);
#define AUTOFREE __attribute__((cleanup(mem_cleanup)))
void buf_cleanup(struct buf *buf);
#define AUTOBUF __attribute__((cleanup(buf_cleanup)))

/* For descriptors: closes `*fd` unless it is -1, and makes it -1. */
void fd_close(int *fd);
#define AUTOCLOSE __attribute__((cleanup(fd_close)))

#endif
