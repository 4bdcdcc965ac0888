/* SPDX-License-Identifier: MIT
 *
 * Sets of CPUs as bit masks.
 */
#include "topo/cpuset.h"

#include <hec/error.h>

/* "a", "a-b" or "a-b:step" into set. */
static bool parse_range(hec__slice range, hec__cpuset *set)
{
    uint64_t first, last, step = 1;
    hec__slice part, rest = range;

    if (!hec__slice_until(&rest, '-', &part) || !hec__slice_uint(part, HEC__CPU_MAX - 1, &first))
        return false;
    last = first;
    if (part.n < range.n) {
        if (!hec__slice_until(&rest, ':', &part) || !hec__slice_uint(part, HEC__CPU_MAX - 1, &last))
            return false;
        if (rest.n && (!hec__slice_uint(rest, HEC__CPU_MAX, &step) || step == 0))
            return false;
    }
    if (last < first)
        return false;
    for (uint64_t i = first; i <= last; i += step)
        set->bits[i / 64] |= (uint64_t)1 << i % 64;
    return true;
}

int hec__cpuset_parse(hec__slice list, hec__cpuset *ret)
{
    hec__cpuset set = {{0}};
    hec__slice range;

    while (list.n && (list.s[list.n - 1] == '\n' || list.s[list.n - 1] == ' '))
        list.n--;
    while (hec__slice_until(&list, ',', &range))
        if (!parse_range(range, &set))
            return HEC_EFORMAT;
    *ret = set;
    return 0;
}

int hec__cpuset_count(const hec__cpuset *set)
{
    int n = 0;

    for (size_t i = 0; i < HEC__CPU_MAX / 64; i++)
        n += __builtin_popcountll(set->bits[i]);
    return n;
}

bool hec__cpuset_has(const hec__cpuset *set, int cpu)
{
    return cpu >= 0 && cpu < HEC__CPU_MAX && set->bits[cpu / 64] >> cpu % 64 & 1;
}

void hec__cpuset_and(hec__cpuset *set, const hec__cpuset *other)
{
    for (size_t i = 0; i < HEC__CPU_MAX / 64; i++)
        set->bits[i] &= other->bits[i];
}

void hec__cpuset_format(const hec__cpuset *set, hec__strbuf *out)
{
    const char *comma = "";

    for (int i = 0; i < HEC__CPU_MAX; i++) {
        int last = i;

        if (set->bits[i / 64] >> i % 64 == 0) { /* none up to the end of the word, as in most */
            i |= 63;
            continue;
        }
        if (!hec__cpuset_has(set, i))
            continue;
        while (hec__cpuset_has(set, last + 1))
            last++;
        if (last == i)
            hec__strbuf_addf(out, "%s%d", comma, i);
        else
            hec__strbuf_addf(out, "%s%d-%d", comma, i, last);
        comma = ",";
        i = last;
    }
}
