/* SPDX-License-Identifier: MIT
 *
 * Slurm's grant. The rule is in hec/topology.h. What the variables hold was recorded from Slurm
 * 22.05 (tests/data/topo): in a batch script SLURM_PROCID and SLURM_NODEID are set too, and only
 * SLURM_STEP_ID tells a process that srun started.
 */
#include "topo/batch.h"

#include "base/units.h"
#include "topo/hostlist.h"

#include <inttypes.h>
#include <string.h>

#define COUNT_MAX ((uint64_t)INT32_MAX)

/* Numbers at the top of 32 bits are no steps of srun: the interactive step of salloc is one. */
#define STEP_SPECIAL 0xFFFFFFF0u

struct slurm {
    bool step; /* started by srun */
    uint64_t step_id;
    uint64_t on_node;  /* CPUs on this node, 0 unknown */
    uint64_t per_task; /* 0 where --cpus-per-task was not given */
    uint64_t tasks;    /* on this node, 0 unknown */
    long node;         /* this node's place in the job's list, -1 unknown */
};

/* The number at a place of a list like "2(x3),1": 1, 0, < 0; garbage gets a note. */
static int count_at(hec_topology *t, const char *name, long place, uint64_t *ret, hec_error *err)
{
    const char *value = hec__topology_env(t, name);
    uint64_t first;

    if (!value)
        return 0;
    if (!hec__counts_at(value, 0, &first))
        return hec__topology_note(t, err, "%s='%.60s' is ignored: not a list of counts", name,
                                  value);
    return hec__counts_at(value, place < 0 ? 0 : (size_t)place, ret) ? 1 : 0;
}

static int read_nodes(hec_topology *t, struct slurm *s, hec_error *err)
{
    const char *list = hec__topology_env(t, "SLURM_JOB_NODELIST");
    hec__counts counts = {.rest = hec__slice_of(hec__topology_env(t, "SLURM_JOB_CPUS_PER_NODE"))};
    const char *self = hec__topology_env(t, "SLURMD_NODENAME");
    hec__hosts hosts = {NULL, 0, 0};
    hec_error bad;
    int r;

    if (!list)
        list = hec__topology_env(t, "SLURM_NODELIST");
    r = list ? hec__hostlist_expand(list, &t->arena, &hosts, &bad) : 0;
    if (r == HEC_EFORMAT)
        r = hec__topology_note(t, err, "SLURM_JOB_NODELIST='%.60s' is ignored: %s", list, bad.text);
    else if (r < 0)
        return hec__topology_nomem(err);
    for (size_t i = 0; r >= 0 && i < hosts.n; i++)
        r = hec__topology_node(t, hec__slice_of(hosts.names[i]),
                               (uint32_t)hec__counts_next(&counts), err);
    if (r < 0)
        return r;
    /* The shell of salloc runs where salloc was typed, mostly a login node, and knows no node name.
     * The job's number holds there too: who types the command there by mistake should not take the
     * whole login node. */
    return hec__batch_this_node(t, self ? self : t->host, self != NULL, &s->node, err);
}

static int read_tasks(hec_topology *t, struct slurm *s, hec_error *err)
{
    uint64_t place = 0;
    int r;

    if (s->step) {
        /* Places of a step's list count the step's nodes, and so does SLURM_NODEID there. */
        r = hec__topology_env_uint(t, "SLURM_NODEID", 0, COUNT_MAX, &place, err);
        if (r >= 0)
            r = count_at(t, "SLURM_STEP_TASKS_PER_NODE", (long)place, &s->tasks, err);
        return r;
    }
    r = count_at(t, "SLURM_TASKS_PER_NODE", s->node, &s->tasks, err);
    if (r == 0)
        r = hec__topology_env_uint(t, "SLURM_NTASKS_PER_NODE", 1, COUNT_MAX, &s->tasks, err);
    if (r == 0 && t->n_nodes <= 1)
        r = hec__topology_env_uint(t, "SLURM_NTASKS", 1, COUNT_MAX, &s->tasks, err);
    return r;
}

static int read_variables(hec_topology *t, struct slurm *s, hec_error *err)
{
    int r = hec__topology_env_uint(t, "SLURM_STEP_ID", 0, UINT32_MAX, &s->step_id, err);

    if (r < 0)
        return r;
    s->step = r == 1 && s->step_id < STEP_SPECIAL;
    r = read_nodes(t, s, err);
    if (r >= 0)
        r = hec__topology_env_uint(t, "SLURM_CPUS_ON_NODE", 1, COUNT_MAX, &s->on_node, err);
    if (r == 0)
        r = count_at(t, "SLURM_JOB_CPUS_PER_NODE", s->node, &s->on_node, err);
    if (r >= 0)
        r = hec__topology_env_uint(t, "SLURM_CPUS_PER_TASK", 1, COUNT_MAX, &s->per_task, err);
    return r < 0 ? r : read_tasks(t, s, err);
}

