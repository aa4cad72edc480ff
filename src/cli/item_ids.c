/* Ids by words or from stdin: see the header. What comes last needs no end: `printf a | ...` is an id, too.
 */
#include <supervise/cli/item_ids.h>

#include <string.h>
#include <unistd.h>

#include <supervise/domain/id.h>

static int next_word(struct item_ids *ids, const char **id, size_t *length, struct error *err)
{
    const char *fault;

    if (!*ids->words)
        return 0;
    *id = *ids->words++;
    *length = strlen(*id);
    fault = item_id_fault(*id, *length, false);
    if (fault)
        return error_set(err, ERR_USAGE,
                         "cannot take \"%.200s\" as the id of an item: it %s; nothing was changed", *id,
                         fault);
    return 1;
}

/* More of stdin behind what is there. */
static int fill(struct item_ids *ids, struct error *err)
{
    ssize_t length;

    memmove(ids->bytes, ids->bytes + ids->from, ids->to - ids->from);
    ids->to -= ids->from;
    ids->from = 0;
    do
        length = read(STDIN_FILENO, ids->bytes + ids->to, sizeof ids->bytes - ids->to);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return error_errno(err, "cannot read ids from stdin");
    ids->over = length == 0;
    ids->to += (size_t)length;
    return 0;
}

/* One line, or what a NUL ends: 1; 0 at the end of all. */
static int next_piece(struct item_ids *ids, const char **id, size_t *length, struct error *err)
{
    const char *end;

    while (!(end = memchr(ids->bytes + ids->from, ids->end, ids->to - ids->from)) && !ids->over &&
           ids->to - ids->from <= ITEM_ID_MAX)
        if (fill(ids, err))
            return -1;
    if (!end && ids->from == ids->to)
        return 0;
    *id = ids->bytes + ids->from;
    *length = end ? (size_t)(end - *id) : ids->to - ids->from;
    ids->from += *length + (end ? 1 : 0);
    ids->number++;
    return 1;
}

/* An empty line is no id, and no fault either. */
static int next_from_stdin(struct item_ids *ids, const char **id, size_t *length, struct error *err)
{
    const char *fault;
    int more;

    do
        more = next_piece(ids, id, length, err);
    while (more > 0 && *length == 0 && ids->end == '\n');
    if (more <= 0)
        return more;
    fault = item_id_fault(*id, *length, ids->end == '\n');
    if (fault)
        return error_set(err, ERR_USAGE,
                         "cannot take %s %zu of stdin as the id of an item: it %s; nothing was changed",
                         ids->end ? "line" : "id", ids->number, fault);
    return 1;
}

int item_ids_next(void *context, const char **id, size_t *length, struct error *err)
{
    struct item_ids *ids = context;

    return ids->words ? next_word(ids, id, length, err) : next_from_stdin(ids, id, length, err);
}
