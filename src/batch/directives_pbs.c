/* SPDX-License-Identifier: MIT
 *
 * Directives of the two PBS: OpenPBS (PBS Professional), which has chunks, and Torque, which has
 * nodes with so many processors, and memory of the whole job.
 */
#include "batch/script.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

static const char *flavour(const hec__script *s)
{
    return s->site->scheduler == HEC__PBS ? "OpenPBS" : "Torque";
}

static void array(hec__script *s, const char *option)
{
    if (!s->q->n_ranges)
        return;
    hec__strbuf_addf(&s->out, "#PBS %s ", option);
    hec__array_spec(s, true);
    hec__strbuf_addc(&s->out, '\n');
}

static void after(hec__script *s)
{
    static const char *const hows[] = {"afterok", "afternotok", "afterany"};
    const hec_request *q = s->q;

    if (!q->n_after)
        return;
    hec__strbuf_adds(&s->out, "#PBS -W depend=");
    for (size_t i = 0; i < q->n_after; i++)
        hec__strbuf_addf(&s->out, "%s%s:%s", i ? "," : "", hows[q->after[i].how], q->after[i].job);
    hec__strbuf_addc(&s->out, '\n');
}

static int output(hec__script *s, const char *option, const char *path, hec_error *err)
{
    const char *index = s->site->scheduler == HEC__PBS ? "^array_index^" : NULL;
    int r;

    if (!path)
        return 0;
    hec__strbuf_addf(&s->out, "#PBS %s ", option);
    r = hec__output_path(s, path, NULL, index, &s->out, err);
    hec__strbuf_addc(&s->out, '\n');
    return r;
}

/* What both write in the same way, behind the size. */
static int rest(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    char clock[32];
    int r;

    hec__directive(s, "-l walltime=%s", hec__clock(q->time_s, clock, sizeof clock));
    array(s, s->site->scheduler == HEC__PBS ? "-J" : "-t");
    after(s);
    if (q->mail_to) {
        hec__directive(s, "-m %s%s%s", q->mail_on & HEC__MAIL_FAIL ? "a" : "",
                       q->mail_on & HEC__MAIL_BEGIN ? "b" : "",
                       q->mail_on & HEC__MAIL_END ? "e" : "");
        hec__directive(s, "-M %s", q->mail_to);
    }
    r = output(s, "-o", q->output, err);
    if (r == 0)
        r = output(s, "-e", q->error, err);
    if (!q->error)
        hec__directive(s, "-j oe");
    return r;
}

static int head(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;

    if (q->qos)
        return hec__fail(err, HEC_EINVAL, 0,
                         "qos: %s has no quality of service that every site knows; use --raw",
                         flavour(s));
    hec__directive(s, "-N %s", q->name);
    if (q->partition)
        hec__directive(s, "-q %s", q->partition);
    if (q->account)
        hec__directive(s, "-A %s", q->account);
    return 0;
}

int hec__directives_pbs(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    const char *gpus = s->site->gpu_option ? s->site->gpu_option : "ngpus";
    int r = head(s, err);

    if (r < 0)
        return r;
    hec__strbuf_addf(
        &s->out,
        "#PBS -l select=%" PRIu32 ":ncpus=%" PRIu32 ":mpiprocs=%" PRIu32 ":mem=%" PRIu64 "mb",
        q->nodes, q->cpus, q->launch == HEC__LAUNCH_MPI ? q->cpus : 1, hec__mebibytes(q->memory));
    if (q->gpus)
        hec__strbuf_addf(&s->out, ":%s=%" PRIu32, gpus, q->gpus);
    if (q->constraint)
        hec__strbuf_addf(&s->out, ":%s", q->constraint);
    hec__strbuf_addc(&s->out, '\n');
    if (q->nodes > 1 || q->exclusive)
        hec__directive(s, "-l place=scatter%s", q->exclusive ? ":excl" : "");
    return rest(s, err);
}

int hec__directives_torque(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    int r = head(s, err);

    if (r < 0)
        return r;
    if (q->exclusive)
        return hec__fail(err, HEC_EINVAL, 0,
                         "exclusive: Torque has no word for whole nodes that every site knows; "
                         "ask for all their CPUs, or use --raw");
    hec__strbuf_addf(&s->out, "#PBS -l nodes=%" PRIu32 ":ppn=%" PRIu32, q->nodes, q->cpus);
    if (q->gpus)
        hec__strbuf_addf(&s->out, ":gpus=%" PRIu32, q->gpus);
    if (q->constraint)
        hec__strbuf_addf(&s->out, ":%s", q->constraint);
    hec__strbuf_addc(&s->out, '\n');
    hec__directive(s, "-l mem=%" PRIu64 "mb", hec__mebibytes(q->memory) * q->nodes);
    return rest(s, err);
}
