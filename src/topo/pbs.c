/* SPDX-License-Identifier: MIT
 *
 * The grant of OpenPBS (PBS Pro) and Torque. PBS_NODEFILE has one line for each MPI process in
 * OpenPBS, so it may be short of the CPUs (ncpus=8 is one line), and one for each slot in Torque.
 */
#include "topo/batch.h"

#include <inttypes.h>

static int read_nodefile(hec_topology *t, hec_error *err)
{
    const char *path = hec__topology_env(t, "PBS_NODEFILE");
    hec__slice rest, line, host;
    HEC_AUTO_STRBUF buf;
    int r;

    hec__strbuf_init(&buf);
    if (!path)
        return 0;
    r = hec__topology_file(t, path, &buf, err);
    if (r < 0)
        return r;
    if (r == 0)
        return hec__topology_note(t, err, "PBS_NODEFILE=%.120s cannot be read", path);
    rest = hec__slice_of(buf.data);
    while (hec__slice_until(&rest, '\n', &line)) {
        if (!hec__slice_word(&line, &host))
            continue;
        r = hec__batch_slots(t, host, 1, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Lines are processes: they say nothing sure about the CPUs of the other nodes. */
static void forget_lines(hec_topology *t, long node, uint64_t cpus)
{
    for (size_t i = 0; i < t->n_nodes; i++)
        t->nodes[i].cpus = (long)i == node ? (uint32_t)cpus : 0;
}

/* The largest of what OpenPBS says about this host: NCPUS is the CPUs of one process, or of the
 * chunk; the lines are processes. Their product would count --ncpus=8:mpiprocs=4 four times. */
static int add_openpbs(hec_topology *t, long node, uint64_t lines, hec_error *err)
{
    const char *why = "lines of this host in PBS_NODEFILE";
    uint64_t v, cpus = lines;
    int r = hec__topology_env_uint(t, "NCPUS", 1, INT32_MAX, &v, err);

    if (r < 0)
        return r;
    if (r == 1 && v >= cpus) {
        cpus = v;
        why = "NCPUS";
    }
    r = t->n_nodes <= 1 ? hec__topology_env_uint(t, "PBS_NCPUS", 1, INT32_MAX, &v, err) : 0;
    if (r < 0)
        return r;
    if (r == 1 && v > cpus) {
        cpus = v;
        why = "PBS_NCPUS";
    }
    forget_lines(t, node, cpus);
    if (cpus == 0)
        return hec__topology_note(t, err,
                                  "PBS job %s: its number of CPUs is not in the "
                                  "environment",
                                  t->job);
    return hec__topology_limit(t, &t->cpus, "batch", cpus, err,
                               "PBS job %s: %" PRIu64 " CPU%s (%s)", t->job, cpus,
                               hec__batch_plural(cpus), why);
}

static int add_torque(hec_topology *t, uint64_t lines, hec_error *err)
{
    const char *why = "lines of this host in PBS_NODEFILE";
    uint64_t cpus = lines;
    int r = 1;

    if (cpus == 0) {
        why = "PBS_NUM_PPN";
        r = hec__topology_env_uint(t, why, 1, INT32_MAX, &cpus, err);
    }
    if (r < 0)
        return r;
    if (r == 0)
        return hec__topology_note(t, err,
                                  "Torque job %s: its number of CPUs is not in the "
                                  "environment",
                                  t->job);
    return hec__topology_limit(t, &t->cpus, "batch", cpus, err,
                               "Torque job %s: %" PRIu64 " CPU%s (%s)", t->job, cpus,
                               hec__batch_plural(cpus), why);
}

static int read_grant(hec_topology *t, hec_error *err)
{
    bool torque = hec__topology_env(t, "PBS_NUM_PPN") || hec__topology_env(t, "PBS_VNODENUM") ||
                  hec__topology_env(t, "PBS_NP");
    uint64_t lines;
    long node;
    int r;

    t->scheduler = torque ? "torque" : "pbs";
    r = hec__batch_job(t, err, "%s", hec__topology_env(t, "PBS_JOBID"));
    if (r >= 0)
        r = read_nodefile(t, err);
    if (r >= 0)
        r = hec__batch_this_node(t, t->host, true, &node, err);
    if (r < 0)
        return r;
    lines = node >= 0 ? t->nodes[node].cpus : 0;
    if (!torque)
        return add_openpbs(t, node, lines, err);
    if (hec__topology_env(t, "PBS_WALLTIME")) {
        r = hec__topology_note(t, err,
                               "PBS_WALLTIME is the job's whole time; when it began is "
                               "not in the environment, so what is left is unknown");
        if (r < 0)
            return r;
    }
    return add_torque(t, lines, err);
}

const hec__batch hec__batch_pbs = {"PBS_JOBID", NULL, read_grant};
