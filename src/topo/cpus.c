/* SPDX-License-Identifier: MIT
 *
 * The CPUs the kernel lets this process run on. Reads /proc and /sys rather than asking
 * sched_getaffinity(), so that a recorded machine answers the same way.
 */
#include "topo/topo.h"

#include "topo/cpuset.h"

/* 1 and *ret, 0 where there is no such list, < 0 on failure. `label` NULL: the whole file. */
static int read_list(hec_topology *t, const char *path, const char *label, hec__cpuset *ret,
                     hec_error *err)
{
    HEC_AUTO_STRBUF buf;
    hec__slice list;
    int r;

    hec__strbuf_init(&buf);
    r = hec__topology_file(t, path, &buf, err);
    if (r <= 0)
        return r;
    list = label ? hec__text_after(buf.data, label) : hec__slice_of(buf.data);
    if (!list.s || hec__cpuset_parse(list, ret) < 0 || hec__cpuset_count(ret) == 0)
        return 0;
    return 1;
}

static int format(hec_topology *t, const hec__cpuset *set, const char **ret, hec_error *err)
{
    HEC_AUTO_STRBUF buf;

    hec__strbuf_init(&buf);
    hec__cpuset_format(set, &buf);
    *ret = buf.failed ? NULL : hec__arena_copy(&t->arena, buf.data, buf.len);
    return *ret ? 0 : hec__topology_nomem(err);
}

/* The affinity of a process that never set one names every CPU the machine could ever have:
 * "0-127" on a virtual machine with 4. Only those that are online can run anything. */
static int add_affinity(hec_topology *t, const hec__cpuset *allowed, const hec__cpuset *online,
                        hec_error *err)
{
    hec__cpuset both = *allowed;
    const char *all;
    int r;

    hec__cpuset_and(&both, online);
    if (hec__cpuset_count(&both) == 0)
        both = *allowed;
    r = format(t, &both, &t->cpu_list, err);
    if (r < 0)
        return r;
    r = format(t, allowed, &all, err);
    if (r < 0)
        return r;
    if (hec__cpuset_count(&both) == hec__cpuset_count(allowed))
        return hec__topology_limit(t, &t->cpus, "affinity", (uint64_t)hec__cpuset_count(&both), err,
                                   "affinity: %s (%d)", all, hec__cpuset_count(&both));
    return hec__topology_limit(t, &t->cpus, "affinity", (uint64_t)hec__cpuset_count(&both), err,
                               "affinity: %s, of which %s are online (%d)", all, t->cpu_list,
                               hec__cpuset_count(&both));
}

int hec__topology_read_affinity(hec_topology *t, hec_error *err)
{
    hec__cpuset allowed, online;
    int has_allowed, has_online, r;

    has_allowed = read_list(t, "/proc/self/status", "Cpus_allowed_list:", &allowed, err);
    if (has_allowed < 0)
        return has_allowed;
    has_online = read_list(t, "/sys/devices/system/cpu/online", NULL, &online, err);
    if (has_online < 0)
        return has_online;
    if (has_online)
        t->online = (uint64_t)hec__cpuset_count(&online);
    if (has_allowed)
        return add_affinity(t, &allowed, has_online ? &online : &allowed, err);
    r = hec__topology_note(t, err, "/proc/self/status does not say which CPUs are allowed");
    if (r < 0 || !has_online)
        return r;
    r = format(t, &online, &t->cpu_list, err);
    if (r < 0)
        return r;
    return hec__topology_limit(t, &t->cpus, "machine", (uint64_t)hec__cpuset_count(&online), err,
                               "online CPUs: %s (%d)", t->cpu_list, hec__cpuset_count(&online));
}
