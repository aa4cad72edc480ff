/* The graph of phases: see the header. */
#include <supervise/domain/phases.h>

#include <supervise/domain/id.h>

#include <string.h>

/* Where it stands in the list, counted from 1; or 0. */
static int64_t position(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        if (strcmp(json_string_value(item), text) == 0)
            return (int64_t)i + 1;
    return 0;
}

bool strings_contain(const json_t *list, const char *text)
{
    return position(list, text) > 0;
}

bool phases_any(const json_t *definition)
{
    return json_array_size(json_object_get(definition, "phases")) > 0;
}

int64_t phase_number(const json_t *definition, const char *phase)
{
    return phase ? position(json_object_get(definition, "phases"), phase) : 0;
}

bool phase_known(const json_t *definition, const char *phase)
{
    if (!phases_any(definition))
        return !name_fault(phase);
    return strings_contain(json_object_get(definition, "phases"), phase);
}

bool phase_final(const json_t *definition, const char *phase)
{
    return phase && strings_contain(json_object_get(definition, "final"), phase);
}

const json_t *phase_targets(const json_t *definition, const char *phase)
{
    return json_object_get(json_object_get(definition, "edges"), phase);
}

json_t *phases_reached(const json_t *definition, const char *start)
{
    json_t *reached = json_array();
    const char *phase = start;

    for (size_t next = 0; phase; next++) {
        const json_t *target;
        size_t i;

        json_array_foreach(phase_targets(definition, phase), i, target)
            if (!strings_contain(reached, json_string_value(target)))
                json_array_append_new(reached, json_string(json_string_value(target)));
        phase = json_string_value(json_array_get(reached, next));
    }
    return reached;
}

enum advance advance_of(const struct advance_facts *facts)
{
    bool next_round = phase_final(facts->definition, facts->phase) &&
                      strings_contain(phase_targets(facts->definition, facts->phase), facts->to);

    if (facts->closed)
        return ADVANCE_CLOSED;
    if (!phase_known(facts->definition, facts->to))
        return ADVANCE_UNKNOWN;
    if (facts->phase && strcmp(facts->phase, facts->to) == 0)
        return ADVANCE_STAY;
    if (facts->round_asked && (!next_round || facts->asked < 1 || facts->asked - 1 != facts->round))
        return ADVANCE_OTHER_ROUND;
    if (next_round)
        return ADVANCE_NEXT_ROUND;
    if (phases_any(facts->definition) &&
        !(facts->phase && strings_contain(phase_targets(facts->definition, facts->phase), facts->to)))
        return ADVANCE_NO_EDGE;
    return ADVANCE_MOVE;
}
