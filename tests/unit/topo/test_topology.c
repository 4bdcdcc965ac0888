/* SPDX-License-Identifier: MIT
 *
 * The accessors, the user's own limits, errors, and this very machine.
 */
#include "sys/file.h"
#include "tap.h"

#include <hec/topology.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

static hec_topology *machine(const char *name)
{
    const char *data = getenv("HEC_TEST_DATA");
    hec_topology *t = NULL;
    hec_error err;
    char path[4096];

    snprintf(path, sizeof path, "%s/topo/%s", data ? data : "tests/data", name);
    ok(hec_topology_read(path, &t, &err) == 0, "%s is read", name);
    return t;
}

static void test_accessors(void)
{
    hec_topology *t = machine("slurm-shared");
    const hec_limit *limits;
    const hec_node *nodes;
    const hec_gpu *gpus;
    const hec_numa *numa;
    const char *const *notes;
    size_t n;
    int deciding = 0;

    ok(hec_topology_cpus(t) == 4, "CPUs");
    is_str(hec_topology_cpu_list(t), "4-7", "which");
    ok(hec_topology_cpu_grant(t) && strstr(hec_topology_cpu_grant(t), "Slurm job 2"),
       "which a job granted");
    ok(hec_topology_memory(t) == (uint64_t)8000 << 20, "memory");
    ok(hec_topology_memory_available(t) < hec_topology_memory(t), "less of it is available");
    n = hec_topology_cpu_limits(t, &limits);
    for (size_t i = 0; i < n; i++)
        deciding += limits[i].decides;
    ok(n == 2 && deciding == 1 && limits[1].decides, "one limit decides, of equals the job's");
    is_str(limits[1].source, "batch", "it comes from the batch system");
    ok(hec_topology_memory_limits(t, &limits) == 4, "limits of memory");
    ok(hec_topology_nodes(t, &nodes) == 1 && nodes[0].cpus == 4, "one node of 4 CPUs");
    ok(hec_topology_gpus(t, &gpus) == 0, "no GPU");
    is_str(hec_topology_gpu_reason(t), "no device files", "because there is none");
    ok(hec_topology_numa(t, &numa) == 0, "NUMA was not asked for");
    is_str(hec_topology_scheduler(t), "slurm", "scheduler");
    is_str(hec_topology_job(t), "2", "job");
    is_str(hec_topology_host(t), "n2", "host");
    ok(hec_topology_walltime_left(t) == 3600, "an hour is left");
    ok(hec_topology_notes(t, &notes) == 0, "nothing to note");
    hec_topology_destroy(t);
    hec_topology_destroy(NULL);
}

static void test_numa(void)
{
    hec_topology *t = machine("laptop");
    hec_topology *without = machine("torque");
    const hec_numa *numa;
    hec_error err = {0};

#ifdef HEC_HAVE_HWLOC
    ok(hec_topology_read_numa(t, &err) == 0, "NUMA nodes are read: %s", err.text);
    ok(hec_topology_numa(t, &numa) == 2 && numa[1].index == 1, "there are two");
    is_str(numa[1].cpus, "4-7", "CPUs of the second");
    ok(numa[1].allowed == 4 && numa[1].cores == 2 && numa[1].memory > 0, "and what it has");
    ok(hec_topology_read_numa(t, &err) == 0 && hec_topology_numa(t, &numa) == 2,
       "asking twice changes nothing");
#else
    ok(hec_topology_read_numa(t, &err) == HEC_ENOENT && hec_topology_numa(t, &numa) == 0,
       "there is no hwloc: %s", err.text);
#endif
    ok(hec_topology_read_numa(without, &err) == HEC_ENOENT, "no hwloc.xml, no nodes");
    hec_topology_destroy(t);
    hec_topology_destroy(without);
}

/* Reads this machine with a variable set; 0 or the error. */
static int read_with(const char *name, const char *value, hec_topology **t, hec_error *err)
{
    int r;

    setenv(name, value, 1);
    r = hec_topology_read(NULL, t, err);
    unsetenv(name);
    return r;
}

