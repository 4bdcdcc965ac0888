/* SPDX-License-Identifier: MIT
 *
 * A ring of records between one producer and one consumer, in shared memory.
 *
 * Knows nothing of what the records mean, and never sleeps: who waits, and how, is the caller's
 * business. head and tail count bytes since the beginning and never wrap (2^64 bytes is a century
 * at 5 GB/s). The data is mapped twice in a row, so a record is always in one piece.
 *
 * Invariants: tail <= head <= tail + size; the producer alone writes head, the consumer alone
 * writes tail. Bytes in [tail, head) belong to the consumer, the others to the producer.
 */
#ifndef HEC_POOL_RING_H
#define HEC_POOL_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What both sides see. On lines of their own: each is written by one side and polled by the other.
 */
typedef struct hec__ring_ends {
    alignas(64) _Atomic uint64_t head;
    alignas(64) _Atomic uint64_t tail;
} hec__ring_ends;

/* One side's view, private to its process. */
typedef struct hec__ring {
    hec__ring_ends *ends;
    unsigned char *data; /* 2 * size mapped bytes */
    uint64_t size;       /* a power of two, multiple of the page size */
    uint64_t mine;       /* the end this side writes */
    uint64_t theirs;     /* the other end, as last seen */
} hec__ring;

/* Empties the ring; only while no other process uses it. */
void hec__ring_reset(hec__ring_ends *ends);

/* A view of a ring as it is now; producer or consumer by the functions called on it. */
void hec__ring_open_producer(hec__ring *r, hec__ring_ends *ends, void *data, uint64_t size);
void hec__ring_open_consumer(hec__ring *r, hec__ring_ends *ends, void *data, uint64_t size);

/* Producer: `n` contiguous bytes to write to, or NULL when there is no room now. n <= size.
 * Nothing is seen by the consumer before the commit. */
void *hec__ring_reserve(hec__ring *r, uint64_t n);
/* Publishes n bytes, at most what was reserved. Returns the position at which they begin. */
uint64_t hec__ring_commit(hec__ring *r, uint64_t n);
/* Producer: whether what was committed at `position` has been popped. */
bool hec__ring_passed(hec__ring *r, uint64_t position);
/* Producer: whether everything has been popped. */
bool hec__ring_empty(hec__ring *r);

/* Consumer: the oldest bytes not popped yet, NULL when there are none. Stays valid until popped. */
void *hec__ring_peek(hec__ring *r);
/* Consumer: peek's question without its answer; safe from another thread of the consumer. */
bool hec__ring_ready(const hec__ring *r);
/* Consumer: bytes there are, as last seen. More than the ring's size: somebody scribbled. */
uint64_t hec__ring_filled(const hec__ring *r);
void hec__ring_pop(hec__ring *r, uint64_t n);

#endif
