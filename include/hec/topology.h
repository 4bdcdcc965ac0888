/* SPDX-License-Identifier: MIT
 *
 * What this process may use, and why: CPUs, memory, GPUs, the nodes of the batch job, the time
 * that is left.
 *
 * CPUs. The answer is the smallest of these, never less than 1:
 *   affinity   the CPUs the kernel lets the process run on and that are online
 *   cgroup     the CPU quota of the process's own cgroup and of each one above it (v1 and v2);
 *              a fraction is rounded up
 *   batch      what the batch system granted on this node:
 *                Slurm  in the batch script or an salloc shell: SLURM_CPUS_ON_NODE (else this
 *                       node's entry of SLURM_JOB_CPUS_PER_NODE); where --cpus-per-task was given,
 *                       SLURM_CPUS_PER_TASK x tasks on this node (SLURM_TASKS_PER_NODE) if that is
 *                       less, because who asks for 8 on an exclusive node of 40 means 8.
 *                       In a process that srun started (SLURM_STEP_ID is set): its own
 *                       SLURM_CPUS_PER_TASK, else its equal share of SLURM_CPUS_ON_NODE among the
 *                       step's tasks on the node, for each of them asks this same question.
 *                SGE    this host's slots in PE_HOSTFILE, else NSLOTS
 *                PBS    the larger of NCPUS, this host's lines in PBS_NODEFILE and, of a job on
 *                       one host, PBS_NCPUS. Torque: this host's lines, else PBS_NUM_PPN
 *                LSF    this host's slots in LSB_MCPU_HOSTS or LSB_HOSTS, else LSB_DJOB_NUMPROC
 *   user       HEC_CPUS=N, which can lower the number and never raise it
 * OMP_NUM_THREADS is noted and not applied: it says how many threads one process starts.
 *
 * Memory, in bytes, likewise: the machine's, the limits of the cgroups (v1 limit_in_bytes; v2 max
 * and high), RLIMIT_AS, what the batch system granted on this node (Slurm: SLURM_MEM_PER_NODE or
 * SLURM_MEM_PER_CPU; a process that srun started gets its share), HEC_MEMORY=SIZE.
 *
 * A variable of the batch system that makes no sense is ignored and a note says so; a malformed
 * HEC_CPUS or HEC_MEMORY is an error, since the user wrote it.
 *
 * Nothing here runs a command, waits, or changes anything. A topology does not change once it is
 * read; several threads may use it. Reading the live machine reads the environment, so no other
 * thread may be in setenv() meanwhile.
 */
#ifndef HEC_TOPOLOGY_H
#define HEC_TOPOLOGY_H

#include <hec/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hec_topology hec_topology;

/* One bound on CPUs or memory. Strings live as long as the topology. */
typedef struct hec_limit {
    const char *source; /* "machine", "affinity", "cgroup", "rlimit", "batch" or "user" */
    const char *text;   /* the reason, one line: "affinity: 0-7 (8)" */
    uint64_t value;     /* CPUs, or bytes */
    int decides;        /* 1 for the one limit that decided, else 0 */
} hec_limit;

/* One GPU that may be used. */
typedef struct hec_gpu {
    const char *id;   /* an index, a UUID or a MIG name, as CUDA_VISIBLE_DEVICES would hold it */
    const char *kind; /* "nvidia", "amd" or "unknown" */
} hec_gpu;

/* One node of the batch job. */
typedef struct hec_node {
    const char *name;
    uint32_t cpus; /* granted there, 0 where the environment does not say */
} hec_node;

/* One NUMA node: CPUs and the memory that is near to them. */
typedef struct hec_numa {
    const char *cpus; /* list form, "0-3,8-11" */
    uint64_t memory;  /* bytes, 0 where unknown */
    uint32_t index;   /* the operating system's number */
    uint32_t allowed; /* how many of its CPUs the process may run on */
    uint32_t cores;   /* physical cores */
} hec_numa;

