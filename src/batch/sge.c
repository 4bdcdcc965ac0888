/* SPDX-License-Identifier: MIT
 *
 * Grid Engine. qstat tells of what waits and runs, as XML, of all jobs of a user at once; why a job
 * waits is in what qstat -j writes for people. What has ended is in a file that qacct looks
 * through, a job at a time: where it may not be read, nobody tells how a job ended.
 */
#include "batch/adapter.h"
#include "batch/read.h"

#include "base/error.h"

#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TASKS_MAX UINT64_C(1000000)

static const char *const plain[] = {"LC_ALL=C", NULL};

/* ---- commands ---- */

static void submit(hec__call *c, const hec_site *site, const char *script)
{
    (void)site;
    hec__call_add(c, "qsub");
    hec__call_add(c, "-terse");
    hec__call_add(c, script);
}

/* "7", or "7.1-10:1" of an array: the last line of those that there are. */
static size_t submitted(const char *out, const char **ret_id)
{
    return hec__last_number(out, '.', ret_id);
}

/* Whose jobs: all of a user's are as quick to get as one. */
static void query(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    struct passwd entry, *user = NULL;
    char buf[4096];

    (void)site;
    (void)ids;
    (void)n;
    hec__call_add(c, "qstat");
    hec__call_add(c, "-xml");
    if (getpwuid_r(geteuid(), &entry, buf, sizeof buf, &user) == 0 && user) {
        hec__call_add(c, "-u");
        hec__call_add(c, user->pw_name);
    }
    c->changes = plain;
}

static void detail(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    (void)site;
    hec__call_add(c, "qstat");
    hec__call_add(c, "-j");
    hec__call_list(c, "", ids, n);
    c->changes = plain;
}

static bool wants_detail(const hec_job *job)
{
    return job->state == HEC_JOB_WAITING && !job->reason;
}

static void history(hec__call *c, const hec_site *site, const char *const *ids, size_t n)
{
    (void)site;
    hec__call_add(c, "qacct");
    hec__call_add(c, "-j");
    hec__call_list(c, "", ids, n);
    c->changes = plain;
}

static void add_refs(hec__call *c, const char *program, const hec_job_ref *jobs, size_t n)
{
    hec__call_add(c, program);
    for (size_t i = 0; i < n; i++)
        if (jobs[i].index >= 0)
            hec__call_addf(c, "%s.%" PRId64, jobs[i].id, jobs[i].index);
        else
            hec__call_add(c, jobs[i].id);
}

static void cancel(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    add_refs(c, "qdel", jobs, n);
}

static void hold(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    add_refs(c, "qhold", jobs, n);
}

static void release(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n)
{
    (void)site;
    add_refs(c, "qrls", jobs, n);
}

/* ---- what waits and runs ---- */

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for what Grid Engine says of a job");
}

/* What stands between <tag> and </tag>; none where it is not there. */
static hec__slice element(hec__slice xml, const char *tag)
{
    char begin[40], end[40];
    const char *from, *to;

    snprintf(begin, sizeof begin, "<%s>", tag);
    snprintf(end, sizeof end, "</%s>", tag);
    from = xml.n ? memmem(xml.s, xml.n, begin, strlen(begin)) : NULL;
    if (!from)
        return (hec__slice){NULL, 0};
    from += strlen(begin);
    to = memmem(from, xml.n - (size_t)(from - xml.s), end, strlen(end));
    return to ? (hec__slice){from, (size_t)(to - from)} : (hec__slice){NULL, 0};
}

/* The letters: r running, t on its way to a node, q queued, w waiting, h held, E in error, R run
 * again, d being deleted, s, S and T suspended. */
static void set_state(hec_jobs *jobs, hec_job *job, hec__slice letters)
{
    bool waits = hec__read_has(letters, "w") || hec__read_has(letters, "q");

    if (!letters.n)
        return;
    job->state = waits ? HEC_JOB_WAITING : HEC_JOB_RUNNING;
    job->stuck = hec__read_has(letters, "E");
    job->word = hec__jobs_text(jobs, letters);
}

