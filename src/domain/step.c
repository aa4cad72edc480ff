/* What a report does to a step: the table of the contract, and its words. */
#include <supervise/domain/step.h>

#include <string.h>

enum step_action step_action(enum step_verb verb, enum step_status now)
{
    static const enum step_action actions[][STATUS_SKIPPED + 1] = {
        [STEP_START] = {STEP_BEGIN, STEP_NOTHING, STEP_BEGIN, STEP_BEGIN, STEP_BEGIN, STEP_BEGIN},
        [STEP_PROGRESS] = {STEP_BEGIN_REPORT, STEP_REPORT, STEP_REFUSED, STEP_REFUSED, STEP_REFUSED,
                           STEP_REFUSED},
        [STEP_DONE] = {STEP_BEGIN_REPORT, STEP_REPORT, STEP_NOTHING, STEP_REFUSED, STEP_REFUSED,
                       STEP_REFUSED},
        [STEP_ERROR] = {STEP_BEGIN_REPORT, STEP_REPORT, STEP_REFUSED, STEP_REFUSED, STEP_REFUSED,
                        STEP_REFUSED},
        [STEP_SKIP] = {STEP_SKIPPED, STEP_REFUSED, STEP_REFUSED, STEP_SKIPPED, STEP_SKIPPED, STEP_NOTHING},
    };

    return actions[verb][now];
}

static const char *const statuses[] = {
    [STATUS_NONE] = "idle",   [STATUS_RUNNING] = "running", [STATUS_DONE] = "done",
    [STATUS_ERROR] = "error", [STATUS_ABORTED] = "aborted", [STATUS_SKIPPED] = "skipped",
};

const char *step_status_name(enum step_status status)
{
    return statuses[status];
}

enum step_status step_status_from_name(const char *name)
{
    for (size_t i = 0; name && i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(statuses[i], name) == 0)
            return (enum step_status)i;
    return STATUS_NONE;
}

const char *step_verb_words(enum step_verb verb)
{
    static const char *const words[] = {[STEP_START] = "start",
                                        [STEP_PROGRESS] = "report progress of",
                                        [STEP_DONE] = "end",
                                        [STEP_ERROR] = "end",
                                        [STEP_SKIP] = "skip"};

    return words[verb];
}
