/* SPDX-License-Identifier: MIT
 *
 * Where a process's control group lies in the file system. Works on the text of
 * /proc/self/cgroup and /proc/self/mountinfo; knows nothing of limits.
 */
#ifndef HEC_TOPO_CGROUP_H
#define HEC_TOPO_CGROUP_H

#include "base/arena.h"

#include <hec/error.h>

#include <stdbool.h>

/* Whether a directory exists; the caller's view of the file system. */
typedef bool hec__cgroup_exists(const char *path, void *arg);

typedef struct hec__cgroup {
    const char *mount; /* where the hierarchy is mounted, "/sys/fs/cgroup/memory" */
    const char *dir;   /* the process's group: mount, or a directory below it */
} hec__cgroup;

/* Finds the group of a v1 controller ("cpu", "memory"), or of version 2 where controller is NULL.
 *
 * In a container the mount shows only a part of the hierarchy: the mount's root is then cut off
 * the group's path. Where the path does not exist even so (the two files were written by
 * different namespaces), its longest tail that does is taken, and else the mount itself, which is
 * the container's own group.
 * 1 and *ret, whose strings live in the arena; 0 where there is no such hierarchy; HEC_ENOMEM. */
int hec__cgroup_find(hec__arena *arena, const char *cgroup, const char *mountinfo,
                     const char *controller, hec__cgroup_exists *exists, void *arg,
                     hec__cgroup *ret, hec_error *err);

#endif
