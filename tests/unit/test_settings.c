/*
 * Settings and workflows: which file outweighs which, where a value came from, what is refused and how it is
 * said. Runs in a directory tree of its own, with an environment of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/config/settings.h>

static char root[64], conf[4096]; /* the tree of one test; conf/ of the checkout */

static void write_file(const char *path, const char *text)
{
    AUTOFREE char *directory = path_parent(path);
    struct error err;
    FILE *file;

    assert_int_equal(path_make_private(directory, &err), 0);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int in_a_tree_of_its_own(void **state)
{
    AUTOFREE char *home = NULL;
    (void)state;

    strcpy(root, "/tmp/test_settings.XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    home = mem_printf("%s/home", root);
    setenv("HOME", home, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_STATE_HOME");
    unsetenv("SUPERVISE_DB");
    unsetenv("SUPERVISE_CONFIG");
    write_file("project/deep/er/x", "");
    assert_int_equal(chdir("project/deep/er"), 0);
    return 0;
}

static int tree_removed(void **state)
{
    AUTOFREE char *command = mem_printf("rm -rf '%s'", root);
    (void)state;

    assert_int_equal(chdir("/"), 0);
    return system(command);
}

static struct settings *loaded(const char *config, const char *db)
{
    struct error err = {0};
    struct settings *settings = settings_load(config, db, &err);

    if (!settings)
        fail_msg("%s", err.text);
    return settings;
}

static void assert_refused(const char *config, enum error_code code, const char *text)
{
    struct error err = {0};
    struct settings *settings = settings_load(config, NULL, &err);

    assert_null(settings);
    assert_string_equal(err.text, text);
    assert_int_equal(err.code, code);
}

/* The row of a key in settings_json(); the caller owns it, NULL where there is none. */
static json_t *row_of(const struct settings *settings, const char *key)
{
    json_t *rows = settings_json(settings), *row, *found = NULL;
    size_t i;

    json_array_foreach(rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "key")), key) == 0)
            found = json_incref(row);
    json_decref(rows);
    return found;
}

static void assert_row(const struct settings *settings, const char *key, const char *value,
                       const char *origin)
{
    json_t *row = row_of(settings, key);
    AUTOFREE char *text = json_dumps(json_object_get(row, "value"), JSON_ENCODE_ANY | JSON_COMPACT);

    assert_non_null(row);
    assert_string_equal(text, value);
    assert_string_equal(json_string_value(json_object_get(row, "origin")), origin);
    json_decref(row);
}

/* --- which file outweighs which --- */

