/* SPDX-License-Identifier: MIT
 *
 * Slurm. Asked in text with separators, which every version has alike; its JSON differs between
 * versions. squeue keeps what has ended for some minutes, but not how: that is sacct's to say, and
 * where there is no accounting scontrol's, as long as it remembers.
 */
#include "batch/adapter.h"
#include "batch/read.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

/* What would change the form of answers; times are asked for as numbers, which know no zone. */
static const char *const plain[] = {
    "LC_ALL=C",
    "SLURM_TIME_FORMAT=%s",
    "SLURM_BITSTR_LEN=0",
    "SQUEUE_ALL",
    "SQUEUE_ARRAY",
    "SQUEUE_FORMAT",
    "SQUEUE_FORMAT2",
    "SQUEUE_LICENSES",
    "SQUEUE_LOCAL",
    "SQUEUE_NAMES",
    "SQUEUE_PARTITION",
    "SQUEUE_PRIORITY",
    "SQUEUE_QOS",
    "SQUEUE_SIBLING",
    "SQUEUE_SORT",
    "SQUEUE_STATES",
    "SQUEUE_USERS",
    "SQUEUE_ACCOUNT",
    "SQUEUE_FEDERATION",
    "SACCT_FORMAT",
    "SACCT_FEDERATION",
    "SACCT_LOCAL",
    NULL,
};

/* ---- states ---- */

static const struct {
    const char *word;
    int state;
    bool stuck;
} states[] = {
    {"PENDING", HEC_JOB_WAITING, false},
    {"CONFIGURING", HEC_JOB_RUNNING, false},
    {"RUNNING", HEC_JOB_RUNNING, false},
    {"COMPLETING", HEC_JOB_RUNNING, false},
    {"COMPLETED", HEC_JOB_DONE, false},
    {"FAILED", HEC_JOB_FAILED, false},
    {"TIMEOUT", HEC_JOB_TIMED_OUT, false},
    {"CANCELLED", HEC_JOB_CANCELLED, false},
    {"OUT_OF_MEMORY", HEC_JOB_OUT_OF_MEMORY, false},
    {"NODE_FAIL", HEC_JOB_NODE_FAILURE, false},
    {"PREEMPTED", HEC_JOB_CANCELLED, false},
    {"BOOT_FAIL", HEC_JOB_NODE_FAILURE, false},
    {"LAUNCH_FAILED", HEC_JOB_NODE_FAILURE, false},
    {"RECONFIG_FAIL", HEC_JOB_NODE_FAILURE, false},
    {"DEADLINE", HEC_JOB_TIMED_OUT, false},
    {"REVOKED", HEC_JOB_CANCELLED, false},
    {"REQUEUED", HEC_JOB_WAITING, false},
    {"REQUEUE_FED", HEC_JOB_WAITING, false},
    {"REQUEUE_HOLD", HEC_JOB_WAITING, true},
    {"RESV_DEL_HOLD", HEC_JOB_WAITING, true},
    {"SPECIAL_EXIT", HEC_JOB_WAITING, true},
    {"EXPEDITING", HEC_JOB_WAITING, false},
    {"POWER_UP_NODE", HEC_JOB_RUNNING, false},
    {"UPDATE_DB", HEC_JOB_RUNNING, false},
    {"RESIZING", HEC_JOB_RUNNING, false},
    {"SIGNALING", HEC_JOB_RUNNING, false},
    {"STAGE_OUT", HEC_JOB_RUNNING, false},
    {"STOPPED", HEC_JOB_RUNNING, false},
    {"SUSPENDED", HEC_JOB_RUNNING, false},
};

/* Why a job waits that will not run by itself. */
static const char *const sticking[] = {
    "DependencyNeverSatisfied",
    "JobHeld",
    "BadConstraints",
    "PartitionTimeLimit",
    "PartitionNodeLimit",
    "AccountNotAllowed",
    "QOSNotAllowed",
    "InvalidAccount",
    "InvalidQOS",
    "JobHoldMaxRequeue",
    "launch failed",
    "PerJob",
};

