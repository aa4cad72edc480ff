/*
 * A settings file, which may come with a repository: it is taken, or refused with its name and a line of it;
 * what is no TOML is never taken.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <supervise/config/settings.h>
#include <supervise/config/toml.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[32];
    struct error err = {0}, of_toml = {0};
    struct toml *root;
    int result;

    if (file < 0) {
        file = memfd_create("settings", MFD_CLOEXEC);
        HOLDS(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    HOLDS(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    result = settings_check_file(path, &err);
    root = toml_parse(path, (const char *)data, size, &of_toml);
    HOLDS(result == 0 || (err.code == ERR_INVALID && strncmp(err.text, path, strlen(path)) == 0 &&
                          err.text[strlen(path)] == ':'));
    HOLDS(root ? result == 0 || *err.text : result < 0 && strcmp(err.text, of_toml.text) == 0);
    toml_free(root);
    return 0;
}
