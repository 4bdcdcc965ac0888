/* SPDX-License-Identifier: MIT
 *
 * Watching a word before sleeping. Waking a process on another core costs ten times what watching
 * for a moment does, and fifty times when that core has gone idle; but who watches takes a core
 * from whoever could work there. So it is done in two ways, and only while no more processes of
 * the pool are awake than there are CPUs: a *spin*, for a moment; and *lingering*, which offers the
 * core to everybody else at every turn, for as long as what is waited for has lately taken.
 */
#ifndef HEC_POOL_SPIN_H
#define HEC_POOL_SPIN_H

#include "pool/layout.h"
#include "sys/clock.h"

#include <sched.h>

#define HEC__SPIN_NS   20000u
#define HEC__LINGER_NS 10000000u /* at most */
#define HEC__AWAY_NS   300000u /* who took an offered core for so long wants it; less is the system \
                                */

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

/* Lingers until ready(ctx) or for `ns`; ends at once when somebody else took the core that was
 * offered: the machine is not ours alone. Returns whether ready; adds what it was away to *away_ns.
 */
static inline bool hec__linger(hec__head *head, int32_t cpus, uint64_t ns, uint64_t *away_ns,
                               bool (*ready)(void *), void *ctx)
{
    uint64_t now = hec__now_ns(), end = now + ns, before;

    while (now < end && atomic_load_explicit(&head->awake, memory_order_relaxed) <= cpus) {
        for (int i = 0; i < 16; i++) {
            if (ready(ctx))
                return true;
            hec__cpu_relax();
        }
        before = hec__now_ns();
        sched_yield();
        now = hec__now_ns();
        if (now - before > HEC__AWAY_NS) {
            *away_ns += now - before;
            break;
        }
    }
    return ready(ctx);
}

/* How long the last waits of a process took, to say how long the next is worth lingering for. */
typedef struct hec__gaps {
    uint64_t last, before;
    uint32_t shy; /* so many waits go without, since the core was wanted by others */
} hec__gaps;

#define HEC__SHY 64u

/* Nanoseconds to linger: twice the longer of the last two waits, nothing when that is too much. */
static inline uint64_t hec__gaps_linger(hec__gaps *g)
{
    uint64_t longer = g->last > g->before ? g->last : g->before;

    if (g->shy) {
        g->shy--;
        return 0;
    }
    return 2 * longer <= HEC__LINGER_NS ? 2 * longer : 0;
}

static inline void hec__gaps_add(hec__gaps *g, uint64_t ns)
{
    g->before = g->last;
    g->last = ns;
}

#endif
