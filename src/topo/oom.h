/* SPDX-License-Identifier: MIT
 *
 * Where the kernel counts the processes that it has killed for want of memory: that tells such a
 * death from a plain SIGKILL, which looks the same to whoever waits for the process.
 */
#ifndef HEC_TOPO_OOM_H
#define HEC_TOPO_OOM_H

#include <hec/topology.h>

#include <stdbool.h>

/* The file with the count of this process's memory cgroup (v1 memory.oom_control, v2
 * memory.events, which count kills by whatever OOM killer of processes in the group), or else the
 * machine's, /proc/vmstat. Lives as long as the topology. */
const char *hec__oom_file(const hec_topology *t);

/* What the file counts now; false where it does not (Linux before 4.13). */
bool hec__oom_read(const char *root, const char *file, uint64_t *ret_kills);

#endif
