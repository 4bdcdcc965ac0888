/* SPDX-License-Identifier: MIT
 *
 * Life and death of a topology: who is asked in which order, and the accessors.
 */
#include "topo/topo.h"

#include "base/error.h"
#include "sys/file.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The decisive one is the smallest. Of equals the last, which is the most specific: a job's grant
 * says more than the affinity that implements it. */
static void decide(hec__limits *limits)
{
    hec_limit *least = NULL;

    for (size_t i = 0; i < limits->n; i++)
        if (!least || limits->v[i].value <= least->value)
            least = &limits->v[i];
    if (least)
        least->decides = 1;
}

static uint64_t decided(const hec__limits *limits)
{
    for (size_t i = 0; i < limits->n; i++)
        if (limits->v[i].decides)
            return limits->v[i].value;
    return 0;
}

/* The content of root/name without its line end in *ret; NULL where there is no such file. */
static int recorded_file(hec_topology *t, const char *name, char **ret, hec_error *err)
{
    HEC_AUTO_STRBUF buf;
    int r;

    hec__strbuf_init(&buf);
    r = hec__topology_file(t, name, &buf, err);
    if (r < 0)
        return r;
    if (r == 0) {
        *ret = NULL;
        return 0;
    }
    while (buf.len && buf.data[buf.len - 1] == '\n')
        buf.len--;
    *ret = hec__arena_copy(&t->arena, buf.data, buf.len);
    return *ret ? 0 : hec__topology_nomem(err);
}

static int identify_recorded(hec_topology *t, hec_error *err)
{
    char *text;
    uint64_t now;
    int r;

    r = recorded_file(t, "/environ", &text, err);
    if (r < 0)
        return r;
    t->environ = text ? text : "";
    t->environ_size = strlen(t->environ) + 1;
    for (; text && (text = strchr(text, '\n')); text++)
        *text = '\0';
    r = recorded_file(t, "/hostname", &text, err);
    if (r < 0)
        return r;
    t->host = text ? text : "";
    r = recorded_file(t, "/now", &text, err);
    if (r < 0)
        return r;
    t->now = -1;
    if (text && hec__slice_uint(hec__slice_of(text), INT64_MAX, &now))
        t->now = (int64_t)now;
    return 0;
}

static int identify_live(hec_topology *t, hec_error *err)
{
    char name[256] = "";

    if (gethostname(name, sizeof name - 1) < 0)
        name[0] = '\0';
    t->host = hec__arena_copy(&t->arena, name, strlen(name));
    t->now = (int64_t)time(NULL);
    return t->host ? 0 : hec__topology_nomem(err);
}

static int set_root(hec_topology *t, const char *root, hec_error *err)
{
    size_t n = root ? strlen(root) : 0;

    if (root && !hec__file_is_dir(root))
        return hec__fail(err, HEC_ENOENT, ENOENT, "cannot read machine '%.150s'", root);
    while (n && root[n - 1] == '/')
        n--;
    t->root = hec__arena_copy(&t->arena, root ? root : "", n);
    if (!t->root)
        return hec__topology_nomem(err);
    return n ? identify_recorded(t, err) : identify_live(t, err);
}

int hec_topology_read(const char *root, hec_topology **ret_topology, hec_error *err)
{
    static int (*const questions[])(hec_topology *, hec_error *) = {
        hec__topology_read_affinity, hec__topology_read_machine, hec__topology_read_cgroups,
        hec__topology_read_rlimits,  hec__topology_read_batch,   hec__topology_read_gpus,
        hec__topology_read_user,
    };
    HEC_AUTO(hec_topology) t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return hec__topology_nomem(err);
    t->cpu_list = t->gpu_reason = "";
    t->scheduler = "none";
    t->end_time = -1;
    t->available = UINT64_MAX;
    r = set_root(t, root, err);
    for (size_t i = 0; r >= 0 && i < sizeof questions / sizeof *questions; i++)
        r = questions[i](t, err);
    if (r < 0)
        return r;
    decide(&t->cpus);
    decide(&t->memory);
    hec__topology_leaves(t, decided(&t->memory)); /* 0, unknown, where there is no limit at all */
    *ret_topology = HEC_STEAL(&t);
    return 0;
}

void hec_topology_destroy(hec_topology *topology)
{
    if (!topology)
        return;
    hec__arena_fini(&topology->arena);
    free(topology);
}

int hec_topology_cpus(const hec_topology *topology)
{
    uint64_t n = decided(&topology->cpus);

    return n == 0 ? 1 : n > INT_MAX ? INT_MAX : (int)n;
}

const char *hec_topology_cpu_grant(const hec_topology *topology)
{
    for (size_t i = 0; i < topology->cpus.n; i++) {
        const hec_limit *l = &topology->cpus.v[i];

        if (l->decides)
            return strcmp(l->source, "batch") == 0 || strcmp(l->source, "user") == 0 ||
                           l->value < topology->online
                       ? l->text
                       : NULL;
    }
    return NULL;
}

const char *hec_topology_cpu_list(const hec_topology *topology)
{
    return topology->cpu_list;
}

uint64_t hec_topology_memory(const hec_topology *topology)
{
    return decided(&topology->memory);
}

uint64_t hec_topology_memory_available(const hec_topology *topology)
{
    return topology->available;
}

size_t hec_topology_cpu_limits(const hec_topology *topology, const hec_limit **ret_limits)
{
    *ret_limits = topology->cpus.v;
    return topology->cpus.n;
}

size_t hec_topology_memory_limits(const hec_topology *topology, const hec_limit **ret_limits)
{
    *ret_limits = topology->memory.v;
    return topology->memory.n;
}

size_t hec_topology_gpus(const hec_topology *topology, const hec_gpu **ret_gpus)
{
    *ret_gpus = topology->gpus;
    return topology->n_gpus;
}

const char *hec_topology_gpu_reason(const hec_topology *topology)
{
    return topology->gpu_reason;
}

size_t hec_topology_nodes(const hec_topology *topology, const hec_node **ret_nodes)
{
    *ret_nodes = topology->nodes;
    return topology->n_nodes;
}

size_t hec_topology_numa(const hec_topology *topology, const hec_numa **ret_numa)
{
    *ret_numa = topology->numa;
    return topology->n_numa;
}

const char *hec_topology_scheduler(const hec_topology *topology)
{
    return topology->scheduler;
}

const char *hec_topology_job(const hec_topology *topology)
{
    return topology->job;
}

int64_t hec_topology_walltime_left(const hec_topology *topology)
{
    if (topology->end_time < 0 || topology->now < 0)
        return -1;
    return topology->end_time > topology->now ? topology->end_time - topology->now : 0;
}

const char *hec_topology_host(const hec_topology *topology)
{
    return topology->host;
}

size_t hec_topology_notes(const hec_topology *topology, const char *const **ret_notes)
{
    *ret_notes = topology->notes;
    return topology->n_notes;
}
