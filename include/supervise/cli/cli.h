/*
 * The command line: verbs and their options as tables, the state every verb gets, and what all of them print
 * with. A verb is one file in src/cli and one line in the table of verbs.
 */
#ifndef SUPERVISE_CLI_CLI_H
#define SUPERVISE_CLI_CLI_H

#include <supervise/base/buf.h>
#include <supervise/config/settings.h>
#include <supervise/store/checkpoint.h>
#include <supervise/store/event.h>
#include <supervise/store/item.h>
#include <supervise/store/ledger.h>
#include <supervise/store/session.h>
#include <supervise/supervisor/liveness.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * An option of a verb. `letter` 0: none; `arg` NULL: a flag, else what --help calls its argument: a name in
 * capitals, or in small letters the words it may be ("auto|pipe|none"), to which the parser holds it.
 */
struct option {
    char letter;
    const char *name; /* without dashes; NULL ends a table */
    const char *arg;
    const char *help;
};

/* What was given: options in their order, and the words. Strings point into argv. */
struct args {
    struct args_given {
        const struct option *option;
        const char *value; /* NULL for a flag */
    } * given;
    size_t given_count;
    char **words; /* ends with NULL */
    size_t word_count;
};

const char *args_get(const struct args *args, const char *name); /* the last value, or NULL */
bool args_has(const struct args *args, const char *name);
/* The value at `*at` or later of that option, moving *at past it; NULL where there is no more. Start with 0.
 */
const char *args_next(const struct args *args, const char *name, size_t *at);

struct cli {
    const char *db_option, *config_option;
    bool json;
    const char *color;         /* auto, always, never */
    int level;                 /* -1 with -q, 1 with -v */
    struct settings *settings; /* read by cli_settings() */
    struct ledger *ledger;     /* opened by cli_ledger() */
    bool awaiting;             /* cli_await_change() was called since: */
    int64_t version;           /* of the ledger, as it has last told of it */
    int watch;                 /* where the kernel tells that it is written to; -1: nowhere */
};

struct verb {
    const char *name;     /* "list", "session begin" */
    const char *synopsis; /* what follows the name: "[OPTIONS] REF..." */
    const char *summary;  /* one line */
    const char *examples; /* lines "COMMAND  # what for"; what help begins with */
    const struct option *options;
    size_t words_min, words_max;                          /* how many words it takes; SIZE_MAX: any number */
    int (*run)(struct cli *cli, const struct args *args); /* exit status */
    bool wraps;   /* runs a command itself: its exit status is all that counts, and stdio is the command's */
    bool command; /* the first word begins a command: nothing after it is an option of ours (run) */
};

/* Reads the settings, opens the ledger, once; -1 with err. Both are closed by main. */
int cli_settings(struct cli *cli, struct error *err);
int cli_ledger(struct cli *cli, enum ledger_mode mode, struct error *err);
/* For verbs that change only what exists: opens to write where there is a ledger, else reads an empty one. */
int cli_ledger_existing(struct cli *cli, struct error *err);
/* Lets go of the ledger, so that the next cli_ledger() opens it anew. */
void cli_ledger_close(struct cli *cli);
/* Closes what is open. */
void cli_close(struct cli *cli);

/* Says the error and returns its code: `return cli_fail(&err);` */
int cli_fail(const struct error *err);

/*
 * The execution that called us, by $SUPERVISE_EXECUTION_UID; NULL where there is none. One that isn't in this
 * ledger, or has ended, is said on stderr and is none. The ledger must be open. -1 with err where it can't be
 * read.
 */
int cli_caller(struct cli *cli, const char **uid, struct error *err);

/*
 * Which session a verb means that was given `named` (or NULL): said on stderr where it wasn't named. *caller
 * is as of cli_caller(). The caller frees *id. The ledger must be open.
 */
int cli_session(struct cli *cli, const char *named, const char **caller, char **id, bool *only_active,
                struct error *err);
/* "session ID (via HOW)" on stderr, where it wasn't named by an option. */
void cli_say_session(const char *id, const char *how);

/*
 * What a REF means where an execution or a session may be meant: as execution_resolve(), but a session's id
 * is the session. Exactly one of the two is set; the caller frees it.
 */
