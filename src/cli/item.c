/*
 * `item`: what was processed of the many things that a command works through, said at once, and what is left
 * of them. For a command's own side: quick, and quiet where all is well.
 */
#include <supervise/cli/item_ids.h>
#include <supervise/cli/verbs.h>
#include <supervise/store/item.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/say.h>
#include <supervise/base/text.h>
#include <supervise/cli/words.h>
#include <supervise/domain/id.h>

enum { ERROR_MAX = 4096 };

/* --stage, or "main". */
static int read_stage(const struct args *args, const char **stage, struct error *err)
{
    const char *fault;

    *stage = args_get(args, "stage");
    if (!*stage)
        *stage = "main";
    fault = stage_fault(*stage);
    if (fault)
        return error_set(err, ERR_USAGE, "cannot take \"%.200s\" as the name of a stage: it %s", *stage,
                         fault);
    return 0;
}

/* Opens the ledger, and takes the ids in: the words, or stdin where `words` is NULL. */
static int take_ids(struct cli *cli, const struct args *args, char **words, struct item_report *report,
                    struct error *err)
{
    struct item_ids ids = {.words = words, .end = args_has(args, "null") ? '\0' : '\n'};

    if (session_named(args, NO_WORD, &report->session, err) || read_stage(args, &report->stage, err) ||
        cli_ledger_existing(cli, err) || cli_caller(cli, &report->execution, err))
        return -1;
    return items_take(cli->ledger, item_ids_next, &ids, err);
}

/* --- done, failed, forget --- */

/* "-" alone is stdin. */
static int take_words(struct cli *cli, const struct args *args, struct item_report *report, struct error *err)
{
    bool input = args->word_count == 1 && strcmp(args->words[0], "-") == 0;

    for (size_t i = 0; !input && i < args->word_count; i++)
        if (strcmp(args->words[i], "-") == 0)
            return error_set(err, ERR_USAGE, "\"-\" takes the ids from stdin, and no others stand beside it");
    if (args_has(args, "null") && !input)
        return error_set(err, ERR_USAGE, "-0 is for ids on stdin: give \"-\" instead of ids");
    return take_ids(cli, args, input ? NULL : args->words, report, err);
}

static int report_items(struct cli *cli, const struct args *args, enum item_verb verb, const char *why)
{
    struct item_report report = {.error = why};
    AUTOFREE char *session = NULL;
    const char *how = NULL;
    struct error err;

    if (take_words(cli, args, &report, &err) ||
        items_report(cli->ledger, verb, &report, &session, &how, &err))
        return cli_fail(&err);
    cli_say_session(session, how);
    return 0;
}

static int run_done(struct cli *cli, const struct args *args)
{
    return report_items(cli, args, ITEMS_DONE, NULL);
}

/* As much of an error as a record of each item can hold. */
static char *error_text(const char *given)
{
    struct buf text = {0};
    size_t length = ERROR_MAX - strlen("…");

    if (!given)
        return NULL;
    text_to_utf8(&text, given, strlen(given));
    if (text.len <= ERROR_MAX)
        return buf_take(&text);
    while ((text.data[length] & 0xc0) == 0x80) /* not within a character */
        length--;
    text.len = length;
    buf_puts(&text, "…");
    return buf_take(&text);
}

static int run_failed(struct cli *cli, const struct args *args)
{
    AUTOFREE char *why = error_text(args_get(args, "error"));

    return report_items(cli, args, ITEMS_FAILED, why);
}

static int run_forget(struct cli *cli, const struct args *args)
{
    return report_items(cli, args, ITEMS_FORGOTTEN, NULL);
}

/* --- remaining --- */

struct printing {
    char end;
    struct json_rows *rows; /* --json; else NULL */
};

/* Whoever reads them may have seen enough. */
static int print_id(const char *id, size_t length, void *context)
{
    struct printing *printing = context;

    if (printing->rows) {
        json_rows_add(printing->rows, json_stringn(id, length));
    } else {
        fwrite(id, 1, length, stdout);
        putchar(printing->end);
    }
    return ferror(stdout);
}

static int run_remaining(struct cli *cli, const struct args *args)
{
    struct item_report report = {0};
    struct json_rows rows = {0};
    struct printing printing = {args_has(args, "null") ? '\0' : '\n', cli->json ? &rows : NULL};
    AUTOFREE char *session = NULL;
    const char *how = NULL;
    struct error err;

    if (take_ids(cli, args, NULL, &report, &err) ||
        items_remaining(cli->ledger, &report, &session, &how, &err))
        return cli_fail(&err);
    cli_say_session(session, how);
    if (items_remaining_each(cli->ledger, print_id, &printing, &err))
        return cli_fail(&err);
    if (cli->json)
        json_rows_end(&rows);
    return 0;
}

/* --- list --- */

struct listing {
    struct json_rows rows; /* --json */
    struct table *table;   /* else NULL */
    size_t count;
};

static void table_row(struct table *table, const struct item *item)
{
    bool done = strcmp(item->status, "done") == 0;
    AUTOFREE char *attempts = mem_printf("%" PRId64, item->attempts);
    AUTOFREE char *number =
        item->execution_number == NO_INT ? NULL : mem_printf("#%" PRId64, item->execution_number);
    AUTOFREE char *age = words_age(item->at);

    table_cell(table, item->id, NULL);
    table_cell(table, strcmp(item->stage, "main") == 0 ? NULL : item->stage, NULL);
    table_cell(table, done ? "✓ done" : "✗ failed", done ? "32" : "31");
    table_cell(table, item->attempts > 1 ? attempts : NULL, NULL);
    table_cell(table, age, NULL);
    table_cell(table, number, NULL);
    table_cell(table, item->error, NULL);
}

