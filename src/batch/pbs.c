/* SPDX-License-Identifier: MIT
 *
 * OpenPBS (PBS Pro) and Torque. Asked for the full text, which both have had for ever: OpenPBS's
 * JSON is not always valid, and one version shows only the first of several jobs in it. What has
 * ended is told by OpenPBS where its history is on, and by Torque for some minutes.
 *
 * The same negative Exit_status means different things to the two.
 */
#include "batch/adapter.h"
#include "batch/read.h"

#include "base/error.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <string.h>

static const char *const plain[] = {"LC_ALL=C", "PBS_DPREFIX", NULL};

/* ---- commands ---- */

static void submit(hec__call *c, const hec_site *site, const char *script)
{
    (void)site;
    hec__call_add(c, "qsub");
    hec__call_add(c, script);
}

/* "123.server", "123[].server": the last line of those that there are. */
static size_t submitted(const char *out, const char **ret_id)
{
    hec__slice rest = hec__slice_of(out), line;
    size_t found = 0;

    while (hec__read_line(&rest, &line)) {
        line = hec__read_trim(line);
        if (line.n && *line.s >= '0' && *line.s <= '9' && !memchr(line.s, ' ', line.n)) {
            *ret_id = line.s;
            found = line.n;
        }
    }
    return found;
}

static void ask(hec__call *c, const char *const *options, const char *const *ids, size_t n)
{
    hec__call_add(c, "qstat");
    for (; *options; options++)
        hec__call_add(c, *options);
    for (size_t i = 0; i < n; i++)
        hec__call_add(c, ids[i]);
    c->changes = plain;
}

static void query(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    static const char *const options[] = {"-t", "-f", NULL};

    (void)site;
    ask(c, options, ids, n);
}

static void history(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    static const char *const options[] = {"-x", "-t", "-f", NULL};

    (void)site;
    ask(c, options, ids, n);
}

/* "12[].server" and 7 are "12[7].server". */
static void control(hec__call *c, const char *program, const hec_job_ref *jobs, size_t n)
{
    hec__call_add(c, program);
    for (size_t i = 0; i < n; i++) {
        const char *open = strchr(jobs[i].id, '['), *close = open ? strchr(open, ']') : NULL;

        if (jobs[i].index >= 0 && close)
            hec__call_addf(c, "%.*s[%" PRId64 "%s", (int)(open - jobs[i].id), jobs[i].id,
                           jobs[i].index, close);
        else
            hec__call_add(c, jobs[i].id);
    }
}

static void cancel(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    control(c, "qdel", jobs, n);
}

static void hold(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    control(c, "qhold", jobs, n);
}

static void release(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    control(c, "qrls", jobs, n);
}

/* ---- one job's attributes ---- */

/* What decides how it ended; the values are pieces of what was read. */
typedef struct facts {
    hec__slice state, substate, holds, comment, exit, hosts;
    hec__slice submitted, started, ended, changed, limit, used, memory, cpu, cpus;
} facts;

static const struct {
    const char *name;
    size_t at;
} attributes[] = {
    {"job_state", offsetof(facts, state)},
    {"substate", offsetof(facts, substate)},
    {"Hold_Types", offsetof(facts, holds)},
    {"comment", offsetof(facts, comment)},
    {"Exit_status", offsetof(facts, exit)},
    {"exit_status", offsetof(facts, exit)},
    {"exec_host", offsetof(facts, hosts)},
    {"ctime", offsetof(facts, submitted)},
    {"stime", offsetof(facts, started)},
    {"start_time", offsetof(facts, started)},
    {"obittime", offsetof(facts, ended)},
    {"comp_time", offsetof(facts, ended)},
    {"mtime", offsetof(facts, changed)},
    {"Resource_List.walltime", offsetof(facts, limit)},
    {"Resource_List.ncpus", offsetof(facts, cpus)},
    {"resources_used.walltime", offsetof(facts, used)},
    {"resources_used.mem", offsetof(facts, memory)},
    {"resources_used.cput", offsetof(facts, cpu)},
};

/* Of several attributes of one name the first counts: a value that has line breaks in it, which is
 * the user's own, could look like attributes that come later. */
static void take(facts *f, hec__slice name, hec__slice value)
{
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        hec__slice *field = (void *)((char *)f + attributes[i].at);

        if (!field->s && hec__slice_is(name, attributes[i].name))
            *field = value;
    }
}

/* A value that was folded at the end of a line, whole. */
static const char *unfolded(hec_jobs *jobs, hec__slice s)
{
    HEC_AUTO_STRBUF out;

    hec__strbuf_init(&out);
    for (size_t i = 0; i < s.n; i++)
        if (s.s[i] != '\r' && s.s[i] != '\n' && s.s[i] != '\t')
            hec__strbuf_addc(&out, s.s[i]);
    return hec__jobs_text(jobs, (hec__slice){out.data, out.len});
}

