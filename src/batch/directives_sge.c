/* SPDX-License-Identifier: MIT
 *
 * Directives of Grid Engine. It has slots and no nodes: a job of several nodes is one of as many
 * slots, and the parallel environment, which the site makes, says how they are spread.
 */
#include "batch/script.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static int cannot(hec_error *err, const char *option, const char *why)
{
    return hec__fail(err, HEC_EINVAL, 0, "%s: Grid Engine %s; use --raw for your site's way",
                     option, why);
}

static int check(const hec_request *q, hec_error *err)
{
    if (q->exclusive)
        return cannot(err, "exclusive", "has no word for whole nodes that every site knows");
    if (q->qos)
        return cannot(err, "qos", "has no quality of service");
    if (!isalpha((unsigned char)*q->name))
        return hec__fail(err, HEC_EINVAL, 0,
                         "name: '%.60s' does not begin with a letter, as Grid Engine wants it",
                         q->name);
    for (size_t i = 0; i < q->n_after; i++)
        if (q->after[i].how == HEC__AFTER_FAILED)
            return cannot(err, "after", "cannot wait for a failure");
    if (q->launch == HEC__LAUNCH_NODE && q->nodes > 1)
        return cannot(err, "launch", "starts nothing on each node by itself; give --launch=mpi");
    return 0;
}

static int size(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    uint64_t slots = (uint64_t)q->nodes * q->cpus;
    const char *pe = q->nodes > 1 ? s->site->parallel_nodes : s->site->parallel_node;
    uint64_t slot = (hec__mebibytes(q->memory) + q->cpus - 1) / q->cpus;
    char clock[32];

    if (slots > 1 && !pe)
        return hec__fail(err, HEC_EINVAL, 0,
                         "%s: the site file names no parallel environment for this "
                         "(grid_engine: parallel_node, parallel_nodes)",
                         q->nodes > 1 ? "nodes" : "cpus");
    if (slots > 1)
        hec__directive(s, "-pe %s %" PRIu64, pe, slots);
    hec__directive(s, "-l %s=%" PRIu64 "M",
                   s->site->memory_option ? s->site->memory_option : "h_vmem", slot);
    /* No s_rt: see has_own_warning(). */
    hec__directive(s, "-l h_rt=%s", hec__clock(q->time_s, clock, sizeof clock));
    if (q->gpus)
        hec__directive(s, "-l %s=%" PRIu32, s->site->gpu_option ? s->site->gpu_option : "gpu",
                       q->gpus);
    return 0;
}

static void when(hec__script *s)
{
    const hec_request *q = s->q;

    if (q->n_ranges) {
        hec__strbuf_adds(&s->out, "#$ -t ");
        hec__array_spec(s, false);
        hec__strbuf_addc(&s->out, '\n');
        if (s->part.throttle)
            hec__directive(s, "-tc %" PRIu32, s->part.throttle);
    }
    for (size_t i = 0; i < q->n_after; i++)
        hec__directive(s, "-hold_jid %s", q->after[i].job);
    if (!q->mail_to)
        return;
    hec__directive(s, "-m %s%s%s", q->mail_on & HEC__MAIL_BEGIN ? "b" : "",
                   q->mail_on & HEC__MAIL_END ? "e" : "", q->mail_on & HEC__MAIL_FAIL ? "a" : "");
    hec__directive(s, "-M %s", q->mail_to);
}

static int output(hec__script *s, const char *option, const char *path, hec_error *err)
{
    int r;

    if (!path)
        return 0;
    hec__strbuf_addf(&s->out, "#$ %s ", option);
    r = hec__output_path(s, path, "$JOB_ID", "$TASK_ID", &s->out, err);
    hec__strbuf_addc(&s->out, '\n');
    return r;
}

int hec__directives_sge(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    int r = check(q, err);

    if (r < 0)
        return r;
    hec__directive(s, "-S /bin/bash");
    hec__directive(s, "-N %s", q->name);
    if (q->partition)
        hec__directive(s, "-q %s", q->partition);
    if (q->account)
        hec__directive(s, "-P %s", q->account);
    r = size(s, err);
    if (q->constraint)
        hec__directive(s, "-l %s", q->constraint);
    when(s);
    if (r == 0)
        r = output(s, "-o", q->output, err);
    if (r == 0)
        r = output(s, "-e", q->error, err);
    if (!q->error)
        hec__directive(s, "-j y");
    if (q->workdir)
        hec__directive(s, "-wd %s", q->workdir);
    else
        hec__directive(s, "-cwd");
    return r;
}
