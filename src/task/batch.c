/* SPDX-License-Identifier: MIT */
#include "task/batch.h"

#include <assert.h>

#define GROWTH    8u
#define SINGLY_NS 1000000u

void hec__pace_add(hec__pace *p, uint64_t ns, uint32_t count)
{
    uint64_t each = ns / count;

    if (each == 0)
        each = 1;
    /* A mean over about four batches: quick to follow, not thrown by one. */
    p->task_ns = p->task_ns ? (3 * p->task_ns + each) / 4 : each;
    if (p->task_ns == 0)
        p->task_ns = 1;
}

uint32_t hec__batch_size(hec__pace *p, uint64_t left, uint32_t workers)
{
    uint64_t n, share = left / (2 * (uint64_t)workers);

    if (p->task_ns == 0 || p->task_ns >= SINGLY_NS)
        n = 1;
    else
        n = HEC__BATCH_NS / p->task_ns;
    if (n > (uint64_t)p->last * GROWTH)
        n = (uint64_t)p->last * GROWTH;
    if (n > share)
        n = share;
    if (n > HEC__BATCH_MAX)
        n = HEC__BATCH_MAX;
    if (n == 0)
        n = 1;
    p->last = (uint32_t)n;
    return p->last;
}

/* next: 17 bits, limit: 17 bits, turn: 30 bits. */
#define HALF_BITS 17
#define HALF_MASK ((UINT64_C(1) << HALF_BITS) - 1)
#define TURN_MASK ((UINT64_C(1) << (64 - 2 * HALF_BITS)) - 1)

static_assert(HEC__BATCH_MAX <= HALF_MASK, "a batch's size must fit the claim word");

static uint64_t word(uint32_t next, uint32_t limit, uint64_t turn)
{
    return next | (uint64_t)limit << HALF_BITS | (turn & TURN_MASK) << 2 * HALF_BITS;
}

uint32_t hec__claim_next(uint64_t look)
{
    return (uint32_t)(look & HALF_MASK);
}

uint32_t hec__claim_limit(uint64_t look)
{
    return (uint32_t)(look >> HALF_BITS & HALF_MASK);
}

uint32_t hec__claim_turn(uint64_t look)
{
    return (uint32_t)(look >> 2 * HALF_BITS);
}

uint32_t hec__claim_free(uint64_t look)
{
    return hec__claim_limit(look) - hec__claim_next(look);
}

void hec__claim_init(hec__claim *c, uint32_t count, uint32_t turn)
{
    atomic_store_explicit(c, word(0, count, turn), memory_order_release);
}

uint32_t hec__claim_take(hec__claim *c, uint32_t max, uint32_t *ret_from)
{
    /* Acquire pairs with the take-back: what the parent read of this batch it has read before we
     * find the batch used up and write the next one over it. */
    uint64_t v = atomic_load_explicit(c, memory_order_acquire);
    uint32_t n;

    do {
        n = hec__claim_free(v);
        if (n == 0)
            return 0;
        if (n > max)
            n = max;
    } while (!atomic_compare_exchange_weak_explicit(c, &v, v + n, memory_order_acquire,
                                                    memory_order_acquire));
    *ret_from = hec__claim_next(v);
    return n;
}

uint64_t hec__claim_look(const hec__claim *c)
{
    return atomic_load_explicit(c, memory_order_acquire);
}

uint32_t hec__claim_take_back(hec__claim *c, uint64_t look, uint32_t *ret_from)
{
    uint32_t limit = hec__claim_limit(look);
    uint32_t n = (hec__claim_free(look) + 1) / 2;
    uint64_t taken = word(hec__claim_next(look), limit - n, look >> 2 * HALF_BITS);

    /* Release: what was read of the batch since the look was read before this. */
    if (n == 0 || !atomic_compare_exchange_strong_explicit(c, &look, taken, memory_order_release,
                                                           memory_order_relaxed))
        return 0;
    *ret_from = limit - n;
    return n;
}