static int add_listed(hec_jobs *jobs, hec__slice xml, int64_t index, hec_error *err)
{
    hec__slice queue = element(xml, "queue_name"), host;
    int64_t slots = hec__read_number(element(xml, "slots"));
    hec_job *job = hec__jobs_of(jobs, element(xml, "JB_job_number"), index);

    if (!job)
        return no_memory(err);
    set_state(jobs, job, element(xml, "state"));
    job->submitted = hec__read_time(element(xml, "JB_submission_time"));
    job->started = hec__read_time(element(xml, "JAT_start_time"));
    job->cpus = slots > 0 && slots < UINT32_MAX ? (uint32_t)slots : 0;
    if (hec__read_field(&queue, '@', &host) && hec__read_field(&queue, '@', &host))
        job->nodes = hec__jobs_text(jobs, host);
    return 0;
}

/* "3", "3,4", "5-100:1": which elements a record is about. */
static int add_tasks(hec_jobs *jobs, hec__slice xml, hec__slice tasks, hec_error *err)
{
    hec__slice range;

    while (hec__read_field(&tasks, ',', &range)) {
        hec__slice first, last, step;
        uint64_t from, to, by = 1;

        if (!hec__read_field(&range, ':', &step))
            continue;
        first = step;
        if (hec__read_field(&range, ':', &step) && !hec__slice_uint(step, TASKS_MAX, &by))
            continue;
        last = first;
        if (!hec__read_field(&last, '-', &first) || !hec__slice_uint(first, UINT32_MAX, &from))
            continue;
        to = from;
        if ((last.s && !hec__slice_uint(last, UINT32_MAX, &to)) || by == 0 || to - from > TASKS_MAX)
            continue;
        for (uint64_t i = from; i <= to; i += by)
            if (add_listed(jobs, xml, (int64_t)i, err) < 0)
                return err ? err->code : HEC_ENOMEM;
    }
    return 0;
}

static int read_list(hec_jobs *jobs, const char *out, hec_error *err)
{
    static const char begin[] = "<job_list", end[] = "</job_list>";
    const char *at = strstr(out, begin);

    while (at) {
        const char *stop = strstr(at, end);
        hec__slice xml = {at, stop ? (size_t)(stop - at) : 0}, tasks = element(xml, "tasks");
        int r = 0;

        if (!stop)
            break;
        if (hec__read_number(element(xml, "JB_job_number")) >= 0)
            r = tasks.s ? add_tasks(jobs, xml, tasks, err) : add_listed(jobs, xml, -1, err);
        if (r < 0)
            return r;
        at = strstr(stop, begin);
    }
    return 0;
}

/* ---- why it waits ---- */

/* The best of what it says: an error, else something about the job, else about some queue. */
static void take_reason(hec_jobs *jobs, hec_job *job, hec__slice text, bool error)
{
    bool about_queue = hec__read_has(text, "queue") || hec__read_has(text, "cannot run at host");

    if (!text.n || (job->reason && about_queue && !error))
        return;
    if (job->reason && job->stuck)
        return; /* an error says more */
    if (error)
        job->stuck = 1;
    job->reason = hec__jobs_text(jobs, text);
}

/* "scheduling info:   why", with more of them below; "error reason   1:   why". For each job, whose
 * number comes first; of an array for all that wait. */
static int read_why(hec_jobs *jobs, const char *out, hec_error *err)
{
    hec__slice rest = hec__slice_of(out), line, number = {NULL, 0};
    size_t at = SIZE_MAX;
    bool informing = false;

    while (hec__read_line(&rest, &line)) {
        hec__slice label, value = line;

        if (!hec__read_field(&value, ':', &label))
            continue;
        value = hec__read_trim(value);
        if (hec__slice_is(label, "job_number")) {
            number = value;
            informing = false;
            at = SIZE_MAX;
            if (hec__read_number(number) < 0)
                continue;
            if (!hec__jobs_of(jobs, number, -1))
                return no_memory(err);
            at = jobs->n - 1;
        } else if (at != SIZE_MAX && hec__slice_starts(label, "error reason")) {
            take_reason(jobs, &jobs->all[at], value, true);
        } else if (at != SIZE_MAX && hec__slice_is(label, "scheduling info")) {
            take_reason(jobs, &jobs->all[at], value, false);
            informing = true;
        } else if (at != SIZE_MAX && informing && line.n && *line.s == ' ') {
            take_reason(jobs, &jobs->all[at], hec__read_trim(line), false);
        }
    }
    return 0;
}

