/*
 * `agent install` and `agent uninstall`: our hooks in the settings of an agent, for a user or for one
 * project. What else stands there stays as it was written; a file that can't be read whole is left alone.
 */
#include "agent.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/path.h>
#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/cli/verbs.h>
#include <supervise/domain/hook.h>
#include <supervise/domain/hook_settings.h>
#include <supervise/process/spawn.h>

enum { SETTINGS_MAX = 16 << 20 };

static const struct agent_place {
    const char *agent;
    unsigned bit;
    const char *variable; /* names the user's folder */
    const char *folder;   /* in the home directory, and in a project */
    const char *file;
    const char *afterwards; /* what is left to be done; or NULL */
} places[] = {
    {"claude", HOOKS_CLAUDE, "CLAUDE_CONFIG_DIR", ".claude", "settings.json", NULL},
    {"codex", HOOKS_CODEX, "CODEX_HOME", ".codex", "hooks.json",
     "Codex runs new hooks once they are trusted: start it, and enter /hooks"},
};
enum { PLACES = sizeof places / sizeof *places };

/* ---- Which file ---- */

static const struct agent_place *find_place(const char *agent, struct error *err)
{
    const char *names[PLACES + 1] = {0}, *nearest;

    for (size_t i = 0; i < PLACES; i++) {
        names[i] = places[i].agent;
        if (strcmp(places[i].agent, agent) == 0)
            return &places[i];
    }
    nearest = text_nearest(agent, names);
    error_set(err, ERR_NOT_FOUND, "no agent \"%s\" whose hooks are known%s%s%s", agent,
              nearest ? "; did you mean \"" : ": claude, codex", nearest ? nearest : "",
              nearest ? "\"?" : "");
    return NULL;
}

/* The folder of the settings; the caller frees. NULL with err. */
static char *folder_of(const struct agent_place *place, const char *project, struct error *err)
{
    const char *named = getenv(place->variable);
    struct stat status;

    if (project) {
        if (stat(project, &status) == 0 && S_ISDIR(status.st_mode))
            return mem_printf("%s/%s", project, place->folder);
        error_set(err, ERR_NOT_FOUND, "no directory %s: name the project's own", project);
        return NULL;
    }
    if (named && *named)
        return mem_strdup(named);
    if (path_home())
        return mem_printf("%s/%s", path_home(), place->folder);
    error_set(err, ERR_OTHER, "cannot find the settings of %s: HOME is not set; set it, or %s", place->agent,
              place->variable);
    return NULL;
}

/* Where a link leads to, else the path itself; the caller frees. */
static char *target_of(const char *path)
{
    char *target = realpath(path, NULL);

    return target ? target : mem_strdup(path);
}

/* ---- Which command ---- */

