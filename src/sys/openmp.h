/* SPDX-License-Identifier: MIT
 *
 * OpenMP and fork do not mix by themselves: a GNU OpenMP thread pool that was used before a fork
 * makes the first parallel region in the child wait for threads that do not exist there. OpenMP
 * 5.0 has a call that ends those threads in order; they come back when they are next needed.
 */
#ifndef HEC_SYS_OPENMP_H
#define HEC_SYS_OPENMP_H

/* Pauses every OpenMP runtime found in this process. Returns how many were paused. To be called by
 * the thread that is about to fork, outside parallel regions. */
int hec__openmp_pause(void);

#endif
