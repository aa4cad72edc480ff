/*
 * Kept output as text for people, terminals and programs: see the header. A chunk passes the stamps first,
 * then the filter that makes controls visible; both remember what the chunk before left open.
 */
#include <supervise/cli/log_view.h>

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <supervise/base/text.h>
#include <supervise/base/time.h>

/* What could still become a colour or a line's end is held back up to this many bytes. */
enum { SEQUENCE_MAX = 64, CHARACTER_MAX = 4 };

struct log_view {
    struct log_style style;
    bool in_line;             /* the last byte that was stamped ended no line */
    bool coloured;            /* a colour was passed on, and not reset since */
    bool dirty;               /* the last byte of visible text ended no line */
    struct buf held;          /* visible: an unfinished sequence or character */
    struct log_joiner joiner; /* json: unfinished characters, and when they began to come */
    int64_t part_ms[2];
};

struct log_view *log_view_new(const struct log_style *style)
{
    struct log_view *view = mem_alloc(sizeof *view);

    view->style = *style;
    return view;
}

void log_view_free(struct log_view *view)
{
    if (!view)
        return;
    buf_free(&view->held);
    free(view);
}

/* --- terminals --- */

/* How many bytes a UTF-8 character has that begins with this one; 1 where none does. */
static size_t character_length(unsigned char first)
{
    return first >= 0xF0 && first <= 0xF4  ? 4
           : first >= 0xE0 && first < 0xF0 ? 3
           : first >= 0xC2 && first < 0xE0 ? 2
                                           : 1;
}

/* Whether the bytes, fewer than a character has, may be the beginning of one. */
static bool is_character_part(const char *text, size_t length)
{
    size_t i = 1;

    if (length >= character_length((unsigned char)text[0]))
        return false;
    while (i < length && ((unsigned char)text[i] & 0xC0) == 0x80)
        i++;
    return i == length;
}

/*
 * The length of "ESC [ digits ; : m" at `text`, which begins with ESC; 0 where it is something else;
 * *unfinished where that isn't known yet.
 */
static size_t colour_length(const char *text, size_t length, bool *unfinished)
{
    size_t i = 1;

    if (i < length && text[i] != '[')
        return 0;
    for (i = 2; i < length && i < SEQUENCE_MAX && text[i] && strchr("0123456789;:", text[i]); i++)
        ;
    if (i >= SEQUENCE_MAX)
        return 0;
    *unfinished = i >= length;
    return *unfinished || text[i] != 'm' ? 0 : i + 1;
}

/* The length of "CR... LF" at `text`, which begins with CR: terminals write one CR more for each layer of
 * them. */
static size_t line_end_length(const char *text, size_t length, bool *unfinished)
{
    size_t i = 1;

    while (i < length && i < SEQUENCE_MAX && text[i] == '\r')
        i++;
    *unfinished = i >= length && i < SEQUENCE_MAX;
    return i < length && text[i] == '\n' ? i + 1 : 0;
}

static void pass_colour(struct log_view *view, const char *text, size_t length, struct buf *out)
{
    if (view->style.plain)
        return;
    view->coloured = !(length == 3 || (length == 4 && text[2] == '0'));
    buf_append(out, text, length);
}

/* Shows what stands at the beginning of `text`; how many bytes that were, 0 where more must come to tell. */
static size_t show_one(struct log_view *view, const char *text, size_t length, bool last, struct buf *out)
{
    bool unfinished = false;
    size_t size = 0;

    if (text[0] == '\n' || text[0] == '\t') {
        buf_append(out, text, 1);
        return 1;
    }
    if (text[0] == '\033') {
        size = colour_length(text, length, &unfinished);
        if (size)
            pass_colour(view, text, size, out);
    } else if (text[0] == '\r') {
        size = line_end_length(text, length, &unfinished);
        if (size)
            buf_puts(out, "\n");
    } else {
        unfinished = is_character_part(text, length);
    }
    if (size || (unfinished && !last))
        return size;
    if (text[0] == '\r') {
        buf_puts(out, "\\r");
        return 1;
    }
    size = utf8_length(text, length);
    size = size ? size : 1;
    text_visible(out, text, size);
    return size;
}

/* The length of the bytes at `text` that are shown as they are. */
static size_t simple_length(const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && ((text[i] >= 0x20 && text[i] < 0x7F) || text[i] == '\n' || text[i] == '\t'))
        i++;
    return i;
}

static void show(struct log_view *view, const char *text, size_t length, bool last, struct buf *out)
{
    AUTOBUF struct buf joined = {0};
    size_t begin = out->len;

    if (view->held.len) {
        buf_append(&view->held, text, length);
        joined = view->held;
        view->held = (struct buf){0};
        text = joined.data;
        length = joined.len;
    }
    while (length) {
        size_t size = simple_length(text, length);

        if (size)
            buf_append(out, text, size);
        else
            size = show_one(view, text, length, last, out);
        if (size == 0)
            break;
        text += size;
        length -= size;
    }
    buf_append(&view->held, text, length);
    if (out->len > begin)
        view->dirty = out->data[out->len - 1] != '\n';
}

/* --- times --- */

