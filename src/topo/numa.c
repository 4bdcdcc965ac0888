/* SPDX-License-Identifier: MIT
 *
 * NUMA nodes, by hwloc. The only file that sees hwloc, and called by no other: a program that does
 * not ask for NUMA nodes is linked without it.
 */
#include "topo/topo.h"

#include "base/error.h"

#ifdef HEC_HAVE_HWLOC

#include "sys/file.h"
#include "topo/cpuset.h"

#include <errno.h>
#include <hwloc.h>
#include <string.h>

static void destroy_hwloc(hwloc_topology_t *h)
{
    if (*h)
        hwloc_topology_destroy(*h);
}

static int load(const hec_topology *t, hwloc_topology_t h, hec_error *err)
{
    HEC_AUTO_STRBUF path;

    hec__strbuf_init(&path);
    if (*t->root) {
        hec__strbuf_addf(&path, "%s/hwloc.xml", t->root);
        if (path.failed)
            return hec__topology_nomem(err);
        if (!hec__file_exists(t->root, "/hwloc.xml"))
            return hec__fail(err, HEC_ENOENT, ENOENT, "cannot read '%.180s'", path.data);
        if (hwloc_topology_set_xml(h, path.data) < 0)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.180s' is not a topology", path.data);
    }
    if (hwloc_topology_load(h) == 0)
        return 0;
    return *t->root ? hec__fail(err, HEC_EFORMAT, 0, "'%.180s' is not a topology", path.data)
                    : hec__fail(err, HEC_ESYS, errno, "hwloc cannot read this machine");
}

static uint64_t memory_of(hwloc_obj_t node)
{
#if HWLOC_API_VERSION >= 0x00020000
    return node->attr->numanode.local_memory;
#else
    return node->memory.local_memory;
#endif
}

static int add_node(hec_topology *t, hwloc_topology_t h, hwloc_obj_t node,
                    const hec__cpuset *allowed, hec_error *err)
{
    hec_numa *grown = hec__arena_grow(&t->arena, t->numa, t->n_numa, &t->cap_numa, sizeof *t->numa);
    int cores = hwloc_get_nbobjs_inside_cpuset_by_type(h, node->cpuset, HWLOC_OBJ_CORE);
    HEC_AUTO_STR list = NULL;
    hec__cpuset cpus;
    char *copy;

    if (!grown || hwloc_bitmap_list_asprintf(&list, node->cpuset) < 0)
        return hec__topology_nomem(err);
    copy = hec__arena_copy(&t->arena, list, strlen(list));
    if (!copy)
        return hec__topology_nomem(err);
    if (hec__cpuset_parse(hec__slice_of(copy), &cpus) < 0)
        return hec__fail(err, HEC_EFORMAT, 0, "NUMA node %u: its CPUs are '%.60s'", node->os_index,
                         copy);
    hec__cpuset_and(&cpus, allowed);
    t->numa = grown;
    t->numa[t->n_numa] = (hec_numa){
        .cpus = copy,
        .memory = memory_of(node),
        .index = node->os_index,
        .allowed = (uint32_t)hec__cpuset_count(&cpus),
        .cores = cores > 0 ? (uint32_t)cores : 0,
    };
    t->n_numa++;
    return 0;
}

int hec_topology_read_numa(hec_topology *topology, hec_error *err)
{
    __attribute__((cleanup(destroy_hwloc))) hwloc_topology_t h = NULL;
    hec__cpuset allowed;
    int r;

    if (topology->n_numa)
        return 0;
    if (hwloc_topology_init(&h) < 0)
        return hec__topology_nomem(err);
    r = load(topology, h, err);
    if (r < 0)
        return r;
    if (hec__cpuset_parse(hec__slice_of(topology->cpu_list), &allowed) < 0)
        memset(&allowed, 0, sizeof allowed);
    for (int i = 0; i < hwloc_get_nbobjs_by_type(h, HWLOC_OBJ_NUMANODE); i++) {
        r = add_node(topology, h, hwloc_get_obj_by_type(h, HWLOC_OBJ_NUMANODE, (unsigned)i),
                     &allowed, err);
        if (r < 0) {
            topology->n_numa = 0;
            return r;
        }
    }
    return 0;
}

#else

int hec_topology_read_numa(hec_topology *topology, hec_error *err)
{
    return hec__fail(err, HEC_ENOENT, 0,
                     "this hec was built without hwloc, which reads NUMA nodes");
}

#endif