/* "CANCELLED by 1001" is CANCELLED; a '+' follows a word that was cut. */
static void set_state(hec_jobs *jobs, hec_job *job, hec__slice word)
{
    hec__slice first = {word.s, 0};

    while (first.n < word.n && word.s[first.n] != ' ' && word.s[first.n] != '+')
        first.n++;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (hec__slice_is(first, states[i].word)) {
            job->state = states[i].state;
            job->stuck = states[i].stuck;
            job->word = hec__jobs_text(jobs, first);
        }
}

static void set_reason(hec_jobs *jobs, hec_job *job, hec__slice reason)
{
    if (hec__slice_is(reason, "None") || hec__slice_is(reason, "(null)") ||
        job->state == HEC_JOB_DONE)
        return;
    job->reason = hec__jobs_text(jobs, reason);
    if (job->state != HEC_JOB_WAITING)
        return;
    for (size_t i = 0; i < sizeof sticking / sizeof *sticking; i++)
        if (hec__read_has(reason, sticking[i]))
            job->stuck = 1;
}

/* "1:0", "0:9". For out of memory, Slurm says 0:125, which is no signal; for what it has ended
 * itself often 0:0, which is no success. */
static void set_exit(hec_job *job, hec__slice code)
{
    hec__slice status, sig;
    int64_t signal;

    if (!hec_job_state_ended(job->state) || !hec__read_field(&code, ':', &status) ||
        hec__read_number(status) < 0)
        return;
    job->exit_code = -1;
    job->signal = 0;
    signal = hec__read_field(&code, ':', &sig) ? hec__read_number(sig) : 0;
    if (signal > 0 && signal < 65)
        job->signal = (int32_t)signal;
    else if (signal <= 0 && (job->state == HEC_JOB_DONE || job->state == HEC_JOB_FAILED))
        job->exit_code = (int32_t)(hec__read_number(status) & 0xff);
}

static void set_nodes(hec_jobs *jobs, hec_job *job, hec__slice nodes)
{
    if (!hec__slice_is(nodes, "None assigned") && !hec__slice_is(nodes, "(null)"))
        job->nodes = hec__jobs_text(jobs, nodes);
}

/* A job that waits has a time when it may start, and one that runs has one when it must end. */
static void set_times(hec_job *job, hec__slice submit, hec__slice start, hec__slice end)
{
    job->submitted = hec__read_time(submit);
    if (job->state == HEC_JOB_WAITING)
        job->expected = hec__read_time(start);
    else
        job->started = hec__read_time(start);
    if (hec_job_state_ended(job->state))
        job->ended = hec__read_time(end);
}

/* ---- commands ---- */

static void begin(hec__call *c, const hec_site *site, const char *program)
{
    hec__call_add(c, program);
    if (site->cluster)
        hec__call_addf(c, "--clusters=%s", site->cluster);
}

static void submit(hec__call *c, const hec_site *site, const char *script)
{
    begin(c, site, "sbatch");
    hec__call_add(c, "--parsable");
    hec__call_add(c, script);
}

/* "123", or "123;cluster": the last line of those that there are. */
static size_t submitted(const char *out, const char **ret_id)
{
    return hec__last_number(out, ';', ret_id);
}

static void query(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    begin(c, site, "squeue");
    hec__call_add(c, "--noheader");
    hec__call_add(c, "--array");
    hec__call_add(c, "--states=all");
    hec__call_list(c, "--jobs=", ids, n);
    hec__call_add(c, "--format=%F|%K|%T|%V|%S|%e|%C|%N|%r");
    c->changes = plain;
}

static void history(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    begin(c, site, "sacct");
    hec__call_add(c, "--noheader");
    hec__call_add(c, "--parsable2");
    hec__call_add(c, "--noconvert");
    hec__call_list(c, "--jobs=", ids, n);
    hec__call_add(c, "--format=JobID,State,ExitCode,Submit,Start,End,AllocCPUS,NodeList,MaxRSS,"
                     "TotalCPU,AllocTRES,TRESUsageInAve");
    c->changes = plain;
}

