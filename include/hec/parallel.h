/* SPDX-License-Identifier: MIT
 *
 * A loop in C over the threads of this process: for functions that need no Python and hold no lock
 * of an interpreter. Processes, for everything else, are in hec/pool.h.
 *
 *     static int squares(void *ctx, uint64_t begin, uint64_t end)
 *     {
 *         double *x = ctx;
 *
 *         for (uint64_t i = begin; i < end; i++)
 *             x[i] *= x[i];
 *         return 0;
 *     }
 *     ...
 *     hec_parallel_for(1000000, squares, x, NULL, &err);
 *
 * Threads. The caller takes part. The others are started when a loop first needs them, kept for
 * the life of the process, and asleep between loops. They have the default stack size of a thread
 * (`ulimit -s`, as pthread_attr_init says), and take no signals but the ones that their own faults
 * raise. A child of fork() starts threads of its own.
 *
 * Any thread may call at any time. Loops that run at once share the threads there are. A loop
 * within a loop's body runs in the thread that asked for it, so threads never multiply.
 */
#ifndef HEC_PARALLEL_H
#define HEC_PARALLEL_H

#include <hec/error.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEC_PARALLEL_THREADS_MAX 4096

/* Does the indices begin to end - 1. Called from several threads at once, never twice for an
 * index. Anything but 0 stops the loop: blocks that run are finished, no other is begun. It must
 * return: not by longjmp(), an exception or the end of its thread. A child that it forks must end
 * in there. */
typedef int hec_parallel_body(void *ctx, uint64_t begin, uint64_t end);

/* Zeros mean: choose. */
typedef struct hec_parallel_options {
    /* At most so many take part, the caller included. 0: as many as there are granted CPUs
     * (hec_topology_cpus(), asked once per process; in a worker of a pool its share of them). */
    uint32_t threads;
    /* Blocks begin at multiples of it, so that it is never split: whole cache lines of output,
     * whole tiles. 0: any index may begin a block, though larger blocks begin at multiples of 64.
     */
    uint64_t grain;
    /* Called with ctx by the calling thread alone, between its blocks and not more often than
     * every 50 ms, which is what looking for Ctrl-C needs. Anything but 0 stops the loop. */
    int (*check)(void *ctx);
} hec_parallel_options;

/* Calls body for blocks that make up 0 to n - 1, and returns when all have ended. Whatever the
 * bodies wrote is visible to the caller then. options NULL is all zeros.
 *
 * Each thread begins in a part of its own, the same one from call to call where it can, and takes
 * blocks of a size that it measures to last between 5 and 100 µs (of one grain if that lasts
 * longer). Who has finished takes half of what another has not begun.
 *
 * Fewer threads than asked for do the work where no more can be started.
 * HEC_ECALLBACK: a body returned something else than 0; err->sys is what, of the block with the
 * lowest index among those that did, and err->text names it. HEC_EINTR: check() stopped it.
 * HEC_EINVAL: more than HEC_PARALLEL_THREADS_MAX. HEC_EFORMAT, HEC_EIO, HEC_ENOMEM: the granted
 * CPUs could not be asked for; only with threads 0, and the first time. */
HEC_API int hec_parallel_for(uint64_t n, hec_parallel_body *body, void *ctx,
                             const hec_parallel_options *options, hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
