/* SPDX-License-Identifier: MIT
 *
 * Directives of LSF. It has slots, which are laid out by a resource requirement; sizes always say
 * their unit, since what a number alone means is the site's choice.
 */
#include "batch/script.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

static uint64_t minutes(uint64_t seconds)
{
    return (seconds + 59) / 60;
}

static void name(hec__script *s)
{
    const hec_request *q = s->q;

    if (!q->n_ranges) {
        hec__directive(s, "-J %s", q->name);
        return;
    }
    hec__strbuf_addf(&s->out, "#BSUB -J \"%s[", q->name);
    hec__array_spec(s, false);
    hec__strbuf_addc(&s->out, ']');
    if (s->part.throttle)
        hec__strbuf_addf(&s->out, "%%%" PRIu32, s->part.throttle);
    hec__strbuf_adds(&s->out, "\"\n");
}

static void size(hec__script *s)
{
    const hec_request *q = s->q;
    uint64_t limit = minutes(q->time_s), node = hec__mebibytes(q->memory);
    uint64_t reserved = s->site->memory_per_slot ? (node + q->cpus - 1) / q->cpus : node;

    hec__directive(s, "-n %" PRIu64, (uint64_t)q->nodes * q->cpus);
    if (q->nodes > 1)
        hec__directive(s, "-R \"span[ptile=%" PRIu32 "]\"", q->cpus);
    else
        hec__directive(s, "-R \"span[hosts=1]\"");
    hec__directive(s, "-R \"rusage[mem=%" PRIu64 "M]\"", reserved);
    hec__directive(s, "-M %" PRIu64 "M", node);
    hec__directive(s, "-W %" PRIu64 ":%02" PRIu64, limit / 60, limit % 60);
    if (q->gpus)
        hec__directive(s, "-gpu \"num=%" PRIu32 "%s%s\"", q->gpus, q->gpu_type ? ":gmodel=" : "",
                       q->gpu_type ? q->gpu_type : "");
    if (q->constraint)
        hec__directive(s, "-R \"select[%s]\"", q->constraint);
    if (q->exclusive)
        hec__directive(s, "-x");
}

static void when(hec__script *s)
{
    static const char *const hows[] = {"done", "exit", "ended"};
    const hec_request *q = s->q;

    for (size_t i = 0; i < q->n_after; i++)
        hec__strbuf_addf(&s->out, "%s%s(%s)", i ? " && " : "#BSUB -w \"", hows[q->after[i].how],
                         q->after[i].job);
    if (q->n_after)
        hec__strbuf_adds(&s->out, "\"\n");
    if (q->mail_to) {
        if (q->mail_on & HEC__MAIL_BEGIN)
            hec__directive(s, "-B");
        if (q->mail_on & ~(unsigned)HEC__MAIL_BEGIN)
            hec__directive(s, "-N");
        hec__directive(s, "-u %s", q->mail_to);
    }
    if (q->warn_s) {
        uint64_t before = minutes(q->warn_s);

        hec__directive(s, "-wa USR1");
        hec__directive(s, "-wt %" PRIu64 ":%02" PRIu64, before / 60, before % 60);
    }
}

static int output(hec__script *s, const char *option, const char *path, hec_error *err)
{
    int r;

    if (!path)
        return 0;
    hec__strbuf_addf(&s->out, "#BSUB %s ", option);
    r = hec__output_path(s, path, "%J", "%I", &s->out, err);
    hec__strbuf_addc(&s->out, '\n');
    return r;
}

int hec__directives_lsf(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    /* Without one the output is sent by mail. */
    const char *out = q->output     ? q->output
                      : q->n_ranges ? "{name}.{job}.{index}.out"
                                    : "{name}.{job}.out";
    int r;

    if (q->qos)
        return hec__fail(err, HEC_EINVAL, 0, "qos: LSF has none; use --queue or --raw");
    name(s);
    if (q->partition)
        hec__directive(s, "-q %s", q->partition);
    if (q->account)
        hec__directive(s, "-P %s", q->account);
    size(s);
    when(s);
    r = output(s, "-o", out, err);
    if (r == 0)
        r = output(s, "-e", q->error, err);
    if (s->site->login_shell)
        hec__directive(s, "-L /bin/bash");
    if (q->workdir)
        hec__directive(s, strchr(q->workdir, ' ') ? "-cwd \"%s\"" : "-cwd %s", q->workdir);
    return r;
}