static void detail(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    begin(c, site, "scontrol");
    hec__call_add(c, "--oneliner");
    hec__call_add(c, "show");
    hec__call_add(c, "job");
    hec__call_list(c, "", ids, n);
    c->changes = plain;
}

static bool wants_detail(const hec_job *job)
{
    return hec__job_is_open(job);
}

static void add_refs(hec__call *c, const hec_job_ref *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (jobs[i].index >= 0)
            hec__call_addf(c, "%s_%" PRId64, jobs[i].id, jobs[i].index);
        else
            hec__call_add(c, jobs[i].id);
}

static void cancel(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    begin(c, site, "scancel");
    add_refs(c, jobs, n);
}

static void control(hec__call *c, const hec_site *site, const char *what, const hec_job_ref *jobs,
                    size_t n)
{
    begin(c, site, "scontrol");
    hec__call_add(c, what);
    add_refs(c, jobs, n);
}

static void hold(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    control(c, site, "hold", jobs, n);
}

static void release(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    control(c, site, "release", jobs, n);
}

/* ---- answers ---- */

/* Splits a line into exactly n fields; the last may have separators in it. */
static bool split(hec__slice line, hec__slice *fields, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (!hec__read_field(&line, '|', &fields[i]))
            return false;
    fields[n - 1] = line;
    return line.s != NULL;
}

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for what Slurm says of a job");
}

static int read_queue(hec_jobs *jobs, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, f[9];

    while (hec__read_line(&rest, &line)) {
        hec_job *job;

        if (!split(line, f, 9) || hec__read_number(f[0]) < 0)
            continue;
        job = hec__jobs_of(jobs, hec__read_trim(f[0]), hec__read_number(f[1]));
        if (!job)
            return no_memory(err);
        set_state(jobs, job, f[2]);
        set_times(job, f[3], f[4], f[5]);
        job->cpus = hec__read_number(f[6]) > 0 ? (uint32_t)hec__read_number(f[6]) : 0;
        set_nodes(jobs, job, f[7]);
        set_reason(jobs, job, f[8]);
    }
    return 0;
}

/* "123", "123_4", "123_4.batch", "123.0". *ret_step: it is a step. False: another form, as
 * "123_[5-10]", of elements that still wait. */
static bool read_id(hec__slice s, hec__slice *ret_id, int64_t *ret_index, bool *ret_step)
{
    hec__slice job, number;

    *ret_step = s.n && memchr(s.s, '.', s.n);
    if (!hec__read_field(&s, '.', &job) || !hec__read_field(&job, '_', ret_id) ||
        hec__read_number(*ret_id) < 0)
        return false;
    *ret_index = -1;
    if (!hec__read_field(&job, '_', &number))
        return true;
    *ret_index = hec__read_number(number);
    return *ret_index >= 0;
}

/* The value of NAME in "cpu=2,mem=50M,gres/gpu=1"; empty where it is not in it. */
static hec__slice tres_of(hec__slice list, const char *name)
{
    size_t n = strlen(name);
    hec__slice one, none = {NULL, 0};

    while (hec__read_field(&list, ',', &one))
        if (one.n > n && hec__slice_starts(one, name) && one.s[n] == '=')
            return (hec__slice){one.s + n + 1, one.n - n - 1};
    return none;
}

/* What a step, or the job itself, says of GPUs, where the cluster counts them. */
static void add_gpus(hec_job *job, hec__slice allocated, hec__slice used)
{
    int64_t gpus = hec__read_number(tres_of(allocated, "gres/gpu"));
    int64_t percent = hec__read_number(tres_of(used, "gres/gpuutil"));
    uint64_t memory = hec__read_bytes(tres_of(used, "gres/gpumem"), 1);

    if (gpus > 0 && gpus <= INT32_MAX)
        job->gpus = (uint32_t)gpus;
    if (percent >= 0 && (double)percent > job->gpu_percent)
        job->gpu_percent = (double)percent;
    if (memory > job->gpu_memory)
        job->gpu_memory = memory;
}

