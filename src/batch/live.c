/* SPDX-License-Identifier: MIT */
#include "batch/live.h"

#include "base/error.h"
#include "batch/read.h"
#include "sys/ask.h"

#include <string.h>

#define ASK_MS         5000
#define PARTS          1000 /* no cluster has more */
#define NAME_MAX_BYTES 200

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for what the cluster says");
}

/* ---- partitions ---- */

/* The partition of this name, which is made where there is none. NULL without memory. */
static hec__partition *partition_of(hec_site *site, hec__slice name)
{
    hec__partition *grown;

    for (size_t i = 0; i < site->n_partitions; i++)
        if (hec__slice_is(name, site->partitions[i].name))
            return &site->partitions[i];
    grown = hec__arena_alloc(&site->arena, (site->n_partitions + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    if (site->n_partitions)
        memcpy(grown, site->partitions, site->n_partitions * sizeof *grown);
    site->partitions = grown;
    grown += site->n_partitions;
    *grown = (hec__partition){.name = hec__arena_copy(&site->arena, name.s, name.n)};
    if (!grown->name)
        return NULL;
    site->n_partitions++;
    return grown;
}

static bool is_name(hec__slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] <= ' ' || s.s[i] == 0x7f)
            return false;
    return s.n && s.n <= NAME_MAX_BYTES;
}

/* The value of KEY= in a line; none where it is not there, or means that there is none. */
static hec__slice value_of(hec__slice line, const char *key)
{
    hec__slice word, none = {NULL, 0};
    size_t n = strlen(key);

    while (hec__slice_word(&line, &word))
        if (hec__slice_starts(word, key)) {
            word = (hec__slice){word.s + n, word.n - n};
            return hec__slice_is(word, "UNLIMITED") || hec__slice_is(word, "NONE") ? none : word;
        }
    return none;
}

/* A limit in seconds where there is one, else what there was. */
static uint64_t seconds_or(hec__slice s, uint64_t else_s)
{
    double v = s.n ? hec__read_seconds(s) : -1;

    return v > 0 ? (uint64_t)v : else_s;
}

static uint32_t count_or(hec__slice s, uint32_t otherwise)
{
    int64_t v = hec__read_number(s);

    return v > 0 && v < UINT32_MAX ? (uint32_t)v : otherwise;
}

static int set_partition(hec_site *site, hec__slice line, hec_error *err)
{
    hec__slice name = value_of(line, "PartitionName="), tres = value_of(line, "TRES=");
    hec__slice memory = value_of(line, "MaxMemPerNode=");
    hec__partition *p;

    if (!is_name(name) || site->n_partitions >= PARTS)
        return 0;
    p = partition_of(site, name);
    if (!p)
        return no_memory(err);
    p->time_s = seconds_or(value_of(line, "MaxTime="), 0);
    p->default_time_s = seconds_or(value_of(line, "DefaultTime="), p->default_time_s);
    p->nodes = count_or(value_of(line, "TotalNodes="), 0);
    p->nodes = count_or(value_of(line, "MaxNodes="), p->nodes);
    p->cpus = count_or(value_of(line, "MaxCPUsPerNode="), p->cpus);
    p->memory =
        hec__read_number(memory) > 0 ? hec__read_bytes(memory, (uint64_t)1 << 20) : p->memory;
    if (tres.n)
        p->has_gpus = hec__read_has(tres, "gres/gpu") ? HEC__GPUS_SOME : HEC__GPUS_NONE;
    return 0;
}

int hec__live_partitions(hec_site *site, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line;
    size_t before = site->n_partitions;
    int r = 0;

    while (r == 0 && hec__read_line(&rest, &line))
        r = set_partition(site, line, err);
    if (r == 0 && (before || site->n_partitions))
        site->other_partitions = site->other_partitions && site->n_partitions == 0;
    return r;
}

/* ---- QoS ---- */

int hec__live_qos(hec_site *site, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, name, wall;
    size_t n = 0, cap = 0;
    hec__qos *all = NULL;

    while (n < PARTS && hec__read_line(&rest, &line)) {
        if (!hec__read_field(&line, '|', &name) || !is_name(name) ||
            !hec__read_field(&line, '|', &wall))
            continue;
        all = hec__arena_grow(&site->arena, all, n, &cap, sizeof *all);
        if (!all)
            return no_memory(err);
        all[n] = (hec__qos){.name = hec__arena_copy(&site->arena, name.s, name.n),
                            .time_s = seconds_or(wall, 0)};
        if (!all[n++].name)
            return no_memory(err);
    }
    site->qos = n ? all : site->qos;
    site->n_qos = n ? n : site->n_qos;
    return 0;
}

