/* SPDX-License-Identifier: MIT
 *
 * A set of CPU numbers, in the kernel's list form: "0-3,8,10-14:2" (the stride is rare, but the
 * kernel accepts and documents it).
 */
#ifndef HEC_TOPO_CPUSET_H
#define HEC_TOPO_CPUSET_H

#include "base/strbuf.h"
#include "topo/text.h"

#define HEC__CPU_MAX 8192 /* the largest number of CPUs a Linux kernel can be built for */

typedef struct hec__cpuset {
    uint64_t bits[HEC__CPU_MAX / 64];
} hec__cpuset;

/* 0, or HEC_EFORMAT with *ret untouched. An empty list is the empty set. */
int hec__cpuset_parse(hec__slice list, hec__cpuset *ret);
int hec__cpuset_count(const hec__cpuset *set);
bool hec__cpuset_has(const hec__cpuset *set, int cpu);
void hec__cpuset_and(hec__cpuset *set, const hec__cpuset *other);

/* Appends the list form; look at out->failed. */
void hec__cpuset_format(const hec__cpuset *set, hec__strbuf *out);

#endif