static int limit_cpus(hec_topology *t, uint64_t cpus, const char *why, hec_error *err)
{
    return hec__topology_limit(t, &t->cpus, "batch", cpus, err,
                               "Slurm job %s: %" PRIu64 " CPU%s (%s)", t->job, cpus,
                               hec__batch_plural(cpus), why);
}

/* The whole job's CPUs on this node, for a batch script. */
static int add_job_cpus(hec_topology *t, const struct slurm *s, hec_error *err)
{
    uint64_t tasks = s->tasks ? s->tasks : 1;
    uint64_t asked = s->per_task * tasks;
    char why[128];

    if (s->on_node == 0 && s->per_task == 0)
        return hec__topology_note(t, err,
                                  "Slurm job %s: its number of CPUs is not in the "
                                  "environment",
                                  t->job);
    if (s->per_task && (s->on_node == 0 || (s->tasks && asked <= s->on_node))) {
        snprintf(why, sizeof why, "SLURM_CPUS_PER_TASK=%" PRIu64 " × %" PRIu64 " task%s",
                 s->per_task, tasks, hec__batch_plural(tasks));
        return limit_cpus(t, asked, why, err);
    }
    snprintf(why, sizeof why, "SLURM_CPUS_ON_NODE=%" PRIu64, s->on_node);
    return limit_cpus(t, s->on_node, why, err);
}

/* This task's own CPUs, for a process that srun started. */
static int add_task_cpus(hec_topology *t, const struct slurm *s, hec_error *err)
{
    uint64_t tasks = s->tasks ? s->tasks : 1;
    uint64_t share = s->on_node / tasks;
    char why[128];

    if (s->per_task && (s->on_node == 0 || s->per_task <= s->on_node)) {
        snprintf(why, sizeof why, "SLURM_CPUS_PER_TASK=%" PRIu64 ", step %" PRIu64, s->per_task,
                 s->step_id);
        return limit_cpus(t, s->per_task, why, err);
    }
    if (s->on_node == 0)
        return hec__topology_note(t, err,
                                  "Slurm job %s: its number of CPUs is not in the "
                                  "environment",
                                  t->job);
    snprintf(why, sizeof why, "SLURM_CPUS_ON_NODE=%" PRIu64 " ÷ %" PRIu64 " task%s, step %" PRIu64,
             s->on_node, tasks, hec__batch_plural(tasks), s->step_id);
    return limit_cpus(t, share ? share : 1, why, err);
}

static int add_memory(hec_topology *t, const struct slurm *s, hec_error *err)
{
    uint64_t mb = 0, bytes, tasks = s->step && s->tasks ? s->tasks : 1;
    char why[96], text[32], share[48] = "";
    int r = hec__topology_env_uint(t, "SLURM_MEM_PER_NODE", 0, COUNT_MAX, &mb, err);

    if (r < 0)
        return r;
    if (mb) {
        snprintf(why, sizeof why, "SLURM_MEM_PER_NODE=%" PRIu64 " MB", mb);
    } else {
        r = hec__topology_env_uint(t, "SLURM_MEM_PER_CPU", 0, COUNT_MAX, &mb, err);
        if (r < 0)
            return r;
        snprintf(why, sizeof why, "SLURM_MEM_PER_CPU=%" PRIu64 " MB × %" PRIu64 " CPU%s", mb,
                 s->on_node, hec__batch_plural(s->on_node));
        mb = mb * s->on_node < (UINT64_MAX >> 20) ? mb * s->on_node : 0;
    }
    if (mb == 0) /* not said, or --mem=0: the whole node's */
        return 0;
    if (tasks > 1)
        snprintf(share, sizeof share, " ÷ %" PRIu64 " tasks", tasks);
    bytes = (mb << 20) / tasks;
    return hec__topology_limit(t, &t->memory, "batch", bytes, err, "Slurm job %s: %s (%s%s)",
                               t->job, hec__format_bytes(bytes, text, sizeof text), why, share);
}

static int read_grant(hec_topology *t, hec_error *err)
{
    struct slurm s = {.node = -1};
    uint64_t end;
    int r;

    t->scheduler = "slurm";
    r = hec__batch_job(t, err, "%s", hec__topology_env(t, "SLURM_JOB_ID"));
    if (r >= 0)
        r = read_variables(t, &s, err);
    if (r >= 0)
        r = s.step ? add_task_cpus(t, &s, err) : add_job_cpus(t, &s, err);
    if (r >= 0)
        r = add_memory(t, &s, err);
    if (r >= 0)
        r = hec__topology_env_uint(t, "SLURM_JOB_END_TIME", 1, INT64_MAX, &end, err);
    if (r == 1)
        t->end_time = (int64_t)end;
    return r < 0 ? r : 0;
}

const hec__batch hec__batch_slurm = {"SLURM_JOB_ID", NULL, read_grant};
