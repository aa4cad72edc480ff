/* `--data FILE|-`: JSON that the caller hands over, read whole before anything is changed. */
#include <supervise/cli/cli.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* All of it, but no more than one byte above `max`. */
static int read_all(int fd, size_t max, struct buf *out)
{
    char part[65536];
    ssize_t got;

    while (out->len <= max && (got = read(fd, part, sizeof part)) != 0) {
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            buf_append(out, part, (size_t)got);
    }
    return 0;
}

static int check_json(const char *name, const struct buf *data, struct error *err)
{
    json_error_t fault;
    json_t *value =
        json_loadb(data->data ? data->data : "", data->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);

    if (!value)
        return error_set(err, ERR_INVALID, "cannot take %s: it is no JSON: line %d, column %d: %s", name,
                         fault.line, fault.column, fault.text);
    json_decref(value);
    return 0;
}

int cli_data(const struct args *args, size_t max, struct buf *out, struct error *err)
{
    const char *path = args_get(args, "data"), *name;
    bool from_stdin = path && strcmp(path, "-") == 0;
    AUTOCLOSE int fd = -1;

    if (!path)
        return 0;
    name = from_stdin ? "--data from stdin" : path;
    fd = from_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read_all(fd, max, out) < 0) {
        bool absent = errno == ENOENT;

        error_errno(err, "cannot read %s", name);
        err->code = absent ? ERR_NOT_FOUND : err->code;
        return -1;
    }
    if (out->len > max)
        return error_set(err, ERR_INVALID, "cannot take %s: it is more than %zu bytes", name, max);
    return check_json(name, out, err);
}
