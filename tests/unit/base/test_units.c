/* SPDX-License-Identifier: MIT
 *
 * Sizes and durations as people write them.
 */
#include "base/units.h"
#include "tap.h"

static void bytes(const char *text, uint64_t want)
{
    hec_error err;
    uint64_t got = 1;

    ok(hec__parse_bytes(text, &got, &err) == 0 && got == want, "'%s' is a size", text);
}

static void no_bytes(const char *text)
{
    hec_error err;
    uint64_t got = 12345;

    ok(hec__parse_bytes(text, &got, &err) == HEC_EFORMAT && got == 12345, "'%s' is no size", text);
}

static void seconds(const char *text, uint64_t want)
{
    hec_error err;
    uint64_t got = 1;

    ok(hec__parse_seconds(text, &got, &err) == 0 && got == want, "'%s' is a duration", text);
}

static void no_seconds(const char *text)
{
    hec_error err;
    uint64_t got = 12345;

    ok(hec__parse_seconds(text, &got, &err) == HEC_EFORMAT && got == 12345, "'%s' is no duration",
       text);
}

static void test_format(void)
{
    char b[32];

    is_str(hec__format_bytes(512, b, sizeof b), "512 B", "bytes");
    is_str(hec__format_bytes(1536, b, sizeof b), "1.5 KiB", "a place after the point where small");
    is_str(hec__format_bytes((uint64_t)64 << 30, b, sizeof b), "64 GiB", "none where large");
    is_str(hec__format_bytes(UINT64_MAX, b, sizeof b), "16384 PiB", "the largest");
    is_str(hec__format_seconds(42, b, sizeof b), "42s", "seconds");
    is_str(hec__format_seconds(61, b, sizeof b), "1m 01s", "minutes");
    is_str(hec__format_seconds(7500, b, sizeof b), "2h 05m", "hours");
    is_str(hec__format_seconds(97200, b, sizeof b), "1d 03h", "days");
}

int main(void)
{
    bytes("512", 512);
    bytes("512B", 512);
    bytes("1k", 1024);
    bytes("2G", (uint64_t)2 << 30);
    bytes("1.5 GiB", 1610612736);
    bytes("1P", (uint64_t)1 << 50);
    no_bytes("");
    no_bytes("G");
    no_bytes("-1");
    no_bytes("1X");
    no_bytes("1Gx");
    no_bytes("99999999999P");
    seconds("90", 90);
    seconds("90s", 90);
    seconds("15m", 900);
    seconds("1h30m", 5400);
    seconds("1d", 86400);
    seconds("05:30", 330);
    seconds("01:00:00", 3600);
    seconds("2-12", 216000);
    seconds("1-00:00:01", 86401);
    no_seconds("");
    no_seconds("m");
    no_seconds("1m1h");
    no_seconds("1:99");
    no_seconds("1:2:3:4");
    no_seconds("9999999999999");
    test_format();
    return done_testing();
}