static bool same_file(const char *one, const char *other)
{
    struct stat first, second;

    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* `supervise` where PATH finds this program by that name, else the program's own path, for a shell. */
static char *hook_command(void)
{
    const char *path = getenv("PATH");
    AUTOFREE char *copy = mem_strdup(path ? path : ""), *self = NULL;
    char *rest = NULL;

    for (char *folder = strtok_r(copy, ":", &rest); folder; folder = strtok_r(NULL, ":", &rest)) {
        AUTOFREE char *found = mem_printf("%s/supervise", folder);

        if (*folder == '/' && access(found, X_OK) == 0) {
            if (same_file(found, "/proc/self/exe"))
                return mem_strdup(AGENT_HOOK_COMMAND);
            break;
        }
    }
    self = realpath("/proc/self/exe", NULL);
    if (!self)
        return mem_strdup(AGENT_HOOK_COMMAND);
    return strpbrk(self, " \t\n'\"\\$`&|;<>()*?[]#~!{}") ? mem_printf("'%s' agent hook", self)
                                                         : mem_printf("%s agent hook", self);
}

/* ---- Reading and writing ---- */

/* Its bytes; empty where there is none. *exists. */
static int read_settings(const char *path, struct buf *text, struct stat *status, bool *exists,
                         struct error *err)
{
    AUTOCLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    *exists = fd >= 0;
    if (fd < 0 && errno == ENOENT) {
        buf_puts(text, "{}\n");
        return 0;
    }
    if (fd < 0 || fstat(fd, status) || buf_read(text, fd, SETTINGS_MAX))
        return error_errno(err, "cannot read %s", path);
    if (!S_ISREG(status->st_mode))
        return error_set(err, ERR_OTHER, "cannot take %s: it is no file", path);
    buf_puts(text, "");
    return 0;
}

/* Whether the file still is what was read. */
static bool unchanged(const char *path, const struct buf *text, bool existed)
{
    AUTOBUF struct buf now = {0};
    struct stat status;
    struct error err;
    bool exists;

    return read_settings(path, &now, &status, &exists, &err) == 0 && exists == existed &&
           now.len == text->len &&
           (now.len == 0 || (now.data && text->data && memcmp(now.data, text->data, now.len) == 0));
}

static int fill_file(int fd, const char *text, const struct stat *like)
{
    size_t length = strlen(text);
    mode_t mask = umask(0);

    umask(mask);
    if (fchmod(fd, like ? like->st_mode & 07777 : 0666 & ~mask) ||
        (like && (like->st_uid != geteuid() || like->st_gid != getegid()) &&
         fchown(fd, like->st_uid, like->st_gid)))
        return -1;
    return write(fd, text, length) == (ssize_t)length && fsync(fd) == 0 ? 0 : -1;
}

/* Beside it first, then in its place: whole or not at all. */
static int write_settings(const char *path, const char *text, const struct buf *before,
                          const struct stat *like, struct error *err)
{
    AUTOFREE char *temporary = mem_printf("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    bool filled;

    if (fd < 0)
        return error_errno(err, "cannot write %s", path);
    filled = fill_file(fd, text, like) == 0;
    if (filled && !unchanged(path, before, like != NULL))
        error_set(err, ERR_BUSY, "cannot write %s: it was changed meanwhile; try again", path);
    else if (!filled || rename(temporary, path))
        error_errno(err, "cannot write %s", path);
    else
        *temporary = '\0';
    close(fd);
    if (!*temporary)
        return 0;
    unlink(temporary);
    return -1;
}

/* ---- What would change ---- */

static size_t line_length(const char *text)
{
    size_t length = strcspn(text, "\n");

    return length + (text[length] == '\n');
}

static size_t count_lines(const char *text, size_t length)
{
    size_t lines = 0;

    for (size_t at = 0; at < length; at += line_length(text + at))
        lines++;
    return lines;
}

/* Bytes of the lines at the begin, and at the end, that both have. */
static void common_lines(const char *before, const char *after, size_t *head, size_t *tail)
{
    size_t of_before = strlen(before), of_after = strlen(after), same = 0;

    *head = *tail = 0;
    while (before[*head] && line_length(before + *head) == line_length(after + *head) &&
           memcmp(before + *head, after + *head, line_length(before + *head)) == 0)
        *head += line_length(before + *head);
    while (same < of_before - *head && same < of_after - *head &&
           before[of_before - same - 1] == after[of_after - same - 1]) {
        same++;
        if (same == of_before - *head || before[of_before - same - 1] == '\n')
            *tail = same;
    }
    if (*tail && of_after > *tail && after[of_after - *tail - 1] != '\n')
        *tail -= line_length(before + of_before - *tail);
}

static void print_lines(char sign, const char *text, size_t length)
{
    for (size_t at = 0; at < length; at += line_length(text + at)) {
        size_t line = line_length(text + at);

        printf("%c%.*s%s", sign, (int)line, text + at,
               text[at + line - 1] == '\n' ? "" : "\n\\ No newline at end of file\n");
    }
}

/* As diff -u0 would show it, in one piece. */
static void print_change(const char *path, const char *before, const char *after, bool exists)
{
    size_t head, tail, removed, added;

    common_lines(before, after, &head, &tail);
    removed = strlen(before) - head - tail;
    added = strlen(after) - head - tail;
    printf("--- %s\n+++ %s\n@@ -%zu,%zu +%zu,%zu @@\n", exists ? path : "/dev/null", path,
           count_lines(before, head) + (removed > 0), count_lines(before + head, removed),
           count_lines(after, head) + (added > 0), count_lines(after + head, added));
    print_lines('-', before + head, removed);
    print_lines('+', after + head, added);
}

/* ---- The verbs ---- */

static int change(struct cli *cli, const struct args *args, bool install, struct error *err)
{
    const struct agent_place *place = find_place(args->words[0], err);
    bool dry = args_has(args, "dry-run"), exists, changes;
    AUTOFREE char *folder = place ? folder_of(place, args_get(args, "project"), err) : NULL;
    AUTOFREE char *named = NULL, *path = NULL, *command = hook_command(), *after = NULL;
    AUTOBUF struct buf before = {0};
    const char *had;
    struct stat status;

    if (!folder)
        return -1;
    named = mem_printf("%s/%s", folder, place->file);
    path = target_of(named);
    if (read_settings(path, &before, &status, &exists, err) ||
        hook_settings_check(path, before.data, before.len, err))
        return -1;
    had = before.data ? before.data : "";
    after = install ? hook_settings_add(had, place->bit, command) : hook_settings_remove(had);
    changes = strcmp(after, had) != 0;
    if (changes && !dry) {
        if (!exists && mkdir(folder, 0777) && errno != EEXIST)
            return error_errno(err, "cannot make %s", folder);
        if (write_settings(path, after, &before, exists ? &status : NULL, err))
            return -1;
    }
    if (cli->json)
        json_print(json_pack("{s:s, s:o, s:b, s:b}", "agent", place->agent, "path", text_json(path),
                             "changed", changes, "dry_run", dry),
                   false);
    else if (changes && dry)
        print_change(path, exists ? had : "", after, exists);
    if (!changes)
        say("%s: %s", path, install ? "the hooks are there already" : "no hooks of ours are there");
    else if (!dry)
        say("%s: hooks %s", path, install ? "installed" : "removed");
    if (changes && install && !dry && place->afterwards)
        say("%s", place->afterwards);
    return 0;
}

static int run_install(struct cli *cli, const struct args *args)
{
    struct error err;

    return change(cli, args, true, &err) ? cli_fail(&err) : 0;
}

static int run_uninstall(struct cli *cli, const struct args *args)
{
    struct error err;

    return change(cli, args, false, &err) ? cli_fail(&err) : 0;
}

static const struct option install_options[] = {
    {0, "project", "DIR", "in the settings of this project, not in those of the user"},
    {0, "dry-run", NULL, "show what would change, and change nothing"},
    {0, NULL, NULL, NULL},
};

const struct verb verb_agent_install = {
    .name = "agent install",
    .synopsis = "[OPTIONS] claude|codex",
    .summary = "let an agent's hooks report to supervise, and tell it to go on where it stops too early",
    .examples = "supervise agent install claude --dry-run  # what would be added to ~/.claude/settings.json\n"
                "supervise agent install claude  # nothing else in that file is touched\n",
    .options = install_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_install,
};

const struct verb verb_agent_uninstall = {
    .name = "agent uninstall",
    .synopsis = "[OPTIONS] claude|codex",
    .summary = "take the hooks of supervise out of an agent's settings again",
    .examples = "supervise agent uninstall claude  # all else stays\n",
    .options = install_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_uninstall,
};
