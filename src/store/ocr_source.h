/*
 * The database of Open Code Review that is read, and never changed: neither its bytes nor its times, and
 * nothing is made beside it. Whatever its age: what it has not is NULL. All reads are of one moment.
 */
#ifndef STORE_OCR_SOURCE_H
#define STORE_OCR_SOURCE_H

#include <supervise/store/import.h>

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether it is as it was when it was opened, where that isn't held by a lock: else ERR_BUSY. */
int ocr_source_still(const struct ocr_source *source, struct error *err);

/* Its schema version, NO_INT where it doesn't say. */
int64_t ocr_source_version(struct ocr_source *source);

enum ocr_table { OCR_SESSIONS, OCR_EVENTS, OCR_EXECUTIONS, OCR_TABLES };
const char *ocr_table_name(enum ocr_table table);
/* Whether the table is there, with the columns without which its rows mean nothing. */
bool ocr_source_has(const struct ocr_source *source, enum ocr_table table);

/* Selects these columns (ended by NULL), NULL for each that isn't there, then `tail`. The caller finalizes.
 */
sqlite3_stmt *ocr_select(struct ocr_source *source, enum ocr_table table, const char *const *columns,
                         const char *tail, struct error *err);
/* Begins the statement anew with its one parameter: `text`, or without it `number`. */
void ocr_bind(sqlite3_stmt *statement, const char *text, int64_t number);
/* 1 with a row, 0 at the end, -1. */
int ocr_step(struct ocr_source *source, sqlite3_stmt *statement, struct error *err);

/* A column as UTF-8 without NULs, whatever it holds; NULL for NULL. The caller frees. */
char *ocr_text(sqlite3_stmt *statement, int column);
int64_t ocr_integer(sqlite3_stmt *statement, int column); /* NO_INT where it is none */

#endif