/* ---- how it ended ---- */

/* What a limit's end is called: by the number, which each of the two has its own of. */
static int limit_state(bool torque, int32_t status)
{
    static const struct {
        int32_t status;
        int state;
    } pbs[] = {{-29, HEC_JOB_TIMED_OUT},     {-28, HEC_JOB_TIMED_OUT},
               {-27, HEC_JOB_OUT_OF_MEMORY}, {-26, HEC_JOB_OUT_OF_MEMORY},
               {-20, HEC_JOB_NODE_FAILURE},  {-4, HEC_JOB_NODE_FAILURE},
               {-5, HEC_JOB_NODE_FAILURE},   {-6, HEC_JOB_NODE_FAILURE}},
      other[] = {{-10, HEC_JOB_OUT_OF_MEMORY}, {-11, HEC_JOB_TIMED_OUT},
                 {-12, HEC_JOB_TIMED_OUT},     {-13, HEC_JOB_OUT_OF_MEMORY},
                 {-4, HEC_JOB_NODE_FAILURE},   {-5, HEC_JOB_NODE_FAILURE},
                 {-6, HEC_JOB_NODE_FAILURE}};

    for (size_t i = 0; !torque && i < sizeof pbs / sizeof *pbs; i++)
        if (pbs[i].status == status)
            return pbs[i].state;
    for (size_t i = 0; torque && i < sizeof other / sizeof *other; i++)
        if (other[i].status == status)
            return other[i].state;
    return HEC_JOB_FAILED;
}

static bool over_time(const facts *f)
{
    double limit = hec__read_seconds(f->limit);

    return limit > 0 && hec__read_seconds(f->used) >= limit;
}

/* 256 + N: signal N to the whole job, which is what deleting it does too. OpenPBS then says so by
 * the substate 91. */
static void end_by_signal(hec_job *job, const facts *f, bool torque, int32_t signal)
{
    hec__slice why = hec__slice_of(job->reason ? job->reason : "");

    job->signal = signal;
    if (hec__read_has(why, "exceeded resource mem"))
        job->state = HEC_JOB_OUT_OF_MEMORY;
    else if (hec__read_has(why, "exceeded resource walltime") || over_time(f))
        job->state = HEC_JOB_TIMED_OUT;
    else
        job->state = torque && signal == 15 ? HEC_JOB_CANCELLED : HEC_JOB_FAILED;
}

/* An end without a status is that of a job that was never run, whatever its state is called. */
static void conclude(hec_jobs *jobs, hec_job *job, const facts *f, bool torque)
{
    int32_t status;
    bool known = hec__read_signed(f->exit, &status);

    job->ended = hec__read_time(f->ended.s ? f->ended : f->changed);
    if (hec__slice_is(f->substate, "91")) {
        job->state = HEC_JOB_CANCELLED;
        if (known && status > 256 && status < 256 + 65)
            job->signal = status - 256;
    } else if (!known) {
        job->state = HEC_JOB_CANCELLED;
        job->reason = job->reason ? job->reason : "it ended without having been run";
    } else if (status < 0) {
        job->state = limit_state(torque, status);
        if (!job->reason)
            job->reason = hec__arena_printf(&jobs->arena, "Exit_status %" PRId32, status);
    } else if (status > 256 && status < 256 + 65) {
        end_by_signal(job, f, torque, status - 256);
    } else {
        job->exit_code = status & 0xff;
        job->state = status ? HEC_JOB_FAILED : HEC_JOB_DONE;
    }
}

static void set_state(hec_jobs *jobs, hec_job *job, const facts *f, bool torque)
{
    char letter = f->state.n == 1 ? *f->state.s : '\0';

    job->word = hec__jobs_text(jobs, f->state);
    job->reason = unfolded(jobs, f->comment);
    if (letter && strchr("QHWTM", letter)) {
        job->state = HEC_JOB_WAITING;
        job->stuck = hec__read_has(f->comment, "Can Never Run") ||
                     (letter == 'H' && hec__read_has(f->holds, "u"));
    } else if (letter && strchr("RSUEB", letter)) {
        job->state = HEC_JOB_RUNNING;
    } else if (letter && strchr("FXC", letter)) {
        conclude(jobs, job, f, torque);
    }
}

