/* SPDX-License-Identifier: MIT
 *
 * The engine of hec map: that of this node, or one with places on all nodes of the batch job.
 */
#include "map.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "map_options.h"
#include "nodes.h"
#include "out.h"

#include <hec/topology.h>

#include <inttypes.h>
#include <string.h>

HEC_AUTO_DEFINE(hec_topology, hec_topology_destroy)

static uint32_t width_of(void *ctx, uint32_t cpus)
{
    const map_run *run = ctx;
    uint32_t width = cpus;

    if (run->o->jobs)
        map_parse_jobs(run->o->jobs, cpus, &width, NULL);
    return width > 4096 ? 4096 : width;
}

/* Several nodes were granted, and this one alone is used. */
static void tell_alone(const nodes_plan *p)
{
    if (p->granted > 1)
        out_complain("only this node of %" PRIu32 " is used: %s", p->granted, p->why);
    else
        out_complain("only this node is used: %s", p->why);
    if (p->hint[0])
        out_hint("%s", p->hint);
}

static int open_many(map_run *run, const hec_topology *t, const nodes_plan *p,
                     const hec_command_ops *ops, hec_error *err)
{
    hec_nodes_options o = {.launcher = p->launcher,
                           .env = nodes_env,
                           .program = p->program,
                           .agent = p->agent,
                           .nodes = p->wanted,
                           .width = width_of,
                           .ops = ops,
                           .ctx = run};
    const char *silence = getenv("HEC_MPI_SILENCE");
    int r;

    o.n_granted = hec_topology_nodes(t, &o.granted);
    if (silence)
        o.silence_ms = (uint32_t)(strtod(silence, NULL) * 1000);
    r = hec_nodes_create(&o, &run->engine, err);
    if (r < 0)
        hec__fail_in(err, r, "cannot start hec-mpi on the nodes of the job by %s", p->launcher[0]);
    return r;
}

int map_engine_open(map_run *run, const hec_command_ops *ops, hec_error *err)
{
    HEC_AUTO(hec_topology) t = NULL;
    hec_commands_options o = {.width = run->o->width, .ops = ops, .ctx = run};
    nodes_plan p = {0};
    int r = hec_topology_read(NULL, &t, err);

    if (r == 0)
        r = nodes_decide(t, run->o->nodes, &p, err);
    if (r < 0)
        return r;
    if (p.many) {
        r = open_many(run, t, &p, ops, err);
        if (r < 0)
            out_hint("'hec mpi' says what is used; with --nodes=1 only this node is");
        return r;
    }
    if (p.why[0])
        tell_alone(&p);
    return hec_commands_create(&o, &run->engine, err);
}

/* What was lost, once, at the end. */
void map_nodes_tell(const map_run *run)
{
    HEC_AUTO_STR said = NULL;
    const hec_node *nodes;
    size_t n = hec_nodes_list(run->engine, &nodes);
    uint32_t lost = n ? hec_nodes_lost(run->engine) : 0;

    if (!lost)
        return;
    out_complain("%" PRIu32 " of %zu nodes %s lost, and %" PRIu64 " task%s with %s", lost, n,
                 lost == 1 ? "was" : "were", run->lost_tasks, run->lost_tasks == 1 ? "" : "s",
                 lost == 1 ? "it" : "them");
    out_hint("%s", hec_nodes_why(run->engine));
    said = hec_nodes_said(run->engine);
    if (said && *said)
        out_hint("what was said there:\n%s", said);
}
