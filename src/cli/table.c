/*
 * Tables on stdout: columns that nobody uses are left out, and on a terminal every line fits. Off a terminal
 * nothing is cut, so that what reads us gets all of it.
 */
#include <supervise/cli/cli.h>

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <supervise/base/buf.h>
#include <supervise/base/text.h>

enum { GAP = 2, WIDTH_UNKNOWN = 80 };

struct cell {
    char *text;
    const char *style;
    size_t width; /* in columns of the terminal */
};

struct table {
    const struct column *column; /* static, as the caller's table is */
    size_t columns;
    struct cell *cells; /* row after row */
    size_t count, room;
};

struct table *table_new(const struct column *columns)
{
    struct table *table = mem_alloc(sizeof *table);

    table->column = columns;
    while (table->columns < TABLE_COLUMNS && columns[table->columns].title)
        table->columns++;
    return table;
}

void table_cell(struct table *table, const char *text, const char *style)
{
    struct cell *cell;

    if (table->count == table->room) {
        table->room = table->room ? table->room * 2 : 64;
        table->cells = mem_resize(table->cells, table->room * sizeof *table->cells);
    }
    cell = &table->cells[table->count++];
    cell->text = text_visible_dup(text ? text : "");
    cell->style = style;
    cell->width = text_columns(cell->text);
}

/* What a line of stdout may take; 0: any width. */
static size_t terminal_width(void)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    long width;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    width = columns ? strtol(columns, NULL, 10) : 0;
    return width > 0 && width < 10000 ? (size_t)width : WIDTH_UNKNOWN;
}

/* Each column's width, which is 0 before; it stays so where no row uses the column. */
static void measure(const struct table *table, size_t widths[TABLE_COLUMNS])
{
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;

        if (table->cells[i].width > widths[column])
            widths[column] = table->cells[i].width;
    }
    for (size_t column = 0; column < table->columns; column++)
        if (widths[column] > 0 && widths[column] < text_columns(table->column[column].title))
            widths[column] = text_columns(table->column[column].title);
}

static size_t line_width(const size_t widths[TABLE_COLUMNS])
{
    size_t total = 0;

    for (size_t column = 0; column < TABLE_COLUMNS; column++)
        total += widths[column] ? widths[column] + GAP : 0;
    return total ? total - GAP : 0;
}

/* What is tried, in this order, until a line fits: columns that yield so early are cut to this width. */
static const struct {
    enum column_yields yields;
    size_t least;
} cuts[] = {{YIELDS_FIRST, 12}, {YIELDS_NEXT, 4}, {YIELDS_LATE, 4}, {YIELDS_LAST, 1}};

/* The widest column that may still be cut; table->columns where there is none. */
static size_t widest(const struct table *table, const size_t widths[TABLE_COLUMNS], enum column_yields yields,
                     size_t least)
{
    size_t found = table->columns;

    for (size_t i = 0; i < table->columns; i++)
        if (table->column[i].yields <= yields && widths[i] > least &&
            (found == table->columns || widths[i] > widths[found]))
            found = i;
    return found;
}

static void fit(const struct table *table, size_t widths[TABLE_COLUMNS], size_t width)
{
    for (size_t i = table->columns; width > 0 && i-- > 0 && line_width(widths) > width;)
        if (table->column[i].yields == YIELDS_WHOLE)
            widths[i] = 0;
    for (size_t i = 0; width > 0 && i < sizeof cuts / sizeof *cuts; i++) {
        size_t column;

        while (line_width(widths) > width &&
               (column = widest(table, widths, cuts[i].yields, cuts[i].least)) < table->columns)
            widths[column]--;
    }
}

/* The text in `width` columns, with "…" where it had to be cut; *used is what it takes. */
static char *cut(const struct cell *cell, size_t width, size_t *used)
{
    size_t length;
    AUTOFREE char *head = NULL;

    *used = cell->width;
    if (cell->width <= width)
        return mem_strdup(cell->text);
    length = text_fit(cell->text, width - 1);
    head = mem_strndup(cell->text, length);
    *used = text_columns(head) + 1;
    return mem_printf("%s…", head);
}

static void print_row(const struct table *table, const struct cell *cells, const size_t widths[TABLE_COLUMNS],
                      bool color)
{
    size_t owed = 0; /* blanks before the next text: none stand at the end of a line */

    for (size_t column = 0; column < table->columns; column++) {
        const struct cell *cell = &cells[column];
        AUTOFREE char *text = NULL;
        size_t used;

        if (widths[column] == 0)
            continue;
        text = cut(cell, widths[column], &used);
        if (*text) {
            printf("%*s", (int)owed, "");
            owed = 0;
        }
        if (color && cell->style && *text)
            printf("\033[%sm%s\033[0m", cell->style, text);
        else
            fputs(text, stdout);
        owed += widths[column] - used + GAP;
    }
    putchar('\n');
}

void table_print(struct table *table, const struct cli *cli)
{
    size_t widths[TABLE_COLUMNS] = {0};
    struct cell titles[TABLE_COLUMNS];
    bool color = cli_color(cli, stdout);

    measure(table, widths);
    fit(table, widths, terminal_width());
    for (size_t column = 0; column < table->columns; column++)
        titles[column] = (struct cell){.text = (char *)table->column[column].title,
                                       .style = "1",
                                       .width = text_columns(table->column[column].title)};
    if (table->count > 0)
        print_row(table, titles, widths, color);
    for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
        print_row(table, &table->cells[i], widths, color);
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}