static void without_files_everything_is_built_in(void **state)
{
    struct settings *settings = loaded(NULL, NULL);
    AUTOFREE char *ledger = mem_printf("\"%s/home/.local/state/supervise/supervise.db\"", root);
    AUTOFREE char *logs = mem_printf("\"%s/home/.local/state/supervise/logs\"", root);
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"store.busy_timeout", "\"10s\""},
        {"store.sync", "\"normal\""},
        {"run.capture", "\"auto\""},
        {"run.timeout", "\"0\""},
        {"run.kill_after", "\"10s\""},
        {"run.incomplete_exit", "75"},
        {"run.uid_env", "[]"},
        {"run.require_session", "false"},
        {"run.on_supervisor_death", "\"keep\""},
        {"sweep.interval", "\"5m\""},
        {"sweep.stale_session_after", "\"7d\""},
        {"sweep.heartbeat_interval", "\"30s\""},
        {"sweep.heartbeat_stale_after", "\"15m\""},
        {"sweep.no_heartbeat_after", "\"2h\""},
        {"queue.slots", "1"},
        {"queue.autostart", "true"},
        {"log.max_size", "\"64MiB\""},
        {"log.keep", "\"0\""},
        {"agent.claude.resume", "[\"{program}\",\"{options}\",\"--resume\",\"{session}\",\"{prompt}\"]"},
        {"agent.codex.session_id", "\"thread_id\""},
        {"agent.opencode.match", "[\"opencode\"]"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_row(settings, cases[i].key, cases[i].value, "built-in");
    assert_row(settings, "store.path", ledger, "built-in");
    assert_row(settings, "log.dir", logs, "built-in");
    assert_int_equal(settings->store_busy_timeout, 10000);
    assert_int_equal(settings->run_kill_after, 10000);
    assert_int_equal(settings->run_drain, 1000);
    assert_int_equal(settings->sweep_stale_session_after, INT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(settings->log_max_size, 64 << 20);
    assert_null(settings->run_uid_env[0]);
    assert_int_equal(json_object_size(settings->workflows), 0);
    assert_int_equal(json_object_size(settings_agents(settings)), 4);
    settings_free(settings);
}

static void a_later_file_outweighs_an_earlier_one_setting_by_setting(void **state)
{
    AUTOFREE char *user = mem_printf("%s/home/.config/supervise/supervise.toml", root);
    AUTOFREE char *user_origin = mem_printf("%s:3", user);
    AUTOFREE char *project_origin = mem_printf("%s/project/supervise.toml:3", root);
    struct settings *settings;
    (void)state;

    write_file(user, "[queue]\nslots = 2\nidle = '2s'\n");
    settings = loaded(NULL, NULL);
    assert_int_equal(settings->queue_slots, 2);
    settings_free(settings);

    write_file("../../supervise.toml", "\n[queue]\nslots = 3\n");
    settings = loaded(NULL, NULL);
    assert_row(settings, "queue.slots", "3", project_origin);
    assert_row(settings, "queue.idle", "\"2s\"", user_origin);
    settings_free(settings);

    write_file("../supervise.toml", "[run]\ndrain = '3s'\n");
    settings = loaded(NULL, NULL); /* the nearest alone */
    assert_int_equal(settings->queue_slots, 2);
    assert_int_equal(settings->run_drain, 3000);
    settings_free(settings);

    write_file("named.toml", "[queue]\nslots = 4\n");
    setenv("SUPERVISE_CONFIG", "named.toml", 1);
    settings = loaded(NULL, NULL); /* replaces the one found */
    assert_row(settings, "queue.slots", "4", "named.toml:2");
    assert_row(settings, "run.drain", "\"1s\"", "built-in");
    assert_row(settings, "queue.idle", "\"2s\"", user_origin);
    settings_free(settings);

    write_file("option.toml", "queue.slots = 5\n");
    settings = loaded("option.toml", NULL);
    assert_row(settings, "queue.slots", "5", "option.toml:1");
    settings_free(settings);
}

static void xdg_config_home_is_where_the_user_file_is(void **state)
{
    AUTOFREE char *directory = mem_printf("%s/xdg", root);
    AUTOFREE char *file = mem_printf("%s/supervise/supervise.toml", directory);
    struct settings *settings;
    (void)state;

    write_file(file, "[queue]\nslots = 7\n");
    setenv("XDG_CONFIG_HOME", directory, 1);
    settings = loaded(NULL, NULL);
    assert_int_equal(settings->queue_slots, 7);
    settings_free(settings);
}

static void the_ledger_is_named_by_option_then_environment_then_file(void **state)
{
    AUTOFREE char *in_file = mem_printf("\"%s/project/deep/er/file.db\"", root);
    AUTOFREE char *in_environment = mem_printf("\"%s/project/deep/er/environment.db\"", root);
    AUTOFREE char *origin = mem_printf("%s/project/deep/er/supervise.toml:1", root);
    struct settings *settings;
    (void)state;

    write_file("supervise.toml", "store.path = 'file.db'\n");
    settings = loaded(NULL, NULL);
    assert_row(settings, "store.path", in_file, origin);
    settings_free(settings);
    setenv("SUPERVISE_DB", "environment.db", 1);
    settings = loaded(NULL, NULL);
    assert_row(settings, "store.path", in_environment, "environment SUPERVISE_DB");
    settings_free(settings);
    settings = loaded(NULL, "/x/option.db");
    assert_row(settings, "store.path", "\"/x/option.db\"", "option --db");
    assert_row(settings, "log.dir", "\"/x/logs\"", "built-in");
    settings_free(settings);
}

static void paths_start_from_the_directory_of_their_file(void **state)
{
    AUTOFREE char *ledger = mem_printf("%s/project/data/a.db", root);
    AUTOFREE char *logs = mem_printf("%s/home/logs", root);
    struct settings *settings;
    (void)state;

    write_file("../../supervise.toml", "[store]\npath = 'data/a.db'\n[log]\ndir = '~/logs'\n");
    settings = loaded(NULL, NULL);
    assert_string_equal(settings->store_path, ledger);
    assert_string_equal(settings->log_dir, logs);
    settings_free(settings);
    settings = loaded("../../supervise.toml", NULL);
    assert_true(strstr(settings->store_path, "/data/a.db") && settings->store_path[0] == '/');
    settings_free(settings);
}

static void without_home_only_a_ledger_has_no_place(void **state)
{
    static const char why[] = "neither HOME nor XDG_STATE_HOME is set to an absolute path";
    static const char *const homes[] = {NULL, "", "relative/home"};
    struct settings *settings;
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        unsetenv("HOME");
        if (homes[i])
            setenv("HOME", homes[i], 1);
        settings = loaded(NULL, NULL);
        assert_null(settings_ledger(settings, &err));
        assert_int_equal(err.code, ERR_OTHER);
        assert_string_equal(
            err.text, "cannot find a place for the ledger: neither HOME nor XDG_STATE_HOME is set to an "
                      "absolute path; name a file with --db");
        assert_null(settings->log_dir);
        assert_row(settings, "store.path", "null", why);
        assert_row(settings, "log.dir", "null", "no ledger to stand beside");
        settings_free(settings);
        settings = loaded(NULL, "/x/option.db");
        assert_string_equal(settings_ledger(settings, &err), "/x/option.db");
        assert_row(settings, "log.dir", "\"/x/logs\"", "built-in");
        settings_free(settings);
    }
}

