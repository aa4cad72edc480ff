/* What an execution is surrounded by: the child's environment, its command as JSON, the terminal, the
 * machine's OOM count. */
#include "life.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>

struct variables {
    char **items;
    size_t count;
};

static bool names(const char *variable, const char *name, size_t length)
{
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

/* Takes the variable out; all of it, where it stands there twice. */
static void unset(struct variables *variables, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < variables->count; i++) {
        if (names(variables->items[i], name, strlen(name)))
            free(variables->items[i]);
        else
            variables->items[kept++] = variables->items[i];
    }
    variables->count = kept;
}

static void set(struct variables *variables, const char *name, const char *value)
{
    unset(variables, name);
    if (!value)
        return;
    variables->items = mem_resize(variables->items, (variables->count + 2) * sizeof *variables->items);
    variables->items[variables->count++] = mem_printf("%s=%s", name, value);
}

/*
 * Where the child is to send, and how often. What stands there for us is not for it: its messages come to us.
 * WATCHDOG_PID names us here, and the child once it is forked (spawn.c).
 */
static void set_notify(struct variables *variables, const struct life *life)
{
    bool watchdog = life->control.path && life->plan->watchdog_ms;
    char usec[32], pid[16];

    snprintf(usec, sizeof usec, "%lld000", (long long)life->plan->watchdog_ms);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    set(variables, "NOTIFY_SOCKET", life->control.path);
    set(variables, "WATCHDOG_USEC", watchdog ? usec : NULL);
    set(variables, "WATCHDOG_PID", watchdog ? pid : NULL);
}

char **environment_make(const struct life *life)
{
    struct variables variables = {0};
    const struct run_plan *plan = life->plan;
    const char *uid = life->ledger ? life->uid : NULL;
    char attempt[24];

    while (environ[variables.count])
        variables.count++;
    variables.items = mem_alloc((variables.count + 1) * sizeof *variables.items);
    for (size_t i = 0; i < variables.count; i++)
        variables.items[i] = mem_strdup(environ[i]);

    snprintf(attempt, sizeof attempt, "%lld", (long long)plan->attempt);
    set(&variables, "SUPERVISE_EXECUTION_UID", uid);
    set(&variables, "SUPERVISE_DB", life->ledger ? ledger_path(life->ledger) : plan->settings->store_path);
    set(&variables, "SUPERVISE_SESSION", life->begun.session);
    set(&variables, "SUPERVISE_ATTEMPT", uid ? attempt : NULL);
    set(&variables, "SUPERVISE_CHECKPOINT", life->checkpoint.path);
    set_notify(&variables, life);
    for (char **name = plan->settings->run_uid_env; name && *name; name++)
        set(&variables, *name, uid);
    for (char **extra = plan->extra_environment; extra && *extra; extra++) {
        AUTOFREE char *name = mem_strndup(*extra, strcspn(*extra, "="));

        set(&variables, name, *extra + strlen(name) + 1);
    }
    variables.items = mem_resize(variables.items, (variables.count + 1) * sizeof *variables.items);
    variables.items[variables.count] = NULL;
    return variables.items;
}

void environment_free(char **environment)
{
    for (char **variable = environment; variable && *variable; variable++)
        free(*variable);
    free(environment);
}

char *command_json(char **argv, bool *exact)
{
    json_t *array = json_array();
    char *text;

    *exact = true;
    for (; *argv; argv++) {
        AUTOBUF struct buf argument = {0};

        if (!utf8_valid(*argv, strlen(*argv)))
            *exact = false;
        text_to_utf8(&argument, *argv, strlen(*argv));
        json_array_append_new(array, json_string(argument.data ? argument.data : ""));
    }
    text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    return text;
}

int64_t oom_kill_count(void)
{
    FILE *file = fopen("/proc/vmstat", "re");
    char line[128];
    long long count = -1;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "oom_kill %lld", &count) == 1)
            break;
    if (file)
        fclose(file);
    return count;
}

bool needs_own_group(void)
{
    AUTOCLOSE int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    return fd < 0 || tcgetpgrp(fd) != getpgrp();
}
