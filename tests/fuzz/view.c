/*
 * What a command wrote, as `log` shows it: the same however its reads were cut, and without controls but for
 * newline, tab and colours; and what it did to the terminal is undone by what is said to undo it.
 */
#include "fuzz.h"

#include <supervise/base/text.h>
#include <supervise/cli/log_terminal.h>
#include <supervise/cli/log_view.h>

/* As text, or in JSON the texts of all lines. */
static struct buf shown(const struct log_style *style, struct fuzz_pieces pieces)
{
    struct log_view *view = log_view_new(style);
    AUTOBUF struct buf out = {0};
    struct buf texts = {0};

    buf_append(&out, "", 0);
    while (fuzz_piece(&pieces))
        log_view_chunk(view,
                       &(struct log_chunk){.wall_ms = 1,
                                           .data = (const unsigned char *)pieces.piece,
                                           .length = pieces.length},
                       &out);
    log_view_end(view, &out);
    log_view_free(view);
    for (char *line = out.data, *end; style->json && (end = strchr(line, '\n')); line = end + 1) {
        json_t *object = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        const json_t *text = json_object_get(object, "text");

        HOLDS(json_is_string(text));
        buf_append(&texts, json_string_value(text), json_string_length(text));
        json_decref(object);
    }
    if (!style->json)
        buf_append(&texts, out.data, out.len);
    return texts;
}

static void check_visible(const struct buf *text, bool colours)
{
    HOLDS(utf8_valid(text->data, text->len));
    for (size_t i = 0; i < text->len; i++) {
        char c = text->data[i];

        HOLDS(c != '\0' && c != 0x7f && (c != '\xc2' || (unsigned char)text->data[i + 1] >= 0xa0));
        if (c == '\033' && colours) {
            HOLDS(text->data[i + 1] == '[');
            i += 2 + strspn(text->data + i + 2, "0123456789;:");
            HOLDS(text->data[i] == 'm');
        } else {
            HOLDS((unsigned char)c >= ' ' || c == '\n' || c == '\t');
        }
    }
}

static void check_terminal(struct fuzz_pieces pieces)
{
    struct log_terminal whole = {0}, cut = {0};
    AUTOBUF struct buf undo = {0}, nothing = {0};

    while (fuzz_piece(&pieces))
        log_terminal_bytes(&cut, pieces.piece, pieces.length);
    log_terminal_bytes(&whole, pieces.input + FUZZ_CUTS, pieces.size - FUZZ_CUTS);
    HOLDS(whole.left == cut.left && whole.keyboards == cut.keyboards && whole.in_line == cut.in_line);
    log_terminal_undo(&whole, &undo);
    log_terminal_bytes(&whole, undo.data, undo.len);
    log_terminal_undo(&whole, &nothing);
    HOLDS(nothing.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_style styles[] = {
        {.visible = true}, {.visible = true, .plain = true}, {.json = true}, {0}};

    if (size <= FUZZ_CUTS)
        return 0;
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        AUTOBUF struct buf whole =
            shown(&styles[i], (struct fuzz_pieces){.input = data, .size = size, .whole = true});
        AUTOBUF struct buf cut = shown(&styles[i], (struct fuzz_pieces){.input = data, .size = size});

        HOLDS(whole.len == cut.len && memcmp(whole.data, cut.data, whole.len) == 0);
        HOLDS(!styles[i].json || utf8_valid(whole.data, whole.len));
        if (styles[i].visible)
            check_visible(&whole, !styles[i].plain);
    }
    check_terminal((struct fuzz_pieces){.input = data, .size = size});
    return 0;
}
