/*
 * What SQLite allocates from: pieces cut off large chunks, and lists of free ones by size. To read a schema
 * takes thousands of small allocations, and the general allocator's care for each costs a short command more
 * than all of its SQL. Chunks come with their pages, which one by one, at the first touch of each, would cost
 * as much again; they are kept until the process ends.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sqlite3.h>

/* An analyzer takes what an allocator keeps for lost. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

enum { GRAIN = 16, LARGEST = 8192, CHUNK = 128 * 1024, HEADER = 8 };

/* Stands before each piece; aligned as SQLite wants what follows it. */
union header {
    size_t size; /* without the header; more than LARGEST: malloc's own */
    char room[HEADER];
};

static void *free_pieces[LARGEST / GRAIN + 1]; /* by size: each free piece begins with the next one */
static char *chunk;
static size_t chunk_left;

static int rounded(int size)
{
    return (size + GRAIN - 1 + HEADER) / GRAIN * GRAIN - HEADER;
}

static union header *header_of(void *memory)
{
    return (union header *)memory - 1;
}

static int size_of(void *memory)
{
    return (int)header_of(memory)->size;
}

static void *cut(size_t size)
{
    union header *header;

    if (chunk_left < size + HEADER) {
        chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        chunk_left = chunk != MAP_FAILED ? CHUNK : 0;
        if (chunk == MAP_FAILED)
            return NULL;
    }
    header = (union header *)(void *)chunk;
    chunk += size + HEADER;
    chunk_left -= size + HEADER;
    header->size = size;
    return header + 1;
}

static void *allocate(int wanted)
{
    size_t size = (size_t)rounded(wanted);
    void **piece;

    if (size > LARGEST) {
        union header *header = malloc(size + HEADER);

        if (!header)
            return NULL;
        header->size = size;
        return header + 1;
    }
    piece = free_pieces[size / GRAIN];
    if (!piece)
        return cut(size);
    free_pieces[size / GRAIN] = *piece;
    return piece;
}

static void release(void *memory)
{
    size_t size = header_of(memory)->size;

    if (size > LARGEST) {
        free(header_of(memory));
        return;
    }
    *(void **)memory = free_pieces[size / GRAIN];
    free_pieces[size / GRAIN] = memory;
}

static void *resize(void *memory, int wanted)
{
    int size = size_of(memory);
    void *moved;

    if (rounded(wanted) <= size && size <= LARGEST)
        return memory;
    moved = allocate(wanted);
    if (!moved)
        return NULL;
    memcpy(moved, memory, (size_t)(wanted < size ? wanted : size));
    release(memory);
    return moved;
}

static int begin(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void end(void *unused)
{
    (void)unused;
}

void memory_use(void)
{
#ifndef __SANITIZE_ADDRESS__ /* which sees what it is to see only in an allocator of its own */
    static sqlite3_mem_methods methods = {allocate, release, resize, size_of, rounded, begin, end, NULL};

    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
#else
    (void)resize, (void)begin, (void)end, (void)size_of, (void)rounded;
#endif
}
