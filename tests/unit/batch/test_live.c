/* SPDX-License-Identifier: MIT
 *
 * What a live cluster says goes over what the site file says, and nothing else does.
 */
#include "batch/live.h"

#include "base/strbuf.h"
#include "fault.h"
#include "sys/file.h"
#include "tap.h"

static hec_error err;
static hec__strbuf text;

static hec_site *open_site(const char *scheduler)
{
    static char file[400];
    hec_site *site = NULL;

    snprintf(file, sizeof file,
             "title: t\nscheduler: %s\npartitions: {short: {time: 9h, cpus: 3, note: mine}}\n",
             scheduler);
    if (hec__site_parse("s", "f", file, strlen(file), &site, &err) < 0)
        exit(99);
    return site;
}

static const char *recorded(const char *path)
{
    hec__strbuf_clear(&text);
    if (hec__file_read(getenv("HEC_TEST_DATA"), path, &text, &err) < 0)
        exit(99);
    return text.data;
}

static void test_slurm(void)
{
    HEC_AUTO(hec_site) site = open_site("slurm");
    const hec__partition *p;

    ok(hec__live_partitions(site, recorded("batch/slurm/partitions"), &err) == 0, "partitions");
    p = hec__site_partition(site, "main");
    ok(p && p->time_s == 86400 && p->default_time_s == 600 && p->nodes == 3 && p->cpus == 0 &&
           p->has_gpus == HEC__GPUS_NONE,
       "one that the file does not have");
    p = hec__site_partition(site, "short");
    ok(p && p->time_s == 300 && p->nodes == 1 && p->cpus == 3, "one that it has, with new limits");
    is_str(p ? p->note : NULL, "mine", "and what only the file says");
    ok(hec__live_qos(site, recorded("batch/slurm/qos"), &err) == 0 && site->n_qos == 2 &&
           site->qos[1].time_s == 180 && site->qos[0].time_s == 0,
       "QoS and their limits");
    ok(hec__live_config(site, recorded("batch/slurm/config"), &err) == 0 &&
           site->array_last == 1000,
       "the largest index of an array");
    ok(hec__live_partitions(site,
                            "PartitionName= MaxTime=5\nPartitionName=g TRES=cpu=1,gres/gpu=2 "
                            "MaxMemPerNode=4096 MaxTime=UNLIMITED\n",
                            &err) == 0,
       "odd ones");
    p = hec__site_partition(site, "g");
    ok(p && p->has_gpus == HEC__GPUS_SOME && p->memory == (uint64_t)4 << 30 && p->time_s == 0,
       "GPUs, memory, and no limit of time");
}

static void test_sge(void)
{
    HEC_AUTO(hec_site) site = open_site("sge");
    const hec__partition *p;

    ok(hec__live_queues(site, recorded("batch/sge/queues"), &err) == 0, "queues");
    p = hec__site_partition(site, "all.q");
    ok(p && p->cpus == 4 && p->time_s == 0, "slots, and no limit");
    p = hec__site_partition(site, "short.q");
    ok(p && p->cpus == 1 && p->time_s == 20, "and a limit");
    ok(hec__live_queues(site, "qname a\nslots 2,[n1=8],[n2=16]\n", &err) == 0 &&
           hec__site_partition(site, "a")->cpus == 16,
       "slots that differ");
}

static void test_no_memory(void)
{
    HEC_AUTO_STR partitions = strdup(recorded("batch/slurm/partitions"));
    HEC_AUTO_STR qos = strdup(recorded("batch/slurm/qos"));

    for (long n = 1; n < 50; n++) {
        HEC_AUTO(hec_site) site = open_site("slurm");
        int r;

        fault_arm(n);
        r = hec__live_partitions(site, partitions, &err);
        r = r ? r : hec__live_qos(site, qos, &err);
        if (!fault_disarm())
            break;
        ok(r == HEC_ENOMEM || r == 0, "without memory");
    }
}

int main(void)
{
    hec__strbuf_init(&text);
    test_slurm();
    test_sge();
    test_no_memory();
    hec__strbuf_fini(&text);
    return done_testing();
}