/* A step adds to what its job has used. */
static void add_step(hec_job *job, const hec__slice *f)
{
    uint64_t memory = hec__read_bytes(f[8], 1);

    if (memory > job->memory)
        job->memory = memory;
}

static int read_accounting(hec_jobs *jobs, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, f[10], id;

    while (hec__read_line(&rest, &line)) {
        hec__slice rest_of, allocated, used;
        int64_t index;
        bool step;
        hec_job *job;

        if (!split(line, f, 10) || !read_id(f[0], &id, &index, &step))
            continue;
        job = hec__jobs_of(jobs, id, index);
        if (!job)
            return no_memory(err);
        rest_of = f[9];
        f[9] = allocated = used = (hec__slice){NULL, 0};
        (void)(hec__read_field(&rest_of, '|', &f[9]) &&
               hec__read_field(&rest_of, '|', &allocated) && hec__read_field(&rest_of, '|', &used));
        add_step(job, f);
        add_gpus(job, allocated, used);
        if (step)
            continue;
        set_state(jobs, job, f[1]);
        set_exit(job, f[2]);
        set_times(job, f[3], f[4], f[5]);
        job->cpus = hec__read_number(f[6]) > 0 ? (uint32_t)hec__read_number(f[6]) : 0;
        set_nodes(jobs, job, f[7]);
        job->cpu_s = hec__read_seconds(f[9]);
    }
    return 0;
}

/* The value of " KEY=" in a line of scontrol; up to the next blank. */
static hec__slice value_of(hec__slice line, const char *key)
{
    const char *found = line.n ? memmem(line.s, line.n, key, strlen(key)) : NULL;
    hec__slice value = {found ? found + strlen(key) : NULL, 0};

    while (found && value.s + value.n < line.s + line.n && value.s[value.n] != ' ')
        value.n++;
    return value;
}

/* The user's own texts, as the job's name, stand before this one, or after all that is read. */
static hec__slice after_user(hec__slice line)
{
    const char *found = line.n ? memmem(line.s, line.n, " UserId=", 8) : NULL;

    if (found) {
        line.n -= (size_t)(found - line.s);
        line.s = found;
    }
    return line;
}

static int read_shown(hec_jobs *jobs, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line;

    while (hec__read_line(&rest, &line)) {
        hec__slice head = line, id, index, body;
        hec_job *job;

        if (!hec__slice_starts(line, "JobId="))
            continue;
        body = after_user(line);
        head.n -= body.n;
        id = value_of(head, " ArrayJobId=");
        index = value_of(head, " ArrayTaskId=");
        if (!id.s)
            id = value_of(head, "JobId=");
        if (hec__read_number(id) < 0)
            continue;
        job = hec__jobs_of(jobs, id, hec__read_number(index));
        if (!job)
            return no_memory(err);
        set_state(jobs, job, value_of(body, " JobState="));
        set_exit(job, value_of(body, " ExitCode="));
        set_times(job, value_of(body, " SubmitTime="), value_of(body, " StartTime="),
                  value_of(body, " EndTime="));
        set_nodes(jobs, job, value_of(body, " NodeList="));
        set_reason(jobs, job, value_of(body, " Reason="));
    }
    return 0;
}

const hec__adapter hec__slurm_adapter = {
    .submit = submit,
    .submitted = submitted,
    .query = query,
    .read_query = read_queue,
    .history = history,
    .read_history = read_accounting,
    .history_each = 1000,
    .forgets_elements = true,
    .detail = detail,
    .read_detail = read_shown,
    .detail_each = 1,
    .wants_detail = wants_detail,
    .cancel = cancel,
    .hold = hold,
    .release = release,
    .control_each = 1000,
    .gone = "Invalid job id\0"
            "already completing\0"
            "already completed\0"
            "Job/step already completing or completed\0",
    .unreachable = "Unable to contact\0"
                   "Unable to establish\0"
                   "Could not establish a configuration source\0"
                   "Connection refused\0"
                   "Socket timed out\0",
};
