/* The workflows that come with the program, compiled in as the files of conf/workflows stand. */
#include <supervise/config/workflow.h>

#include <string.h>

static const char *const files[] = {
#include "workflows.inc"
};

json_t *workflow_shipped(const char *name)
{
    json_t *definition = NULL;

    for (size_t i = 0; !definition && i < sizeof files / sizeof *files; i++) {
        struct error err;
        struct toml *root = toml_parse("conf/workflows", files[i], strlen(files[i]), &err);
        const struct toml *workflows = root ? toml_get(root, "workflow") : NULL;
        const struct toml *table = workflows ? toml_get(workflows, name) : NULL;

        if (table)
            definition = workflow_from_toml("conf/workflows", name, table, &err);
        toml_free(root);
    }
    return definition;
}
