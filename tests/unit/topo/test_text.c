/* SPDX-License-Identifier: MIT
 *
 * Slices and CPU lists: the text that /proc and /sys are made of.
 */
#include "topo/cpuset.h"
#include "tap.h"

#include <hec/error.h>

static void test_slices(void)
{
    hec__slice rest = hec__slice_of("a,,b"), word;
    uint64_t v = 7;
    int n = 0;

    while (hec__slice_until(&rest, ',', &word))
        n++;
    ok(n == 3, "an empty piece counts");
    rest = hec__slice_of("  one\ttwo \n");
    ok(hec__slice_word(&rest, &word) && hec__slice_is(word, "one"), "words end at blanks");
    ok(hec__slice_word(&rest, &word) && hec__slice_is(word, "two"), "of any kind");
    ok(!hec__slice_word(&rest, &word), "and there are no more");
    ok(hec__slice_uint(hec__slice_of(" 42\n"), 42, &v) && v == 42, "a number up to the largest");
    ok(!hec__slice_uint(hec__slice_of("43"), 42, &v) && v == 42, "not over it");
    ok(!hec__slice_uint(hec__slice_of("-1"), UINT64_MAX, &v), "no sign");
    ok(!hec__slice_uint(hec__slice_of(""), UINT64_MAX, &v), "not nothing");
    ok(!hec__slice_uint((hec__slice){NULL, 0}, UINT64_MAX, &v), "not none");
    ok(hec__slice_uint(hec__slice_of("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX,
       "the largest of all");
    ok(!hec__slice_uint(hec__slice_of("18446744073709551616"), UINT64_MAX, &v), "and not one more");
    ok(!hec__slice_uint(hec__slice_of("9"), 5, &v), "a digit over the largest");
    word = hec__text_after("A: 1\nAB: 2 \n", "AB:");
    ok(hec__slice_is(word, "2"), "a label is looked for at the beginning of lines");
    ok(!hec__text_after("A: 1\n", "B:").s, "and may be missing");
}

static void round_trip(const char *list, const char *want, int count)
{
    HEC_AUTO_STRBUF b;
    hec__cpuset set;

    hec__strbuf_init(&b);
    ok(hec__cpuset_parse(hec__slice_of(list), &set) == 0, "a list of CPUs is read");
    hec__cpuset_format(&set, &b);
    is_str(b.data, want, "written as %s", want);
    ok(hec__cpuset_count(&set) == count, "of %d", count);
}

static void refused(const char *list)
{
    hec__cpuset set = {{5}};

    ok(hec__cpuset_parse(hec__slice_of(list), &set) == HEC_EFORMAT && set.bits[0] == 5,
       "'%s' is refused, output untouched", list);
}

int main(void)
{
    hec__cpuset a, b;

    test_slices();
    round_trip("0-3,8\n", "0-3,8", 5);
    round_trip("", "", 0);
    round_trip("8,0-1,1-2", "0-2,8", 4);
    round_trip("0-10:5", "0,5,10", 3);
    round_trip("8191", "8191", 1);
    round_trip("0-8191", "0-8191", 8192);
    refused("8192");
    refused("3-1");
    refused("a");
    refused("1-");
    refused("0-4:0");
    refused("1,,2");
    refused("99999999999999999999");
    hec__cpuset_parse(hec__slice_of("0-7"), &a);
    hec__cpuset_parse(hec__slice_of("6-9"), &b);
    hec__cpuset_and(&a, &b);
    ok(hec__cpuset_count(&a) == 2 && hec__cpuset_has(&a, 6) && !hec__cpuset_has(&a, 8), "and");
    ok(!hec__cpuset_has(&a, -1) && !hec__cpuset_has(&a, 8192), "no CPU outside of the range");
    return done_testing();
}
