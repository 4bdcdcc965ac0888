/* SPDX-License-Identifier: MIT */
#include "pool/ring.h"

#include <assert.h>

void hec__ring_reset(hec__ring_ends *ends)
{
    atomic_store_explicit(&ends->head, 0, memory_order_relaxed);
    atomic_store_explicit(&ends->tail, 0, memory_order_relaxed);
}

void hec__ring_open_producer(hec__ring *r, hec__ring_ends *ends, void *data, uint64_t size)
{
    *r = (hec__ring){.ends = ends, .data = data, .size = size};
    r->mine = atomic_load_explicit(&ends->head, memory_order_relaxed);
    r->theirs = atomic_load_explicit(&ends->tail, memory_order_acquire);
}

void hec__ring_open_consumer(hec__ring *r, hec__ring_ends *ends, void *data, uint64_t size)
{
    *r = (hec__ring){.ends = ends, .data = data, .size = size};
    r->mine = atomic_load_explicit(&ends->tail, memory_order_relaxed);
    r->theirs = atomic_load_explicit(&ends->head, memory_order_acquire);
}

void *hec__ring_reserve(hec__ring *r, uint64_t n)
{
    assert(n <= r->size);
    if (r->mine + n - r->theirs > r->size) {
        /* Acquire pairs with the release in pop: the consumer has finished reading those bytes
         * before we write over them. */
        r->theirs = atomic_load_explicit(&r->ends->tail, memory_order_acquire);
        if (r->mine + n - r->theirs > r->size)
            return NULL;
    }
    return r->data + (r->mine & (r->size - 1));
}

uint64_t hec__ring_commit(hec__ring *r, uint64_t n)
{
    uint64_t at = r->mine;

    r->mine += n;
    /* Release: the bytes are there before the head says so. */
    atomic_store_explicit(&r->ends->head, r->mine, memory_order_release);
    return at;
}

bool hec__ring_passed(hec__ring *r, uint64_t position)
{
    if (r->theirs <= position)
        r->theirs = atomic_load_explicit(&r->ends->tail, memory_order_acquire);
    return r->theirs > position;
}

bool hec__ring_empty(hec__ring *r)
{
    return r->mine == 0 || hec__ring_passed(r, r->mine - 1);
}

void *hec__ring_peek(hec__ring *r)
{
    if (r->theirs == r->mine) {
        /* Acquire pairs with the release in commit. */
        r->theirs = atomic_load_explicit(&r->ends->head, memory_order_acquire);
        if (r->theirs == r->mine)
            return NULL;
    }
    return r->data + (r->mine & (r->size - 1));
}

bool hec__ring_ready(const hec__ring *r)
{
    return atomic_load_explicit(&r->ends->head, memory_order_acquire) !=
           atomic_load_explicit(&r->ends->tail, memory_order_relaxed);
}

uint64_t hec__ring_filled(const hec__ring *r)
{
    return r->theirs - r->mine;
}

void hec__ring_pop(hec__ring *r, uint64_t n)
{
    r->mine += n;
    /* Release: we have read the bytes before the producer may write over them. */
    atomic_store_explicit(&r->ends->tail, r->mine, memory_order_release);
}
