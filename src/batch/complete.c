/* SPDX-License-Identifier: MIT */
#include "batch/complete.h"

#include "base/error.h"
#include "base/units.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIME_S 3600
#define DEFAULT_WARN_S 60
#define WARN_FROM_S    600 /* shorter jobs are not warned by themselves */
#define NAME_BYTES     32

static int apply(hec_request *q, const hec__pairs *pairs, hec_error *err)
{
    int r = 0;

    for (size_t i = 0; i < pairs->n && r == 0; i++)
        r = hec__request_default(q, pairs->all[i].key, pairs->all[i].value, err);
    return r;
}

/* What is special comes first: the first who says something is heard. */
static int apply_site(hec_request *q, const hec_site *site, hec_error *err)
{
    int r = q->gpus ? apply(q, &site->with_gpus, err) : 0;

    if (r == 0 && q->nodes > 1)
        r = apply(q, &site->multi_node, err);
    if (r == 0 && (q->nodes > 1 || q->cpus > 1))
        r = apply(q, &site->multi_cpu, err);
    return r == 0 ? apply(q, &site->defaults, err) : r;
}

/* The QoS of the partition's name, or the first that the partition allows. */
static int default_qos(hec_request *q, const hec_site *site, hec_error *err)
{
    const hec__partition *p = hec__site_partition(site, q->partition);
    const char *qos = q->partition;

    if (!site->qos_is_partition || !q->partition)
        return 0;
    for (size_t i = 0; p && i < p->qos.n; i++)
        if (strcmp(p->qos.all[i], q->partition) == 0)
            p = NULL;
    if (p && p->qos.n)
        qos = p->qos.all[0];
    return hec__request_default(q, "qos", qos, err);
}

/* The program's name, as far as a job may be called that; Grid Engine wants a letter first. */
static int default_name(hec_request *q, hec_error *err)
{
    const char *program = q->argc ? q->argv[0] : "hec", *slash = strrchr(program, '/');
    char name[NAME_BYTES + 1];
    size_t n = 0;

    for (const char *p = slash ? slash + 1 : program; *p && n < NAME_BYTES; p++)
        if (isalnum((unsigned char)*p) || (n && strchr("._-", *p)))
            name[n++] = *p;
    name[n] = '\0';
    return hec__request_default(q, "name", isalpha((unsigned char)*name) ? name : "hec", err);
}

/* A machine of one's own limits no memory, unless one asks for it. */
static void default_memory(hec_request *q, const hec_site *site)
{
    const hec__partition *p = hec__site_partition(site, q->partition);

    if (hec__request_has(q, HEC__OPTION_MEMORY))
        return;
    q->known |= 1u << HEC__OPTION_MEMORY;
    q->memory = HEC__MEMORY_ALL;
    if ((q->exclusive && site->scheduler == HEC__SLURM) || site->scheduler == HEC__LOCAL)
        return;
    q->memory = site->memory_per_cpu * q->cpus;
    if (p && p->memory && q->memory > p->memory)
        q->memory = p->memory;
}

/* A machine of one's own has no limit of time that one does not ask for. */
static void default_time(hec_request *q, const hec_site *site)
{
    const hec__partition *p = hec__site_partition(site, q->partition);

    if (!hec__request_has(q, HEC__OPTION_TIME) && site->scheduler != HEC__LOCAL) {
        q->known |= 1u << HEC__OPTION_TIME;
        q->time_s = p && p->default_time_s ? p->default_time_s : DEFAULT_TIME_S;
        if (p && p->time_s && q->time_s > p->time_s)
            q->time_s = p->time_s;
    }
    if (hec__request_has(q, HEC__OPTION_WARN))
        return;
    q->known |= 1u << HEC__OPTION_WARN;
    q->warn_s = q->time_s >= WARN_FROM_S ? DEFAULT_WARN_S : 0;
    /* Without a scheduler nobody but the script keeps the limit, and it does by warning first. */
    if (site->scheduler == HEC__LOCAL && q->time_s && !q->warn_s)
        q->warn_s = (q->time_s + 9) / 10;
}

static int check_warning(const hec_request *q, hec_error *err)
{
    char warn[32], limit[32];

    if (!q->warn_s || q->warn_s < q->time_s || (q->time_s == 1 && q->warn_s == 1))
        return 0;
    if (!q->time_s)
        return hec__fail(err, HEC_EINVAL, 0,
                         "warn: there is no time limit to warn of; give --time too");
    return hec__fail(err, HEC_EINVAL, 0,
                     "warn: %s before the limit of %s is before the job begins; give less",
                     hec__format_seconds(q->warn_s, warn, sizeof warn),
                     hec__format_seconds(q->time_s, limit, sizeof limit));
}

/* It goes on where it has stopped at its warning, so that there has to be one. */
static int check_requeue(const hec_request *q, const hec_site *site, hec_error *err)
{
    if (!q->requeue)
        return 0;
    if (!q->warn_s)
        return hec__fail(err, HEC_EINVAL, 0,
                         "requeue: nothing warns this job of its limit; give --time, and --warn "
                         "where that is less than 10 minutes");
    if (site->scheduler != HEC__SLURM && site->scheduler != HEC__SGE &&
        site->scheduler != HEC__LOCAL)
        return hec__fail(err, HEC_EINVAL, 0,
                         "requeue: a job of %s cannot put itself back into the queue; 'hec resume' "
                         "goes on with it",
                         hec_site_scheduler(site));
    return 0;
}

int hec__request_complete(hec_request *q, const hec_site *site, hec_error *err)
{
    int r = apply_site(q, site, err);

    if (r == 0)
        r = default_qos(q, site, err);
    if (r == 0)
        r = default_name(q, err);
    if (r < 0)
        return r;
    if (q->nodes > 1 && !hec__request_has(q, HEC__OPTION_LAUNCH))
        return hec__fail(err, HEC_EINVAL, 0,
                         "launch: on several nodes a command can be started once, on each node, or "
                         "as an MPI program; give --launch=once, node or mpi");
    default_memory(q, site);
    default_time(q, site);
    if (!q->throttle)
        q->throttle = site->array_throttle;
    r = check_warning(q, err);
    return r == 0 ? check_requeue(q, site, err) : r;
}
