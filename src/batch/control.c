/* SPDX-License-Identifier: MIT
 *
 * Speaking with schedulers: runs what an adapter says, and makes one answer of several. Every
 * command has a deadline, and none goes through a shell.
 */
#include "batch/adapter.h"

#include "base/error.h"
#include "base/strbuf.h"
#include "batch/read.h"
#include "sys/ask.h"

#include <stdarg.h>
#include <string.h>

#define QUERY_MS   30000
#define CONTROL_MS 60000
#define SUBMIT_MS                                                                                  \
    120000            /* a loaded scheduler takes its time, and a job must not be handed in twice */
#define IDS_MAX  1000 /* of one command */
#define DETAILS  20   /* of one query: a command each */
#define SAID_MAX 180

static inline void answer_autofini(hec__answer *a)
{
    hec__answer_fini(a);
}
#define AUTO_ANSWER __attribute__((cleanup(answer_autofini))) hec__answer

/* ---- calls ---- */

/* Room for one more, and for the end. */
static bool grow(hec__call *c)
{
    const char **grown =
        hec__arena_grow(c->arena, c->argv.all, c->argv.n, &c->argv.cap, sizeof *grown);

    if (grown)
        c->argv.all = grown;
    return grown != NULL;
}

static void add(hec__call *c, const char *s)
{
    if (!s || !grow(c)) {
        c->failed = true;
        return;
    }
    c->argv.all[c->argv.n++] = s;
    if (!grow(c)) {
        c->argv.n--;
        c->failed = true;
        return;
    }
    c->argv.all[c->argv.n] = NULL;
}

void hec__call_add(hec__call *c, const char *argument)
{
    add(c, hec__arena_copy(c->arena, argument, strlen(argument)));
}

void hec__call_addf(hec__call *c, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    add(c, n < 0 ? NULL : hec__arena_copy(c->arena, text, (size_t)n));
    if (n >= 0)
        free(text);
}

void hec__call_list(hec__call *c, const char *prefix, const char *const *ids, size_t n)
{
    HEC_AUTO_STRBUF list;

    hec__strbuf_init(&list);
    for (size_t i = 0; i < n; i++)
        hec__strbuf_addf(&list, "%s%s", i ? "," : "", ids[i]);
    if (list.failed)
        c->failed = true;
    else
        hec__call_addf(c, "%s%s", prefix, list.data);
}

/* ---- running them ---- */

/* Whether a text has one of several words in it. */
static bool has_one(const hec__answer *a, const char *words)
{
    for (; words && *words; words += strlen(words) + 1)
        if (strstr(a->err.data, words) || strstr(a->out.data, words))
            return true;
    return false;
}

/* "sbatch: error: Batch job submission failed: no" without who says it and how loudly. */
static hec__slice without_prefix(hec__slice line, const char *program)
{
    static const char *const loud[] = {"error: ", "fatal: ", "ERROR: ", "Error: "};
    size_t n = strlen(program);

    if (line.n > n + 2 && memcmp(line.s, program, n) == 0 && memcmp(line.s + n, ": ", 2) == 0) {
        line.s += n + 2;
        line.n -= n + 2;
    }
    for (size_t i = 0; i < sizeof loud / sizeof *loud; i++)
        if (hec__slice_starts(line, loud[i])) {
            line.s += strlen(loud[i]);
            line.n -= strlen(loud[i]);
        }
    return line;
}

/* What the program said about its failure, as one line. */
static void add_said(hec__strbuf *said, const hec__answer *a, const char *program)
{
    hec__slice rest = hec__slice_of(a->err.len ? a->err.data : a->out.data), line;

    while (hec__read_line(&rest, &line) && said->len < SAID_MAX) {
        line = without_prefix(hec__read_trim(line), program);
        if (!line.n)
            continue;
        hec__strbuf_adds(said, said->len ? "; " : "");
        hec__strbuf_add(said, line.s, line.n);
    }
    for (size_t i = 0; i < said->len; i++)
        if ((unsigned char)said->data[i] < 0x20 || said->data[i] == 0x7f)
            said->data[i] = '?';
    if (!said->len)
        hec__strbuf_addf(said, "it says nothing; exit status %d", a->exit_status);
}

static int complain(const hec__adapter *adapter, const char *program, const hec__answer *a,
                    hec_error *err)
{
    HEC_AUTO_STRBUF said;

    hec__strbuf_init(&said);
    add_said(&said, a, program);
    if (has_one(a, adapter->unreachable))
        return hec__fail(err, HEC_EAGAIN, 0, "%s: cannot reach the scheduler: %.*s", program,
                         SAID_MAX, said.data);
    return hec__fail(err, HEC_EREFUSED, 0, "%s: refused: %.*s", program, SAID_MAX, said.data);
}

