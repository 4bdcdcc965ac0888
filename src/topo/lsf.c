/* SPDX-License-Identifier: MIT
 *
 * LSF's grant: LSB_MCPU_HOSTS is "HOST SLOTS HOST SLOTS …"; LSB_HOSTS names a host once for each
 * slot, and is left out where there are many; LSB_DJOB_NUMPROC counts the slots of all hosts.
 */
#include "topo/batch.h"

#include <inttypes.h>
#include <string.h>

static int read_hosts(hec_topology *t, hec_error *err)
{
    const char *pairs = hec__topology_env(t, "LSB_MCPU_HOSTS");
    const char *list = pairs ? pairs : hec__topology_env(t, "LSB_HOSTS");
    hec__slice rest = hec__slice_of(list), host, slots;
    uint64_t n = 1;
    int r = 0;

    while (r >= 0 && hec__slice_word(&rest, &host)) {
        if (pairs && (!hec__slice_word(&rest, &slots) || !hec__slice_uint(slots, INT32_MAX, &n)))
            return hec__topology_note(t, err,
                                      "LSB_MCPU_HOSTS='%.60s' is ignored from '%.*s' on: "
                                      "not pairs of host and slots",
                                      pairs, (int)(host.n < 60 ? host.n : 60), host.s);
        r = hec__batch_slots(t, host, n, err);
    }
    return r;
}

static int read_job(hec_topology *t, hec_error *err)
{
    const char *job = hec__topology_env(t, "LSB_JOBID");
    const char *index = hec__topology_env(t, "LSB_JOBINDEX");

    if (index && strcmp(index, "0") != 0)
        return hec__batch_job(t, err, "%.60s[%.20s]", job, index);
    return hec__batch_job(t, err, "%.60s", job);
}

static int read_grant(hec_topology *t, hec_error *err)
{
    uint64_t slots;
    long node;
    int r;

    t->scheduler = "lsf";
    r = read_job(t, err);
    if (r >= 0)
        r = read_hosts(t, err);
    if (r >= 0)
        r = hec__batch_this_node(t, t->host, true, &node, err);
    if (r < 0)
        return r;
    if (node >= 0 && t->nodes[node].cpus > 0)
        return hec__topology_limit(t, &t->cpus, "batch", t->nodes[node].cpus, err,
                                   "LSF job %s: %" PRIu32 " slot%s of %s", t->job,
                                   t->nodes[node].cpus, hec__batch_plural(t->nodes[node].cpus),
                                   t->nodes[node].name);
    r = hec__topology_env_uint(t, "LSB_DJOB_NUMPROC", 1, INT32_MAX, &slots, err);
    if (r <= 0)
        return r;
    return hec__topology_limit(t, &t->cpus, "batch", slots, err,
                               "LSF job %s: %" PRIu64 " slot%s (LSB_DJOB_NUMPROC)", t->job, slots,
                               hec__batch_plural(slots));
}

const hec__batch hec__batch_lsf = {"LSB_JOBID", NULL, read_grant};
