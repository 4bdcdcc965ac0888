/* SPDX-License-Identifier: MIT
 *
 * What speaks against forking this process. A forked child has one thread and a copy of all
 * memory: what another thread held stays locked in it for good, and a GPU's driver does not work
 * there at all.
 */
#ifndef HEC_SYS_FORKABLE_H
#define HEC_SYS_FORKABLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hec__thread {
    int32_t tid;
    char name[16]; /* as ps and top show it; a thread that has none of its own has the program's */
} hec__thread;

/* The runtime of a GPU that this process has initialised: "CUDA", "ROCm", NULL for none. That a
 * library is merely loaded does not count. */
const char *hec__gpu_in_use(void);

/* Whether a descriptor of this process is open on one of these character devices (ended by NULL).
 */
bool hec__device_is_open(const char *const *paths);

/* The other threads of this process: fills threads[0..max) and returns how many there are, or -1
 * where the system does not tell. Threads that numerical libraries can do without (OpenMP's, those
 * of OpenBLAS) are ended first; they come back when they are next needed. Not for a process in the
 * middle of an OpenMP region. */
int hec__other_threads(hec__thread *threads, int max);

#endif
