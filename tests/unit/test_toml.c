/*
 * The TOML reader: the whole public suite (toml-lang/toml-test) for TOML 1.0, by value, and cases of our own.
 * The suite is looked for in $SUPERVISE_TOML_TEST, else beside the checkout; without it that test is skipped.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>
#include <supervise/config/toml.h>

/* Stands for NUL on both sides of a comparison: jansson refuses it in keys. */
#define NUL_MARK "\xef\xa3\xbf" /* U+F8FF */

static bool read_whole(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "rb");
    char chunk[4096];
    size_t length;

    if (!file)
        return false;
    buf_append(text, "", 0);
    while ((length = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_append(text, chunk, length);
    fclose(file);
    return true;
}

/* --- comparing with the suite's tagged JSON --- */

static char *marked(const char *bytes, size_t length)
{
    struct buf out = {0};

    buf_append(&out, "", 0);
    for (size_t i = 0; i < length; i++)
        if (bytes[i])
            buf_append(&out, &bytes[i], 1);
        else
            buf_puts(&out, NUL_MARK);
    return buf_take(&out);
}

/* The tagged JSON with every escaped NUL replaced by the mark. */
static json_t *load_expected(const char *path)
{
    AUTOBUF struct buf text = {0}, out = {0};
    json_error_t error;
    json_t *json;

    assert_true(read_whole(path, &text));
    for (size_t i = 0; i < text.len;) {
        size_t length = 1;

        if (text.data[i] == '\\')
            length = 2;
        if (strncmp(text.data + i, "\\u0000", 6) == 0) {
            buf_puts(&out, NUL_MARK);
            length = 6;
        } else {
            buf_append(&out, text.data + i, length);
        }
        i += length;
    }
    json = json_loads(out.data, 0, &error);
    if (!json)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return json;
}

struct instant {
    time_t seconds; /* since the epoch, offset taken off; of the day, for a time alone */
    long nanoseconds;
};

static struct instant instant_of(const char *text)
{
    struct tm tm = {.tm_year = 70, .tm_mday = 1};
    const char *at = text;
    long nanoseconds = 0, scale = 100000000, offset = 0;

    if (strchr(text, '-') == text + 4)
        at = strptime(at, "%Y-%m-%d", &tm);
    if (*at == 'T')
        at++;
    if (strchr(at, ':'))
        at = strptime(at, "%H:%M:%S", &tm);
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            nanoseconds += (*at - '0') * scale;
    if (*at == '+' || *at == '-')
        offset = (strtol(at + 1, NULL, 10) * 60 + strtol(at + 4, NULL, 10)) * (*at == '-' ? -60 : 60);
    return (struct instant){timegm(&tm) - offset, nanoseconds};
}

static bool same_instant(const char *a, const char *b)
{
    struct instant x = instant_of(a), y = instant_of(b);

    return x.seconds == y.seconds && x.nanoseconds == y.nanoseconds;
}

static bool same_float(double found, const char *expected)
{
    double number = strtod(expected, NULL);

    if (isnan(number))
        return isnan(found);
    return found == number && !signbit(found) == !signbit(number);
}

static bool same_scalar(const struct toml *value, const char *type, const char *expected)
{
    static const struct {
        const char *tag;
        enum toml_type type;
    } tags[] = {{"string", TOML_STRING},
                {"integer", TOML_INTEGER},
                {"float", TOML_FLOAT},
                {"bool", TOML_BOOLEAN},
                {"datetime", TOML_OFFSET_DATETIME},
                {"datetime-local", TOML_LOCAL_DATETIME},
                {"date-local", TOML_LOCAL_DATE},
                {"time-local", TOML_LOCAL_TIME}};

    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tags[i].tag, type) == 0 && tags[i].type != value->type)
            return false;
    switch (value->type) {
    case TOML_STRING: {
        AUTOFREE char *text = marked(value->as.string.data, value->as.string.length);
        return strcmp(text, expected) == 0;
    }
    case TOML_INTEGER:
        return value->as.integer == strtoll(expected, NULL, 10);
    case TOML_FLOAT:
        return same_float(value->as.real, expected);
    case TOML_BOOLEAN:
        return strcmp(expected, value->as.boolean ? "true" : "false") == 0;
    case TOML_OFFSET_DATETIME:
    case TOML_LOCAL_DATETIME:
    case TOML_LOCAL_DATE:
    case TOML_LOCAL_TIME:
        return strlen(value->as.string.data) == value->as.string.length &&
               same_instant(value->as.string.data, expected);
    case TOML_ARRAY:
    case TOML_TABLE:
        break;
    }
    return false;
}