/* ---- what has ended ---- */

/* What is known of an end when all of its lines have been read. */
typedef struct ended {
    hec__slice failed, category;
    int32_t exit_status;
    double wallclock_s;
} ended;

/* "-l h_rt=300,h_vmem=100M": what was asked; none where it was not. */
static hec__slice asked(hec__slice category, const char *name)
{
    const char *found = category.n ? memmem(category.s, category.n, name, strlen(name)) : NULL;
    hec__slice value = {found ? found + strlen(name) : NULL, 0};

    while (found && value.s + value.n < category.s + category.n && value.s[value.n] != ',' &&
           value.s[value.n] != ' ')
        value.n++;
    return value;
}

/* "failed" is a number and its text; sge_status(5) has them all. */
enum {
    OVER_LIMIT = 37,
    RESCHEDULED = 25,
    NO_EXIT_STATUS = 19,  /* of a shepherd that went down with its machine */
    NOT_RECOGNIZED = 21,  /* by a machine that has been started again meanwhile */
    ENDED_BY_SIGNAL = 100 /* it ran; accounts are good */
};

/* Grid Engine kills for a limit and for qdel, and says the same of both: what was used tells. A
 * script's own shell is hardly ever killed by anybody else. */
static void conclude_killed(hec_job *job, const ended *e, int32_t failed)
{
    double limit_s = hec__read_seconds(asked(e->category, "h_rt="));
    uint64_t limit = hec__read_bytes(asked(e->category, "h_vmem="), 1);

    if (limit && job->cpus > 1)
        limit *= job->cpus;
    job->state = HEC_JOB_FAILED;
    if (limit_s > 0 && e->wallclock_s >= limit_s)
        job->state = HEC_JOB_TIMED_OUT;
    else if (limit && job->memory >= limit)
        job->state = HEC_JOB_OUT_OF_MEMORY;
    else if (failed == OVER_LIMIT)
        job->state = HEC_JOB_TIMED_OUT;
    else if (job->signal == SIGKILL) {
        job->state = HEC_JOB_CANCELLED;
        job->reason = "killed below its limits, as by qdel";
    }
}

static void conclude(hec_jobs *jobs, hec_job *job, const ended *e)
{
    int32_t failed = 0;
    hec__slice number = e->failed;

    number.n = strspn(number.n ? number.s : "", "0123456789");
    if (!hec__read_signed(number, &failed))
        return;
    job->word = hec__jobs_text(jobs, e->failed);
    if (failed && failed != ENDED_BY_SIGNAL)
        job->reason = job->word;
    job->signal = e->exit_status > 128 && e->exit_status < 128 + 65 ? e->exit_status - 128 : 0;
    job->exit_code = job->signal || e->exit_status < 0 ? -1 : e->exit_status & 0xff;
    if (failed == 0 && e->exit_status == 0)
        job->state = HEC_JOB_DONE;
    else if (failed == OVER_LIMIT || failed == ENDED_BY_SIGNAL)
        conclude_killed(job, e, failed);
    else if (failed == RESCHEDULED) /* and of what came after there is no account */
        job->state = HEC_JOB_CANCELLED;
    else if (failed == NO_EXIT_STATUS || failed == NOT_RECOGNIZED)
        job->state = HEC_JOB_NODE_FAILURE;
    else
        job->state = HEC_JOB_FAILED;
    if (job->state != HEC_JOB_DONE && failed && e->exit_status == 0)
        job->exit_code = -1; /* it has none */
}

/* The line's first word, and the rest. */
static hec__slice split_name(hec__slice *line)
{
    hec__slice name = {line->s, 0};

    while (name.n < line->n && name.s[name.n] != ' ')
        name.n++;
    line->s += name.n;
    line->n -= name.n;
    *line = hec__read_trim(*line);
    return name;
}

