/* SPDX-License-Identifier: MIT
 *
 * Rules about the site, its partitions and its limits.
 */
#include "batch/rules.h"

#include "base/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void hec__object(hec__check *c, const char *rule, enum hec__weight weight, uint32_t line,
                 const char *fmt, ...)
{
    hec_finding f = {.rule = rule, .serious = weight == HEC__SERIOUS, .line = line};
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* What is quoted may come from a script of somebody else's. */
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    f.text = text;
    c->serious += f.serious;
    c->told(c->ctx, &f);
}

uint32_t hec__check_line(const hec__check *c, enum hec__option option)
{
    return c->lines ? c->lines[option] : 0;
}

static void check_site(hec__check *c)
{
    const hec_site *site = c->site;
    const hec__pairs *required = &site->required, *refused = &site->refused;

    if (site->retired)
        hec__object(c, "retired-site", HEC__SERIOUS, 0, "%s is no longer there: retired %s",
                    site->name, site->retired);
    for (size_t i = 0; i < required->n; i++) {
        int option = hec__request_option(required->all[i].key);

        if (!hec__request_has(c->q, (enum hec__option)option))
            hec__object(c, "required", HEC__SERIOUS, 0, "--%s must be given here: %s",
                        required->all[i].key, required->all[i].value);
    }
    for (size_t i = 0; i < refused->n; i++) {
        int option = hec__request_option(refused->all[i].key);

        if (hec__request_has(c->q, (enum hec__option)option))
            hec__object(c, "refused", HEC__SERIOUS, hec__check_line(c, (enum hec__option)option),
                        "--%s must not be given here: %s", refused->all[i].key,
                        refused->all[i].value);
    }
}

static void check_partition(hec__check *c)
{
    const hec_site *site = c->site;
    const char *name = c->q->partition;

    if (!name || c->partition || !site->n_partitions || site->other_partitions ||
        hec__pairs_get(&site->refused, "partition"))
        return;
    hec__object(c, "partition", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_PARTITION),
                "the site file of %s has no partition '%s'; 'hec site %s' lists them", site->name,
                name, site->name);
}

/* More of something than the partition has. */
static void check_count(hec__check *c, const char *rule, enum hec__option option, uint64_t asked,
                        uint64_t most, const char *what)
{
    if (most && asked > most)
        hec__object(c, rule, HEC__SERIOUS, hec__check_line(c, option),
                    "%" PRIu64 " %s: the partition %s has %" PRIu64 " at most", asked, what,
                    c->partition->name, most);
}

static void check_size(hec__check *c)
{
    const hec__partition *p = c->partition;
    const hec_request *q = c->q;
    char asked[32], most[32];

    check_count(c, "nodes-limit", HEC__OPTION_NODES, q->nodes, p->nodes, "nodes");
    check_count(c, "cpus-limit", HEC__OPTION_CPUS, q->cpus, p->cpus, "CPUs on a node");
    check_count(c, "gpus-limit", HEC__OPTION_GPUS, q->gpus, p->gpus, "GPUs on a node");
    check_count(c, "gpus-limit", HEC__OPTION_GPUS, (uint64_t)q->nodes * q->gpus, p->all_gpus,
                "GPUs for one user");
    if (p->memory && q->memory > p->memory)
        hec__object(c, "memory-limit", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_MEMORY),
                    "%s of memory: a node of the partition %s has %s at most",
                    hec__format_bytes(q->memory, asked, sizeof asked), p->name,
                    hec__format_bytes(p->memory, most, sizeof most));
    if (p->time_s && q->time_s > p->time_s)
        hec__object(c, "time-limit", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_TIME),
                    "a time limit of %s: the partition %s allows %s",
                    hec__format_seconds(q->time_s, asked, sizeof asked), p->name,
                    hec__format_seconds(p->time_s, most, sizeof most));
}

