/* SPDX-License-Identifier: MIT
 *
 * The one clock of the project: monotonic nanoseconds, the same in every process of a machine.
 */
#ifndef HEC_SYS_CLOCK_H
#define HEC_SYS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t hec__now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Tells the core that this is a spin, so that its sibling thread gets the pipeline. */
static inline void hec__cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#endif
}

#endif
