/* SPDX-License-Identifier: MIT
 *
 * Directives of Slurm; and what those of all schedulers are made of.
 */
#include "batch/complete.h"
#include "batch/script.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void hec__directive(hec__script *s, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hec__strbuf_addf(&s->out, "%s %s\n", hec__scheduler_prefix(s->site->scheduler), text);
}

int hec__directive_raw(hec__script *s, hec_error *err)
{
    const char *prefix = hec__scheduler_prefix(s->site->scheduler);

    for (size_t i = 0; i < s->q->raw.n; i++) {
        const char *line = s->q->raw.all[i];

        if (*line == '-' && prefix)
            hec__directive(s, "%s", line);
        else if (!prefix || strncmp(line, prefix, strlen(prefix)) == 0)
            hec__strbuf_addf(&s->out, "%s%s\n", *line == '-' ? "# " : "", line);
        else
            return hec__fail(err, HEC_EINVAL, 0,
                             "raw: '%.60s' is no directive of %s, whose lines begin with %s", line,
                             hec__scheduler_name(s->site->scheduler), prefix);
    }
    return 0;
}

int hec__output_path(hec__script *s, const char *path, const char *job, const char *index,
                     hec__strbuf *out, hec_error *err)
{
    HEC_AUTO_STR early = NULL;

    if (!s->own_outputs)
        return hec__output_name(s, path, job, index, out, err);
    /* What is printed before the script begins. */
    if (asprintf(&early, "%s/early", s->q->run.dir) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    return hec__output_name(s, early, job, index, out, err);
}

int hec__output_name(hec__script *s, const char *path, const char *job, const char *index,
                     hec__strbuf *out, hec_error *err)
{
    const struct {
        const char *token, *value;
    } tokens[] = {{"{job}", job}, {"{index}", index}, {"{name}", s->q->name}};
    bool quoted = strchr(path, ' ') != NULL;

    if (quoted)
        hec__strbuf_addc(out, '"');
    for (const char *p = path; *p;) {
        size_t i = 0;

        while (i < 3 && strncmp(p, tokens[i].token, strlen(tokens[i].token)) != 0)
            i++;
        if (i == 3) {
            hec__strbuf_addc(out, *p++);
            continue;
        }
        if (!tokens[i].value)
            return hec__fail(err, HEC_EINVAL, 0,
                             "output: %s cannot put %s into the name of a file; name a folder, or "
                             "write it without",
                             hec__scheduler_name(s->site->scheduler), tokens[i].token);
        hec__strbuf_adds(out, tokens[i].value);
        p += strlen(tokens[i].token);
    }
    if (quoted)
        hec__strbuf_addc(out, '"');
    return 0;
}

char *hec__clock(uint64_t seconds, char *buf, size_t size)
{
    snprintf(buf, size, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
             seconds % 3600 / 60, seconds % 60);
    return buf;
}

/* ---- Slurm ---- */

/* Whether a constraint can stand in a directive as it is. */
static bool is_bare(const char *s)
{
    while (isalnum((unsigned char)*s) || (*s && strchr("._=-:", *s)))
        s++;
    return !*s;
}

/* The features that are asked for, and the type of GPU where that is one. */
static int slurm_constraint(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    const char *type = q->gpus && s->site->gpu_type_is_constraint ? q->gpu_type : NULL;

    if (type && q->constraint && strpbrk(q->constraint, "[|"))
        return hec__fail(err, HEC_EINVAL, 0,
                         "gpus: the type '%.40s' is a constraint here, and does not go together "
                         "with '%.80s'; write both into --constraint",
                         type, q->constraint);
    if (type && q->constraint)
        hec__directive(s, "--constraint=\"%s&%s\"", type, q->constraint);
    else if (type)
        hec__directive(s, "--constraint=%s", type);
    else if (q->constraint && is_bare(q->constraint))
        hec__directive(s, "--constraint=%s", q->constraint);
    else if (q->constraint)
        hec__directive(s, "--constraint=\"%s\"", q->constraint);
    return 0;
}

static void slurm_gpus(hec__script *s)
{
    const hec_request *q = s->q;
    bool gres = !s->site->gpu_option || strcmp(s->site->gpu_option, "gres") == 0;
    const char *type = s->site->gpu_type_is_constraint ? NULL : q->gpu_type;

    if (q->gpus && !(s->site->gpu_option && strcmp(s->site->gpu_option, "none") == 0))
        hec__directive(s, "--%s=%s%s%s%" PRIu32, gres ? "gres" : s->site->gpu_option,
                       gres ? "gpu:" : "", type ? type : "", type ? ":" : "", q->gpus);
}

static void slurm_size(hec__script *s)
{
    const hec_request *q = s->q;
    uint64_t days = q->time_s / 86400;
    bool mpi = q->launch == HEC__LAUNCH_MPI;
    char clock[32];

    hec__directive(s, "--nodes=%" PRIu32, q->nodes);
    hec__directive(s, "--ntasks-per-node=%" PRIu32, mpi ? q->cpus : 1);
    hec__directive(s, "--cpus-per-task=%" PRIu32, mpi ? 1 : q->cpus);
    if (q->memory == HEC__MEMORY_ALL)
        hec__directive(s, "--mem=0"); /* all that the node has */
    else
        hec__directive(s, "--mem=%" PRIu64 "M", hec__mebibytes(q->memory));
    hec__clock(q->time_s % 86400, clock, sizeof clock);
    if (days)
        hec__directive(s, "--time=%" PRIu64 "-%s", days, clock);
    else
        hec__directive(s, "--time=%s", clock);
    slurm_gpus(s);
    if (q->exclusive)
        hec__directive(s, "--exclusive");
}

static void slurm_array(hec__script *s)
{
    if (!s->q->n_ranges)
        return;
    hec__strbuf_adds(&s->out, "#SBATCH --array=");
    hec__array_spec(s, true);
    hec__strbuf_addc(&s->out, '\n');
}

static void slurm_after(hec__script *s)
{
    static const char *const hows[] = {"afterok", "afternotok", "afterany"};
    const hec_request *q = s->q;

    if (!q->n_after)
        return;
    hec__strbuf_adds(&s->out, "#SBATCH --dependency=");
    for (size_t i = 0; i < q->n_after; i++)
        hec__strbuf_addf(&s->out, "%s%s:%s", i ? "," : "", hows[q->after[i].how], q->after[i].job);
    hec__strbuf_addc(&s->out, '\n');
    /* Otherwise a job whose time can never come stays in the queue for ever. */
    hec__directive(s, "--kill-on-invalid-dep=yes");
}

static void slurm_mail(hec__script *s)
{
    const hec_request *q = s->q;
    bool begin = q->mail_on & HEC__MAIL_BEGIN, end = q->mail_on & HEC__MAIL_END;

    if (!q->mail_to)
        return;
    hec__directive(s, "--mail-type=%s%s%s%s%s", begin ? "BEGIN" : "",
                   begin && q->mail_on != HEC__MAIL_BEGIN ? "," : "", end ? "END" : "",
                   end && (q->mail_on & HEC__MAIL_FAIL) ? "," : "",
                   q->mail_on & HEC__MAIL_FAIL ? "FAIL" : "");
    hec__directive(s, "--mail-user=%s", q->mail_to);
}

static int slurm_output(hec__script *s, const char *option, const char *path, hec_error *err)
{
    int r;

    if (!path)
        return 0;
    hec__strbuf_addf(&s->out, "#SBATCH --%s=", option);
    r = hec__output_path(s, path, s->q->n_ranges ? "%A" : "%j", "%a", &s->out, err);
    hec__strbuf_addc(&s->out, '\n');
    return r;
}

static void slurm_name(hec__script *s, const char *option, const char *value)
{
    if (value)
        hec__directive(s, strchr(value, ' ') ? "--%s=\"%s\"" : "--%s=%s", option, value);
}

int hec__directives_slurm(hec__script *s, hec_error *err)
{
    const hec_request *q = s->q;
    int r;

    slurm_name(s, "job-name", q->name);
    slurm_name(s, "clusters", s->site->cluster);
    slurm_name(s, "partition", q->partition);
    slurm_name(s, "qos", q->qos);
    slurm_name(s, "account", q->account);
    slurm_size(s);
    r = slurm_constraint(s, err);
    slurm_array(s);
    slurm_after(s);
    slurm_mail(s);
    if (r == 0)
        r = slurm_output(s, "output", q->output, err);
    if (r == 0)
        r = slurm_output(s, "error", q->error, err);
    slurm_name(s, "chdir", q->workdir);
    if (q->warn_s)
        hec__directive(s, "--signal=B:USR1@%" PRIu64, q->warn_s);
    if (q->requeue) {
        hec__directive(s, "--requeue");
        hec__directive(s, "--open-mode=append");
    }
    return r;
}
