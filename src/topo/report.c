/* SPDX-License-Identifier: MIT
 *
 * A topology as JSON: the one form that the program and the Python package both hand on. Members
 * are only ever added; what is unknown is null.
 */
#include "topo/topo.h"

#include "base/error.h"
#include "base/json.h"

static void add_limits(hec__json *j, const char *key, const hec__limits *limits)
{
    hec__json_key(j, key);
    hec__json_open(j, '[');
    for (size_t i = 0; i < limits->n; i++) {
        hec__json_open(j, '{');
        hec__json_key(j, "source");
        hec__json_str(j, limits->v[i].source);
        hec__json_key(j, "value");
        hec__json_uint(j, limits->v[i].value);
        hec__json_key(j, "decides");
        hec__json_bool(j, limits->v[i].decides);
        hec__json_key(j, "text");
        hec__json_str(j, limits->v[i].text);
        hec__json_close(j);
    }
    hec__json_close(j);
}

/* The number, or null where it is not known. */
static void add_known(hec__json *j, const char *key, uint64_t value, bool known)
{
    hec__json_key(j, key);
    if (known)
        hec__json_uint(j, value);
    else
        hec__json_null(j);
}

static void add_gpus(hec__json *j, const hec_topology *t)
{
    hec__json_key(j, "gpus");
    hec__json_open(j, '[');
    for (size_t i = 0; i < t->n_gpus; i++) {
        hec__json_open(j, '{');
        hec__json_key(j, "id");
        hec__json_str(j, t->gpus[i].id);
        hec__json_key(j, "kind");
        hec__json_str(j, t->gpus[i].kind);
        hec__json_close(j);
    }
    hec__json_close(j);
    hec__json_key(j, "gpu_reason");
    hec__json_str(j, t->gpu_reason);
}

static void add_batch(hec__json *j, const hec_topology *t)
{
    int64_t left = hec_topology_walltime_left(t);

    hec__json_key(j, "scheduler");
    hec__json_str(j, t->scheduler);
    hec__json_key(j, "job");
    hec__json_str(j, t->job);
    hec__json_key(j, "nodes");
    hec__json_open(j, '[');
    for (size_t i = 0; i < t->n_nodes; i++) {
        hec__json_open(j, '{');
        hec__json_key(j, "name");
        hec__json_str(j, t->nodes[i].name);
        add_known(j, "cpus", t->nodes[i].cpus, t->nodes[i].cpus > 0);
        hec__json_close(j);
    }
    hec__json_close(j);
    add_known(j, "walltime_left", (uint64_t)left, left >= 0);
}

static void add_numa(hec__json *j, const hec_topology *t)
{
    hec__json_key(j, "numa");
    if (t->n_numa == 0) {
        hec__json_null(j);
        return;
    }
    hec__json_open(j, '[');
    for (size_t i = 0; i < t->n_numa; i++) {
        const hec_numa *m = &t->numa[i];

        hec__json_open(j, '{');
        hec__json_key(j, "index");
        hec__json_uint(j, m->index);
        hec__json_key(j, "cpus");
        hec__json_str(j, m->cpus);
        hec__json_key(j, "allowed");
        hec__json_uint(j, m->allowed);
        hec__json_key(j, "cores");
        hec__json_uint(j, m->cores);
        add_known(j, "memory", m->memory, m->memory > 0);
        hec__json_close(j);
    }
    hec__json_close(j);
}

int hec_topology_json(const hec_topology *topology, char **ret_json, hec_error *err)
{
    const hec_topology *t = topology;
    HEC_AUTO_STRBUF out;
    hec__json j;
    char *text;

    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema");
    hec__json_int(&j, 1);
    hec__json_key(&j, "host");
    hec__json_str(&j, *t->host ? t->host : NULL);
    hec__json_key(&j, "cpus");
    hec__json_int(&j, hec_topology_cpus(t));
    hec__json_key(&j, "cpu_list");
    hec__json_str(&j, *t->cpu_list ? t->cpu_list : NULL);
    add_limits(&j, "cpu_limits", &t->cpus);
    add_known(&j, "memory", hec_topology_memory(t), t->memory.n > 0);
    add_known(&j, "memory_available", t->available, t->memory.n > 0);
    add_limits(&j, "memory_limits", &t->memory);
    add_gpus(&j, t);
    add_batch(&j, t);
    add_numa(&j, t);
    hec__json_key(&j, "notes");
    hec__json_open(&j, '[');
    for (size_t i = 0; i < t->n_notes; i++)
        hec__json_str(&j, t->notes[i]);
    hec__json_close(&j);
    hec__json_close(&j);
    text = hec__strbuf_detach(&out);
    if (!text)
        return hec__topology_nomem(err);
    *ret_json = text;
    return 0;
}