static void without_home_its_sign_is_refused(void **state)
{
    static const char said[] =
        "supervise.toml:1: log.dir: \"~\" needs HOME, which is not set to an absolute path";
    (void)state;

    write_file("supervise.toml", "log.dir = '~/x'\n");
    setenv("SUPERVISE_CONFIG", "supervise.toml", 1);
    unsetenv("HOME");
    assert_refused(NULL, ERR_INVALID, said);
    setenv("HOME", "relative/home", 1);
    assert_refused(NULL, ERR_INVALID, said);
}

/* --- files that can't be read --- */

static void a_named_file_must_be_there_and_a_searched_one_readable(void **state)
{
    AUTOFREE char *directory =
        mem_printf("cannot read configuration %s/project/deep/er/supervise.toml (nearest at or "
                   "above the working directory): not a regular file",
                   root);
    (void)state;

    assert_refused("none.toml", ERR_NOT_FOUND,
                   "cannot read configuration none.toml (named by --config): No such file or directory");
    setenv("SUPERVISE_CONFIG", "none.toml", 1);
    assert_refused(
        NULL, ERR_NOT_FOUND,
        "cannot read configuration none.toml (named by $SUPERVISE_CONFIG): No such file or directory");
    unsetenv("SUPERVISE_CONFIG");
    assert_int_equal(mkdir("supervise.toml", 0700), 0);
    assert_refused(NULL, ERR_INVALID, directory);
    assert_int_equal(rmdir("supervise.toml"), 0);
    assert_int_equal(mkfifo("supervise.toml", 0600), 0); /* must not hold us */
    assert_refused(NULL, ERR_INVALID, directory);
    settings_free(loaded("/dev/null", NULL));
}

/* Loads in a process without root's rights and compares: the error, or queue.slots where `said` is NULL. */
static bool loads_as_nobody(const char *said, int slots)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct error err;
        struct settings *settings;

        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        settings = settings_load(NULL, NULL, &err);
        _exit(said ? settings || strcmp(err.text, said) != 0 : !settings || settings->queue_slots != slots);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void a_closed_file_is_an_error_and_one_in_a_closed_directory_was_not_found(void **state)
{
    static const char *const open_to_all[] = {"home",    "home/.config", "home/.config/supervise",
                                              "project", "project/deep", "project/deep/er"};
    AUTOFREE char *user = mem_printf("%s/home/.config/supervise/supervise.toml", root);
    AUTOFREE char *said = mem_printf("cannot read configuration %s (user): Permission denied", user);
    (void)state;

    write_file(user, "[queue]\nslots = 2\n");
    assert_int_equal(chmod(root, 0755), 0);
    for (size_t i = 0; i < sizeof open_to_all / sizeof *open_to_all; i++) {
        AUTOFREE char *directory = mem_printf("%s/%s", root, open_to_all[i]);

        assert_int_equal(chmod(directory, 0755), 0);
    }
    assert_int_equal(chmod(user, 0644), 0);
    assert_true(loads_as_nobody(NULL, 2));
    assert_int_equal(chmod(user, 0), 0);
    assert_true(loads_as_nobody(said, 0));
    assert_int_equal(chmod(getenv("HOME"), 0), 0);
    assert_true(loads_as_nobody(NULL, 1));
    assert_int_equal(chmod(getenv("HOME"), 0700), 0);
}

static void a_found_file_of_another_user_is_ignored(void **state)
{
    struct settings *settings;
    json_t *files;
    (void)state;

    if (geteuid() != 0)
        skip();
    write_file("supervise.toml", "[queue]\nslots = 2\n");
    assert_int_equal(chown("supervise.toml", 65534, 65534), 0);
    settings = loaded(NULL, NULL);
    assert_int_equal(settings->queue_slots, 1);
    settings_free(settings);
    files = settings_files(NULL);
    assert_non_null(strstr(json_string_value(json_object_get(json_array_get(files, 2), "why")), "ignored"));
    json_decref(files);
    settings = loaded("supervise.toml", NULL);
    assert_int_equal(settings->queue_slots, 2);
    settings_free(settings);
}

