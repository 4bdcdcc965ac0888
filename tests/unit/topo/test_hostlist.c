/* SPDX-License-Identifier: MIT
 *
 * Host lists and counts per node: what Slurm writes, and what it does not.
 */
#include "base/strbuf.h"
#include "fault.h"
#include "topo/hostlist.h"
#include "tap.h"

#include <stdlib.h>

static void expands(const char *list, const char *want)
{
    hec__arena arena = {NULL};
    hec__hosts hosts = {NULL, 0, 0};
    HEC_AUTO_STRBUF b;
    hec_error err;

    hec__strbuf_init(&b);
    ok(hec__hostlist_expand(list, &arena, &hosts, &err) == 0, "'%s' is a list", list);
    for (size_t i = 0; i < hosts.n; i++)
        hec__strbuf_addf(&b, "%s%s", i ? " " : "", hosts.names[i]);
    is_str(b.data, want, "its hosts");
    hec__arena_fini(&arena);
}

static void refused(const char *list)
{
    hec__arena arena = {NULL};
    hec__hosts hosts = {NULL, 77, 0};
    hec_error err;

    ok(hec__hostlist_expand(list, &arena, &hosts, &err) == HEC_EFORMAT && hosts.n == 77,
       "'%.40s' is refused, output untouched", list);
    hec__arena_fini(&arena);
}

static void test_lists(void)
{
    char longname[400];

    expands("", "");
    expands("n1", "n1");
    expands("n[1-3]", "n1 n2 n3");
    expands("n[1-3,07],gpu-[1-2]", "n1 n2 n3 n07 gpu-1 gpu-2");
    expands("n[008-011]", "n008 n009 n010 n011");
    expands("r[1-2]c[0-1]-ib", "r1c0-ib r1c1-ib r2c0-ib r2c1-ib");
    expands("a.example.org,b_2", "a.example.org b_2");
    refused("n[");
    refused("n[]");
    refused("n]");
    refused("n[1-3");
    refused("n[3-1]");
    refused("n[a-b]");
    refused("n[1-]");
    refused("n[1,,2]");
    refused("a,,b");
    refused("n[1-999999999]");
    refused("n[0-300][0-300]");
    refused("n[1-99999999999999999999]");
    refused("a[1][1][1][1][1][1][1][1][1]");
    refused("n1; rm -rf /");
    memset(longname, 'n', sizeof longname - 1);
    longname[sizeof longname - 1] = '\0';
    refused(longname);
}

static void counts(const char *list, size_t place, uint64_t want)
{
    uint64_t got = 99;

    if (want)
        ok(hec__counts_at(list, place, &got) && got == want, "'%s' has %d at %zu", list, (int)want,
           place);
    else
        ok(!hec__counts_at(list, place, &got) && got == 99, "'%s' has nothing at %zu", list, place);
}

static void test_counts(void)
{
    counts("4", 0, 4);
    counts("4", 1, 0);
    counts("2(x3),1", 2, 2);
    counts("2(x3),1", 3, 1);
    counts("2(x3),1", 4, 0);
    counts("2(x2147483647),1", 2147483647, 1);
    counts("garbage", 0, 0);
    counts("2,garbage", 0, 0);
    counts("0", 0, 0);
    counts("-3", 0, 0);
    counts("2(", 0, 0);
    counts("2(x", 0, 0);
    counts("2(x)", 0, 0);
    counts("2(x0)", 0, 0);
    counts("2(y3)", 0, 0);
    counts("", 0, 0);
}

static void test_next(void)
{
    hec__counts c = {.rest = hec__slice_of("2(x2),1,oops")};

    ok(hec__counts_next(&c) == 2 && hec__counts_next(&c) == 2, "counts one after the other");
    ok(hec__counts_next(&c) == 1, "and the next");
    ok(hec__counts_next(&c) == 0 && hec__counts_next(&c) == 0, "0 from where it is malformed");
    c = (hec__counts){.rest = hec__slice_of(NULL)};
    ok(hec__counts_next(&c) == 0, "0 where there is no list");
}

static void test_no_memory(void)
{
    hec_error err;
    long n;

    for (n = 1;; n++) {
        hec__arena arena = {NULL};
        hec__hosts hosts = {NULL, 77, 0};
        int r;

        fault_arm(n);
        r = hec__hostlist_expand("node[1-200]", &arena, &hosts, &err);
        if (!fault_disarm()) {
            ok(r == 0 && hosts.n == 200, "200 hosts need %ld allocations", n - 1);
            hec__arena_fini(&arena);
            break;
        }
        ok(r == HEC_ENOMEM && hosts.n == 77, "allocation %ld fails: output untouched", n);
        hec__arena_fini(&arena);
    }
}

int main(void)
{
    test_lists();
    test_counts();
    test_next();
    test_no_memory();
    return done_testing();
}