int cli_resolve(struct cli *cli, const char *ref, struct execution **execution, struct session **session,
                struct error *err);

/*
 * Sleeps until the ledger has changed, or `max_ms` have passed (NO_INT: however long). A ledger that came, or
 * was put in the place of the one that is open, is opened anew. -1 with err where that can't be.
 */
int cli_await_change(struct cli *cli, int64_t max_ms, struct error *err);

/* The words from there on as one text: UTF-8, and of a length that can be kept. NULL where there are none;
 * the caller frees. */
char *args_text(const struct args *args, size_t from);

/* Reads a duration option; *ms is untouched where it wasn't given. -1 with ERR_USAGE. */
int args_duration(const struct args *args, const char *name, int64_t *ms, struct error *err);
/* A whole number from `min` up. */
int args_integer(const struct args *args, const char *name, int64_t min, int64_t *number, struct error *err);

/* The id of a session given with --session, or as the word `at` (NO_WORD: as none); NULL where it wasn't.
 * ERR_USAGE where it was given twice, or can be no session's. */
#define NO_WORD SIZE_MAX
int session_named(const struct args *args, size_t at, const char **id, struct error *err);

/*
 * The JSON that --data names, a file or "-" for stdin, into *out, which stays empty where it wasn't given.
 * ERR_INVALID: it is longer than `max` bytes, or no JSON; ERR_NOT_FOUND: no such file.
 */
int cli_data(const struct args *args, size_t max, struct buf *out, struct error *err);

/* stdout is a terminal (or --color=always): colour. */
bool cli_color(const struct cli *cli, FILE *stream);

/* --- json.c: structs to JSON, by their field tables; the caller owns what is returned --- */
/* Fills what only C derives: explanation, next, stalled, lost, supervised. */
json_t *execution_json(struct cli *cli, const struct execution *execution);
json_t *session_json(struct cli *cli, const struct session *session);
json_t *event_json(const struct event *event);
json_t *item_json(const struct item *item);
/* Without its data. */
json_t *checkpoint_json(const struct checkpoint *checkpoint);
/* A string of any bytes; null for NULL. */
json_t *text_json(const char *text);
/* One value and a newline on stdout, indented where it is an array or object of a verb (`compact`: one line).
 * Frees it. */
void json_print(json_t *value, bool compact);

/* An array on stdout as json_print() has it, one row after another, none of which is kept. All zero: not
 * begun. */
struct json_rows {
    size_t count;
};
void json_rows_add(struct json_rows *rows, json_t *row); /* frees the row */
void json_rows_end(struct json_rows *rows);

/* --- table.c --- */
enum { TABLE_COLUMNS = 12 };
struct table;
/* When a column is cut with "…" to make the table fit the terminal (off one: never): those that say
 * YIELDS_LAST only when all others have nothing left to give. Before any is cut, those that say YIELDS_WHOLE
 * go altogether, the last of them first: what they tell stands elsewhere, too. */
enum column_yields { YIELDS_WHOLE, YIELDS_FIRST, YIELDS_NEXT, YIELDS_LATE, YIELDS_LAST };
struct column {
    const char *title; /* NULL ends a table's columns */
    enum column_yields yields;
};
struct table *table_new(const struct column *columns);
/* The next cell; text is made visible and owned by the table. `style`: an SGR such as "32", or NULL. "" is
 * empty. */
void table_cell(struct table *table, const char *text, const char *style);
/* Prints to stdout, leaving out columns in which every cell is empty; frees the table. */
void table_print(struct table *table, const struct cli *cli);

/* --- words.c: what an execution is called --- */
/* What is wrong with an execution that runs: nothing, its supervisor is gone, or it shows no activity. */
enum standing { STANDING_FINE, STANDING_LOST, STANDING_STALLED };
enum standing execution_standing(const struct cli *cli, const struct execution *execution);
/* The same in full; all zero where it doesn't run. */
struct liveness execution_liveness(const struct cli *cli, const struct execution *execution);
/* "✓ success", "● running", "! lost" and so on; *style is its SGR. Static text. */
const char *outcome_label(const struct execution *execution, enum standing standing, const char **style);
/* The same for the state of a stage or the status of a step; "" for a word that is none. */
const char *state_label(const char *word, const char **style);

#endif
