/* SPDX-License-Identifier: MIT
 *
 * What the user says: HEC_CPUS and HEC_MEMORY, which may lower what was found and never raise it.
 */
#include "topo/topo.h"

#include "base/error.h"
#include "base/units.h"

#define CPUS_MAX 1000000 /* more is a typing error */

static int read_cpus(hec_topology *t, hec_error *err)
{
    const char *value = hec__topology_env(t, "HEC_CPUS");
    uint64_t n;

    if (!value)
        return 0;
    if (!hec__slice_uint(hec__slice_of(value), CPUS_MAX, &n) || n == 0)
        return hec__fail(err, HEC_EFORMAT, 0, "HEC_CPUS='%.60s' is not a number of CPUs, 1 or more",
                         value);
    return hec__topology_limit(t, &t->cpus, "user", n, err, "HEC_CPUS=%d", (int)n);
}

static int read_memory(hec_topology *t, hec_error *err)
{
    const char *value = hec__topology_env(t, "HEC_MEMORY");
    uint64_t bytes;
    int r;

    if (!value)
        return 0;
    r = hec__parse_bytes(value, &bytes, err);
    if (r < 0)
        return hec__fail_in(err, r, "HEC_MEMORY");
    if (bytes == 0)
        return hec__fail(err, HEC_EFORMAT, 0, "HEC_MEMORY='%.60s' leaves no memory", value);
    return hec__topology_limit(t, &t->memory, "user", bytes, err, "HEC_MEMORY=%s", value);
}

int hec__topology_read_user(hec_topology *t, hec_error *err)
{
    const char *threads = hec__topology_env(t, "OMP_NUM_THREADS");
    int r;

    if (threads) {
        r = hec__topology_note(t, err,
                               "OMP_NUM_THREADS=%.60s sets the threads of one process and is not "
                               "counted as a limit",
                               threads);
        if (r < 0)
            return r;
    }
    r = read_cpus(t, err);
    return r < 0 ? r : read_memory(t, err);
}
