/*
 * Workflows: from the tables [workflow.NAME] to the definition that a session keeps in its row, a JSON object
 * {"phases": [...], "initial": "...", "final": [...], "edges": {"phase": ["phase"...]...}, "strict": bool,
 *  "stages": [{"name": "...", "steps": ["..."]}]}
 * in which nothing is left implicit: every phase has its edges, those of final phases lead to the initial
 * one. A workflow without phases has "phases": [] and null for "initial"; one without stages has "stages":
 * [].
 */
#ifndef SUPERVISE_CONFIG_WORKFLOW_H
#define SUPERVISE_CONFIG_WORKFLOW_H

#include <supervise/config/toml.h>

#include <jansson.h>

/* NULL with ERR_INVALID and "FILE:LINE: ...". The caller owns the object. */
json_t *workflow_from_toml(const char *file, const char *name, const struct toml *table, struct error *err);

/*
 * The definition of a workflow that comes with the program (conf/workflows), or NULL where none has that
 * name. It isn't among the settings: nobody configured it. The caller owns the object.
 */
json_t *workflow_shipped(const char *name);

#endif