static void the_files_looked_for_are_listed_in_their_order(void **state)
{
    json_t *files;
    (void)state;

    write_file("../supervise.toml", "");
    files = settings_files(NULL);
    assert_int_equal(json_array_size(files), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(files, 0), "path")),
                        "/etc/supervise/supervise.toml");
    assert_true(json_is_false(json_object_get(json_array_get(files, 1), "found")));
    assert_non_null(strstr(json_string_value(json_object_get(json_array_get(files, 2), "path")),
                           "/project/deep/supervise.toml"));
    assert_true(json_is_true(json_object_get(json_array_get(files, 2), "found")));
    json_decref(files);
    files = settings_files("x.toml");
    assert_int_equal(json_array_size(files), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(files, 2), "path")), "x.toml");
    assert_true(json_is_false(json_object_get(json_array_get(files, 2), "found")));
    json_decref(files);
}

/* --- what a found file may not say --- */

static void a_found_file_may_not_name_a_command(void **state)
{
    static const char *const keys[] = {"resume", "keep"};
    struct settings *settings;
    (void)state;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        AUTOFREE char *text = mem_printf("[agent.claude]\n%s = ['touch', 'x']\n", keys[i]);
        AUTOFREE char *said =
            mem_printf("%s/project/supervise.toml:2: agent.claude.%s names a command, which a file found at "
                       "or above the working directory may not; put it into "
                       "$XDG_CONFIG_HOME/supervise/supervise.toml, or name the file with --config",
                       root, keys[i]);

        write_file("../../supervise.toml", text);
        assert_refused(NULL, ERR_INVALID, said);
    }
    write_file("../../supervise.toml", "[agent.claude]\nresume = ['touch', 'x']\n");
    settings = loaded("../../supervise.toml", NULL);
    assert_row(settings, "agent.claude.resume", "[\"touch\",\"x\"]", "../../supervise.toml:2");
    assert_row(settings, "agent.claude.match", "[\"claude\"]", "built-in");
    settings_free(settings);
    write_file("../../supervise.toml", "[agent.mine]\nsession_id = 'id'\n");
    settings = loaded(NULL, NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(settings_agents(settings), "mine"), "session_id")),
        "id");
    assert_row(settings, "agent.mine.match", "[\"mine\"]", "built-in");
    settings_free(settings);
}

static void the_users_own_file_is_no_found_one_when_we_stand_beside_it(void **state)
{
    AUTOFREE char *directory = mem_printf("%s/home/.config/supervise", root);
    AUTOFREE char *file = mem_printf("%s/supervise.toml", directory);
    struct settings *settings;
    (void)state;

    write_file(file, "[agent.claude]\nresume = ['my-claude']\n");
    assert_int_equal(chdir(directory), 0);
    settings = loaded(NULL, NULL);
    settings_free(settings);
}

/* --- what is refused --- */

