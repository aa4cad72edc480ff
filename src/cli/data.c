/* `--data FILE|-`: JSON that the caller hands over, read whole before anything is changed. */
#include <supervise/cli/cli.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
    const char *path = args_get(args, "data");
    bool input = path && strcmp(path, "-") == 0;
    const char *name = input ? "--data from stdin" : path;
    AUTOCLOSE int opened = !path || input ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (!path)
        return 0;
    if (!input && opened < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "cannot read %s: there is no such file", path);
    if ((!input && opened < 0) || buf_read(out, input ? STDIN_FILENO : opened, max) < 0) {
        if (errno == EFBIG)
            return error_set(err, ERR_INVALID, "cannot take %s: it is more than %zu bytes", name, max);
        return error_errno(err, "cannot read %s", name);
    }
    return check_json(name, out, err);
}
