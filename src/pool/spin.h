/* SPDX-License-Identifier: MIT
 *
 * Spinning before sleeping. Waking a process on another core costs ten times what watching a
 * word for a moment does, but a spin takes its core from whoever could work there: so only while
 * no more processes of the pool are awake than there are CPUs, and only for a moment.
 */
#ifndef HEC_POOL_SPIN_H
#define HEC_POOL_SPIN_H

#include "pool/layout.h"
#include "sys/clock.h"

#define HEC__SPIN_NS 20000u

/* Counts a process in (+1) or out (-1); *flag says whether it is in, for the day it dies. */
static inline void hec__awake_add(hec__head *head, _Atomic uint32_t *flag, int by)
{
    atomic_store_explicit(flag, by > 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&head->awake, by, memory_order_relaxed);
}

/* Spins until ready(ctx), or until it should stop. Returns whether ready. */
static inline bool hec__spin(hec__head *head, int32_t cpus, bool (*ready)(void *), void *ctx)
{
    uint64_t end = hec__now_ns() + HEC__SPIN_NS;

    do {
        for (int i = 0; i < 16; i++) {
            if (ready(ctx))
                return true;
            hec__cpu_relax();
        }
        if (atomic_load_explicit(&head->awake, memory_order_relaxed) > cpus)
            return ready(ctx);
    } while (hec__now_ns() < end);
    return ready(ctx);
}

#endif