static bool same(const struct toml *value, const json_t *expected)
{
    const char *type = json_string_value(json_object_get(expected, "type"));

    if (json_is_array(expected)) {
        if (value->type != TOML_ARRAY || value->as.array.count != json_array_size(expected))
            return false;
        for (size_t i = 0; i < value->as.array.count; i++)
            if (!same(value->as.array.items[i], json_array_get(expected, i)))
                return false;
        return true;
    }
    if (type && value->type != TOML_TABLE)
        return same_scalar(value, type, json_string_value(json_object_get(expected, "value")));
    if (value->type != TOML_TABLE || value->as.table.count != json_object_size(expected))
        return false;
    for (size_t i = 0; i < value->as.table.count; i++) {
        const struct toml_member *member = &value->as.table.members[i];
        AUTOFREE char *key = marked(member->key, member->key_length);
        const json_t *other = json_object_get(expected, key);

        if (!other || !same(member->value, other))
            return false;
    }
    return true;
}

static bool valid_file_is_read(const char *path)
{
    AUTOBUF struct buf text = {0};
    AUTOFREE char *json_path = mem_printf("%.*s.json", (int)strlen(path) - 5, path);
    struct error err;
    json_t *expected;
    struct toml *root;
    bool right;

    assert_true(read_whole(path, &text));
    root = toml_parse(path, text.data, text.len, &err);
    if (!root) {
        print_error("refused: %s\n", err.text);
        return false;
    }
    expected = load_expected(json_path);
    right = same(root, expected);
    if (!right)
        print_error("other values than in %s\n", json_path);
    json_decref(expected);
    toml_free(root);
    return right;
}

static bool invalid_file_is_refused(const char *path)
{
    AUTOBUF struct buf text = {0};
    struct error err = {0};
    struct toml *root;
    char *line;

    assert_true(read_whole(path, &text));
    root = toml_parse(path, text.data, text.len, &err);
    if (root) {
        print_error("accepted: %s\n", path);
        toml_free(root);
        return false;
    }
    line = err.text + strlen(path) + 1;
    if (err.code != ERR_INVALID || strncmp(err.text, path, strlen(path)) != 0 ||
        strtol(line, &line, 10) < 1 || strncmp(line, ": ", 2) != 0) {
        print_error("no NAME:LINE: %s\n", err.text);
        return false;
    }
    return true;
}

static void the_public_suite_holds(void **state)
{
    const char *directory = getenv("SUPERVISE_TOML_TEST");
    AUTOFREE char *list = mem_printf("%s/files-toml-1.0.0", directory ? directory : "../shared/toml-test");
    AUTOBUF struct buf files = {0};
    int seen = 0, wrong = 0;
    (void)state;

    if (!read_whole(list, &files)) {
        print_error("no %s: the public suite is skipped (set SUPERVISE_TOML_TEST)\n", list);
        skip();
    }
    for (char *name = strtok(files.data, "\n"); name; name = strtok(NULL, "\n")) {
        AUTOFREE char *path = mem_printf("%.*s/%s", (int)(strrchr(list, '/') - list), list, name);
        size_t length = strlen(name);

        if (length < 5 || strcmp(name + length - 5, ".toml") != 0)
            continue;
        seen++;
        wrong += !(strncmp(name, "valid/", 6) == 0 ? valid_file_is_read : invalid_file_is_refused)(path);
    }
    assert_int_equal(wrong, 0);
    assert_true(seen > 500);
}

/* --- cases of our own --- */

static struct toml *parse(const char *text, struct error *err)
{
    return toml_parse("t", text, strlen(text), err);
}

