/*
 * A pattern for session ids, which may come with a repository (the first line), and lines of output: what is
 * found lies in the line, and is found again.
 */
#include "fuzz.h"

#include <supervise/domain/agent_pattern.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTOFREE char *text = fuzz_line(&data, &size);
    char why[128] = "";
    struct agent_pattern *pattern = agent_pattern_new(text, why, sizeof why);

    HOLDS(pattern || *why);
    HOLDS(!pattern || strlen(text) <= AGENT_PATTERN_MAX);
    while (pattern && size > 0) {
        AUTOFREE char *line = fuzz_line(&data, &size);
        size_t length = strlen(line), start = 0, end = 0, again = 0, again_end = 0;
        bool found = agent_pattern_find(pattern, line, length, &start, &end);

        HOLDS(start <= end && end <= length);
        HOLDS(agent_pattern_find(pattern, line, length, &again, &again_end) == found);
        HOLDS(start == again && end == again_end);
    }
    agent_pattern_free(pattern);
    return 0;
}
