/* SPDX-License-Identifier: MIT
 *
 * The limits of control groups: CPU quota and memory of the process's own group and of every one
 * above it, for each holds for all that is below it.
 */
#include "topo/topo.h"

#include "base/units.h"
#include "sys/file.h"
#include "topo/cgroup.h"

#include <string.h>

/* A limit of this size or more is the kernel's way to write "none" in version 1. */
#define NO_LIMIT ((uint64_t)1 << 60)

static bool exists(const char *path, void *arg)
{
    return hec__file_exists(((const hec_topology *)arg)->root, path);
}

/* Reads dir/name into *buf: 1, 0 where there is none, < 0. */
static int read_in(const hec_topology *t, const char *dir, const char *name, hec__strbuf *buf,
                   hec_error *err)
{
    HEC_AUTO_STRBUF path;

    hec__strbuf_init(&path);
    hec__strbuf_addf(&path, "%s/%s", dir, name);
    hec__strbuf_clear(buf);
    return path.failed ? hec__topology_nomem(err) : hec__topology_file(t, path.data, buf, err);
}

static int add_quota(hec_topology *t, int version, const char *dir, const char *name,
                     uint64_t quota, uint64_t period, hec_error *err)
{
    uint64_t cpus = (quota + period - 1) / period;

    return hec__topology_limit(t, &t->cpus, "cgroup", cpus ? cpus : 1, err,
                               "cgroup v%d quota: %.4g CPUs (%s/%s)", version,
                               (double)quota / (double)period, dir, name);
}

/* cpu.max is "QUOTA PERIOD" in microseconds; "max" is no quota and no number. */
static int quota_v2(hec_topology *t, const char *dir, hec__strbuf *buf, hec_error *err)
{
    uint64_t quota, period;
    hec__slice rest, a, b;
    int r = read_in(t, dir, "cpu.max", buf, err);

    rest = hec__slice_of(buf->data);
    if (r <= 0 || !hec__slice_word(&rest, &a) || !hec__slice_word(&rest, &b) ||
        !hec__slice_uint(a, INT64_MAX, &quota) || !hec__slice_uint(b, INT32_MAX, &period) ||
        period == 0)
        return r < 0 ? r : 0;
    return add_quota(t, 2, dir, "cpu.max", quota, period, err);
}

/* cpu.cfs_quota_us is -1, no number for us, where there is no quota. */
static int quota_v1(hec_topology *t, const char *dir, hec__strbuf *buf, hec_error *err)
{
    uint64_t quota, period;
    int r = read_in(t, dir, "cpu.cfs_quota_us", buf, err);

    if (r <= 0 || !hec__slice_uint(hec__slice_of(buf->data), INT64_MAX, &quota))
        return r < 0 ? r : 0;
    r = read_in(t, dir, "cpu.cfs_period_us", buf, err);
    if (r <= 0 || !hec__slice_uint(hec__slice_of(buf->data), INT32_MAX, &period) || period == 0)
        return r < 0 ? r : 0;
    return add_quota(t, 1, dir, "cpu.cfs_quota_us", quota, period, err);
}

static int read_bytes(const hec_topology *t, const char *dir, const char *name, hec__strbuf *buf,
                      uint64_t *ret, hec_error *err)
{
    int r = read_in(t, dir, name, buf, err);

    if (r <= 0)
        return r;
    return hec__slice_uint(hec__slice_of(buf->data), UINT64_MAX, ret) ? 1 : 0;
}

/* What a group with this limit leaves: the limit less what is in use, where file cache that
 * nobody has touched lately does not count, because the kernel drops it before it fails. */
static int add_leaves(hec_topology *t, int version, const char *dir, uint64_t limit,
                      hec__strbuf *buf, hec_error *err)
{
    uint64_t used, cache = 0;
    int r = read_bytes(t, dir, version == 2 ? "memory.current" : "memory.usage_in_bytes", buf,
                       &used, err);

    if (r <= 0)
        return r;
    r = read_in(t, dir, "memory.stat", buf, err);
    if (r < 0)
        return r;
    if (r == 1 &&
        !hec__slice_uint(
            hec__text_after(buf->data, version == 2 ? "inactive_file " : "total_inactive_file "),
            UINT64_MAX, &cache))
        cache = 0;
    used -= cache < used ? cache : used;
    hec__topology_leaves(t, used < limit ? limit - used : 0);
    return 0;
}

