/* SPDX-License-Identifier: MIT
 *
 * Batches: how many tasks travel together, and who runs which of them.
 *
 * Pure functions and one atomic word; knows nothing of processes, rings or time.
 */
#ifndef HEC_TASK_BATCH_H
#define HEC_TASK_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Running mean of what one task takes, 0: not known yet. */
typedef struct hec__pace {
    uint64_t task_ns;
    uint32_t last; /* tasks in the last batch */
} hec__pace;

/* Tells the pace that `count` tasks took `ns` together. */
void hec__pace_add(hec__pace *p, uint64_t ns, uint32_t count);

#define HEC__BATCH_NS  200000u /* work that one batch should hold */
#define HEC__BATCH_MAX 65536u

/* How many tasks the next batch should hold, of `left` that are to be done by `workers`: about
 * HEC__BATCH_NS of work, no more than half a fair share, singly above 1 ms or while nothing is
 * known; grows at most eightfold from batch to batch, since a first measure can be far off.
 * At least 1. Remembers what it said. */
uint32_t hec__batch_size(hec__pace *p, uint64_t left, uint32_t workers);

/* The claim word of a batch: which of its tasks are still free, as two numbers that change
 * together, next and limit. The worker takes from the front, the parent takes back from the end; a
 * task goes to exactly one of them. A third number, the turn, tells one use of a word from the next
 * where it is used again and again: a compare-and-swap that slept through a whole use must fail. */
typedef _Atomic uint64_t hec__claim;

/* `count` free tasks (<= HEC__BATCH_MAX). The release makes what the caller wrote about the batch
 * before visible to whoever takes back from it. */
void hec__claim_init(hec__claim *c, uint32_t count, uint32_t turn);

/* Worker: takes up to max from the front. Returns how many, *ret_from is the first. */
uint32_t hec__claim_take(hec__claim *c, uint32_t max, uint32_t *ret_from);

/* Parent, in two steps, so that it can read what else it needs of the batch in between: look at
 * the word, then take back half of what was free then, rounded up, from the end. Returns how many,
 * *ret_from is the first of them; 0 when nothing is free or the worker moved: look again. */
uint64_t hec__claim_look(const hec__claim *c);
uint32_t hec__claim_take_back(hec__claim *c, uint64_t look, uint32_t *ret_from);

/* What a look says: free tasks, the present end of the batch, the first that was not taken, and
 * which use of the word this is (modulo 2^30). */
uint32_t hec__claim_free(uint64_t look);
uint32_t hec__claim_limit(uint64_t look);
uint32_t hec__claim_next(uint64_t look);
uint32_t hec__claim_turn(uint64_t look);

#endif