static void check_gpus(hec__check *c)
{
    const hec__partition *p = c->partition;
    const hec_request *q = c->q;
    const hec__texts *types = &c->site->gpu_types;
    uint32_t line = hec__check_line(c, HEC__OPTION_GPUS);
    bool known = !q->gpu_type || !types->n;

    if (p && q->gpus && p->has_gpus == HEC__GPUS_NONE)
        hec__object(c, "gpu-partition", HEC__SERIOUS, line, "the partition %s has no GPUs",
                    p->name);
    if (p && !q->gpus && p->has_gpus == HEC__GPUS_SOME)
        hec__object(c, "gpu-partition", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_PARTITION),
                    "the partition %s is for jobs with GPUs, and this asks for none", p->name);
    for (size_t i = 0; !known && i < types->n; i++)
        known = strcmp(types->all[i], q->gpu_type) == 0;
    if (!known)
        hec__object(c, "gpu-type", HEC__SERIOUS, line,
                    "the site file of %s has no GPU of type '%s'; 'hec site %s' lists them",
                    c->site->name, q->gpu_type, c->site->name);
}

/* What a live cluster says of the QoS. */
static void check_live_qos(hec__check *c)
{
    const char *qos = c->q->qos;
    char asked[32], most[32];

    for (size_t i = 0; qos && i < c->site->n_qos; i++) {
        const hec__qos *q = &c->site->qos[i];

        if (strcmp(q->name, qos) != 0)
            continue;
        if (q->time_s && c->q->time_s > q->time_s)
            hec__object(c, "time-limit", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_TIME),
                        "a time limit of %s: the QoS %s allows %s",
                        hec__format_seconds(c->q->time_s, asked, sizeof asked), qos,
                        hec__format_seconds(q->time_s, most, sizeof most));
        return;
    }
    if (qos && c->site->n_qos)
        hec__object(c, "qos", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_QOS),
                    "the cluster has no QoS '%s'", qos);
}

static void check_qos(hec__check *c)
{
    const hec__partition *p = c->partition;
    const char *qos = c->q->qos;

    if (!p || !p->qos.n || !qos)
        return;
    for (size_t i = 0; i < p->qos.n; i++)
        if (strcmp(p->qos.all[i], qos) == 0)
            return;
    hec__object(c, "qos", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_QOS),
                "the partition %s does not take the QoS '%s'; '%s' it does", p->name, qos,
                p->qos.all[0]);
}

/* What a user may have running at all: a job that needs more never begins. */
static void check_together(hec__check *c)
{
    const hec_request *q = c->q;
    const hec_site *site = c->site;
    uint64_t cpus = (uint64_t)q->nodes * q->cpus, gpus = (uint64_t)q->nodes * q->gpus;
    char asked[32], most[32];

    if (site->max_cpus && cpus > site->max_cpus)
        hec__object(c, "user-limit", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_CPUS),
                    "%" PRIu64 " CPUs in all: a user may have %" PRIu32
                    ", so the job would wait for ever",
                    cpus, site->max_cpus);
    if (site->max_gpus && gpus > site->max_gpus)
        hec__object(c, "user-limit", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_GPUS),
                    "%" PRIu64 " GPUs in all: a user may have %" PRIu32
                    ", so the job would wait for ever",
                    gpus, site->max_gpus);
    if (site->max_memory && q->memory > site->max_memory / q->nodes)
        hec__object(c, "user-limit", HEC__SERIOUS, hec__check_line(c, HEC__OPTION_MEMORY),
                    "%s of memory in all: a user may have %s, so the job would wait for ever",
                    hec__format_bytes(q->memory * q->nodes, asked, sizeof asked),
                    hec__format_bytes(site->max_memory, most, sizeof most));
}

/* Elements of an array count as jobs. */
static void check_jobs(hec__check *c)
{
    uint64_t elements = hec__request_elements(c->q);
    uint32_t line = hec__check_line(c, HEC__OPTION_ARRAY);

    if (c->partition && c->partition->jobs && elements > c->partition->jobs)
        hec__object(c, "job-limit", HEC__SERIOUS, line,
                    "an array of %" PRIu64 ": a user may have %" PRIu32
                    " jobs queued and running in the partition %s; put more into each element",
                    elements, c->partition->jobs, c->partition->name);
    if (c->site->max_jobs && elements > c->site->max_jobs)
        hec__object(c, "job-limit", HEC__SERIOUS, line,
                    "an array of %" PRIu64 ": a user may have %" PRIu32
                    " jobs; put more into each element",
                    elements, c->site->max_jobs);
}

void hec__check_limits(hec__check *c)
{
    check_site(c);
    check_partition(c);
    if (c->partition)
        check_size(c);
    check_gpus(c);
    check_qos(c);
    check_live_qos(c);
    check_together(c);
    check_jobs(c);
}
