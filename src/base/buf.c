/* Memory that is there or ends the program, and strings that grow: see the header. */
#include <supervise/base/buf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *or_die(void *memory)
{
    static const char text[] = "supervise: out of memory\n";

    if (memory)
        return memory;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        exit(125);
    exit(125); /* not _exit: a terminal may have to be put back */
}

void *mem_alloc(size_t size)
{
    return or_die(calloc(1, size ? size : 1));
}

void *mem_resize(void *memory, size_t size)
{
    return or_die(realloc(memory, size ? size : 1));
}

char *mem_strdup(const char *text)
{
    return text ? or_die(strdup(text)) : NULL;
}

char *mem_strndup(const char *text, size_t length)
{
    return or_die(strndup(text, length));
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return or_die(text);
}

static void buf_reserve(struct buf *buf, size_t more)
{
    size_t need = buf->len + more + 1;

    if (need <= buf->cap)
        return;
    buf->cap = buf->cap ? buf->cap : 64;
    while (buf->cap < need)
        buf->cap *= 2;
    buf->data = mem_resize(buf->data, buf->cap);
}

void buf_append(struct buf *buf, const void *bytes, size_t length)
{
    buf_reserve(buf, length);
    if (length)
        memcpy(buf->data + buf->len, bytes, length);
    buf->len += length;
    buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length > 0) {
        buf_reserve(buf, (size_t)length);
        vsnprintf(buf->data + buf->len, (size_t)length + 1, format, again);
        buf->len += (size_t)length;
    }
    va_end(again);
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

int buf_read(struct buf *buf, int fd, size_t max)
{
    enum { ROOM = 4000 };
    ssize_t length;

    do {
        buf_reserve(buf, ROOM);
        length = read(fd, buf->data + buf->len, buf->cap - buf->len - 1);
        if (length < 0 && errno != EINTR)
            return -1;
        if (length > 0)
            buf->len += (size_t)length;
        buf->data[buf->len] = '\0';
        if (buf->len > max) {
            errno = EFBIG;
            return -1;
        }
    } while (length != 0);
    return 0;
}

char *buf_take(struct buf *buf)
{
    char *data = buf->data ? buf->data : mem_strdup("");

    *buf = (struct buf){0};
    return data;
}

void mem_cleanup(void *pointer)
{
    free(*(void **)pointer);
}

void buf_cleanup(struct buf *buf)
{
    buf_free(buf);
}

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
