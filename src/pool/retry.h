/* SPDX-License-Identifier: MIT
 *
 * Tasks of a call that are run again because somebody asked for it: how often they were begun, what
 * they may take this time, and when. Knows nothing of how they are sent.
 */
#ifndef HEC_POOL_RETRY_H
#define HEC_POOL_RETRY_H

#include <hec/error.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct hec__retry {
    uint64_t task, limits; /* see task/limits.h */
    uint32_t attempt;      /* the one to come, or that is under way; 0: the place is free */
    bool waits;            /* it has not been sent yet */
} hec__retry;

typedef struct hec__due {
    uint64_t at_ns, task;
} hec__due;

/* A hash table of such tasks, and a heap of those whose time is still to come. Zeros: empty. */
typedef struct hec__retries {
    hec__retry *table;
    uint32_t n, cap; /* cap is 0 or a power of two */
    hec__due *heap;
    uint32_t ndue, due_cap;
} hec__retries;

void hec__retries_fini(hec__retries *r);

/* One attempt more at a task, not before at_ns. HEC_ENOMEM; then nothing has changed. */
int hec__retries_add(hec__retries *r, uint64_t task, uint64_t limits, uint64_t at_ns,
                     hec_error *err);

/* NULL: it is none of them. Valid until the next add or forget. */
hec__retry *hec__retries_find(const hec__retries *r, uint64_t task);

/* The task is over. */
void hec__retries_forget(hec__retries *r, uint64_t task);

/* When the next is due; UINT64_MAX: none is to come. */
uint64_t hec__retries_next(const hec__retries *r);

/* Takes the task that is due next. False when none is, at this time. */
bool hec__retries_take(hec__retries *r, uint64_t now_ns, uint64_t *ret_task);

#endif
