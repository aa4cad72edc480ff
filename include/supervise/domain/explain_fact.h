/* The words of explain.c: placeholders filled in, and the further facts that belong to an outcome. */
#ifndef SUPERVISE_DOMAIN_EXPLAIN_FACT_H
#define SUPERVISE_DOMAIN_EXPLAIN_FACT_H

#include <supervise/base/buf.h>
#include <supervise/domain/explain.h>

/* Appends `text` with each {placeholder} replaced by its fact. */
void explain_fill(struct buf *out, const char *text, const struct explain_facts *facts);

/* Appends what else was seen and is told of this outcome, each as "; ...". */
void explain_also(struct buf *out, const struct explain_facts *facts);

#endif
