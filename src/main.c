/*
 * supervise: runs a command, records it, and tells the truth about how it ended. Here: from argv to a verb
 * and back to an exit status. Nothing that a wrapped command would inherit is touched on the way.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <supervise/base/say.h>
#include <supervise/cli/verbs.h>

/*
 * Gives a verb that was started with one of its standard descriptors closed something in that place, the
 * wrong way round, so that no file of ours lands there and each use of it still fails.
 */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return;
}

/* Whether the reader of stdout is gone. Asked of the pipe: the errno of a write that failed long ago is lost.
 */
static bool reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

/* Data that didn't reach stdout is a failure, whatever the verb thinks; a reader that went away knows by
 * itself. */
static int close_stdout(int status)
{
    bool failed = ferror(stdout), quiet = reader_gone();

    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return status;
    if (!quiet)
        say_error("cannot write to stdout: %s", errno ? strerror(errno) : "not all of it was taken");
    return status ? status : ERR_OTHER;
}

static int invoke(struct cli *cli, const struct invocation *invocation)
{
    if (invocation->what == INVOKE_VERSION) {
        printf("supervise %s\n", SUPERVISE_VERSION);
    } else if (!invocation->verb) {
        help_usage(stderr);
        return ERR_USAGE;
    } else if (invocation->what == INVOKE_HELP) {
        help_verb(stdout, invocation->verb);
    } else {
        return invocation->verb->run(cli, &invocation->args);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct cli cli = {.color = "auto"};
    struct invocation invocation;
    struct error err;
    int status = args_parse(argc, argv, &cli, &invocation, &err);
    /* Its own end is the command's: nothing of ours may change the status any more. */
    bool wraps = invocation.what == INVOKE_VERB && invocation.verb && invocation.verb->wraps;

    say_set_level(cli.level);
    if (!wraps)
        fill_standard_descriptors();
    if (status != 0)
        say_error("%s", err.text);
    else
        status = invoke(&cli, &invocation);
    cli_close(&cli);
    args_free(&invocation.args);
    return wraps ? status : close_stdout(status);
}
