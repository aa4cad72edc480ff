/*
 * Runs a fuzz target without a fuzzer: on every file of the directories named, and on changed copies of each,
 * which are the same in every run. A child does it, so that the input that ended it can be told.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <supervise/base/text.h>

enum { RUNS = 4000, FILES_MAX = 256, INPUT_MAX = 16384, CHANGES_MAX = 4 };

static struct buf files[FILES_MAX];
static size_t file_count;

/* What the child is at; the parent sees it. */
static struct input {
    size_t size;
    uint8_t data[INPUT_MAX];
} * input;

static uint32_t draw(uint32_t below)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % below);
}

/* Puts `length` bytes in the place of `removed` ones, as far as there is room. */
static void splice(size_t at, size_t removed, const void *bytes, size_t length)
{
    if (input->size - removed + length > INPUT_MAX)
        return;
    memmove(input->data + at + length, input->data + at + removed, input->size - at - removed);
    memcpy(input->data + at, bytes, length);
    input->size += length - removed;
}

static void change(void)
{
    static const char telling[] = "\"\\{}[]=:,.\n\r\t #'0-9aA\x1b\x7f\xc3\xa9\xf0\xff";
    uint32_t at = draw((uint32_t)input->size + 1), left = (uint32_t)input->size - at;
    const struct buf *other = &files[draw((uint32_t)file_count)];
    uint8_t byte = (uint8_t)(draw(2) ? telling[draw(sizeof telling)] : (int)draw(256));
    uint32_t from = draw((uint32_t)other->len + 1);

    switch (draw(4)) {
    case 0:
        splice(at, left ? 1 : 0, &byte, 1);
        break;
    case 1:
        splice(at, 0, &byte, 1);
        break;
    case 2:
        splice(at, draw(left + 1), "", 0);
        break;
    default:
        splice(at, 0, other->data + from, draw((uint32_t)(other->len - from) + 1));
    }
}

static void run_one(void)
{
    uint8_t *exact = mem_alloc(input->size); /* so that a read behind the end is seen */

    memcpy(exact, input->data, input->size);
    LLVMFuzzerTestOneInput(exact, input->size);
    free(exact);
}

static void run_all(void)
{
    for (size_t i = 0; i < RUNS; i++) {
        const struct buf *file = &files[i % file_count];

        input->size = file->len < INPUT_MAX ? file->len : INPUT_MAX;
        memcpy(input->data, file->data, input->size);
        for (uint32_t changes = i < file_count ? 0 : 1 + draw(CHANGES_MAX); changes > 0; changes--)
            change();
        run_one();
    }
}

static void read_files(const char *directory)
{
    DIR *list = opendir(directory);

    for (struct dirent *entry; list && (entry = readdir(list)) && file_count < FILES_MAX;) {
        AUTOFREE char *path = mem_printf("%s/%s", directory, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");

        if (!file)
            continue;
        HOLDS(buf_read(&files[file_count++], fileno(file), SIZE_MAX / 2) == 0);
        fclose(file);
    }
    if (list)
        closedir(list);
}

static int by_content(const void *one, const void *other)
{
    const struct buf *a = one, *b = other;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

int main(int argc, char **argv)
{
    AUTOBUF struct buf told = {0};
    int status;
    pid_t child;

    for (int i = 1; i < argc; i++)
        read_files(argv[i]);
    if (file_count == 0) {
        fprintf(stderr, "usage: %s DIRECTORY...: no files to run there\n", argv[0]);
        return 2;
    }
    qsort(files, file_count, sizeof *files, by_content); /* directories have no order of their own */
    input = mmap(NULL, sizeof *input, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    HOLDS(input != MAP_FAILED);
    child = fork();
    if (child == 0) {
        run_all();
        exit(0); /* not _exit: leaks are looked for */
    }
    HOLDS(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    text_base64(&told, input->data, input->size);
    fprintf(stderr, "ended with status %#x; the input, or the last one, in base64: %s\n", (unsigned)status,
            told.data ? told.data : "");
    return 1;
}
