/* SPDX-License-Identifier: MIT
 *
 * A worker's watch on itself: how its tasks run, and what its parent's warden must know to stop
 * them. Costs nothing while the batch is neither measured nor limited.
 */
#ifndef HEC_POOL_MEASURE_H
#define HEC_POOL_MEASURE_H

#include "pool/layout.h"

typedef struct hec__measure {
    hec__slot *slot;
    bool stamps;   /* each task is to be stamped: measured or limited */
    bool measured; /* the present batch is */
    uint64_t word; /* of its limits, which are: */
    hec_limits limits;
    int memory_fd;        /* see sys/proc.h; -1: not open */
    uint64_t data_was;    /* RLIMIT_DATA as it was found */
    bool data_set;        /* it was changed since */
    bool runs;            /* a task is being measured: */
    uint64_t task;        /* which */
    hec__used now;        /* what is known of it */
    uint64_t spent_ns;    /* CPU time of this process and its children, at the last look */
    uint64_t children_ns; /* of the children in there */
    uint64_t peak, rss;   /* bytes: the most ever, and at the last look */
    uint64_t looked_ns;   /* when that was */
    uint32_t n, first;    /* finished and not replied to: a queue, used[first .. first + n) */
    uint64_t tasks[HEC_MEASURED_MAX];
    hec__used used[HEC_MEASURED_MAX];
} hec__measure;

void hec__measure_init(hec__measure *m, hec__slot *slot);

/* A batch begins, with this word of limits; `borrowed`: bytes of messages that it will map. */
void hec__measure_begin(hec__measure *m, uint64_t limits, bool measured, uint64_t borrowed);
/* A task begins; only where m->stamps. */
void hec__measure_at(hec__measure *m, uint64_t task);
/* No task runs any more; only where m->measured. */
void hec__measure_end(hec__measure *m);
/* The worker waits for its parent with the task's answer in hand: that is no task's doing, and ends
 * what is counted of it. */
void hec__measure_wait(hec__measure *m);
/* How the tasks from `first` on ran, at most `count`, in ret[]; they are forgotten. Returns how
 * many: all, or as many as fit HEC_MEASURED_MAX. */
uint32_t hec__measure_take(hec__measure *m, uint64_t first, uint32_t count,
                           hec__used ret[HEC_MEASURED_MAX]);

#endif
