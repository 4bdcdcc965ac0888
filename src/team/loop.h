/* SPDX-License-Identifier: MIT
 *
 * One loop: who takes which blocks. Knows nothing of threads: any number of runners may be in
 * hec__loop_run() at once, each with a share of its own.
 *
 * The indices are counted in units. A share is a range of units that nobody has begun, in one word,
 * so that its owner takes from the front and others from the back by one compare-and-swap. The word
 * is the whole truth about the range, so it does not matter if it had the same value before.
 */
#ifndef HEC_TEAM_LOOP_H
#define HEC_TEAM_LOOP_H

#include <hec/parallel.h>

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct hec__share {
    alignas(64) _Atomic uint64_t range; /* first << 32 | end */
    _Atomic uint32_t owned;             /* somebody runs with this share */
    /* Written by the owner, read when all have left: the block that did not return 0. */
    int32_t failed;
    uint64_t begin, end;
} hec__share;

typedef struct hec__loop {
    hec_parallel_body *body;
    int (*check)(void *ctx);
    void *ctx;
    uint64_t n;
    uint64_t unit; /* indices in a unit; the last may be smaller */
    uint32_t units;
    uint32_t align; /* larger blocks begin at multiples of so many units */
    uint32_t nshares;
    hec__share *shares;
    alignas(64) _Atomic uint32_t stop; /* one of HEC__STOP_… */
    /* Ranges that changed hands << 32 | ranges between two shares right now. */
    alignas(64) _Atomic uint64_t moves;
} hec__loop;

enum { HEC__GO_ON, HEC__STOP_BODY, HEC__STOP_CHECK };

/* Divides 0 to n - 1 among the shares, whose number is lowered to what is of use. Nobody owns a
 * share but the first, which is the caller's. */
void hec__loop_init(hec__loop *l, uint64_t n, uint64_t grain, hec__share *shares, uint32_t nshares);

/* Sets nshares alone, for a decision before there are shares: how many are of use, at most max. */
uint32_t hec__loop_width(uint64_t n, uint64_t grain, uint32_t max);

/* A share that nobody runs with, preferably this one, for good. Only for as many as there are. */
uint32_t hec__loop_home(hec__loop *l, uint32_t preferred);

/* Takes blocks and runs them until none is left to be begun, or the loop was stopped. */
void hec__loop_run(hec__loop *l, uint32_t home);

/* 0, or the error that stopped it. When everybody has left. */
int hec__loop_result(const hec__loop *l, hec_error *err);

#endif