static void a_fault_is_one_line_with_file_line_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"[run]\n\ntimout = '1s'", "t.toml:3: unknown key \"timout\" in [run]; did you mean \"timeout\"?"},
        {"[qeue]\nslots = 1", "t.toml:1: unknown key \"qeue\" in the root table; did you mean \"queue\"?"},
        {"[queue]\nzzz = 1",
         "t.toml:2: unknown key \"zzz\" in [queue]; expected one of slots, autostart, idle"},
        {"run = 5", "t.toml:1: run: expected a table, found 5"},
        {"[[store]]", "t.toml:1: store: expected a table, found an array"},
        {"run.timeout = 30",
         "t.toml:1: run.timeout: expected a duration such as \"90s\" or \"1h30m\" (\"0\" is none), "
         "found 30"},
        {"run.timeout = '30'",
         "t.toml:1: run.timeout: expected a duration such as \"90s\" or \"1h30m\" (\"0\" is "
         "none), found \"30\""},
        {"run.timeout = true",
         "t.toml:1: run.timeout: expected a duration such as \"90s\" or \"1h30m\" (\"0\" is "
         "none), found a boolean"},
        {"log.max_size = '64 MiB'",
         "t.toml:1: log.max_size: expected a size such as \"64MiB\", or bytes, found \"64 "
         "MiB\""},
        {"log.max_size = -1", "t.toml:1: log.max_size: expected 0 or more, found -1"},
        {"run.incomplete_exit = 0", "t.toml:1: run.incomplete_exit: expected 1 to 255, found 0"},
        {"run.incomplete_exit = 256", "t.toml:1: run.incomplete_exit: expected 1 to 255, found 256"},
        {"run.incomplete_exit = '75'", "t.toml:1: run.incomplete_exit: expected an integer, found \"75\""},
        {"run.require_session = 1", "t.toml:1: run.require_session: expected true or false, found 1"},
        {"run.capture = 'ptty'",
         "t.toml:1: run.capture: expected one of \"auto\", \"pty\", \"pipe\", \"none\", found "
         "\"ptty\""},
        {"store.sync = 1.5", "t.toml:1: store.sync: expected one of \"normal\", \"full\", found a float"},
        {"store.path = ''", "t.toml:1: store.path: expected a path, found \"\""},
        {"store.path = '~x/y'",
         "t.toml:1: store.path: expected a path (of homes only \"~/\" is known), found \"~x/y\""},
        {"store.path = \"a\\u0000b\"", "t.toml:1: a string with a NUL in it"},
        {"run.\"timeout\\u0000x\" = '1s'", "t.toml:1: a key with a NUL in it"},
        {"run.uid_env = [\n'A', '1A']",
         "t.toml:2: run.uid_env: expected an array of names of environment variables, "
         "none of supervise's own, found \"1A\""},
        {"run.uid_env = ['A=B']",
         "t.toml:1: run.uid_env: expected an array of names of environment variables, none of "
         "supervise's own, found \"A=B\""},
        {"run.uid_env = ['SUPERVISE_DB']",
         "t.toml:1: run.uid_env: expected an array of names of environment variables, "
         "none of supervise's own, found \"SUPERVISE_DB\""},
        {"run.uid_env = 'A'",
         "t.toml:1: run.uid_env: expected an array of names of environment variables, none of "
         "supervise's own, found \"A\""},
        {"sweep.interval = '0'", "t.toml:1: sweep.interval: expected 1ms to 36525d, found \"0\""},
        {"sweep.heartbeat_interval = 0",
         "t.toml:1: sweep.heartbeat_interval: expected 1ms to 36525d, found 0"},
        {"sweep.stalled_after = '30s'",
         "t.toml:1: sweep.stalled_after must be longer than sweep.heartbeat_interval "
         "(built-in)"},
        {"\nsweep.heartbeat_interval = '15m'", "t.toml:2: sweep.heartbeat_interval must be shorter than "
                                               "sweep.stalled_after (built-in)"},
        {"queue.slots = 0", "t.toml:1: queue.slots: expected 1 to 1024, found 0"},
        {"agents.resume_prompt = ''", "t.toml:1: agents.resume_prompt: expected a text, found \"\""},
        {"agent.x.reume = []", "t.toml:1: unknown key \"reume\" in [agent.x]; did you mean \"resume\"?"},
        {"agent.x.resume = ['x', '{promt}']", "t.toml:1: agent.x.resume: \"{promt}\" stands for nothing: "
                                              "{session}, {program}, {options} and {prompt} do"},
        {"agent.x.keep = ['-p', '--=']",
         "t.toml:1: agent.x.keep: \"--=\" is no option: \"--flag\", \"--option=\" with a value, "
         "\"--option...\" with words, or the name of a subcommand"},
        {"agent.x.keep = '-p'", "t.toml:1: agent.x.keep: expected an array of strings, found \"-p\""},
        {"agent.x.resume = []", "t.toml:1: agent.x.resume: expected a command and its arguments, found none"},
        {"agent.x.match = ['/usr/bin/x']", "t.toml:1: agent.x.match: expected base names of programs, found "
                                           "\"/usr/bin/x\""},
        {"agent.x.session_id = ['a']",
         "t.toml:1: agent.x.session_id: expected the name of a field, found an array"},
        {"agent.x = 1", "t.toml:1: agent.x: expected a table, found 1"},
        {"[run]\n[run]", "t.toml:2: \"run\" is already defined at line 1"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};

        write_file("t.toml", cases[i].text);
        assert_refused("t.toml", ERR_INVALID, cases[i].error);
        assert_int_equal(settings_check_file("t.toml", &err), -1);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void bounds_themselves_are_taken(void **state)
{
    struct settings *settings;
    (void)state;

    write_file("t.toml",
               "[run]\nincomplete_exit = 255\ntimeout = 0\nuid_env = ['A_1', '_b']\ncapture = 'pipe'\n"
               "on_supervisor_death = 'kill'\n[log]\nmax_size = 4096\nkeep = '30d'\n"
               "[sweep]\nstalled_after = '0'\n[store]\nsync = 'full'\n");
    settings = loaded("t.toml", NULL);
    assert_int_equal(settings->run_incomplete_exit, 255);
    assert_int_equal(settings->run_timeout, 0);
    assert_string_equal(settings->run_uid_env[0], "A_1");
    assert_string_equal(settings->run_uid_env[1], "_b");
    assert_null(settings->run_uid_env[2]);
    assert_string_equal(settings->run_capture, "pipe");
    assert_true(settings->run_kill_on_supervisor_death);
    assert_true(settings->store_sync_full);
    assert_int_equal(settings->log_max_size, 4096);
    assert_row(settings, "log.keep", "\"30d\"", "t.toml:9");
    settings_free(settings);
}

/* --- the file that is shipped --- */