int hec__live_config(hec_site *site, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, name;

    (void)err;
    while (hec__read_line(&rest, &line)) {
        uint32_t size;

        if (!hec__read_field(&line, '=', &name) ||
            !hec__slice_is(hec__read_trim(name), "MaxArraySize"))
            continue;
        size = count_or(hec__read_trim(line), 0);
        if (size > 1)
            site->array_last = size - 1; /* it is the first index that cannot be */
    }
    return 0;
}

/* ---- queues of Grid Engine ---- */

/* "4", "4,[n1=8],[n2=16]": the most. */
static uint32_t most_slots(hec__slice s)
{
    hec__slice part;
    uint32_t most = 0;

    while (hec__read_field(&s, ',', &part)) {
        const char *sign = part.n ? memchr(part.s, '=', part.n) : NULL;
        uint32_t n;

        if (sign)
            part = (hec__slice){sign + 1, strcspn(sign + 1, "]\n,")};
        n = count_or(part, 0);
        most = n > most ? n : most;
    }
    return most;
}

int hec__live_queues(hec_site *site, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, name;
    hec__partition *p = NULL;

    while (hec__read_line(&rest, &line)) {
        if (!hec__slice_word(&line, &name))
            continue;
        line = hec__read_trim(line);
        if (hec__slice_is(name, "qname")) {
            p = NULL;
            if (!is_name(line) || site->n_partitions >= PARTS)
                continue;
            p = partition_of(site, line);
            if (!p)
                return no_memory(err);
            site->other_partitions = false;
        } else if (p && hec__slice_is(name, "slots")) {
            p->cpus = most_slots(line);
        } else if (p && hec__slice_is(name, "h_rt")) {
            p->time_s = seconds_or(line, 0);
        }
    }
    return 0;
}

/* ---- asking ---- */

typedef int read_site(hec_site *site, const char *out, hec_error *err);

/* One question; `needed`: that it fails is an error. */
static int ask(hec_site *site, const char *const *argv, read_site *read, bool needed,
               hec_error *err)
{
    static const char *const changes[] = {"LC_ALL=C", "SLURM_BITSTR_LEN=0", NULL};
    hec__question q = {.argv = argv, .changes = changes, .timeout_ms = ASK_MS};
    hec__answer a;
    int r = hec__ask(&q, &a, needed ? err : NULL);

    if (r < 0)
        return needed || r == HEC_EINTR ? r : 0;
    if (a.exit_status == 0)
        r = read(site, a.out.data, err);
    else if (needed)
        r = hec__fail(err, HEC_EAGAIN, 0, "%s: the scheduler does not answer: %.*s", argv[0],
                      (int)strcspn(a.err.data, "\n"), a.err.data);
    hec__answer_fini(&a);
    return r;
}

static int ask_slurm(hec_site *site, hec_error *err)
{
    char cluster[NAME_MAX_BYTES + 20];
    const char *partitions[] = {"scontrol", "--oneliner", "show", "partition", NULL, NULL};
    const char *config[] = {"scontrol", "show", "config", NULL, NULL};
    static const char *const qos[] = {"sacctmgr", "--noheader",          "--parsable2", "show",
                                      "qos",      "format=Name,MaxWall", NULL};
    int r;

    if (site->cluster) {
        snprintf(cluster, sizeof cluster, "--clusters=%.*s", NAME_MAX_BYTES, site->cluster);
        partitions[4] = cluster;
        config[3] = cluster;
    }
    r = ask(site, partitions, hec__live_partitions, true, err);
    if (r == 0)
        r = ask(site, config, hec__live_config, false, err);
    return r < 0 ? r : ask(site, qos, hec__live_qos, false, err);
}

int hec_site_live(hec_site *site, hec_error *err)
{
    static const char *const queues[] = {"qconf", "-sq", "*", NULL};

    if (site->scheduler == HEC__SLURM)
        return ask_slurm(site, err);
    if (site->scheduler == HEC__SGE)
        return ask(site, queues, hec__live_queues, true, err);
    return hec__fail(err, HEC_EINVAL, 0,
                     "the scheduler of '%.60s', %s, is not asked for its limits", site->name,
                     hec__scheduler_name(site->scheduler));
}
