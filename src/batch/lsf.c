/* SPDX-License-Identifier: MIT
 *
 * LSF, as its documentation has it; none was at hand. Asked in text with separators, which it has
 * had longer than JSON. Its times have no year.
 */
#include "batch/adapter.h"
#include "batch/read.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char *const plain[] = {
    "LC_ALL=C",
    "LSB_BJOBS_FORMAT",
    "LSB_DISPLAY_YEAR=N",
    "LSB_BJOBS_DISPLAY_ENH",
    "LSB_SUPPRESS_CUSTOM_ATTRIBUTES",
    NULL,
};

/* ---- commands ---- */

/* As its standard input: a script that is an argument is not read for directives everywhere. */
static void submit(hec__call *c, const hec_site *site, const char *script)
{
    (void)site;
    hec__call_add(c, "bsub");
    c->input = hec__arena_copy(c->arena, script, strlen(script));
    c->failed = c->failed || !c->input;
}

/* "Job <123> is submitted to queue <normal>." */
static size_t submitted(const char *out, const char **ret_id)
{
    static const char begin[] = "Job <";
    const char *at = strstr(out, begin);

    while (at) {
        size_t n = strspn(at + strlen(begin), "0123456789");

        if (n && strncmp(at + strlen(begin) + n, "> is submitted", 14) == 0) {
            *ret_id = at + strlen(begin);
            return n;
        }
        at = strstr(at + 1, begin);
    }
    return 0;
}

/* What others write into, the reasons, comes last. */
static void query(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    (void)site;
    hec__call_add(c, "bjobs");
    hec__call_add(c, "-a");
    hec__call_add(c, "-noheader");
    hec__call_add(c, "-o");
    hec__call_add(c, "jobid jobindex stat exit_code submit_time start_time finish_time slots "
                     "exec_host max_mem cpu_used exit_reason pend_reason delimiter='^'");
    for (size_t i = 0; i < n; i++)
        hec__call_add(c, ids[i]);
    c->changes = plain;
}

static void control(hec__call *c, const char *program, const hec_job_ref *jobs, size_t n)
{
    hec__call_add(c, program);
    for (size_t i = 0; i < n; i++)
        if (jobs[i].index >= 0)
            hec__call_addf(c, "%s[%" PRId64 "]", jobs[i].id, jobs[i].index);
        else
            hec__call_add(c, jobs[i].id);
}

static void cancel(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    control(c, "bkill", jobs, n);
}

static void hold(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    control(c, "bstop", jobs, n);
}

static void release(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    control(c, "bresume", jobs, n);
}

/* ---- answers ---- */

enum field {
    ID,
    INDEX,
    STAT,
    EXIT,
    SUBMIT,
    START,
    FINISH,
    SLOTS,
    HOST,
    MEM,
    CPU,
    WHY,
    PEND,
    FIELDS
};

static const struct {
    const char *word;
    int state;
    bool stuck;
} states[] = {
    {"PEND", HEC_JOB_WAITING, false},       {"PROV", HEC_JOB_WAITING, false},
    {"PSUSP", HEC_JOB_WAITING, true},       {"WAIT", HEC_JOB_WAITING, false},
    {"RUN", HEC_JOB_RUNNING, false},        {"USUSP", HEC_JOB_RUNNING, false},
    {"SSUSP", HEC_JOB_RUNNING, false},      {"UNKWN", HEC_JOB_RUNNING, false},
    {"DONE", HEC_JOB_DONE, false},          {"EXIT", HEC_JOB_FAILED, false},
    {"ZOMBI", HEC_JOB_NODE_FAILURE, false},
};

