/*
 * What this process inherited, read before anything of ours changes it, so that a child can start as if we
 * weren't there: signal mask, ignored signals, umask, standard descriptors that were closed, further
 * descriptors, children from before an exec.
 */
#ifndef SUPERVISE_PROCESS_INHERIT_H
#define SUPERVISE_PROCESS_INHERIT_H

#include <supervise/process/tree.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct inherited {
    sigset_t mask;
    sigset_t ignored;
    /* A wrapper's own is 077: what the caller's takes from files may be what it needs itself. */
    mode_t creation_mask;
    bool closed[3];   /* stdin, stdout, stderr: held by a placeholder now, which no child inherits */
    int *descriptors; /* above 2 */
    size_t descriptor_count;
    struct tree children; /* from before an exec: not ours */
};

/* Takes the places of standard descriptors that are closed, so that no file of ours can come to stand there.
 * Call first. */
void inherit_plug(bool closed[3]);

void inherit_read(struct inherited *inherited, const bool closed[3]);
void inherit_free(struct inherited *inherited);

/* Closes the further descriptors here, once the child has its own copies: we pin no pipe, lock or file of the
 * caller's. */
void inherit_release(struct inherited *inherited);

#endif
