/* How kept output is shown: on terminals, with times, as JSON, replayed; split anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <supervise/cli/log_replay.h>
#include <supervise/cli/log_terminal.h>
#include <supervise/cli/log_view.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void show(struct log_view *view, const char *text, size_t length, int64_t wall_ms, struct buf *out)
{
    struct log_chunk chunk = {.wall_ms = wall_ms, .data = (const unsigned char *)text, .length = length};

    log_view_chunk(view, &chunk, out);
}

/* What a terminal would be shown, as one chunk and split at every byte, must be the same. */
static void a_terminal_gets_text_and_colours_and_no_other_control(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"plain\ttext\n", "plain\ttext\n"},
        {"\033[1;31mred\033[0m\n", "\033[1;31mred\033[0m\n"},
        {"\033[38;2;1;2;3mrgb\033[m", "\033[38;2;1;2;3mrgb\033[m"},
        {"\033[31mleft red\n", "\033[31mleft red\n\033[0m"},
        {"\033[2J\033[H", "\\e[2J\\e[H"},
        {"\033]0;title\007", "\\e]0;title\\x07"},
        {"\033[31", "\\e[31"},
        {"\033", "\\e"},
        {"\033\033[32mx\033[m", "\\e\033[32mx\033[m"},
        {"dos\r\nline\r\r\n", "dos\nline\n"},
        {"10%\r20%\r", "10%\\r20%\\r"},
        {"bell\007 del\177 nul", "bell\\x07 del\\x7f nul"},
        {"gr\303\274n \342\202\254 \360\237\230\200", "gr\303\274n \342\202\254 \360\237\230\200"},
        {"bad \303( \377 \342\202", "bad \\xc3( \\xff \\xe2\\x82"},
        {"c1 \302\233 31m", "c1 \\x9b 31m"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].text);

        for (size_t step = 1; step <= length; step++) {
            struct log_view *view = log_view_new(&(struct log_style){.visible = true});
            AUTOBUF struct buf out = {0};

            for (size_t at = 0; at < length; at += step)
                show(view, cases[i].text + at, at + step > length ? length - at : step, 1, &out);
            log_view_end(view, &out);
            assert_string_equal(out.data, cases[i].shown);
            log_view_free(view);
        }
    }
}

static void colours_go_where_none_are_wanted(void **state)
{
    struct log_view *view = log_view_new(&(struct log_style){.visible = true, .plain = true});
    AUTOBUF struct buf out = {0};
    (void)state;

    show(view, "\033[31mred\033[0m\n", 13, 1, &out);
    log_view_end(view, &out);
    assert_string_equal(out.data, "red\n");
    log_view_free(view);
}

static void raw_is_every_byte(void **state)
{
    struct log_view *view = log_view_new(&(struct log_style){0});
    AUTOBUF struct buf out = {0};
    (void)state;

    show(view, "\033[2J\r\0\377", 7, 1, &out);
    log_view_end(view, &out);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "\033[2J\r\0\377", 7);
    log_view_free(view);
}

static void a_line_has_the_time_when_it_began(void **state)
{
    struct log_view *view = log_view_new(&(struct log_style){.timestamps = true});
    AUTOBUF struct buf out = {0};
    (void)state;

    show(view, "one\ntw", 6, 1000, &out);
    show(view, "o\n\nthree\n", 9, 2000, &out);
    show(view, "four", 4, NO_INT, &out);
    show(view, " goes on", 8, 3000, &out);
    log_view_end(view, &out);
    assert_string_equal(out.data, "1970-01-01T00:00:01.000Z one\n"
                                  "1970-01-01T00:00:01.000Z two\n"
                                  "1970-01-01T00:00:02.000Z \n"
                                  "1970-01-01T00:00:02.000Z three\n"
                                  "- four goes on");
    log_view_free(view);
}