/* Words in the reason of an end. */
static const struct {
    const char *word;
    int state;
} ends[] = {
    {"TERM_RUNLIMIT", HEC_JOB_TIMED_OUT},
    {"TERM_CPULIMIT", HEC_JOB_TIMED_OUT},
    {"TERM_DEADLINE", HEC_JOB_TIMED_OUT},
    {"TERM_WINDOW", HEC_JOB_TIMED_OUT},
    {"TERM_MEMLIMIT", HEC_JOB_OUT_OF_MEMORY},
    {"TERM_SWAP", HEC_JOB_OUT_OF_MEMORY},
    {"TERM_OWNER", HEC_JOB_CANCELLED},
    {"TERM_ADMIN", HEC_JOB_CANCELLED},
    {"TERM_FORCE_OWNER", HEC_JOB_CANCELLED},
    {"TERM_FORCE_ADMIN", HEC_JOB_CANCELLED},
    {"TERM_BUCKET_KILL", HEC_JOB_CANCELLED},
    {"TERM_PREEMPT", HEC_JOB_CANCELLED},
    {"TERM_ORPHAN_SYSTEM", HEC_JOB_CANCELLED},
    {"TERM_ZOMBIE", HEC_JOB_NODE_FAILURE},
    {"TERM_REMOVE_HUNG_JOB", HEC_JOB_NODE_FAILURE},
};

static bool is_none(hec__slice s)
{
    return !s.n || hec__slice_is(s, "-");
}

static void conclude(hec_job *job, const hec__slice *f)
{
    int64_t code = hec__read_number(f[EXIT]);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (hec__read_has(f[WHY], ends[i].word))
            job->state = ends[i].state;
    if (job->state == HEC_JOB_DONE)
        job->exit_code = 0;
    else if (code > 128 && code < 128 + 65)
        job->signal = (int32_t)(code - 128);
    else if (code >= 0)
        job->exit_code = (int32_t)(code & 0xff);
}

static int add_job(hec_jobs *jobs, const hec__slice *f, int64_t now, hec_error *err)
{
    int64_t index = hec__read_number(f[INDEX]), slots = hec__read_number(f[SLOTS]);
    hec__slice cpu = f[CPU], number; /* "0.5 second(s)" */
    hec_job *job = hec__jobs_of(jobs, f[ID], index > 0 ? index : -1);

    if (!job)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for what LSF says of a job");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (hec__slice_is(f[STAT], states[i].word)) {
            job->state = states[i].state;
            job->stuck = states[i].stuck;
        }
    job->word = hec__jobs_text(jobs, f[STAT]);
    job->submitted = hec__read_recent(f[SUBMIT], now);
    job->cpus = slots > 0 && slots < UINT32_MAX ? (uint32_t)slots : 0;
    job->nodes = is_none(f[HOST]) ? NULL : hec__jobs_text(jobs, f[HOST]);
    job->memory = is_none(f[MEM]) ? 0 : hec__read_bytes(f[MEM], 1);
    job->cpu_s = hec__slice_word(&cpu, &number) ? hec__read_seconds(number) : -1;
    if (job->state == HEC_JOB_WAITING) {
        job->reason = is_none(f[PEND]) ? NULL : hec__jobs_text(jobs, f[PEND]);
        return 0;
    }
    job->started = hec__read_recent(f[START], now);
    job->reason = is_none(f[WHY]) ? NULL : hec__jobs_text(jobs, f[WHY]);
    if (hec_job_state_ended(job->state)) {
        job->ended = hec__read_recent(f[FINISH], now);
        conclude(job, f);
    }
    return 0;
}

static int read_jobs(hec_jobs *jobs, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, f[FIELDS];
    int64_t now = (int64_t)time(NULL);

    while (hec__read_line(&rest, &line)) {
        bool whole = true;
        int r;

        for (int i = 0; i < FIELDS && whole; i++) {
            whole = hec__read_field(&line, '^', &f[i]);
            f[i] = whole ? hec__read_trim(f[i]) : f[i];
        }
        if (!whole || hec__read_number(f[ID]) < 0)
            continue;
        r = add_job(jobs, f, now, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool wants_nothing(const hec_job *job)
{
    (void)job;
    return false;
}

const hec__adapter hec__lsf_adapter = {
    .submit = submit,
    .submitted = submitted,
    .query = query,
    .read_query = read_jobs,
    .wants_detail = wants_nothing,
    .cancel = cancel,
    .hold = hold,
    .release = release,
    .control_each = 100,
    .gone = "is not found\0"
            "No matching job\0"
            "Job has already finished\0"
            "No unfinished job\0",
    .unreachable = "Cannot connect to LSF\0"
                   "LSF is down\0"
                   "batch system daemon not responding\0",
};
