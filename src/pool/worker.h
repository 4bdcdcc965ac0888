/* SPDX-License-Identifier: MIT
 *
 * A worker's side of the pool: the loop of a forked process. It never returns.
 */
#ifndef HEC_POOL_WORKER_H
#define HEC_POOL_WORKER_H

#include "pool/segment.h"
#include "sys/watch.h"

typedef struct hec__worker_start {
    uint32_t number;
    int32_t cpus;
    hec_runner runner;
    const hec__segment *segment;
    void *tasks, *results; /* the rings, mapped by the parent before the fork */
    hec__watch watch;      /* the parent's, to ring its bell */
    hec__watch warden;     /* the warden's, likewise */
    int reports_fd;        /* see report.h; -1: none */
    int stderr_fd;         /* to be descriptor 2; -1: that stays what it is */
    uint64_t warm_max;
    uint64_t (*available)(void);
    /* Of a worker that a zygote forked; else NULL. */
    void (*prepare)(void *ctx, const void *data, size_t size);
    const void *data;
    size_t data_size;
} hec__worker_start;

/* The exit status of a worker that found no memory to begin with. */
#define HEC__WORKER_NO_MEMORY 117
/* Of one that may not enter the folder of its pool's process. */
#define HEC__WORKER_NO_FOLDER 118

void hec__worker_main(const hec__worker_start *start) __attribute__((noreturn));

#endif
