/* SPDX-License-Identifier: MIT
 *
 * The threads of numerical libraries. Each starts as many as the machine has cores, in each worker:
 * eight workers on eight cores would run sixty-four threads. A worker gets its share instead.
 */
#ifndef HEC_SYS_THREADS_H
#define HEC_SYS_THREADS_H

/* Makes the BLAS and OpenMP libraries that are loaded now use at most n threads from here on, and,
 * through the environment, those that are loaded later; not where the user has set the library's
 * variable (OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, …) to something. Changes the environment: only
 * for a process of one thread. Returns how many loaded libraries were told. */
int hec__threads_limit(int n);

/* The n of the last hec__threads_limit() in this process or the one it was forked from; 0: none. */
int hec__threads_share(void);

#endif
