/* SPDX-License-Identifier: MIT
 *
 * Other processes, as /proc shows them: how much memory they have to themselves, what they have
 * started, and how to end all of that. Allocates nothing, takes no lock: fit for a thread beside
 * which others fork.
 */
#ifndef HEC_SYS_PROC_H
#define HEC_SYS_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct hec__memory {
    uint64_t rss; /* bytes that are in memory now */
    uint64_t own; /* of them, those of no file and not shared; what a fork shares counts for both */
    uint64_t data; /* bytes of addresses that RLIMIT_DATA counts, the stack's included */
} hec__memory;

/* A descriptor for hec__memory_read(), of this process; -1 where there is no /proc. Closed on
 * exec. */
int hec__memory_open(void);
/* False when it cannot be read. */
bool hec__memory_read(int fd, hec__memory *ret);

/* The memory that a process and all processes that come from it have to themselves, in bytes;
 * 0 where it cannot be seen. */
uint64_t hec__tree_own(pid_t pid);

/* Kills a process and all that come from it by SIGKILL. They are stopped first, so that none can
 * start another meanwhile. Who has left its parents (a daemon) is not found. The process must not
 * have been reaped. */
void hec__tree_kill(pid_t pid);

#endif
