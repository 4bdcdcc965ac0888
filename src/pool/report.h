/* SPDX-License-Identifier: MIT
 *
 * Where workers that crash write where they were: one file without a name for a pool, in which each
 * worker has two places, one for its runner and one for the C stack. Sparse, and zero where nothing
 * was written.
 */
#ifndef HEC_POOL_REPORT_H
#define HEC_POOL_REPORT_H

#include <hec/error.h>

#include <stdint.h>

enum hec__report_part {
    HEC__REPORT_RUNNER, /* at most 256 KiB */
    HEC__REPORT_C,      /* at most 64 KiB */
};

/* On success *ret_fd is the caller's to close. */
int hec__report_create(uint32_t nworkers, int *ret_fd, hec_error *err);

/* In a worker: a descriptor that writes to its place, for as long as the process lives; -1 where
 * there is none to be had (no /proc, no descriptor). */
int hec__report_open(int fd, uint32_t worker, enum hec__report_part part);

/* What is written there, as a string of the caller's (free()), and the place is empty again. NULL
 * when nothing is, or when there is no memory for it. */
char *hec__report_take(int fd, uint32_t worker, enum hec__report_part part);

#endif
