/* SPDX-License-Identifier: MIT
 *
 * Grid Engine's grant: NSLOTS counts the slots of all hosts together, PE_HOSTFILE says how many
 * there are on each.
 */
#include "topo/batch.h"

#include <inttypes.h>
#include <string.h>

/* A line is "HOST SLOTS QUEUE PROCESSORS". */
static int read_hostfile(hec_topology *t, hec_error *err)
{
    const char *path = hec__topology_env(t, "PE_HOSTFILE");
    hec__slice rest, line, host, slots;
    HEC_AUTO_STRBUF buf;
    uint64_t n;
    int r;

    hec__strbuf_init(&buf);
    if (!path)
        return 0;
    r = hec__topology_file(t, path, &buf, err);
    if (r < 0)
        return r;
    if (r == 0)
        return hec__topology_note(t, err, "PE_HOSTFILE=%.120s cannot be read", path);
    rest = hec__slice_of(buf.data);
    while (hec__slice_until(&rest, '\n', &line)) {
        if (!hec__slice_word(&line, &host) || !hec__slice_word(&line, &slots) ||
            !hec__slice_uint(slots, INT32_MAX, &n))
            continue;
        r = hec__batch_slots(t, host, n, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_job(hec_topology *t, hec_error *err)
{
    const char *job = hec__topology_env(t, "JOB_ID");
    const char *task = hec__topology_env(t, "SGE_TASK_ID");

    if (task && strcmp(task, "undefined") != 0)
        return hec__batch_job(t, err, "%.60s.%.20s", job, task);
    return hec__batch_job(t, err, "%.60s", job);
}

static int read_grant(hec_topology *t, hec_error *err)
{
    uint64_t slots;
    long node;
    int r;

    t->scheduler = "sge";
    r = read_job(t, err);
    if (r >= 0)
        r = read_hostfile(t, err);
    if (r >= 0)
        r = hec__batch_this_node(t, t->host, true, &node, err);
    if (r < 0)
        return r;
    if (node >= 0 && t->nodes[node].cpus > 0)
        return hec__topology_limit(t, &t->cpus, "batch", t->nodes[node].cpus, err,
                                   "Grid Engine job %s: %" PRIu32 " slot%s of %s (PE_HOSTFILE)",
                                   t->job, t->nodes[node].cpus,
                                   hec__batch_plural(t->nodes[node].cpus), t->nodes[node].name);
    r = hec__topology_env_uint(t, "NSLOTS", 1, INT32_MAX, &slots, err);
    if (r <= 0)
        return r;
    return hec__topology_limit(t, &t->cpus, "batch", slots, err,
                               "Grid Engine job %s: %" PRIu64 " slot%s (NSLOTS)", t->job, slots,
                               hec__batch_plural(slots));
}

/* JOB_ID alone is too common a name. */
const hec__batch hec__batch_sge = {"JOB_ID", "NSLOTS", read_grant};