static int list_item(const struct item *item, void *context)
{
    struct listing *listing = context;

    listing->count++;
    if (listing->table)
        table_row(listing->table, item);
    else
        json_rows_add(&listing->rows, item_json(item));
    return ferror(stdout);
}

static int list_items(struct cli *cli, const struct args *args, struct listing *listing, struct error *err)
{
    static const struct column columns[] = {
        {"ITEM", YIELDS_NEXT}, {"STAGE", YIELDS_NEXT}, {"STATUS", YIELDS_LAST}, {"ATTEMPTS", YIELDS_LAST},
        {"AT", YIELDS_LAST},   {"BY", YIELDS_LAST},    {"ERROR", YIELDS_FIRST}, {NULL, YIELDS_LAST},
    };
    struct item_filter filter = {.stage = args_get(args, "stage"), .status = args_get(args, "status")};
    AUTOFREE char *session = NULL;
    const char *named, *caller;
    bool only_active;
    int result;

    if (session_named(args, NO_WORD, &named, err) || cli_ledger(cli, LEDGER_READ, err) ||
        cli_session(cli, named, &caller, &session, &only_active, err))
        return -1;
    filter.session = session;
    listing->table = cli->json ? NULL : table_new(columns);
    result = items_each(cli->ledger, &filter, list_item, listing, err);
    if (listing->table)
        table_print(listing->table, cli);
    else if (result == 0)
        json_rows_end(&listing->rows);
    return result;
}

static int run_list(struct cli *cli, const struct args *args)
{
    struct listing listing = {0};
    struct error err;

    if (list_items(cli, args, &listing, &err))
        return cli_fail(&err);
    if (!cli->json && listing.count == 0)
        say("no item is recorded%s", args->given_count > 0 ? " that is like that" : "");
    return 0;
}

/* --- the verbs --- */

#define SESSION_OPTION                                                                                       \
    {                                                                                                        \
        's', "session", "ID",                                                                                \
            "the session; without it the calling execution's, which is begun where there is none"            \
    }
#define STAGE_OPTION                                                                                         \
    {                                                                                                        \
        0, "stage", "NAME", "the stage they belong to (main)"                                                \
    }
#define NULL_OPTION                                                                                          \
    {                                                                                                        \
        '0', "null", NULL, "ids on stdin end with a NUL, as find -print0 writes them"                        \
    }

static const struct option done_options[] = {SESSION_OPTION, STAGE_OPTION, NULL_OPTION, {0}};

const struct verb verb_item_done = {
    .name = "item done",
    .synopsis = "[OPTIONS] ID...|-",
    .summary = "items are processed, and stay so; on record when it returns, all of them or none",
    .examples = "supervise item done chapter-7  # done once; to be run again: item forget\n"
                "ls finished | supervise item done -  # ids from stdin, one a line\n",
    .options = done_options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_done,
};

static const struct option failed_options[] = {{0, "error", "TEXT", "why; the first 4096 bytes are kept"},
                                               SESSION_OPTION,
                                               STAGE_OPTION,
                                               NULL_OPTION,
                                               {0}};

const struct verb verb_item_failed = {
    .name = "item failed",
    .synopsis = "[OPTIONS] ID...|-",
    .summary = "items have failed: they remain, and are tried again",
    .examples = "supervise item failed chapter-7 --error 'no text on page 3'  # with the reason\n",
    .options = failed_options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_failed,
};

static const struct option forget_options[] = {SESSION_OPTION, STAGE_OPTION, NULL_OPTION, {0}};

const struct verb verb_item_forget = {
    .name = "item forget",
    .synopsis = "[OPTIONS] ID...|-",
    .summary = "nothing was reported of these items: they remain again, even those that were done",
    .examples = "supervise item forget chapter-7  # it was done wrongly: once more\n",
    .options = forget_options,
    .words_min = 1,
    .words_max = SIZE_MAX,
    .run = run_forget,
};

static const struct option remaining_options[] = {
    SESSION_OPTION,
    {0, "stage", "NAME", "the stage they belong to (main)"},
    {'0', "null", NULL, "ids end with a NUL, on stdin and on stdout"},
    {0},
};

const struct verb verb_item_remaining = {
    .name = "item remaining",
    .synopsis = "[OPTIONS]",
    .summary = "of the ids on stdin, one a line, those not yet done; how many came is the stage's total",
    .examples = "ls chapters | supervise item remaining | xargs -n 1 ./translate  # what is left to do\n"
                "find . -type f -print0 | supervise item remaining -0 | xargs -0 ./import  # any names\n",
    .options = remaining_options,
    .run = run_remaining,
};

static const struct option list_options[] = {
    {'s', "session", "ID", "the session; without it the calling execution's, or the only active one"},
    {0, "stage", "NAME", "only those of this stage"},
    {0, "status", "done|failed", "only those of this status"},
    {0},
};

const struct verb verb_item_list = {
    .name = "item list",
    .synopsis = "[OPTIONS]",
    .summary = "the items that were reported, by stage and id",
    .examples = "supervise item list --status failed  # what is to be tried again, and why\n",
    .options = list_options,
    .run = run_list,
};