static void stamp(struct buf *out, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE] = "-";

    if (wall_ms != NO_INT)
        time_format(wall_ms, text);
    buf_printf(out, "%s ", text);
}

static void stamp_lines(struct log_view *view, const struct log_chunk *chunk, struct buf *out)
{
    const char *text = (const char *)chunk->data, *end = text + chunk->length;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *next = newline ? newline + 1 : end;

        if (!view->in_line)
            stamp(out, chunk->wall_ms);
        buf_append(out, text, (size_t)(next - text));
        view->in_line = !newline;
        text = next;
    }
}

/* --- gaps --- */

/* Whatever was begun before a gap doesn't go on behind it; but raw bytes stay the bytes that were kept. */
static void show_gap(struct log_view *view, int64_t bytes, struct buf *out)
{
    if (view->style.visible) {
        show(view, "", 0, true, out);
        buf_printf(out, "%s%s[%lld bytes of output are missing here]\n", view->coloured ? "\033[0m" : "",
                   view->dirty ? "\n" : "", (long long)bytes);
        view->coloured = view->dirty = false;
    } else if (view->style.timestamps && view->in_line) {
        buf_puts(out, "\n");
    }
    view->in_line = false;
}

/* --- characters --- */

/* The length of a character's beginning at the end of the bytes. */
static size_t part_length(const char *bytes, size_t length)
{
    for (size_t size = 1; size < CHARACTER_MAX && size <= length; size++)
        if (is_character_part(bytes + length - size, size))
            return size;
    return 0;
}

void log_join(struct log_joiner *joiner, enum log_stream stream, const void *bytes, size_t length,
              struct buf *out)
{
    AUTOBUF struct buf joined = {0};
    size_t part;

    buf_append(&joined, joiner->part[stream].bytes, joiner->part[stream].length);
    buf_append(&joined, bytes, length);
    part = part_length(joined.data, joined.len);
    text_to_utf8(out, joined.data, joined.len - part);
    memcpy(joiner->part[stream].bytes, joined.data + joined.len - part, part);
    joiner->part[stream].length = part;
}

void log_join_end(struct log_joiner *joiner, enum log_stream stream, struct buf *out)
{
    text_to_utf8(out, joiner->part[stream].bytes, joiner->part[stream].length);
    joiner->part[stream].length = 0;
}

/* --- JSON --- */

static void print_object(json_t *object, struct buf *out)
{
    AUTOFREE char *text = json_dumps(object, JSON_COMPACT);

    if (text)
        buf_printf(out, "%s\n", text);
    json_decref(object);
}

static void print_text(int64_t wall_ms, enum log_stream stream, const struct buf *text, struct buf *out)
{
    char at[TIME_TEXT_SIZE];

    if (text->len == 0)
        return;
    if (wall_ms != NO_INT)
        time_format(wall_ms, at);
    print_object(json_pack("{s:s?, s:s, s:s%}", "at", wall_ms != NO_INT ? at : NULL, "stream",
                           stream == LOG_ERR ? "err" : "out", "text", text->data, text->len),
                 out);
}

static void print_part(struct log_view *view, enum log_stream stream, struct buf *out)
{
    AUTOBUF struct buf text = {0};

    log_join_end(&view->joiner, stream, &text);
    print_text(view->part_ms[stream], stream, &text, out);
}

static void print_chunk(struct log_view *view, const struct log_chunk *chunk, struct buf *out)
{
    AUTOBUF struct buf text = {0};

    log_join(&view->joiner, chunk->stream, chunk->data, chunk->length, &text);
    print_text(chunk->wall_ms, chunk->stream, &text, out);
    view->part_ms[chunk->stream] = chunk->wall_ms;
}

static void print_json(struct log_view *view, const struct log_chunk *chunk, struct buf *out)
{
    if (chunk->gap_bytes > 0) {
        print_part(view, LOG_OUT, out);
        print_part(view, LOG_ERR, out);
        print_object(json_pack("{s:I}", "gap", (json_int_t)chunk->gap_bytes), out);
    }
    if (chunk->length)
        print_chunk(view, chunk, out);
}

/* --- all of it --- */

void log_view_chunk(struct log_view *view, const struct log_chunk *chunk, struct buf *out)
{
    AUTOBUF struct buf stamped = {0};
    const char *text = (const char *)chunk->data;
    size_t length = chunk->length;

    if (view->style.json) {
        print_json(view, chunk, out);
        return;
    }
    if (chunk->gap_bytes > 0)
        show_gap(view, chunk->gap_bytes, out);
    if (view->style.timestamps) {
        stamp_lines(view, chunk, &stamped);
        text = stamped.data;
        length = stamped.len;
    }
    if (view->style.visible)
        show(view, text, length, false, out);
    else if (length)
        buf_append(out, text, length);
}

void log_view_end(struct log_view *view, struct buf *out)
{
    if (view->style.json) {
        print_part(view, LOG_OUT, out);
        print_part(view, LOG_ERR, out);
        return;
    }
    if (!view->style.visible)
        return;
    show(view, "", 0, true, out);
    if (view->coloured)
        buf_puts(out, "\033[0m");
}