static int add_memory(hec_topology *t, int version, const char *dir, const char *name,
                      hec__strbuf *buf, hec_error *err)
{
    char text[32];
    uint64_t limit;
    int r = read_bytes(t, dir, name, buf, &limit, err);

    if (r <= 0 || limit >= NO_LIMIT)
        return r < 0 ? r : 0;
    r = hec__topology_limit(t, &t->memory, "cgroup", limit, err, "cgroup v%d limit: %s (%s/%s)",
                            version, hec__format_bytes(limit, text, sizeof text), dir, name);
    return r < 0 ? r : add_leaves(t, version, dir, limit, buf, err);
}

/* The deepest group that counts is the process's own, or the nearest that has the controller. */
static int note_oom_file(hec_topology *t, const char *dir, const char *name, hec_error *err)
{
    const char *path = t->oom_file ? NULL : hec__arena_printf(&t->arena, "%s/%s", dir, name);

    if (!t->oom_file && !path)
        return hec__topology_nomem(err);
    if (path && hec__file_exists(t->root, path))
        t->oom_file = path;
    return 0;
}

static int memory_v1(hec_topology *t, const char *dir, hec__strbuf *buf, hec_error *err)
{
    int r = note_oom_file(t, dir, "memory.oom_control", err);

    return r < 0 ? r : add_memory(t, 1, dir, "memory.limit_in_bytes", buf, err);
}

/* Over memory.high nothing fails, but the kernel slows the group to a crawl: a limit too. */
static int limits_v2(hec_topology *t, const char *dir, hec__strbuf *buf, hec_error *err)
{
    int r = quota_v2(t, dir, buf, err);

    if (r >= 0)
        r = note_oom_file(t, dir, "memory.events", err);
    if (r >= 0)
        r = add_memory(t, 2, dir, "memory.max", buf, err);
    return r < 0 ? r : add_memory(t, 2, dir, "memory.high", buf, err);
}

typedef int ask(hec_topology *t, const char *dir, hec__strbuf *buf, hec_error *err);

/* Asks the group and each one above it, up to where the hierarchy is mounted. */
static int climb(hec_topology *t, const hec__cgroup *group, ask *question, hec_error *err)
{
    char *dir = hec__arena_copy(&t->arena, group->dir, strlen(group->dir));
    size_t top = strlen(group->mount);
    HEC_AUTO_STRBUF buf;
    int r;

    hec__strbuf_init(&buf);
    if (!dir)
        return hec__topology_nomem(err);
    for (size_t n = strlen(dir);; n--) {
        if (n > top && dir[n] != '\0' && dir[n] != '/')
            continue;
        dir[n] = '\0';
        r = question(t, dir, &buf, err);
        if (r < 0 || n <= top)
            return r;
    }
}

int hec__topology_read_cgroups(hec_topology *t, hec_error *err)
{
    static const struct {
        const char *controller;
        ask *question;
    } hierarchies[] = {{"cpu", quota_v1}, {"memory", memory_v1}, {NULL, limits_v2}};
    HEC_AUTO_STRBUF own;
    HEC_AUTO_STRBUF mounts;
    hec__cgroup group;
    int r;

    hec__strbuf_init(&own);
    hec__strbuf_init(&mounts);
    r = hec__topology_file(t, "/proc/self/cgroup", &own, err);
    if (r <= 0)
        return r;
    r = hec__topology_file(t, "/proc/self/mountinfo", &mounts, err);
    if (r <= 0)
        return r;
    for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++) {
        r = hec__cgroup_find(&t->arena, own.data, mounts.data, hierarchies[i].controller, exists, t,
                             &group, err);
        if (r == 1)
            r = climb(t, &group, hierarchies[i].question, err);
        if (r < 0)
            return r;
    }
    return 0;
}
