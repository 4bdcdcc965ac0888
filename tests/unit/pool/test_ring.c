/* SPDX-License-Identifier: MIT
 *
 * A ring of records: sizes, wrap, full; and both ends at once, as two threads, so that the thread
 * sanitizer sees them.
 */
#include "tap.h"

#include "pool/ring.h"
#include "sys/clock.h"
#include "sys/shm.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (64u * 1024)

static void *map_ring(size_t size)
{
    void *at = NULL;
    int fd = -1;

    if (hec__shm_create("ring", size, &fd, NULL) == 0)
        hec__shm_map_twice(fd, 0, size, &at, NULL);
    close(fd);
    return at;
}

static void one_at_a_time(void)
{
    static hec__ring_ends ends; /* a sanitizer's stack is not aligned enough */
    hec__ring p, c;
    unsigned char *data = map_ring(SIZE), *at;
    bool good = true;

    hec__ring_reset(&ends);
    hec__ring_open_producer(&p, &ends, data, SIZE);
    hec__ring_open_consumer(&c, &ends, data, SIZE);
    ok(!hec__ring_peek(&c) && !hec__ring_ready(&c) && hec__ring_empty(&p), "a ring begins empty");
    at = hec__ring_reserve(&p, 64);
    memset(at, 1, 64);
    ok(!hec__ring_peek(&c) && hec__ring_empty(&p), "what is reserved is not there yet");
    ok(hec__ring_commit(&p, 64) == 0 && hec__ring_ready(&c), "what is committed is");
    ok(!hec__ring_passed(&p, 0) && !hec__ring_empty(&p), "it is not passed before it is popped");
    at = hec__ring_peek(&c);
    ok(at && at[63] == 1 && hec__ring_filled(&c) == 64, "the consumer sees it");
    hec__ring_pop(&c, 64);
    ok(hec__ring_passed(&p, 0) && !hec__ring_passed(&p, 64) && hec__ring_empty(&p),
       "popped is passed");
    ok(hec__ring_reserve(&p, SIZE) != NULL, "a record may be as large as the ring");
    hec__ring_commit(&p, SIZE);
    ok(!hec__ring_reserve(&p, 64), "then it is full");
    hec__ring_pop(&c, 64);
    ok(hec__ring_reserve(&p, 64) && !hec__ring_reserve(&p, 128), "what is popped is room");
    hec__ring_pop(&c, SIZE - 64);
    for (uint32_t i = 0; i < 100000 && good; i++) { /* sizes that do not divide the ring's */
        uint64_t n = 64 * (1 + i % 37);

        at = hec__ring_reserve(&p, n);
        memset(at, (int)i, n);
        hec__ring_commit(&p, n);
        at = hec__ring_peek(&c);
        good = at && at[0] == (unsigned char)i && at[n - 1] == (unsigned char)i;
        hec__ring_pop(&c, n);
    }
    ok(good, "records go over the end in one piece");
    hec__ring_open_consumer(&c, &ends, data, SIZE);
    ok(!hec__ring_peek(&c), "a new view goes on where the old one was");
    munmap(data, 2 * SIZE);
}

struct both {
    hec__ring_ends ends;
    unsigned char *data;
    uint64_t records;
};

/* Record i: its length in words, i, and then words that depend on i. */
static void *produce(void *arg)
{
    struct both *b = arg;
    hec__ring p;

    hec__ring_open_producer(&p, &b->ends, b->data, SIZE);
    for (uint64_t i = 0; i < b->records; i++) {
        uint64_t n = 8 * (1 + i * 2654435761u % 20), *at;

        while (!(at = hec__ring_reserve(&p, 8 * n)))
            sched_yield();
        at[0] = n;
        for (uint64_t k = 1; k < n; k++)
            at[k] = i + k;
        hec__ring_commit(&p, 8 * n);
    }
    return NULL;
}

static void two_threads(void)
{
    static struct both b;
    uint64_t wrong = 0;
    pthread_t t;
    hec__ring c;

    b.data = map_ring(SIZE);
    b.records = getenv("HEC_TEST_SLOW") ? 30000 : 3000000;
    hec__ring_reset(&b.ends);
    hec__ring_open_consumer(&c, &b.ends, b.data, SIZE);
    pthread_create(&t, NULL, produce, &b);
    for (uint64_t i = 0; i < b.records; i++) {
        const uint64_t *at;

        while (!(at = hec__ring_peek(&c)))
            sched_yield();
        wrong += at[0] != 8 * (1 + i * 2654435761u % 20);
        for (uint64_t k = 1; k < at[0]; k++)
            wrong += at[k] != i + k;
        hec__ring_pop(&c, 8 * at[0]);
    }
    pthread_join(t, NULL);
    ok(wrong == 0, "%llu records between two threads arrive whole and in order",
       (unsigned long long)b.records);
    munmap(b.data, 2 * SIZE);
}

int main(void)
{
    one_at_a_time();
    two_threads();
    return done_testing();
}
