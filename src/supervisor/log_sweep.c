/* Old logs, found by the time of their last byte, removed by leave of the ledger: see the header. */
#include <supervise/supervisor/log_sweep.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/path.h>
#include <supervise/base/time.h>
#include <supervise/domain/id.h>
#include <supervise/store/check.h>
#include <supervise/store/sweep.h>

/* UID.log, last written before that time. The end of the execution, which the ledger knows, is not earlier.
 */
static bool is_old_log(int directory, const char *name, int64_t before_ms, char uid[UID_LENGTH + 1])
{
    struct stat status;

    if (strlen(name) != UID_LENGTH + 4 || strcmp(name + UID_LENGTH, ".log") != 0)
        return false;
    snprintf(uid, UID_LENGTH + 1, "%.*s", UID_LENGTH, name);
    return uid_valid(uid) && fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode) && (int64_t)status.st_mtim.tv_sec * 1000 < before_ms;
}

static void remove_files(int directory, const char *uid)
{
    static const char *const endings[] = {"log", "idx"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        AUTOFREE char *name = mem_printf("%s.%s", uid, endings[i]);

        unlinkat(directory, name, 0);
    }
}

bool log_is_of(const char *path, const char *uid)
{
    AUTOFREE char *name = mem_printf("/%s.log", uid);
    size_t length = strlen(path), tail = strlen(name);

    return uid_valid(uid) && length > tail && strcmp(path + length - tail, name) == 0;
}

void log_remove(const char *path, const char *uid)
{
    AUTOFREE char *directory = path_parent(path);
    AUTOCLOSE int fd = log_is_of(path, uid) ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0)
        remove_files(fd, uid);
}

/* UID.log or UID.idx. */
static bool is_log_file(const char *name, char uid[UID_LENGTH + 1])
{
    if (strlen(name) != UID_LENGTH + 4 ||
        (strcmp(name + UID_LENGTH, ".log") != 0 && strcmp(name + UID_LENGTH, ".idx") != 0))
        return false;
    snprintf(uid, UID_LENGTH + 1, "%.*s", UID_LENGTH, name);
    return uid_valid(uid);
}

int log_orphans(struct ledger *ledger, const char *directory, json_t **paths, struct error *err)
{
    DIR *entries = directory ? opendir(directory) : NULL;
    char uid[UID_LENGTH + 1];
    struct dirent *entry;
    bool known = true;
    int result = 0;

    *paths = json_array();
    while (entries && result == 0 && (entry = readdir(entries))) {
        AUTOFREE char *path = mem_printf("%s/%s", directory, entry->d_name);

        if (!is_log_file(entry->d_name, uid))
            continue;
        result = ledger_knows(ledger, uid, &known, err);
        if (result == 0 && !known)
            json_array_append_new(*paths, json_string(path));
    }
    if (entries)
        closedir(entries);
    return result;
}

int log_sweep(struct ledger *ledger, const struct settings *settings, struct error *err)
{
    int64_t now = wall_now_ms(), before = now - settings->log_keep;
    bool claimed = false, forgotten;
    struct dirent *entry;
    char uid[UID_LENGTH + 1];
    int result = 0;
    DIR *directory;

    if (settings->log_keep == 0)
        return 0;
    if (sweep_claim(ledger, "logs", now, settings->sweep_interval, &claimed, err))
        return -1;
    if (!claimed || !(directory = opendir(settings->log_dir)))
        return 0;
    while (result == 0 && (entry = readdir(directory))) {
        if (!is_old_log(dirfd(directory), entry->d_name, before, uid))
            continue;
        result = log_forget(ledger, uid, before, &forgotten, err);
        if (result == 0 && forgotten)
            remove_files(dirfd(directory), uid);
    }
    closedir(directory);
    return result;
}
