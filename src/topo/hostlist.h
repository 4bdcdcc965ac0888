/* SPDX-License-Identifier: MIT
 *
 * Slurm's short forms, taken apart: host lists "n[1-3,07],gpu[1-2]-[0-1]" and counts per node
 * "2(x3),1". Both come from the environment, so both are bounded.
 */
#ifndef HEC_TOPO_HOSTLIST_H
#define HEC_TOPO_HOSTLIST_H

#include "base/arena.h"
#include "topo/text.h"

#include <hec/error.h>

#define HEC__HOSTS_MAX     ((size_t)65536)
#define HEC__HOST_NAME_MAX 255

typedef struct hec__hosts {
    const char **names; /* live in the arena */
    size_t n, cap;
} hec__hosts;

/* Expands a list. A range keeps the width of its first number: [08-10] is 08, 09, 10; of several
 * brackets in one name the last runs fastest.
 * HEC_EFORMAT: brackets or ranges that make no sense, more than HEC__HOSTS_MAX hosts or a name of
 * more than HEC__HOST_NAME_MAX bytes. HEC_ENOMEM. On failure *ret is untouched. */
int hec__hostlist_expand(const char *list, hec__arena *arena, hec__hosts *ret, hec_error *err);

/* Counts taken one node after the other: {.rest = the list}. */
typedef struct hec__counts {
    hec__slice rest;
    uint64_t count, left; /* the present number, and for how many more nodes */
} hec__counts;

/* The next node's number; 0 at the end, or where the list is malformed. */
uint64_t hec__counts_next(hec__counts *c);

/* The number at place `index` of "2(x3),1": here 2 for 0 to 2 and 1 for 3. False where the list is
 * malformed anywhere, or is shorter. Each number is from 1 to 2^31 - 1. */
bool hec__counts_at(const char *counts, size_t index, uint64_t *ret);

#endif