/* Takes the comment mark from every line "#key..." or "#[table]"; prose has a space behind its mark. */
static char *uncommented(const char *path)
{
    FILE *file = fopen(path, "r");
    struct buf out = {0};
    char line[512];

    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        buf_puts(&out, line[0] == '#' && line[1] != ' ' ? line + 1 : line);
    fclose(file);
    return buf_take(&out);
}

static void the_shipped_file_holds_every_setting_with_its_default(void **state)
{
    AUTOFREE char *path = mem_printf("%s/supervise.toml", conf);
    AUTOFREE char *text = uncommented(path);
    struct settings *built_in = loaded(NULL, NULL), *as_shipped = loaded(path, NULL), *settings;
    json_t *expected = settings_json(built_in), *found, *untouched = settings_json(as_shipped), *row;
    size_t i;
    (void)state;

    assert_true(json_equal(expected, untouched));
    write_file("t.toml", text);
    settings = loaded("t.toml", NULL);
    found = settings_json(settings);
    assert_int_equal(json_array_size(found), json_array_size(expected));
    json_array_foreach(expected, i, row) {
        const char *key = json_string_value(json_object_get(row, "key"));

        if (!json_equal(json_object_get(row, "value"), json_object_get(json_array_get(found, i), "value")))
            fail_msg("%s has another value in conf/supervise.toml", key);
        if (strncmp(json_string_value(json_object_get(json_array_get(found, i), "origin")), "t.toml:", 7) !=
            0)
            fail_msg("%s is not in conf/supervise.toml", key);
    }
    json_decref(expected);
    json_decref(found);
    json_decref(untouched);
    settings_free(built_in);
    settings_free(as_shipped);
    settings_free(settings);
}

static void assert_workflow(const char *file, const char *name, const char *expected)
{
    struct settings *settings = loaded(file, NULL);
    AUTOFREE char *text = json_dumps(json_object_get(settings->workflows, name), JSON_COMPACT);

    assert_string_equal(text ? text : "none", expected);
    settings_free(settings);
}

static void the_shipped_workflows_say_every_edge(void **state)
{
    AUTOFREE char *review = mem_printf("%s/workflows/review.toml", conf);
    AUTOFREE char *map = mem_printf("%s/workflows/map.toml", conf);
    (void)state;

    assert_workflow(
        review, "review",
        "{\"phases\":[\"context\",\"change-context\",\"analysis\",\"reviews\",\"aggregation\",\"discourse\","
        "\"synthesis\",\"complete\"],\"initial\":\"context\",\"final\":[\"complete\"],\"edges\":{"
        "\"context\":[\"change-context\"],\"change-context\":[\"analysis\"],\"analysis\":[\"reviews\"],"
        "\"reviews\":[\"aggregation\"],\"aggregation\":[\"discourse\"],\"discourse\":[\"synthesis\"],"
        "\"synthesis\":[\"complete\"],\"complete\":[\"context\"]},\"strict\":false,\"stages\":[]}");
    assert_workflow(
        map, "map",
        "{\"phases\":[\"map-context\",\"topology\",\"flow-analysis\",\"requirements-mapping\",\"synthesis\","
        "\"complete\"],\"initial\":\"map-context\",\"final\":[\"complete\"],\"edges\":{\"map-context\":["
        "\"topology\"],\"topology\":[\"flow-analysis\"],\"flow-analysis\":[\"requirements-mapping\"],"
        "\"requirements-mapping\":[\"synthesis\"],\"synthesis\":[\"complete\"],\"complete\":["
        "\"map-context\"]},\"strict\":false,\"stages\":[]}");
}

/* --- workflows --- */

static void nothing_is_left_implicit_in_a_workflow(void **state)
{
    (void)state;

    write_file(
        "t.toml",
        "[workflow.w]\nphases = ['a', 'b', 'c', 'x']\ninitial = 'b'\nfinal = ['c', 'x']\n"
        "edges = { b = ['a', 'c', 'x'], c = ['b'] }\nstrict = true\n"
        "[[workflow.w.stage]]\nname = 'one'\nsteps = ['s/1', 's2']\n[[workflow.w.stage]]\nname = 'two'\n"
        "[[workflow.only.stage]]\nname = 'one'\n");
    assert_workflow(
        "t.toml", "w",
        "{\"phases\":[\"a\",\"b\",\"c\",\"x\"],\"initial\":\"b\",\"final\":[\"c\",\"x\"],\"edges\":{\"a\":["
        "\"b\"],\"b\":[\"a\",\"c\",\"x\"],\"c\":[\"b\"],\"x\":[\"b\"]},\"strict\":true,\"stages\":[{"
        "\"name\":\"one\",\"steps\":[\"s/1\",\"s2\"]},{\"name\":\"two\",\"steps\":[]}]}");
    assert_workflow(
        "t.toml", "only",
        "{\"phases\":[],\"initial\":null,\"final\":[],\"edges\":{},\"strict\":false,\"stages\":[{\"name\":"
        "\"one\",\"steps\":[]}]}");
}