/* One line "name   value" of a record. */
static void take_line(hec_jobs *jobs, hec_job *job, ended *e, hec__slice name, hec__slice value)
{
    if (hec__slice_is(name, "qsub_time"))
        job->submitted = hec__read_time(value);
    else if (hec__slice_is(name, "start_time"))
        job->started = hec__read_time(value);
    else if (hec__slice_is(name, "end_time"))
        job->ended = hec__read_time(value);
    else if (hec__slice_is(name, "slots"))
        job->cpus = hec__read_number(value) > 0 ? (uint32_t)hec__read_number(value) : 0;
    else if (hec__slice_is(name, "cpu"))
        job->cpu_s = hec__read_seconds(value);
    else if (hec__slice_is(name, "maxvmem"))
        job->memory = hec__read_bytes(value, 1);
    else if (hec__slice_is(name, "hostname"))
        job->nodes = hec__jobs_text(jobs, value);
    else if (hec__slice_is(name, "failed"))
        e->failed = value;
    else if (hec__slice_is(name, "exit_status")) /* "137     (Killed)" */
        hec__read_signed(split_name(&value), &e->exit_status);
    else if (hec__slice_is(name, "ru_wallclock"))
        e->wallclock_s = hec__read_seconds(value);
    else if (hec__slice_is(name, "category"))
        e->category = value;
}

/* A record of its own, of the job that it is of: the lines that say so come before most others. */
static hec_job *record_of(hec_jobs *jobs, hec__slice block, hec_error *err)
{
    hec__slice line, number = {NULL, 0}, task = {NULL, 0};
    hec_job *job;

    while (hec__read_line(&block, &line)) {
        hec__slice name = split_name(&line);

        if (hec__slice_is(name, "jobnumber"))
            number = line;
        else if (hec__slice_is(name, "taskid"))
            task = line;
    }
    if (hec__read_number(number) < 0)
        return NULL;
    job = hec__jobs_add(jobs);
    if (job)
        job->id = hec__arena_copy(&jobs->arena, number.s, number.n);
    if (!job || !job->id) {
        no_memory(err);
        return NULL;
    }
    job->index = hec__read_number(task);
    return job;
}

static int read_ended(hec_jobs *jobs, hec__slice block, hec_error *err)
{
    hec_error none = {0};
    hec_job *job = record_of(jobs, block, &none);
    hec__slice line;
    ended e = {.exit_status = -1, .wallclock_s = -1};

    if (!job)
        return none.code ? no_memory(err) : 0;
    while (hec__read_line(&block, &line)) {
        hec__slice name = split_name(&line);

        take_line(jobs, job, &e, name, line);
    }
    conclude(jobs, job, &e);
    return 0;
}

/* Records are parted by lines of '='. The last comes first, since of a job that was run again it is
 * the one that counts. */
static int read_accounting(hec_jobs *jobs, const char *out, hec_error *err)
{
    static const char bar[] = "\n==============";
    const char *end = out + strlen(out);

    for (const char *at = end; at-- > out;) {
        hec__slice block = {at, (size_t)(end - at)};
        int r;

        if (at == out ? !hec__slice_starts(block, bar + 1) : !hec__slice_starts(block, bar))
            continue;
        r = read_ended(jobs, block, err);
        if (r < 0)
            return r;
        end = at;
    }
    return 0;
}

const hec__adapter hec__sge_adapter = {
    .submit = submit,
    .submitted = submitted,
    .query = query,
    .read_query = read_list,
    .history = history,
    .read_history = read_accounting,
    .history_each = 1,
    .forgets_elements = true,
    .detail = detail,
    .read_detail = read_why,
    .detail_each = 1000,
    .wants_detail = wants_detail,
    .cancel = cancel,
    .hold = hold,
    .release = release,
    .control_each = 100,
    .gone = "does not exist\0"
            "do not exist\0"
            "not found\0",
    .unreachable = "unable to contact qmaster\0"
                   "unable to send message to qmaster\0"
                   "commlib error\0"
                   "can't connect\0",
};
