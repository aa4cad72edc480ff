/* What a message of sd_notify(3) says, whatever bytes it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <supervise/base/buf.h>
#include <supervise/domain/notify.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define TEXT(literal) .bytes = (literal), .length = sizeof(literal) - 1
#define USEC_MOST "9223372036854775807"

/* Of a row: the numbers are 0 where nothing was said, and one more than what was said otherwise. */
static const struct {
    const char *bytes;
    size_t length;
    bool activity, ready, stopping, watchdog, trigger, wake;
    const char *status;
    uint64_t watchdog_usec, extend_usec, error_number, exit_status;
} cases[] = {
    {TEXT("")},
    {TEXT("\n\n\n")},
    {TEXT("\0READY=1")},
    {TEXT("garbage")},
    {TEXT("=READY=1")},
    {TEXT("READY")},
    {TEXT("READY=1"), .activity = true, .ready = true},
    {TEXT("READY=1\n"), .activity = true, .ready = true},
    {TEXT("\nREADY=1\n\n"), .activity = true, .ready = true},
    {TEXT("READY=0"), .activity = true},
    {TEXT("READY=11"), .activity = true},
    {TEXT(" READY=1"), .activity = true},
    {TEXT("READY=1\r\n"), .activity = true},
    {TEXT("ready=1"), .activity = true},
    {TEXT("XREADY=1"), .activity = true},
    {TEXT("READY=1\0STOPPING=1"), .activity = true, .ready = true},
    {TEXT("STOPPING=1\nREADY=1"), .activity = true, .ready = true, .stopping = true},
    {TEXT("RELOADING=1\nMAINPID=1\nX_FOO=1"), .activity = true},
    {TEXT("STATUS=at work"), .activity = true, .status = "at work"},
    {TEXT("STATUS="), .activity = true, .status = ""},
    {TEXT("STATUS=a=b\nc"), .activity = true, .status = "a=b"},
    {TEXT("STATUS=first\nSTATUS=second"), .activity = true, .status = "first"},
    {TEXT("STATUS=\xff\xfe caf\xc3"), .activity = true, .status = "\xff\xfe caf\xc3"},
    {TEXT("STATUS=cut\0off"), .activity = true, .status = "cut"},
    {TEXT("STATUS\nSTATU=x"), .activity = true},
    {TEXT("WATCHDOG=1"), .activity = true, .watchdog = true},
    {TEXT("WATCHDOG=trigger"), .activity = true, .trigger = true},
    {TEXT("WATCHDOG=0\nWATCHDOG=Trigger"), .activity = true},
    {TEXT("WATCHDOG_USEC=0"), .activity = true, .watchdog_usec = 0 + 1},
    {TEXT("WATCHDOG_USEC=20000000"), .activity = true, .watchdog_usec = 20000000 + 1},
    {TEXT("WATCHDOG_USEC=" USEC_MOST), .activity = true, .watchdog_usec = UINT64_C(1) << 63},
    {TEXT("WATCHDOG_USEC=9223372036854775808"), .activity = true},
    {TEXT("WATCHDOG_USEC=18446744073709551616"), .activity = true},
    {TEXT("WATCHDOG_USEC=99999999999999999999999999"), .activity = true},
    {TEXT("WATCHDOG_USEC="), .activity = true},
    {TEXT("WATCHDOG_USEC=-1"), .activity = true},
    {TEXT("WATCHDOG_USEC=+1"), .activity = true},
    {TEXT("WATCHDOG_USEC= 1"), .activity = true},
    {TEXT("WATCHDOG_USEC=1 "), .activity = true},
    {TEXT("WATCHDOG_USEC=0x10"), .activity = true},
    {TEXT("WATCHDOG_USEC=1e6"), .activity = true},
    {TEXT("WATCHDOG_USEC=1\nWATCHDOG_USEC=2"), .activity = true, .watchdog_usec = 1 + 1},
    {TEXT("EXTEND_TIMEOUT_USEC=5000000"), .activity = true, .extend_usec = 5000000 + 1},
    {TEXT("EXTEND_TIMEOUT_USEC=007"), .activity = true, .extend_usec = 7 + 1},
    {TEXT("EXTEND_TIMEOUT_USEC=forever"), .activity = true},
    {TEXT("ERRNO=2"), .activity = true, .error_number = 2 + 1},
    {TEXT("ERRNO=4095"), .activity = true, .error_number = 4095 + 1},
    {TEXT("ERRNO=4096"), .activity = true},
    {TEXT("ERRNO=ENOENT"), .activity = true},
    {TEXT("EXIT_STATUS=255"), .activity = true, .exit_status = 255 + 1},
    {TEXT("EXIT_STATUS=256"), .activity = true},
    {TEXT("BARRIER=1"), .activity = true},
    {TEXT("BARRIER=1\n"), .activity = true},
    {TEXT("BARRIER=1\nREADY=1")},
    {TEXT("READY=1\nSTATUS=x\nERRNO=1\nBARRIER=1\n")},
    {TEXT("BARRIER=2\nREADY=1"), .activity = true, .ready = true},
    {TEXT(SOCKET_WAKE), .wake = true},
    {TEXT(SOCKET_WAKE "\n"), .wake = true},
    {TEXT("STATUS=x\n" SOCKET_WAKE), .activity = true, .wake = true, .status = "x"},
    {TEXT(SOCKET_WAKE "\nWATCHDOG=1"), .activity = true, .wake = true, .watchdog = true},
    {TEXT(SOCKET_WAKE "1"), .activity = true},
    {TEXT("X_SUPERVISE_STEP=1"), .activity = true},
};