static void a_workflow_is_replaced_whole_by_a_later_file(void **state)
{
    AUTOFREE char *user = mem_printf("%s/home/.config/supervise/supervise.toml", root);
    struct settings *settings;
    (void)state;

    write_file(user, "[workflow.w]\nphases = ['a', 'b']\n[[workflow.w.stage]]\nname = 's'\n");
    write_file("t.toml", "[workflow.w]\nphases = ['c', 'd']\n");
    settings = loaded("t.toml", NULL);
    assert_row(settings, "workflow.w",
               "{\"phases\":[\"c\",\"d\"],\"initial\":\"c\",\"final\":[\"d\"],\"edges\":{\"c\":[\"d\"],\"d\":"
               "[\"c\"]},"
               "\"strict\":false,\"stages\":[]}",
               "t.toml:1");
    settings_free(settings);
}

/* 130 bytes. */
#define TEN "abcdefghij"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void a_workflow_that_could_trap_a_session_is_refused(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"[workflow.w]", "t.toml:1: workflow.w: neither phases nor stages"},
        {"[workflow]\nw = 1", "t.toml:2: workflow.w: expected a table, found an integer"},
        {"[workflow.w]\nphase = []",
         "t.toml:2: unknown key \"phase\" in [workflow.w]; did you mean \"phases\"?"},
        {"[workflow.w]\nphases = 'a'",
         "t.toml:2: workflow.w.phases: expected an array of strings, found \"a\""},
        {"[workflow.w]\nphases = ['a', 1]",
         "t.toml:2: workflow.w.phases: expected an array of strings, found 1"},
        {"[workflow.w]\nphases = ['a', '']", "t.toml:2: workflow.w.phases: a string in it is empty"},
        {"[workflow.w]\nphases = ['a', \"b\\n\"]",
         "t.toml:2: workflow.w.phases: a string in it holds a control character"},
        {"[workflow.w]\nphases = ['a', \"\\u009b\"]",
         "t.toml:2: workflow.w.phases: a string in it holds a control character"},
        {"[workflow.w]\nphases = ['a',\n'b', 'a']", "t.toml:3: workflow.w: \"a\" stands twice in phases"},
        {"[workflow.w]\nphases = ['a', 'b']\ninitial = 'c'",
         "t.toml:3: workflow.w: unknown phase \"c\"; its phases are: a, b"},
        {"[workflow.w]\nphases = ['a', 'b']\nfinal = ['c']",
         "t.toml:3: workflow.w: unknown phase \"c\"; its phases are: a, b"},
        {"[workflow.w]\nphases = ['a', 'b']\nfinal = 'b'",
         "t.toml:3: workflow.w.final: expected an array of strings, found \"b\""},
        {"[workflow.w]\nphases = ['a', 'b']\nfinal = []",
         "t.toml:3: workflow.w: no final phase: no round could be completed"},
        {"[workflow.w]\nphases = ['a', 'b']\ninitial = 'b'",
         "t.toml:2: workflow.w: the initial phase \"b\" is final too: there is no way to go in a round"},
        {"[workflow.w]\nphases = ['a', 'b']\n[workflow.w.edges]\nx = ['b']",
         "t.toml:4: workflow.w: unknown phase \"x\"; its phases are: a, b"},
        {"[workflow.w]\nphases = ['a', 'b']\n[workflow.w.edges]\na = ['b',\n'x']",
         "t.toml:5: workflow.w: unknown phase \"x\"; its phases are: a, b"},
        {"[workflow.w]\nphases = ['a', 'b']\nedges = ['a']",
         "t.toml:3: workflow.w.edges: expected a table of phases, each with an array of phases, found an "
         "array"},
        {"[workflow.w]\nphases = ['a', 'b', 'c']\nedges = { c = ['b'] }",
         "t.toml:3: workflow.w: the final phase \"c\" leads to the initial one, \"a\", and nowhere else"},
        {"[workflow.w]\nphases = ['a', 'b', 'c']\nedges = { c = [] }",
         "t.toml:3: workflow.w: the final phase \"c\" leads to the initial one, \"a\", and nowhere else"},
        {"[workflow.w]\nphases = ['a', 'b', 'c']\nedges = { a = ['a'] }",
         "t.toml:3: workflow.w: final phase \"c\" can't be reached from \"a\""},
        {"[workflow.w]\nphases = ['a', 'b', 'c', 'd']\nedges = { a = ['b', 'd'], b = ['c'], c = ['b'] }",
         "t.toml:3: workflow.w: from phase \"b\" no final phase can be reached"},
        {"[workflow.w]\nphases = ['a', 'b', 'd']\nedges = { a = ['b', 'd'], b = [] }",
         "t.toml:3: workflow.w: from phase \"b\" no final phase can be reached"},
        {"[workflow.w]\nphases = ['a', 'x', 'y', 'd']\nedges = { a = ['d'], x = ['y'], y = ['x'] }",
         "t.toml:3: workflow.w: from phase \"x\" no final phase can be reached"},
        {"[workflow.w]\nphases = ['a', 'b']\nstrict = 'yes'",
         "t.toml:3: workflow.w.strict: expected true or false, found \"yes\""},
        {"[workflow.w]\nstage = 1",
         "t.toml:2: workflow.w.stage: expected tables [[workflow.NAME.stage]], found 1"},
        {"[[workflow.w.stage]]\nsteps = ['a']", "t.toml:1: workflow.w: a stage without a name"},
        {"[[workflow.w.stage]]\nname = 'a/b'",
         "t.toml:2: workflow.w: cannot take \"a/b\" as the name of a stage: it has a \"/\" or "
         "\"..\", which stand between names"},
        {"[[workflow.w.stage]]\nname = 'a.'", "t.toml:2: workflow.w: cannot take \"a.\" as the name of a "
                                              "stage: it begins or ends with \".\", where "
                                              "A..B would be cut"},
        {"[[workflow.w.stage]]\nname = 1", "t.toml:2: workflow.w.stage.name: expected a name, found 1"},
        {"[[workflow.w.stage]]\nname = 'a'\nsteps = ['b',\n\"" LONG "\"]",
         "t.toml:4: workflow.w: cannot take \"" LONG "\" as the name of a step: it is longer than 128 bytes"},
        {"[[workflow.w.stage]]\nname = 'a'\n[[workflow.w.stage]]\nname = 'a'",
         "t.toml:4: workflow.w: stage \"a\" stands twice"},
        {"[[workflow.w.stage]]\nname = 'a'\nstep = ['b']",
         "t.toml:3: unknown key \"step\" in a stage; did you mean \"steps\"?"},
        {"[[workflow.w.stage]]\nname = 'a'\nsteps = ['b', 'b']",
         "t.toml:3: workflow.w: \"b\" stands twice in stage.steps"},
        {"[workflow.'my flow']\nphases = ['a', 'b']", "t.toml:1: the workflow's name \"my flow\" can't begin "
                                                      "the id of a session (my flow-1): it has a character "
                                                      "other than A-Z a-z 0-9 and . _ : / + -"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file("t.toml", cases[i].text);
        assert_refused("t.toml", ERR_INVALID, cases[i].error);
    }
}

