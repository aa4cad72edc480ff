/* What must hold in every ledger. */
#ifndef STORE_CHECK_RULES_H
#define STORE_CHECK_RULES_H

#include <stdbool.h>
#include <stddef.h>

/* A query that finds what breaks the rule: a row is a finding, its one column says which. */
struct check_rule {
    const char *name;
    bool damage; /* SQLite itself can't read it, or the tables aren't ours */
    const char *sql;
};
extern const struct check_rule check_rules[];
extern const size_t check_rule_count;

#endif
