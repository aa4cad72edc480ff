/* asciicast v2, as https://docs.asciinema.org/manual/asciicast/v2/ has it, and the file it is written to. */
#include <supervise/cli/asciicast.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/cli/hold.h>
#include <supervise/cli/log_replay.h>

struct asciicast {
    struct log_timeline timeline;
    struct log_joiner joiner;
    bool terminal;
    bool after_cr; /* the last character was one */
};

static void print_header(const struct asciicast_header *header, struct buf *out)
{
    json_t *object =
        json_pack("{s:i, s:I, s:I}", "version", 2, "width",
                  (json_int_t)(header->columns != NO_INT ? header->columns : ASCIICAST_COLUMNS), "height",
                  (json_int_t)(header->rows != NO_INT ? header->rows : ASCIICAST_ROWS));
    AUTOFREE char *text = NULL;

    if (header->started_at != NO_INT)
        json_object_set_new(object, "timestamp", json_integer(header->started_at / 1000));
    if (header->title)
        json_object_set_new(object, "title", json_string(header->title));
    text = json_dumps(object, JSON_COMPACT);
    if (text)
        buf_printf(out, "%s\n", text);
    json_decref(object);
}

struct asciicast *asciicast_new(const struct asciicast_header *header, struct buf *out)
{
    struct asciicast *cast = mem_alloc(sizeof *cast);

    cast->timeline.last_wall_ms = header->started_at;
    cast->terminal = header->terminal;
    print_header(header, out);
    return cast;
}

void asciicast_free(struct asciicast *cast)
{
    free(cast);
}

static void print_event(const struct asciicast *cast, const char *code, const struct buf *text,
                        struct buf *out)
{
    long long ms = (long long)cast->timeline.at_ms;
    json_t *string = json_stringn(text->data, text->len);
    AUTOFREE char *quoted = json_dumps(string, JSON_ENCODE_ANY);

    if (quoted)
        buf_printf(out, "[%lld.%03lld,\"%s\",%s]\n", ms / 1000, ms % 1000, code, quoted);
    json_decref(string);
}

/* What a terminal makes of the end of a line; a recording is played to one that makes nothing of it any more.
 */
static void append_as_terminal(struct asciicast *cast, const struct buf *text, struct buf *out)
{
    const char *at = text->data, *end = text->data + text->len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end;
        bool after_cr = newline && (newline > at ? newline[-1] == '\r' : cast->after_cr);

        buf_append(out, at, (size_t)((newline ? newline : end) - at));
        if (newline)
            buf_puts(out, after_cr ? "\n" : "\r\n");
        cast->after_cr = next[-1] == '\r';
        at = next;
    }
}

static void print_output(struct asciicast *cast, const struct buf *text, struct buf *out)
{
    AUTOBUF struct buf lines = {0};

    if (text->len == 0)
        return;
    if (!cast->terminal)
        append_as_terminal(cast, text, &lines);
    print_event(cast, "o", cast->terminal ? text : &lines, out);
}

/* Characters that were begun and not ended. */
static void print_parts(struct asciicast *cast, struct buf *out)
{
    AUTOBUF struct buf text = {0};

    log_join_end(&cast->joiner, LOG_OUT, &text);
    log_join_end(&cast->joiner, LOG_ERR, &text);
    print_output(cast, &text, out);
}

void asciicast_chunk(struct asciicast *cast, const struct log_chunk *chunk, struct buf *out)
{
    AUTOBUF struct buf text = {0};

    if (chunk->gap_bytes > 0)
        print_parts(cast, out);
    log_timeline_at(&cast->timeline, chunk->wall_ms, 0);
    if (chunk->gap_bytes > 0) {
        buf_printf(&text, "%lld bytes of output are missing here", (long long)chunk->gap_bytes);
        print_event(cast, "m", &text, out);
        text.len = 0;
    }
    log_join(&cast->joiner, chunk->stream, chunk->data, chunk->length, &text);
    print_output(cast, &text, out);
}

void asciicast_end(struct asciicast *cast, struct buf *out)
{
    print_parts(cast, out);
}

/* --- the file --- */

struct cast_file {
    int fd;
    char *path;      /* as it was given, for people */
    char *target;    /* where it is to stand; NULL: it is written in place */
    char *temporary; /* beside it */
    struct signal_hold hold;
};

static int cannot_write(const struct cast_file *file, struct error *err)
{
    return error_errno(err, "cannot write the recording to %s", file->path);
}

/* Where the file is to stand: `path`, or what it leads to. NULL where it is no regular file but something to
 * write to. */
static char *find_target(const char *path)
{
    struct stat status;
    char *target = NULL;

    if (stat(path, &status) != 0)
        return mem_strdup(path);
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        target = realpath(path, NULL);
    return target;
}

static int open_file(struct cast_file *file)
{
    struct stat status;

    if (strcmp(file->path, "-") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    file->target = find_target(file->path);
    if (!file->target)
        return open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (stat(file->target, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    file->temporary = mem_printf("%s.XXXXXX", file->target);
    signals_hold(&file->hold);
    return mkostemp(file->temporary, O_CLOEXEC); /* 0600 */
}

static void free_file(struct cast_file *file)
{
    fd_close(&file->fd);
    if (file->temporary)
        signals_release(&file->hold);
    free(file->path);
    free(file->target);
    free(file->temporary);
    free(file);
}

struct cast_file *cast_file_open(const char *path, struct error *err)
{
    struct cast_file *file = mem_alloc(sizeof *file);

    file->path = mem_strdup(path);
    file->fd = open_file(file);
    if (file->fd >= 0)
        return file;
    cannot_write(file, err);
    free_file(file);
    return NULL;
}

int cast_file_write(struct cast_file *file, const struct buf *text, struct error *err)
{
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(file->fd, text->data + done, text->len - done);

        if (n < 0 && errno != EINTR)
            return cannot_write(file, err);
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

bool cast_file_over(const struct cast_file *file)
{
    return file->temporary && signals_waiting(&file->hold);
}

int cast_file_close(struct cast_file *file, bool whole, struct error *err)
{
    int result = 0;

    if (close(file->fd) != 0 && whole)
        result = cannot_write(file, err);
    file->fd = -1;
    if (file->temporary && whole && result == 0 && rename(file->temporary, file->target) != 0)
        result = cannot_write(file, err);
    if (file->temporary && (!whole || result < 0))
        unlink(file->temporary);
    free_file(file);
    return result;
}