/* Runs a call that was put together. 0 whatever its exit status was. */
static int run(const hec__call *c, const char *cwd, uint32_t timeout_ms, hec__answer *ret,
               hec_error *err)
{
    hec__question ask = {.argv = c->argv.all,
                         .changes = c->changes,
                         .cwd = cwd,
                         .input = c->input,
                         .timeout_ms = timeout_ms};

    if (c->failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to put a command together");
    return hec__ask(&ask, ret, err);
}

static int adapter_of(const hec_site *site, const hec__adapter **ret, hec_error *err)
{
    *ret = hec__adapter_of(site->scheduler);
    if (!*ret)
        return hec__fail(err, HEC_EINVAL, 0, "the site '%.60s' has no scheduler", site->name);
    return 0;
}

/* ---- submitting ---- */

int hec_job_submit(const hec_site *site, const char *script, const char *dir, char **ret_id,
                   hec_error *err)
{
    const hec__adapter *adapter;
    hec__arena arena = {0};
    hec__call c = {.arena = &arena};
    AUTO_ANSWER a = {0};
    const char *id;
    size_t n;
    int r = adapter_of(site, &adapter, err);

    if (r < 0)
        return r;
    adapter->submit(&c, site, script);
    r = run(&c, dir, SUBMIT_MS, &a, err);
    if (r == 0 && a.exit_status != 0)
        r = complain(adapter, c.argv.all[0], &a, err);
    if (r == 0) {
        n = adapter->submitted(a.out.data, &id);
        *ret_id = n ? strndup(id, n) : NULL;
        if (!n)
            r = complain(adapter, c.argv.all[0], &a, err);
        else if (!*ret_id)
            r = hec__fail(err, HEC_ENOMEM, 0, "no memory for the id of job %.*s", (int)n, id);
    }
    hec__arena_fini(&arena);
    return r;
}

/* ---- asking ---- */

/* A query on its way. */
typedef struct query {
    const hec_site *site;
    const hec__adapter *adapter;
    hec_jobs *jobs;
    hec__arena arena; /* of the calls */
    const char **ids; /* each once */
    size_t n;
} query;

/* Every id once, and none that a command could take for an option or for more than one job. */
static int take_ids(query *q, const char *const *ids, size_t n, hec_error *err)
{
    q->ids = hec__arena_alloc(&q->arena, (n + 1) * sizeof *q->ids);
    if (!q->ids)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for %zu ids", n);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        int r = hec__job_id_check(q->site->scheduler, ids[i], err);

        if (r < 0)
            return r;
        while (k < q->n && strcmp(q->ids[k], ids[i]) != 0)
            k++;
        if (k == q->n)
            q->ids[q->n++] = ids[i];
    }
    return 0;
}

/* Runs one question and reads the answer. An answer that knows no such job is an empty one. */
static int ask(query *q, const hec__call *c, hec__read_jobs *read, hec_error *err)
{
    AUTO_ANSWER a = {0};
    size_t before = q->jobs->n;
    int r = run(c, NULL, QUERY_MS, &a, err);

    if (r == 0)
        r = read(q->jobs, a.out.data, err);
    if (r == 0 && a.exit_status != 0 && q->jobs->n == before && !has_one(&a, q->adapter->gone))
        r = complain(q->adapter, c->argv.all[0], &a, err);
    return r;
}

static int ask_query(query *q, hec_error *err)
{
    for (size_t i = 0; i < q->n; i += IDS_MAX) {
        hec__call c = {.arena = &q->arena};
        size_t n = q->n - i < IDS_MAX ? q->n - i : IDS_MAX;
        int r;

        q->adapter->query(&c, q->site, q->ids + i, n);
        r = ask(q, &c, q->adapter->read_query, err);
        if (r < 0)
            return r;
    }
    return hec__jobs_settle(q->jobs, q->ids, q->n, err);
}

/* How many of the first records are of this id: they are in the order of the ids. */
static size_t records_of(const query *q, const char *id, size_t from)
{
    size_t n = 0;

    while (from + n < q->jobs->n && strcmp(q->jobs->all[from + n].id, id) == 0)
        n++;
    return n;
}

/* The ids of which the accounting may know more: of which there is no record, or an end without
 * how it came to it, or only some elements. */
static const char **forgotten(query *q, size_t *ret_n)
{
    const char **ids = hec__arena_alloc(&q->arena, (q->n + 1) * sizeof *ids);
    size_t at = 0, count = 0;

    for (size_t i = 0; ids && i < q->n; i++) {
        size_t n = records_of(q, q->ids[i], at);
        bool wanted = n == 0;

        for (size_t k = at; k < at + n; k++)
            wanted = wanted || hec__job_is_open(&q->jobs->all[k]) ||
                     (q->adapter->forgets_elements && q->jobs->all[k].index >= 0);
        at += n;
        if (wanted)
            ids[count++] = q->ids[i];
    }
    *ret_n = count;
    return ids;
}

/* Only memory is a reason to stop: an accounting that is off, broken or slow is not needed. */
static int ask_history(query *q, hec_error *err)
{
    size_t n, each = q->adapter->history_each;
    const char **ids = q->adapter->history ? forgotten(q, &n) : NULL;

    for (size_t i = 0; ids && i < n; i += each) {
        hec__call c = {.arena = &q->arena};
        int r;

        q->adapter->history(&c, q->site, ids + i, n - i < each ? n - i : each);
        r = ask(q, &c, q->adapter->read_history, err);
        if (r == HEC_ENOMEM || r == HEC_EINTR)
            return r;
        if (r < 0 && r != HEC_EREFUSED)
            break; /* it is not there, or does not answer: it will not for the next one either */
    }
    return hec__jobs_settle(q->jobs, q->ids, q->n, err);
}

