/* Durations, sizes and times: what is read is read again as the same from how it is shown. */
#include "fuzz.h"

#include <supervise/base/time.h>
#include <supervise/domain/duration.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTOFREE char *text = fuzz_text(data, size);
    char shown[TIME_TEXT_SIZE * 2], human[TIME_TEXT_SIZE];
    int64_t value, again = -1;

    if (duration_parse(text, &value) == 0) {
        duration_format(value, shown, sizeof shown);
        HOLDS(value >= 0 && duration_parse(shown, &again) == 0 && again == value);
        duration_human(value, human, sizeof human);
        HOLDS(*human && strlen(human) < sizeof human - 1);
    }
    if (size_parse(text, &value) == 0) {
        size_format(value, shown, sizeof shown);
        HOLDS(value >= 0 && size_parse(shown, &again) == 0 && again == value);
    }
    if (time_parse(text, &value) == 0) {
        time_format(value, shown);
        /* An offset can lead out of the years that have four digits. */
        HOLDS(strlen(shown) != 24 || *shown == '-' || (time_parse(shown, &again) == 0 && again == value));
    }
    if (size >= sizeof value) {
        memcpy(&value, data, sizeof value);
        time_format(value, shown);
        HOLDS(strlen(shown) < TIME_TEXT_SIZE - 1);
        duration_format(value, shown, sizeof shown);
        HOLDS(duration_parse(shown, &again) == 0 && again == (value > 0 ? value : 0));
        size_format(value, shown, sizeof shown);
        HOLDS(size_parse(shown, &again) == 0 && again == (value > 0 ? value : 0));
    }
    return 0;
}
