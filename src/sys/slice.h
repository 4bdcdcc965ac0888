/* SPDX-License-Identifier: MIT
 *
 * How soon a thread that waits gets a core when what it waits for has come.
 *
 * Who starts a program sleeps until it runs, and is woken by it. Linux may let the program run on
 * until its slice is over (0.7 to 3 ms) before the woken one has its turn, even while another core
 * has nothing to do. From Linux 6.12 on a thread may ask for a short slice of its own and is then
 * let in at once; what it gets altogether is the same. Older kernels take the request and do
 * nothing.
 */
#ifndef HEC_SYS_SLICE_H
#define HEC_SYS_SLICE_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel calls struct sched_attr, in its first version: see sched_setattr(2). Not every C
 * library has it. */
typedef struct hec__slice {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} hec__slice;

/* Asks for a short slice for this thread, and for what it starts. *ret_before: what it had. False,
 * and nothing was done, for a thread that the user has given another policy than the usual one. */
bool hec__slice_shorten(hec__slice *ret_before);

#endif
