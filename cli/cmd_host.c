/* SPDX-License-Identifier: MIT
 *
 * hec host: what may be used on this machine, and why. A table for people, JSON for programs.
 */
#include "exit.h"
#include "out.h"
#include "verbs.h"

#include <hec/topology.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_JSON, OPT_NUMA, OPT_ROOT, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of a table"},
    [OPT_NUMA] = {"numa", NULL, "also read the NUMA nodes, which takes longer"},
    [OPT_ROOT] = {"root", "DIR", "read a recorded machine below DIR instead of this one"},
};

static void destroy(hec_topology **t)
{
    hec_topology_destroy(*t);
}

/* First the limit that decided, then the others. */
static void print_limits(const hec_limit *limits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (limits[i].decides)
            printf("  decided by  %s\n", limits[i].text);
    for (size_t i = 0; i < n; i++)
        if (!limits[i].decides)
            printf("  also        %s\n", limits[i].text);
}

static void print_cpus(const hec_topology *t)
{
    const hec_limit *limits;
    size_t n = hec_topology_cpu_limits(t, &limits);

    printf("CPUs          %d\n", hec_topology_cpus(t));
    print_limits(limits, n);
}

static void print_memory(const hec_topology *t)
{
    const hec_limit *limits;
    size_t n = hec_topology_memory_limits(t, &limits);
    char all[32], available[32];

    if (n == 0) {
        printf("memory        unknown\n");
        return;
    }
    printf("memory        %s, of which %s can be allocated now\n",
           out_bytes(hec_topology_memory(t), all, sizeof all),
           out_bytes(hec_topology_memory_available(t), available, sizeof available));
    print_limits(limits, n);
}

static void print_gpus(const hec_topology *t)
{
    const hec_gpu *gpus;
    size_t n = hec_topology_gpus(t, &gpus);

    printf("GPUs          %zu", n);
    for (size_t i = 0; i < n; i++)
        printf("%s%s %s", i ? ", " : ": ", gpus[i].kind, gpus[i].id);
    printf("\n  decided by  %s\n", hec_topology_gpu_reason(t));
}

static void print_job(const hec_topology *t)
{
    int64_t left = hec_topology_walltime_left(t);
    const char *job = hec_topology_job(t);
    const hec_node *nodes;
    size_t n = hec_topology_nodes(t, &nodes);
    char text[32];

    if (!job) {
        printf("batch job     none\n");
        return;
    }
    printf("batch job     %s %s, time left: %s\n", hec_topology_scheduler(t), job,
           left < 0 ? "unknown" : out_seconds((unsigned long long)left, text, sizeof text));
    for (size_t i = 0; i < n; i++) {
        printf("  node        %s", nodes[i].name);
        if (nodes[i].cpus)
            printf(" (%" PRIu32 " CPU%s)", nodes[i].cpus, nodes[i].cpus == 1 ? "" : "s");
        putchar('\n');
    }
}

static void print_numa(const hec_topology *t)
{
    const hec_numa *numa;
    size_t n = hec_topology_numa(t, &numa);
    char text[32];

    for (size_t i = 0; i < n; i++)
        printf("NUMA node %-3" PRIu32 " CPUs %s (%" PRIu32 " allowed, %" PRIu32 " cores), %s\n",
               numa[i].index, numa[i].cpus, numa[i].allowed, numa[i].cores,
               out_bytes(numa[i].memory, text, sizeof text));
}

static void print_table(const hec_topology *t)
{
    const char *const *notes;
    size_t n = hec_topology_notes(t, &notes);

    printf("host          %s\n", *hec_topology_host(t) ? hec_topology_host(t) : "unknown");
    print_cpus(t);
    print_memory(t);
    print_gpus(t);
    print_job(t);
    print_numa(t);
    for (size_t i = 0; i < n; i++)
        printf("note          %s\n", notes[i]);
}

static int print_json(const hec_topology *t)
{
    hec_error err;
    char *json;

    if (hec_topology_json(t, &json, &err) < 0)
        return out_error("print the machine", &err);
    puts(json);
    free(json);
    return STATUS_OK;
}

static int run_host(const opt_args *args)
{
    __attribute__((cleanup(destroy))) hec_topology *t = NULL;
    hec_error err;

    if (hec_topology_read(args->values[OPT_ROOT], &t, &err) < 0) {
        int status = out_error("tell what may be used", &err);

        if (strncmp(err.text, "HEC_", 4) == 0)
            out_hint("correct the environment variable, or unset it");
        return status;
    }
    if (args->values[OPT_NUMA] && hec_topology_read_numa(t, &err) < 0)
        return out_error("read the NUMA nodes", &err);
    if (args->values[OPT_JSON])
        return print_json(t);
    print_table(t);
    return STATUS_OK;
}

const opt_verb verb_host = {
    .name = "host",
    .summary = "show what may be used on this machine, and why",
    .operands = "",
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_host,
};
