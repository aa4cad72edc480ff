/*
 * What the child gets for 0, 1 and 2, by the way of capture: our own descriptors, pipes, or a terminal of its
 * own; and after the fork the pumps and the keyboard on our side of them.
 */
#include "life.h"

#include <fcntl.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/say.h>

enum { SAY_MS = 100 };

void streams_close(struct streams *streams)
{
    for (int i = 0; i < 3; i++)
        fd_close(&streams->child[i]);
    for (int i = 0; i < 2; i++)
        fd_close(&streams->ours[i]);
    fd_close(&streams->terminal.slave);
    fd_close(&streams->terminal.master);
}

static int open_pipe(struct streams *streams, enum log_stream stream, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return error_errno(err, "cannot make a pipe for the command");
    streams->ours[stream] = ends[0];
    streams->child[stream + 1] = ends[1];
    return 0;
}

/* A stream that is closed with us stays closed in the child: there is nothing to keep or to pass on. */
static int open_pipes(const struct life *life, struct streams *streams, struct error *err)
{
    for (int i = 0; i < 2; i++)
        if (!life->inherited->closed[i + 1] && open_pipe(streams, (enum log_stream)i, err))
            return -1;
    return 0;
}

/* stderr goes there too, unless it was sent somewhere else. */
static int open_terminal(struct life *life, struct streams *streams, struct error *err)
{
    int model = isatty(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO;

    if (pseudo_terminal_open(&streams->terminal, model, err))
        return -1;
    ioctl(streams->terminal.master, TIOCGWINSZ, &life->size);
    for (int i = 0; i < 3; i++)
        if (streams->child[i] < 0 && (i < 2 || isatty(STDERR_FILENO)))
            streams->child[i] = fcntl(streams->terminal.slave, F_DUPFD_CLOEXEC, 3);
    if (streams->child[2] < 0 && !life->inherited->closed[2])
        return open_pipe(streams, LOG_ERR, err);
    return 0;
}

int streams_open(struct life *life, struct streams *streams, struct error *err)
{
    if (life->plan->stdin_null)
        streams->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    switch (life->plan->capture) {
    case CAPTURE_PTY:
        return open_terminal(life, streams, err);
    case CAPTURE_PIPE:
        return open_pipes(life, streams, err);
    default:
        return 0;
    }
}

static void pump(struct life *life, struct streams *streams, enum log_stream stream, bool terminal,
                 const struct output_events *events)
{
    int *end = terminal ? &streams->terminal.master : &streams->ours[stream];

    if (*end >= 0)
        life->outputs[stream] =
            output_new(life->loop, stream, *end, terminal, (int)stream + 1, life->log, events);
    *end = -1;
}

void streams_start(struct life *life, struct streams *streams, const struct output_events *events)
{
    bool terminal = streams->terminal.master >= 0;

    say_set_patience(SAY_MS); /* from now on our own words don't hold up what happens */
    if (life->plan->capture == CAPTURE_NONE)
        return;
    if (life->log_path)
        life->log = log_writer_new(life->log_path, life->uid, life->plan->settings->log_max_size);
    if (life->agent) {
        const json_t *agent = json_object_get(settings_agents(life->plan->settings), life->agent);

        life->scan = agent_scan_new(agent);
        life->reader = agent_reader_new(agent);
        plan_recall(life);
    }
    if (terminal) {
        life->master = fcntl(streams->terminal.master, F_DUPFD_CLOEXEC, 3);
        life->keyboard = keyboard_new(life, life->master);
    }
    pump(life, streams, LOG_OUT, terminal, events);
    pump(life, streams, LOG_ERR, false, events);
}