static void a_gap_is_a_line_where_bytes_are_not_asked_for(void **state)
{
    static const struct {
        struct log_style style;
        const char *shown;
    } cases[] = {
        {{0}, "abcdef\n"},
        {{.visible = true}, "abc\n[77 bytes of output are missing here]\ndef\n"},
        {{.timestamps = true}, "1970-01-01T00:00:01.000Z abc\n1970-01-01T00:00:02.000Z def\n"},
        {{.json = true},
         "{\"at\":\"1970-01-01T00:00:01.000Z\",\"stream\":\"out\",\"text\":\"abc\"}\n{\"gap\":77}\n"
         "{\"at\":\"1970-01-01T00:00:02.000Z\",\"stream\":\"err\",\"text\":\"def\\n\"}\n"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct log_view *view = log_view_new(&cases[i].style);
        struct log_chunk after = {.wall_ms = 2000,
                                  .stream = LOG_ERR,
                                  .data = (const unsigned char *)"def\n",
                                  .length = 4,
                                  .gap_bytes = 77};
        AUTOBUF struct buf out = {0};

        show(view, "abc", 3, 1000, &out);
        log_view_chunk(view, &after, &out);
        log_view_end(view, &out);
        assert_string_equal(out.data, cases[i].shown);
        log_view_free(view);
    }
}

static void json_keeps_split_characters_whole(void **state)
{
    struct log_view *view = log_view_new(&(struct log_style){.json = true});
    AUTOBUF struct buf out = {0};
    (void)state;

    show(view, "a\342\202", 3, NO_INT, &out);
    show(view, "\254\303", 2, 1000, &out);
    log_view_end(view, &out);
    assert_string_equal(
        out.data, "{\"at\":null,\"stream\":\"out\",\"text\":\"a\"}\n"
                  "{\"at\":\"1970-01-01T00:00:01.000Z\",\"stream\":\"out\",\"text\":\"\342\202\254\"}\n"
                  "{\"at\":\"1970-01-01T00:00:01.000Z\",\"stream\":\"out\",\"text\":\"\357\277\275\"}\n");
    log_view_free(view);
}

static void a_replay_knows_when_each_piece_comes(void **state)
{
    static const struct {
        int64_t wall_ms, at, limited;
    } cases[] = {
        {1000, 0, 0},
        {1500, 500, 500},
        {NO_INT, 500, 500},
        {9500, 8500, 2500},
        {7000, 8500, 2500},
        {7100, 8600, 2600},
        {3607100, 3608600, 4600},
        {-INT64_MAX, 3608600, 4600},
        {INT64_MAX, INT64_MAX, 6600},
        {0, INT64_MAX, 6600},
        {1, INT64_MAX, 6601},
    };
    struct log_timeline plain = {.last_wall_ms = NO_INT}, limited = {.last_wall_ms = NO_INT};
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(log_timeline_at(&plain, cases[i].wall_ms, 0), cases[i].at);
        assert_int_equal(log_timeline_at(&limited, cases[i].wall_ms, 2000), cases[i].limited);
    }
}

/* Whole and split at every byte. */
static void a_terminal_gets_back_what_was_done_to_it_and_no_more(void **state)
{
    static const struct {
        const char *written, *undone;
    } cases[] = {
        {"text\r\n\t\007", ""},
        {"\033[2J\033[H\033[6n\033[c", ""},
        {"\033[1;31mred", "\033[0m"},
        {"\033[1;31mred\033[0m \033[32m\033[m", ""},
        {"\033[?1049h\033[?25l", "\033[?1049l\033[?25h"},
        {"\033[?1049h\033[?25l\033[?1049l\033[?25h", ""},
        {"\033[?1000;1006h\033[?2004h\033[?1000l", "\033[?1006l\033[?2004l"},
        {"\033[?10491h\033[?104h", ""},
        {"\033[?7l\033[4h", "\033[4l\033[?7h"},
        {"\033[2;10r", "\0337\033[r\0338"},
        {"\033[2;10r\033[r", ""},
        {"\033(0qqq", "\033(B\017"},
        {"\033(0qqq\033(B", ""},
        {"\033=\033>\033[3 q", "\033[0 q"},
        {"\033[>1u\033[>5u\033[<u\033[>4;1m", "\033[>4m\033[<1u"},
        {"\033[>4;2m\033[>4m\033[>1;2m\033[>1;0m", ""},
        {"\033[>1u\033[<-5u", ""},
        {"\033[>1u\033[>1u\033[<-99999999999999999999u", "\033[<1u"},
        {"\033[31m\033[?25l\033c", ""},
        {"\033]0;title [?25l\007", ""},
        {"\033]0;tit", "\030"},
        {"\033[?25", "\030"},
        {"\033P+q\033\\\033[?25l", "\033[?25h"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].written);

        for (size_t step = 1; step <= length; step++) {
            struct log_terminal terminal = {0};
            AUTOBUF struct buf out = {0};

            for (size_t at = 0; at < length; at += step)
                log_terminal_bytes(&terminal, cases[i].written + at, at + step > length ? length - at : step);
            buf_puts(&out, "");
            log_terminal_undo(&terminal, &out);
            assert_string_equal(out.data, cases[i].undone);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_gets_text_and_colours_and_no_other_control),
        cmocka_unit_test(colours_go_where_none_are_wanted),
        cmocka_unit_test(raw_is_every_byte),
        cmocka_unit_test(a_line_has_the_time_when_it_began),
        cmocka_unit_test(a_gap_is_a_line_where_bytes_are_not_asked_for),
        cmocka_unit_test(json_keeps_split_characters_whole),
        cmocka_unit_test(a_replay_knows_when_each_piece_comes),
        cmocka_unit_test(a_terminal_gets_back_what_was_done_to_it_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
