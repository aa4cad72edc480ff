/* Paths: XDG directories, absolute paths, private directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static char scratch[] = "/tmp/test_path.XXXXXX";

static int enter_scratch(void **state)
{
    (void)state;
    return mkdtemp(scratch) && chdir(scratch) == 0 ? 0 : -1;
}

static int leave_scratch(void **state)
{
    AUTOFREE char *command = mem_printf("rm -rf %s", scratch);

    (void)state;
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void put_env(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void the_xdg_directories_have_their_defaults(void **state)
{
    static const struct {
        const char *xdg, *home, *state_home, *config_home;
    } cases[] = {
        {"/x", "/h", "/x", "/x"},
        {NULL, "/h", "/h/.local/state", "/h/.config"},
        {"", "/h", "/h/.local/state", "/h/.config"},
        {"rel/x", "/h", "/h/.local/state", "/h/.config"},
        {"/x", NULL, "/x", "/x"},
        {NULL, NULL, NULL, NULL},
        {NULL, "", NULL, NULL},
        {"rel", NULL, NULL, NULL},
        {NULL, "rel", NULL, NULL},
        {"/x", "rel", "/x", "/x"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *state_home = NULL;
        AUTOFREE char *config_home = NULL;

        put_env("XDG_STATE_HOME", cases[i].xdg);
        put_env("XDG_CONFIG_HOME", cases[i].xdg);
        put_env("HOME", cases[i].home);
        state_home = path_state_home();
        config_home = path_config_home();
        if (!cases[i].state_home) {
            assert_null(state_home);
            assert_null(config_home);
            continue;
        }
        assert_string_equal(state_home, cases[i].state_home);
        assert_string_equal(config_home, cases[i].config_home);
    }
}

static void a_path_becomes_absolute_without_following_links(void **state)
{
    static const struct {
        const char *path, *below; /* what follows the working directory */
    } cases[] = {
        {"a", "/a"}, {"a/b", "/a/b"}, {"./a", "/a"},     {"a//b/", "/a/b"},       {"a/./b/.", "/a/b"},
        {".", ""},   {"./", ""},      {"../a", "/../a"}, {"link/..", "/link/.."}, {".a/..b", "/.a/..b"},
    };

    (void)state;
    assert_int_equal(symlink("/", "link"), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *expected = mem_printf("%s%s", scratch, cases[i].below);
        AUTOFREE char *path = path_absolute(cases[i].path);

        assert_string_equal(path, expected);
    }
    assert_int_equal(unlink("link"), 0);
}

static void an_absolute_path_is_only_tidied(void **state)
{
    static const char *const cases[][2] = {
        {"/", "/"}, {"//", "/"}, {"/.", "/"}, {"//a//b/./c/", "/a/b/c"}, {"/a/..", "/a/.."}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *path = path_absolute(cases[i][0]);

        assert_string_equal(path, cases[i][1]);
    }
}

static void what_cannot_be_made_absolute_says_why(void **state)
{
    (void)state;
    assert_null(path_absolute(""));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mkdir("gone", 0700), 0);
    assert_int_equal(chdir("gone"), 0);
    assert_int_equal(rmdir("../gone"), 0);
    assert_null(path_absolute("a"));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(chdir(scratch), 0);
}

static void the_parent_is_the_directory_a_path_stands_in(void **state)
{
    static const char *const cases[][2] = {
        {"/a/b", "/a"}, {"/a", "/"},  {"/", "/"},      {"//", "/"},      {"//a", "/"}, {"a", "."},
        {"a/", "."},    {"a/b", "a"}, {"a//b//", "a"}, {"a/b/c", "a/b"}, {"", "."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTOFREE char *parent = path_parent(cases[i][0]);

        assert_string_equal(parent, cases[i][1]);
    }
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void missing_directories_are_made_private_and_existing_ones_left(void **state)
{
    struct error err;
    mode_t mask = umask(0);

    (void)state;
    assert_int_equal(mkdir("open", 0755), 0);
    assert_int_equal(path_make_private("open/one/two//three/", &err), 0);
    umask(mask);
    assert_int_equal(mode_of("open"), 0755);
    assert_int_equal(mode_of("open/one"), 0700);
    assert_int_equal(mode_of("open/one/two"), 0700);
    assert_int_equal(mode_of("open/one/two/three"), 0700);
    assert_int_equal(path_make_private("open", &err), 0);
    assert_int_equal(mode_of("open"), 0755);
    assert_int_equal(path_make_private("/", &err), 0);
}

static void what_is_in_the_way_is_named(void **state)
{
    static const char *const cases[][2] = {
        {"file", "cannot create directory file: Not a directory"},
        {"file/below", "cannot create directory file/below: Not a directory"},
        {"dangling", "cannot create directory dangling: No such file or directory"},
        {"", "cannot create directory : No such file or directory"},
    };

    (void)state;
    fclose(fopen("file", "w"));
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err;

        assert_int_equal(path_make_private(cases[i][0], &err), -1);
        assert_string_equal(err.text, cases[i][1]);
    }
}

static void only_a_directory_of_ours_that_is_shut_is_private(void **state)
{
    (void)state;
    assert_int_equal(mkdir("mine", 0700), 0);
    assert_true(path_is_private_dir("mine"));
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod("mine", 0700 | bit), 0);
        assert_false(path_is_private_dir("mine"));
    }
    assert_int_equal(chmod("mine", 0700), 0);
    assert_int_equal(symlink("mine", "to-mine"), 0);
    assert_false(path_is_private_dir("to-mine"));
    assert_false(path_is_private_dir("missing"));
    fclose(fopen("plain", "w"));
    assert_int_equal(chmod("plain", 0600), 0);
    assert_false(path_is_private_dir("plain"));
}

static void a_private_directory_of_somebody_else_is_not_ours(void **state)
{
    (void)state;
    assert_int_equal(mkdir("theirs", 0700), 0);
    if (chown("theirs", 12345, (gid_t)-1) != 0)
        skip(); /* only root can give a directory away */
    assert_false(path_is_private_dir("theirs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_xdg_directories_have_their_defaults),
        cmocka_unit_test(a_path_becomes_absolute_without_following_links),
        cmocka_unit_test(an_absolute_path_is_only_tidied),
        cmocka_unit_test(what_cannot_be_made_absolute_says_why),
        cmocka_unit_test(the_parent_is_the_directory_a_path_stands_in),
        cmocka_unit_test(missing_directories_are_made_private_and_existing_ones_left),
        cmocka_unit_test(what_is_in_the_way_is_named),
        cmocka_unit_test(only_a_directory_of_ours_that_is_shut_is_private),
        cmocka_unit_test(a_private_directory_of_somebody_else_is_not_ours),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