static void test_user(void)
{
    static const char *const bad_cpus[] = {"0", "-1", "four", "2.5", "99999999999"};
    static const char *const bad_memory[] = {"0", "-1", "much", "1X"};
    hec_topology *t = NULL, *untouched = NULL;
    hec_error err = {0};
    int all;

    ok(hec_topology_read("/", &t, &err) == 0, "this machine is read");
    all = hec_topology_cpus(t);
    hec_topology_destroy(t);
    ok(read_with("HEC_CPUS", "1", &t, &err) == 0 && hec_topology_cpus(t) == 1, "HEC_CPUS lowers");
    hec_topology_destroy(t);
    ok(read_with("HEC_CPUS", "9999", &t, &err) == 0 && hec_topology_cpus(t) == all,
       "and never raises");
    hec_topology_destroy(t);
    ok(read_with("HEC_CPUS", "", &t, &err) == 0 && hec_topology_cpus(t) == all, "empty is unset");
    hec_topology_destroy(t);
    ok(read_with("HEC_MEMORY", "64M", &t, &err) == 0 && hec_topology_memory(t) == 64 << 20 &&
           hec_topology_memory_available(t) <= 64 << 20,
       "HEC_MEMORY lowers");
    hec_topology_destroy(t);
    ok(err.code == 0, "success leaves the error untouched");
    for (size_t i = 0; i < sizeof bad_cpus / sizeof *bad_cpus; i++)
        ok(read_with("HEC_CPUS", bad_cpus[i], &untouched, &err) == HEC_EFORMAT && !untouched &&
               strstr(err.text, "HEC_CPUS"),
           "%s", err.text);
    for (size_t i = 0; i < sizeof bad_memory / sizeof *bad_memory; i++)
        ok(read_with("HEC_MEMORY", bad_memory[i], &untouched, &err) == HEC_EFORMAT && !untouched &&
               strstr(err.text, "HEC_MEMORY"),
           "%s", err.text);
}

static void test_live(void)
{
    hec_topology *t = NULL;
    struct timespec before, after;
    double least_us = 1e9;
    hec_error err;
    cpu_set_t set;

    for (int i = 0; i < 20; i++) {
        double us;

        clock_gettime(CLOCK_MONOTONIC, &before);
        if (hec_topology_read(NULL, &t, &err) < 0)
            break;
        clock_gettime(CLOCK_MONOTONIC, &after);
        us = (double)(after.tv_sec - before.tv_sec) * 1e6 +
             (double)(after.tv_nsec - before.tv_nsec) / 1e3;
        least_us = us < least_us ? us : least_us;
        if (i < 19)
            hec_topology_destroy(t);
    }
    printf("# the fastest of 20 readings took %.0f us\n", least_us);
    ok(t && hec_topology_cpus(t) >= 1, "there is a CPU");
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        ok(hec_topology_cpus(t) <= CPU_COUNT(&set), "no more than the kernel allows");
    ok(hec_topology_memory(t) > 1 << 20 && hec_topology_memory_available(t) > 0, "and memory");
    hec_topology_destroy(t);
    ok(hec_topology_read("/nowhere/at/all", &t, &err) == HEC_ENOENT, "a root must exist");
    ok(strstr(err.text, "/nowhere/at/all") != NULL, "%s", err.text);
}

static void test_grants(void)
{
    hec_topology *laptop = machine("laptop"), *quota = machine("docker-v1-quota");

    ok(!hec_topology_cpu_grant(laptop), "a laptop's CPUs are nobody's grant");
    ok(hec_topology_cpu_grant(quota) && strstr(hec_topology_cpu_grant(quota), "cgroup"),
       "a quota of the control group is one");
    hec_topology_destroy(laptop);
    hec_topology_destroy(quota);
}

int main(void)
{
    unsetenv("HEC_CPUS");
    unsetenv("HEC_MEMORY");
    test_accessors();
    test_grants();
    test_numa();
    test_user();
    test_live();
    return done_testing();
}
