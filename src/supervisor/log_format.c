/* The numbers and bytes of a log on disk: see the header. */
#include <supervise/supervisor/log_format.h>

#include <endian.h>
#include <string.h>

#include <supervise/base/buf.h>

static const char magic[8] = "SUPVLOG";
enum { VERSION = 1 };

/* A slot of the index for so many bytes of data, but never fewer slots than that. */
enum { BYTES_PER_SLOT = 128, SLOTS_MIN = 512 };

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

struct log_geometry log_geometry(int64_t max_size)
{
    struct log_geometry unlimited = {INT64_MAX, 1, INT64_MAX, 1, LOG_RECORD_MAX, 0};
    struct log_geometry geometry;

    if (max_size <= 0)
        return unlimited;
    geometry.head = max_size / 2;
    geometry.ring = max_size - geometry.head;
    geometry.fixed_slots = clamp(geometry.ring / BYTES_PER_SLOT, SLOTS_MIN, INT64_MAX);
    geometry.ring_slots = geometry.fixed_slots;
    geometry.record_max = clamp(geometry.ring / 16, 256, LOG_RECORD_MAX);
    /* A quarter of the slots may be spent at once; the rest must last for all the bytes of a ring. */
    geometry.credit_per_record = geometry.ring / (geometry.ring_slots - geometry.ring_slots / 4) + 1;
    return geometry;
}

int64_t log_position(const struct log_geometry *geometry, int64_t offset)
{
    if (offset < geometry->head)
        return offset;
    return geometry->head + (offset - geometry->head) % geometry->ring;
}

int64_t log_run(const struct log_geometry *geometry, int64_t offset)
{
    if (offset < geometry->head)
        return geometry->head - offset;
    return geometry->ring - (offset - geometry->head) % geometry->ring;
}

int64_t log_slot(const struct log_geometry *geometry, int64_t number)
{
    if (number < geometry->fixed_slots)
        return number;
    return geometry->fixed_slots + (number - geometry->fixed_slots) % geometry->ring_slots;
}

int64_t log_slot_run(const struct log_geometry *geometry, int64_t number)
{
    if (number < geometry->fixed_slots)
        return geometry->fixed_slots - number;
    return geometry->ring_slots - (number - geometry->fixed_slots) % geometry->ring_slots;
}

int64_t log_slot_position(int64_t slot)
{
    return LOG_HEADER_SIZE + slot * LOG_RECORD_SIZE;
}

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum ^= word;
    return (sum << 29 | sum >> 35) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t load64(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

static void mix_block(uint64_t lane[4], const unsigned char *block)
{
    for (size_t i = 0; i < 4; i++)
        lane[i] = mix(lane[i], load64(block + 8 * i));
}

/* Four lanes, so that the processor need not wait for one multiplication before the next. */
uint32_t log_sum(const void *bytes, size_t length)
{
    uint64_t lane[4] = {length, 1, 2, 3};
    unsigned char last[32] = {0};
    const unsigned char *at = bytes;
    uint64_t sum;

    for (; length >= sizeof last; length -= sizeof last, at += sizeof last)
        mix_block(lane, at);
    if (length) {
        memcpy(last, at, length);
        mix_block(lane, last);
    }
    sum = mix(mix(mix(mix(0, lane[0]), lane[1]), lane[2]), lane[3]);
    return (uint32_t)(sum ^ sum >> 32);
}

static unsigned char *put64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static unsigned char *put32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static uint32_t load32(const unsigned char *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

/* Magic 8, version 4, sum of the rest 4, max_size 8, uid 40 with NULs behind it. */
enum { HEADER_VERSION = 8, HEADER_SUM = 12, HEADER_REST = 16, HEADER_UID = 24 };

void log_header_encode(unsigned char raw[LOG_HEADER_SIZE], const char *uid, int64_t max_size)
{
    memset(raw, 0, LOG_HEADER_SIZE);
    memcpy(raw, magic, sizeof magic);
    put32(raw + HEADER_VERSION, VERSION);
    put64(raw + HEADER_REST, (uint64_t)max_size);
    memcpy(raw + HEADER_UID, uid, strnlen(uid, LOG_HEADER_SIZE - HEADER_UID));
    put32(raw + HEADER_SUM, log_sum(raw + HEADER_REST, LOG_HEADER_SIZE - HEADER_REST));
}

bool log_header_decode(const unsigned char raw[LOG_HEADER_SIZE], const char *uid, int64_t *max_size)
{
    unsigned char expected[LOG_HEADER_SIZE];

    *max_size = (int64_t)load64(raw + HEADER_REST);
    log_header_encode(expected, uid, *max_size);
    return memcmp(raw, expected, LOG_HEADER_SIZE) == 0;
}

/* number 8, start 8, time 8, length 4, stream 4, sum of the data 4, sum of all that 4. */
void log_record_encode(unsigned char raw[LOG_RECORD_SIZE], const struct log_record *record)
{
    unsigned char *at = raw;

    at = put64(at, record->number);
    at = put64(at, (uint64_t)record->start);
    at = put64(at, (uint64_t)record->wall_ms);
    at = put32(at, record->length);
    at = put32(at, (uint32_t)record->stream);
    at = put32(at, record->sum);
    put32(at, log_sum(raw, LOG_RECORD_SIZE - 4));
}

bool log_record_decode(const unsigned char raw[LOG_RECORD_SIZE], struct log_record *record)
{
    uint32_t stream = load32(raw + 28);

    if (load32(raw + 36) != log_sum(raw, LOG_RECORD_SIZE - 4))
        return false;
    *record = (struct log_record){
        .number = load64(raw),
        .start = (int64_t)load64(raw + 8),
        .wall_ms = (int64_t)load64(raw + 16),
        .length = load32(raw + 24),
        .stream = stream == LOG_ERR ? LOG_ERR : LOG_OUT,
        .sum = load32(raw + 32),
    };
    /* Half of the range is left free, so that sums of offsets and lengths can't overflow. */
    return record->number < INT64_MAX / 2 && record->start >= 0 && record->start < INT64_MAX / 2 &&
           record->length > 0 && record->length <= LOG_RECORD_MAX && stream <= LOG_ERR;
}

char *log_index_path(const char *log_path)
{
    size_t length = strlen(log_path);

    if (length > 4 && strcmp(log_path + length - 4, ".log") == 0)
        length -= 4;
    return mem_printf("%.*s.idx", (int)length, log_path);
}
