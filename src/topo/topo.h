/* SPDX-License-Identifier: MIT
 *
 * The topology object and how the files of this room fill it. Each file answers one question
 * (which CPUs, which cgroups, what the batch system granted …) by adding limits, nodes, GPUs and
 * notes; topo.c asks them in order and takes the smallest limit.
 */
#ifndef HEC_TOPO_TOPO_H
#define HEC_TOPO_TOPO_H

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "topo/text.h"

#include <hec/topology.h>

#include <stdbool.h>

typedef struct hec__limits {
    hec_limit *v;
    size_t n, cap;
} hec__limits;

struct hec_topology {
    hec__arena arena;
    const char *root;    /* "" is the live machine */
    const char *environ; /* of a recorded machine: KEY=VALUE, each terminated; else NULL */
    size_t environ_size;
    const char *host;
    const char *cpu_list;
    const char *oom_file; /* see oom.h; NULL: none of a control group */
    hec__limits cpus, memory;
    uint64_t online; /* CPUs that the machine has; 0: not known */
    uint64_t available;
    hec_gpu *gpus;
    size_t n_gpus, cap_gpus;
    const char *gpu_reason;
    hec_node *nodes;
    size_t n_nodes, cap_nodes, last_node;
    hec_numa *numa;
    size_t n_numa, cap_numa;
    const char **notes;
    size_t n_notes, cap_notes;
    const char *scheduler, *job;
    int64_t now, end_time; /* seconds since 1970; end_time -1 where unknown */
};

HEC_AUTO_DEFINE(hec_topology, hec_topology_destroy)

/* Fills *err for a failed allocation and returns HEC_ENOMEM. */
int hec__topology_nomem(hec_error *err);

/* Appends the file below the root to *out: 1, or 0 where there is no such file, or < 0. */
int hec__topology_file(const hec_topology *t, const char *path, hec__strbuf *out, hec_error *err);

/* The variable's value, NULL where it is not set or empty. Borrowed until the environment
 * changes: copy what is kept. */
const char *hec__topology_env(const hec_topology *t, const char *name);

/* The same, but "" where it is set and empty, which some variables give a meaning. */
const char *hec__topology_env_raw(const hec_topology *t, const char *name);

/* Whether the variable is a decimal number from min to max. One that is set and is not gets a
 * note, and false. < 0 on failure, 1 found, 0 not. */
int hec__topology_env_uint(hec_topology *t, const char *name, uint64_t min, uint64_t max,
                           uint64_t *ret, hec_error *err);

/* Adds a line for the user. Bytes that are no printable text become '?'. */
int hec__topology_note(hec_topology *t, hec_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a limit, its reason as printf. */
int hec__topology_limit(hec_topology *t, hec__limits *limits, const char *source, uint64_t value,
                        hec_error *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Something that stands in the way of memory leaves only this much to allocate. */
void hec__topology_leaves(hec_topology *t, uint64_t bytes);

int hec__topology_node(hec_topology *t, hec__slice name, uint32_t cpus, hec_error *err);

/* Whether two names are of one host: equal, or one is the other without its domain. */
bool hec__topology_same_host(hec__slice a, hec__slice b);

/* The questions, in the order they are asked. */
int hec__topology_read_affinity(hec_topology *t, hec_error *err); /* cpus.c */
int hec__topology_read_machine(hec_topology *t, hec_error *err);  /* memory.c */
int hec__topology_read_cgroups(hec_topology *t, hec_error *err);  /* quota.c */
int hec__topology_read_rlimits(hec_topology *t, hec_error *err);  /* memory.c */
int hec__topology_read_batch(hec_topology *t, hec_error *err);    /* batch.c */
int hec__topology_read_gpus(hec_topology *t, hec_error *err);     /* gpu.c */
int hec__topology_read_user(hec_topology *t, hec_error *err);     /* user.c */

#endif