static void errors_name_the_line_and_what_was_found(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"a = 1\nb = \n", "t:2: expected a value, found the end of the line"},
        {"a = 1\nb =", "t:2: expected a value, found the end of the file"},
        {"a = 1\r\n\r\na = 2\r\n", "t:3: \"a\" is already defined at line 1"},
        {"a = \"\"\"\n\n\"\"\"\nb", "t:4: expected \"=\" after a key, found the end of the file"},
        {"a = [\n1,\n2\n3]", "t:4: expected \",\" or \"]\" in an array, found '3'"},
        {"a = {x = 1,}", "t:1: expected a key, found '}'"},
        {"a = {x = 1\n}", "t:1: expected \",\" or \"}\" in an inline table, found the end of the line"},
        {"[a]\n[b]\n[a]", "t:3: \"a\" is already defined at line 1"},
        {"[a\n", "t:1: expected \"]\" after the name of a table, found the end of the line"},
        {"[[a]\n", "t:1: expected \"]]\" after the name of a table, found the end of the line"},
        {"\n\na = \"x", "t:3: a string without its closing \""},
        {"\na = '''x\n\n", "t:2: a string without its closing ' (three of them)"},
        {"a = \"\\q\"", "t:1: unknown escape \\q in a string; a backslash itself is \\\\"},
        {"a = \"\\ud800\"", "t:1: U+D800 is not a Unicode character"},
        {"a = yes", "t:1: \"yes\" is no TOML value; a string needs quotes"},
        {"a = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaé",
         "t:1: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaé\" is no TOML value; a "
         "string "
         "needs quotes"},
        {"a = 9223372036854775808", "t:1: 9223372036854775808 does not fit into 64 bits"},
        {"a = 1 b = 2", "t:1: expected the end of the line, found 'b'"},
        {"a = 1 é", "t:1: expected the end of the line, found 'é'"},
        {"# x\n# \x01\n", "t:2: control character U+0001"},
        {"# x\n# \xc3(\n", "t:2: byte 0xC3 is not UTF-8"},
        {"a = 1\rb = 2", "t:1: control character U+000D"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct toml *root = parse(cases[i].text, &err);

        assert_null(root);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void every_value_and_member_knows_its_line(void **state)
{
    struct error err;
    struct toml *root =
        parse("# x\r\na = \"\"\"\r\n1\r\n\"\"\"\r\n[t]\r\nl = [\r\n 1,\r\n 2]\r\n[[u.v]]\r\n", &err);
    const struct toml *list;
    (void)state;

    assert_non_null(root);
    assert_int_equal(toml_get(root, "a")->line, 2);
    assert_string_equal(toml_get(root, "a")->as.string.data, "1\r\n");
    assert_int_equal(toml_get(root, "t")->line, 5);
    list = toml_get(toml_get(root, "t"), "l");
    assert_int_equal(list->line, 6);
    assert_int_equal(list->as.array.items[1]->line, 8);
    assert_int_equal(toml_get(toml_get(root, "u"), "v")->as.array.items[0]->line, 9);
    assert_int_equal(root->as.table.members[1].line, 5);
    toml_free(root);
}

static void nesting_is_bounded_in_every_form(void **state)
{
    static const struct {
        const char *before, *unit, *after;
    } forms[] = {
        {"a = ", "[", ""}, {"a = ", "{a = ", ""},    {"", "a.", "a = 1"},
        {"[", "a.", "a]"}, {"a = ", "{a.a = [", ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        AUTOBUF struct buf text = {0};
        struct error err = {0};

        buf_puts(&text, forms[i].before);
        for (int n = 0; n < 100000; n++)
            buf_puts(&text, forms[i].unit);
        buf_puts(&text, forms[i].after);
        assert_null(toml_parse("t", text.data, text.len, &err));
        assert_string_equal(err.text, "t:1: nested deeper than 128 levels");
    }
}

static void arrays_of_tables_nest_by_two_levels(void **state)
{
    AUTOBUF struct buf text = {0}, key = {0};
    struct error err = {0};
    struct toml *root;
    (void)state;

    for (int i = 0; i < 64; i++) {
        buf_puts(&key, i ? ".a" : "a");
        buf_printf(&text, "[[%s]]\n", key.data);
    }
    root = toml_parse("t", text.data, text.len, &err);
    assert_non_null(root);
    toml_free(root);
    buf_printf(&text, "[%s.a]\n", key.data);
    assert_null(toml_parse("t", text.data, text.len, &err));
    assert_string_equal(err.text, "t:65: nested deeper than 128 levels");
}

static void nesting_up_to_the_bound_is_read(void **state)
{
    AUTOBUF struct buf text = {0};
    struct error err;
    struct toml *root;
    (void)state;

    buf_puts(&text, "a = ");
    for (int i = 0; i < 127; i++)
        buf_puts(&text, "[");
    for (int i = 0; i < 127; i++)
        buf_puts(&text, "]");
    root = toml_parse("t", text.data, text.len, &err);
    assert_non_null(root);
    toml_free(root);
}

static void a_nul_is_refused_raw_and_kept_escaped(void **state)
{
    static const char raw[] = "a = 'x\0y'\n";
    struct error err = {0};
    struct toml *root;
    (void)state;

    assert_null(toml_parse("t", raw, sizeof raw - 1, &err));
    assert_string_equal(err.text, "t:1: control character U+0000");
    root = parse("a = \"x\\u0000y\"\n\"k\\u0000\" = 1\n\"k\" = 2\n", &err);
    assert_non_null(root);
    assert_int_equal(toml_get(root, "a")->as.string.length, 3);
    assert_memory_equal(toml_get(root, "a")->as.string.data, "x\0y", 4);
    assert_int_equal(toml_get(root, "k")->as.integer, 2);
    toml_free(root);
}

static void a_byte_order_mark_is_skipped_at_the_start_only(void **state)
{
    struct error err = {0};
    struct toml *root = parse("\xef\xbb\xbf"
                              "a = 1",
                              &err);
    (void)state;

    assert_non_null(root);
    assert_int_equal(toml_get(root, "a")->as.integer, 1);
    toml_free(root);
    assert_null(parse("\n\xef\xbb\xbf"
                      "a = 1",
                      &err));
    assert_null(parse("\xef\xbb\xbf\xef\xbb\xbf"
                      "a = 1",
                      &err));
}

static void large_tables_are_found_by_key_and_duplicates_seen(void **state)
{
    enum { KEYS = 200000 };
    AUTOBUF struct buf text = {0};
    struct error err = {0};
    struct toml *root;
    (void)state;

    for (int i = 0; i < KEYS; i++)
        buf_printf(&text, "key%d = %d\n", i, i);
    root = toml_parse("t", text.data, text.len, &err);
    assert_non_null(root);
    for (int i = 0; i < KEYS; i += 997) {
        char key[32];

        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(toml_get(root, key)->as.integer, i);
        assert_int_equal(toml_get(root, key)->line, i + 1);
    }
    assert_null(toml_get(root, "key"));
    toml_free(root);
    buf_printf(&text, "key%d = 0\n", KEYS / 2);
    assert_null(toml_parse("t", text.data, text.len, &err));
    assert_string_equal(err.text, "t:200001: \"key100000\" is already defined at line 100001");
}

static void every_cut_and_every_changed_byte_ends_in_a_value_or_an_error(void **state)
{
    static const char text[] =
        "a.b = 1_0\n[t.\"u\"] # c\nx = [1.5e3, \"\\u00e9\\\n\", '''y''', {k = true}]\r\n"
        "d = 1979-05-27 07:32:00.5+01:30\n[[v]]\n[[v]]\nw = 0xff\ni = -inf\n";
    static const char bytes[] = "\"'[]{}=.,#\n\r\\ 0-_:TZ\xc3\x80";
    (void)state;

    for (size_t at = 0; at < sizeof text; at++) {
        struct error err = {0};
        char *copy = mem_alloc(sizeof text);

        memcpy(copy, text, sizeof text);
        copy = mem_resize(copy, at ? at : 1); /* so that a read past the end is seen by the sanitizer */
        toml_free(toml_parse("t", copy, at, &err));
        free(copy);
        for (size_t i = 0; at < sizeof text - 1 && i < sizeof bytes; i++) {
            char changed[sizeof text];
            struct toml *root;

            memcpy(changed, text, sizeof text);
            changed[at] = bytes[i];
            err.code = 0;
            root = toml_parse("t", changed, sizeof text - 1, &err);
            assert_true(root ? !err.code : err.code == ERR_INVALID);
            toml_free(root);
        }
    }
}

static void date_times_are_kept_in_one_spelling(void **state)
{
    struct error err;
    struct toml *root = parse("a = 1979-05-27 07:32:00z\nb = 1979-05-27t07:32:00.999\n", &err);
    (void)state;

    assert_non_null(root);
    assert_string_equal(toml_get(root, "a")->as.string.data, "1979-05-27T07:32:00Z");
    assert_int_equal(toml_get(root, "a")->type, TOML_OFFSET_DATETIME);
    assert_string_equal(toml_get(root, "b")->as.string.data, "1979-05-27T07:32:00.999");
    assert_string_equal(toml_type_name(toml_get(root, "b")->type), "a local date-time");
    toml_free(root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_suite_holds),
        cmocka_unit_test(errors_name_the_line_and_what_was_found),
        cmocka_unit_test(every_value_and_member_knows_its_line),
        cmocka_unit_test(nesting_is_bounded_in_every_form),
        cmocka_unit_test(arrays_of_tables_nest_by_two_levels),
        cmocka_unit_test(nesting_up_to_the_bound_is_read),
        cmocka_unit_test(a_nul_is_refused_raw_and_kept_escaped),
        cmocka_unit_test(a_byte_order_mark_is_skipped_at_the_start_only),
        cmocka_unit_test(large_tables_are_found_by_key_and_duplicates_seen),
        cmocka_unit_test(every_cut_and_every_changed_byte_ends_in_a_value_or_an_error),
        cmocka_unit_test(date_times_are_kept_in_one_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
