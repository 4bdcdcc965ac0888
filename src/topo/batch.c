/* SPDX-License-Identifier: MIT
 *
 * The table of batch systems, and what their adapters share.
 */
#include "topo/batch.h"

#include "topo/hostlist.h"

#include <stdarg.h>
#include <string.h>

int hec__topology_read_batch(hec_topology *t, hec_error *err)
{
    static const hec__batch *const systems[] = {&hec__batch_slurm, &hec__batch_lsf, &hec__batch_pbs,
                                                &hec__batch_sge};

    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (hec__topology_env(t, systems[i]->variable) &&
            (!systems[i]->also || hec__topology_env(t, systems[i]->also)))
            return systems[i]->read(t, err);
    return 0;
}

const char *hec__batch_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

int hec__batch_job(hec_topology *t, hec_error *err, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->job = hec__arena_copy(&t->arena, text, strlen(text));
    return t->job ? 0 : hec__topology_nomem(err);
}

static bool is_node(const hec_topology *t, size_t i, hec__slice name)
{
    return i < t->n_nodes && hec__slice_is(name, t->nodes[i].name);
}

int hec__batch_slots(hec_topology *t, hec__slice name, uint64_t slots, hec_error *err)
{
    size_t i = t->last_node;

    if (slots > INT32_MAX)
        slots = INT32_MAX;
    /* A node file has a line for each slot, of one host after the other or in turns: the node is
     * mostly the last one, or the one after it. */
    if (!is_node(t, i, name))
        i = is_node(t, i + 1, name) ? i + 1 : 0;
    while (i < t->n_nodes && !is_node(t, i, name))
        i++;
    t->last_node = i;
    if (i == t->n_nodes)
        return i < HEC__HOSTS_MAX ? hec__topology_node(t, name, (uint32_t)slots, err) : 0;
    if (slots > INT32_MAX - t->nodes[i].cpus)
        slots = INT32_MAX - t->nodes[i].cpus;
    t->nodes[i].cpus += (uint32_t)slots;
    return 0;
}

int hec__batch_this_node(hec_topology *t, const char *name, bool sole, long *ret, hec_error *err)
{
    *ret = -1;
    for (size_t i = 0; i < t->n_nodes && *ret < 0; i++)
        if (hec__topology_same_host(hec__slice_of(t->nodes[i].name), hec__slice_of(name)))
            *ret = (long)i;
    if (*ret < 0 && sole && t->n_nodes == 1)
        *ret = 0;
    if (*ret >= 0 || t->n_nodes == 0)
        return 0;
    return hec__topology_note(t, err, "this host, %s, is none of the job's nodes", name);
}