/* Reads CPUs, memory, GPUs, batch job; takes well under a millisecond. root NULL or "/" is this
 * process on this machine. Any other root is a recorded machine: its files of /proc, /sys and /dev
 * lie below root, root/environ holds the environment (KEY=VALUE lines), root/hostname the host's
 * name and root/now the time in seconds since 1970; what is not there is not known.
 * On success *ret_topology is the caller's, to end with hec_topology_destroy().
 * HEC_ENOENT: root is no directory. HEC_EFORMAT: HEC_CPUS or HEC_MEMORY is malformed.
 * HEC_EIO, HEC_ENOMEM as usual. */
HEC_API int hec_topology_read(const char *root, hec_topology **ret_topology, hec_error *err);

/* Adds the NUMA nodes, by hwloc; takes milliseconds. A recorded machine has root/hwloc.xml.
 * HEC_ENOENT: built without hwloc, or there is no hwloc.xml. HEC_EFORMAT: not a topology. A second
 * call changes nothing. Not to be called while other threads use this topology. */
HEC_API int hec_topology_read_numa(hec_topology *topology, hec_error *err);

HEC_API void hec_topology_destroy(hec_topology *topology); /* NULL is fine */

/* All pointers below are borrowed: they are valid until the topology is destroyed. Functions that
 * return a count put the first element in *ret_…, NULL where there are none. */

/* How many CPUs to use: at least 1. */
HEC_API int hec_topology_cpus(const hec_topology *topology);

/* The reason for that number, where it is a grant: what a batch system gave or HEC_CPUS says, or
 * fewer than the machine has, by affinity or control group. NULL where it is all that the machine
 * has.
 */
HEC_API const char *hec_topology_cpu_grant(const hec_topology *topology);

/* The CPUs the process may run on, list form: "0-3,8"; "" where unknown. May name more CPUs than
 * hec_topology_cpus(), when something else than affinity decided. */
HEC_API const char *hec_topology_cpu_list(const hec_topology *topology);

/* Bytes this process and its children may use altogether; 0 where nothing is known. */
HEC_API uint64_t hec_topology_memory(const hec_topology *topology);

/* Bytes that could still be allocated when the topology was read: the smallest of what each
 * limit leaves over, counting file cache that the kernel would give back as free. */
HEC_API uint64_t hec_topology_memory_available(const hec_topology *topology);

/* Every limit that was found, in the order affinity or machine … user. */
HEC_API size_t hec_topology_cpu_limits(const hec_topology *topology, const hec_limit **ret_limits);
HEC_API size_t hec_topology_memory_limits(const hec_topology *topology,
                                          const hec_limit **ret_limits);

HEC_API size_t hec_topology_gpus(const hec_topology *topology, const hec_gpu **ret_gpus);

/* Where the list of GPUs comes from: "CUDA_VISIBLE_DEVICES=0,1". */
HEC_API const char *hec_topology_gpu_reason(const hec_topology *topology);

/* The nodes of the batch job in the batch system's order; none outside of a job. */
HEC_API size_t hec_topology_nodes(const hec_topology *topology, const hec_node **ret_nodes);

/* What hec_topology_read_numa() found; none before. */
HEC_API size_t hec_topology_numa(const hec_topology *topology, const hec_numa **ret_numa);

/* "slurm", "sge", "pbs", "torque", "lsf", or "none" outside of a batch job. */
HEC_API const char *hec_topology_scheduler(const hec_topology *topology);

/* The batch system's name of the job; NULL outside of one. */
HEC_API const char *hec_topology_job(const hec_topology *topology);

/* Seconds until the batch system ends the job, 0 when that is past, -1 where unknown. */
HEC_API int64_t hec_topology_walltime_left(const hec_topology *topology);

/* This host's name; "" where a recorded machine has none. */
HEC_API const char *hec_topology_host(const hec_topology *topology);

/* What a user should know: variables that were ignored, and why. One line each. */
HEC_API size_t hec_topology_notes(const hec_topology *topology, const char *const **ret_notes);

/* Everything above as one JSON value with "schema": 1, no newline. *ret_json is the caller's, to
 * end with free(). HEC_ENOMEM. */
HEC_API int hec_topology_json(const hec_topology *topology, char **ret_json, hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