static uint64_t one_more(int64_t number)
{
    return number == NOTIFY_NOT_SAID ? 0 : (uint64_t)number + 1;
}

/* Each from a place of its own size, so that a sanitizer sees a step beyond its end. */
static void what_is_said_is_read_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct notification read;
        char *bytes = malloc(cases[i].length + !cases[i].length);

        assert_non_null(bytes);
        memcpy(bytes, cases[i].bytes, cases[i].length);
        notification_read(bytes, cases[i].length, &read);
        if (read.activity != cases[i].activity || read.ready != cases[i].ready ||
            read.stopping != cases[i].stopping || read.watchdog != cases[i].watchdog ||
            read.watchdog_trigger != cases[i].trigger || read.wake != cases[i].wake ||
            one_more(read.watchdog_usec) != cases[i].watchdog_usec ||
            one_more(read.extend_usec) != cases[i].extend_usec ||
            one_more(read.error_number) != cases[i].error_number ||
            one_more(read.exit_status) != cases[i].exit_status || !read.status != !cases[i].status)
            fail_msg("\"%s\" is misread", cases[i].bytes);
        if (read.status) {
            assert_int_equal(read.status_length, strlen(cases[i].status));
            assert_memory_equal(read.status, cases[i].status, read.status_length);
        }
        free(bytes);
    }
}

static void sixty_four_kilobytes_are_read_to_their_end(void **state)
{
    enum { SIZE = 64 * 1024 };
    char *bytes = malloc(SIZE);
    struct notification read;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    memcpy(bytes, "STATUS=", 7);
    memcpy(bytes + SIZE - 8, "\nREADY=1", 8);
    notification_read(bytes, SIZE, &read);
    assert_true(read.ready);
    assert_int_equal(read.status_length, SIZE - 7 - 8);
    memset(bytes, '\n', SIZE);
    memcpy(bytes + SIZE - 8, "\nREADY=1", 8);
    notification_read(bytes, SIZE, &read);
    assert_true(read.ready);
    free(bytes);
}

/* Random bytes, random pieces of messages, cut anywhere: what is read lies within them and within its range.
 */
static void any_bytes_can_be_read(void **state)
{
    static const char *const pieces[] = {
        "READY=1", "STATUS=", "WATCHDOG=",  "trigger",      "WATCHDOG_USEC=",
        "ERRNO=",  "\n",      "BARRIER=1",  SOCKET_WAKE,    "9223372036854775807",
        "=",       "1",       "STOPPING=1", "EXIT_STATUS=", "\n\n"};
    unsigned seed = 20260214;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        AUTOBUF struct buf text = {0};
        struct notification read;
        char *exact;

        for (int count = rand_r(&seed) % 12; count > 0; count--) {
            char byte = (char)rand_r(&seed);

            if (rand_r(&seed) % 3)
                buf_puts(&text, pieces[(size_t)rand_r(&seed) % COUNT(pieces)]);
            else
                buf_append(&text, &byte, 1);
        }
        if (text.len > 0)
            text.len -= (size_t)rand_r(&seed) % text.len;
        exact = malloc(text.len + !text.len);
        assert_non_null(exact);
        if (text.len > 0)
            memcpy(exact, text.data, text.len);
        notification_read(exact, text.len, &read);
        if (read.status)
            assert_true(read.status > exact && read.status + read.status_length <= exact + text.len);
        assert_true(read.watchdog_usec >= NOTIFY_NOT_SAID && read.extend_usec >= NOTIFY_NOT_SAID);
        assert_true(read.error_number >= NOTIFY_NOT_SAID && read.error_number <= 4095);
        assert_true(read.exit_status >= NOTIFY_NOT_SAID && read.exit_status <= 255);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_read_and_nothing_else),
        cmocka_unit_test(sixty_four_kilobytes_are_read_to_their_end),
        cmocka_unit_test(any_bytes_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