/* The ids of jobs of which there is more to be told. */
static const char **in_detail(query *q, size_t *ret_n)
{
    const char **ids = hec__arena_alloc(&q->arena, (q->n + 1) * sizeof *ids);
    size_t count = 0;

    for (size_t i = 0; ids && i < q->jobs->n; i++) {
        const hec_job *job = &q->jobs->all[i];

        if (q->adapter->wants_detail(job) && (!count || ids[count - 1] != job->id))
            ids[count++] = job->id;
    }
    *ret_n = count;
    return ids;
}

static int ask_details(query *q, hec_error *err)
{
    size_t n, each = q->adapter->detail_each, asked = 0;
    const char **ids = q->adapter->detail ? in_detail(q, &n) : NULL;

    for (size_t i = 0; ids && i < n && asked < DETAILS; i += each, asked++) {
        hec__call c = {.arena = &q->arena};
        int r;

        q->adapter->detail(&c, q->site, ids + i, n - i < each ? n - i : each);
        r = ask(q, &c, q->adapter->read_detail, err);
        if (r == HEC_ENOMEM || r == HEC_EINTR)
            return r;
        if (r < 0 && r != HEC_EREFUSED)
            break;
    }
    return hec__jobs_settle(q->jobs, q->ids, q->n, err);
}

/* A record of each id of which nobody knows anything. */
static int add_lost(query *q, hec_error *err)
{
    size_t at = 0, count = q->jobs->n;

    for (size_t i = 0; i < q->n; i++) {
        size_t n = at < count ? records_of(q, q->ids[i], at) : 0;
        hec_job *job;

        at += n;
        if (n)
            continue;
        job = hec__jobs_add(q->jobs);
        if (!job)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for what is known of a job");
        job->id = q->ids[i];
        job->state = HEC_JOB_LOST;
        job->reason = "the scheduler has no record of it";
    }
    return hec__jobs_settle(q->jobs, q->ids, q->n, err);
}

static int answer_query(query *q, const char *const *ids, size_t n, hec_error *err)
{
    int r = take_ids(q, ids, n, err);

    if (r == 0 && q->n)
        r = ask_query(q, err);
    if (r == 0 && q->n)
        r = ask_history(q, err);
    if (r == 0 && q->n)
        r = ask_details(q, err);
    if (r == 0)
        r = add_lost(q, err);
    return r;
}

int hec_jobs_query(const hec_site *site, const char *const *ids, size_t n, hec_jobs **ret_jobs,
                   hec_error *err)
{
    HEC_AUTO(hec_jobs) jobs = hec__jobs_create();
    query q = {.site = site, .jobs = jobs};
    int r = adapter_of(site, &q.adapter, err);

    if (r < 0)
        return r;
    if (!jobs)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to ask for jobs");
    r = answer_query(&q, ids, n, err);
    hec__arena_fini(&q.arena);
    if (r == 0)
        *ret_jobs = HEC_STEAL(&jobs);
    return r;
}

/* ---- control ---- */

typedef void control(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n);

static int run_control(const hec_site *site, const hec__adapter *adapter, control *what,
                       const hec_job_ref *jobs, size_t n, hec_error *err)
{
    hec__arena arena = {0};
    size_t each = adapter->control_each;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = hec__job_id_check(site->scheduler, jobs[i].id, err);
    for (size_t i = 0; i < n && r == 0; i += each) {
        hec__call c = {.arena = &arena};
        AUTO_ANSWER a = {0};

        what(&c, site, jobs + i, n - i < each ? n - i : each);
        r = run(&c, NULL, CONTROL_MS, &a, err);
        if (r == 0 && a.exit_status != 0 && !has_one(&a, adapter->gone))
            r = complain(adapter, c.argv.all[0], &a, err);
    }
    hec__arena_fini(&arena);
    return r;
}

int hec_jobs_cancel(const hec_site *site, const hec_job_ref *jobs, size_t n, hec_error *err)
{
    const hec__adapter *adapter;
    int r = adapter_of(site, &adapter, err);

    return r < 0 ? r : run_control(site, adapter, adapter->cancel, jobs, n, err);
}

int hec_jobs_hold(const hec_site *site, const hec_job_ref *jobs, size_t n, hec_error *err)
{
    const hec__adapter *adapter;
    int r = adapter_of(site, &adapter, err);

    return r < 0 ? r : run_control(site, adapter, adapter->hold, jobs, n, err);
}

int hec_jobs_release(const hec_site *site, const hec_job_ref *jobs, size_t n, hec_error *err)
{
    const hec__adapter *adapter;
    int r = adapter_of(site, &adapter, err);

    return r < 0 ? r : run_control(site, adapter, adapter->release, jobs, n, err);
}