static void a_phase_behind_a_final_one_is_no_trap(void **state)
{
    (void)state;

    write_file("t.toml", "[workflow.w]\nphases = ['a', 'done', 'x']\nfinal = ['done']\n");
    assert_workflow(
        "t.toml", "w",
        "{\"phases\":[\"a\",\"done\",\"x\"],\"initial\":\"a\",\"final\":[\"done\"],\"edges\":{\"a\":["
        "\"done\"],\"done\":[\"a\"],\"x\":[]},\"strict\":false,\"stages\":[]}");
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, in_a_tree_of_its_own, tree_removed)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_TREE(without_files_everything_is_built_in),
        IN_TREE(a_later_file_outweighs_an_earlier_one_setting_by_setting),
        IN_TREE(xdg_config_home_is_where_the_user_file_is),
        IN_TREE(the_ledger_is_named_by_option_then_environment_then_file),
        IN_TREE(paths_start_from_the_directory_of_their_file),
        IN_TREE(without_home_only_a_ledger_has_no_place),
        IN_TREE(without_home_its_sign_is_refused),
        IN_TREE(a_named_file_must_be_there_and_a_searched_one_readable),
        IN_TREE(a_closed_file_is_an_error_and_one_in_a_closed_directory_was_not_found),
        IN_TREE(a_found_file_of_another_user_is_ignored),
        IN_TREE(the_files_looked_for_are_listed_in_their_order),
        IN_TREE(a_found_file_may_not_name_a_command),
        IN_TREE(the_users_own_file_is_no_found_one_when_we_stand_beside_it),
        IN_TREE(a_fault_is_one_line_with_file_line_and_what_was_expected),
        IN_TREE(bounds_themselves_are_taken),
        IN_TREE(the_shipped_file_holds_every_setting_with_its_default),
        IN_TREE(the_shipped_workflows_say_every_edge),
        IN_TREE(nothing_is_left_implicit_in_a_workflow),
        IN_TREE(a_workflow_is_replaced_whole_by_a_later_file),
        IN_TREE(a_workflow_that_could_trap_a_session_is_refused),
        IN_TREE(a_phase_behind_a_final_one_is_no_trap),
    };

    if (!realpath("conf", conf)) { /* run from the top of the checkout */
        perror("conf");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
