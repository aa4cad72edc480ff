/*
 * One of the child's outputs: read from its pipe as it comes, kept in the log, passed on byte for byte. A
 * slow reader of ours slows the child and loses nothing; one that goes away is gone for the child too.
 */
#ifndef SUPERVISE_SUPERVISOR_OUTPUT_H
#define SUPERVISE_SUPERVISOR_OUTPUT_H

#include <supervise/supervisor/log_writer.h>

#include <stdbool.h>

struct ev_loop;
struct output;

struct output_events {
    /* Bytes came; none (length 0): the stream has ended. */
    void (*came)(void *context, enum log_stream stream, const char *bytes, size_t length);
    void (*closed)(void *context);                 /* all is read and passed on, or given up */
    void (*lost)(void *context, const char *text); /* the log can't be kept; said once */
    void *context;
};

/*
 * `pipe`: the reading end, or the master of the child's terminal (`terminal`), owned from here on. `sink`: 1
 * or 2, where it goes on to. `log` is shared, not owned. From a terminal all is kept to the end, also when
 * ours has gone.
 */
struct output *output_new(struct ev_loop *loop, enum log_stream stream, int pipe, bool terminal, int sink,
                          struct log_writer *log, const struct output_events *events);

bool output_is_closed(const struct output *output);

/* The last byte that came was no newline. */
bool output_is_mid_line(const struct output *output);

/*
 * Takes what is in the pipe at this moment, passes it on, and reads no more. True where somebody else holds
 * the other end; where nobody does, nothing is cut: all that is left comes out by itself.
 */
bool output_cut(struct output *output);

/* What is left is kept and not passed on: whoever should read it doesn't, and we are to end. */
void output_give_up(struct output *output);

void output_free(struct output *output);

#endif