/* "12[7].server" is element 7 of "12[].server". */
static hec_job *record_of(hec_jobs *jobs, hec__slice id)
{
    const char *open = memchr(id.s, '[', id.n), *close = memchr(id.s, ']', id.n);
    hec__slice inside;
    int64_t index;
    char *name;

    if (!open || !close || close <= open + 1)
        return hec__jobs_of(jobs, id, -1);
    inside = (hec__slice){open + 1, (size_t)(close - open - 1)};
    index = hec__read_number(inside);
    if (index < 0)
        return hec__jobs_of(jobs, id, -1);
    name = hec__arena_printf(&jobs->arena, "%.*s[%.*s", (int)(open - id.s), id.s,
                             (int)(id.s + id.n - close), close);
    return name ? hec__jobs_of(jobs, hec__slice_of(name), index) : NULL;
}

static int add_job(hec_jobs *jobs, hec__slice id, const facts *f, bool torque, hec_error *err)
{
    hec_job *job;

    if (!id.n || *id.s < '0' || *id.s > '9' || id.n > 200)
        return 0;
    job = record_of(jobs, id);
    if (!job)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for what PBS says of a job");
    job->submitted = hec__read_time(f->submitted);
    job->started = hec__read_time(f->started);
    job->memory = hec__read_bytes(f->memory, 1);
    job->cpu_s = hec__read_seconds(f->cpu);
    job->cpus = hec__read_number(f->cpus) > 0 ? (uint32_t)hec__read_number(f->cpus) : 0;
    job->nodes = unfolded(jobs, f->hosts);
    set_state(jobs, job, f, torque);
    if (job->state == HEC_JOB_WAITING)
        job->started = 0; /* an array's elements show the array's */
    return 0;
}

/* "Job Id: 12.server", then "    name = value", folded lines begin with a tab. */
static int read_full(hec_jobs *jobs, const char *out, bool torque, hec_error *err)
{
    static const char head[] = "Job Id: ";
    hec__slice rest = hec__slice_of(out), line, id = {NULL, 0}, *open = NULL, name, value;
    facts f = {0};
    int r = 0;

    while (r == 0 && hec__read_line(&rest, &line)) {
        if (hec__slice_starts(line, head)) {
            r = add_job(jobs, id, &f, torque, err);
            f = (facts){0};
            id = (hec__slice){line.s + strlen(head), line.n - strlen(head)};
            open = NULL;
        } else if (line.n && *line.s == '\t' && open) {
            /* Only the comment and the hosts are long enough to be folded. */
            open->n = (size_t)(line.s + line.n - open->s);
        } else if (hec__slice_starts(line, "    ")) {
            const char *sep = memmem(line.s, line.n, " = ", 3);

            open = NULL;
            if (!sep)
                continue;
            name = hec__read_trim((hec__slice){line.s, (size_t)(sep - line.s)});
            value = (hec__slice){sep + 3, (size_t)(line.s + line.n - sep - 3)};
            take(&f, name, value);
            open = f.comment.s == value.s ? &f.comment : f.hosts.s == value.s ? &f.hosts : NULL;
        }
    }
    return r < 0 ? r : add_job(jobs, id, &f, torque, err);
}

static int read_pbs(hec_jobs *jobs, const char *out, hec_error *err)
{
    return read_full(jobs, out, false, err);
}

static int read_torque(hec_jobs *jobs, const char *out, hec_error *err)
{
    return read_full(jobs, out, true, err);
}

static bool wants_nothing(const hec_job *job)
{
    (void)job;
    return false;
}

/* One id for each qdel: a server of 2026 crashed when one of two was unknown. */
#define PBS_GONE                                                                                   \
    "Unknown Job Id\0"                                                                             \
    "Unknown Job\0"                                                                                \
    "Job has finished\0"                                                                           \
    "not configured to maintain job history\0"                                                     \
    "Request invalid for state of job\0"
#define PBS_UNREACHABLE                                                                            \
    "cannot connect to server\0"                                                                   \
    "Connection refused\0"                                                                         \
    "Communication failure\0"                                                                      \
    "End of File\0"

const hec__adapter hec__pbs_adapter = {
    .submit = submit,
    .submitted = submitted,
    .query = query,
    .read_query = read_pbs,
    .history = history,
    .read_history = read_pbs,
    .history_each = 1000,
    .wants_detail = wants_nothing,
    .cancel = cancel,
    .hold = hold,
    .release = release,
    .control_each = 1,
    .gone = PBS_GONE,
    .unreachable = PBS_UNREACHABLE,
};

const hec__adapter hec__torque_adapter = {
    .submit = submit,
    .submitted = submitted,
    .query = query,
    .read_query = read_torque,
    .wants_detail = wants_nothing,
    .cancel = cancel,
    .hold = hold,
    .release = release,
    .control_each = 1,
    .gone = PBS_GONE,
    .unreachable = PBS_UNREACHABLE,
};
