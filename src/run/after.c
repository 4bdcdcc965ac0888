/* SPDX-License-Identifier: MIT
 *
 * Beginning after other runs. On a cluster the scheduler waits, for jobs by their ids; without one
 * the job's script does, for processes.
 */
#include "base/error.h"
#include "run/jobs.h"

#include <string.h>

static inline void known_autofini(hec__known *k)
{
    hec__known_fini(k);
}
#define AUTO_KNOWN __attribute__((cleanup(known_autofini))) hec__known

/* The list that is being made. */
typedef struct after {
    hec_request *q;
    bool local;
    hec__dependency *jobs;
    size_t n_jobs, cap_jobs;
    hec__await *awaits;
    size_t n_awaits, cap_awaits;
} after;

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for a dependency");
}

static int add_job(after *a, enum hec__after how, const char *id, hec_error *err)
{
    hec__dependency *grown =
        hec__arena_grow(&a->q->arena, a->jobs, a->n_jobs, &a->cap_jobs, sizeof *grown);
    const char *copy = hec__arena_copy(&a->q->arena, id, strlen(id));

    if (!grown || !copy)
        return no_memory(err);
    a->jobs = grown;
    grown[a->n_jobs++] = (hec__dependency){how, copy};
    return 0;
}

static int add_await(after *a, enum hec__after how, const hec_rundir *run, const hec__process *p,
                     uint32_t part, hec_error *err)
{
    hec__await *grown =
        hec__arena_grow(&a->q->arena, a->awaits, a->n_awaits, &a->cap_awaits, sizeof *grown);
    const char *id = hec__arena_copy(&a->q->arena, run->id, strlen(run->id));
    const char *marks = part ? hec__arena_printf(&a->q->arena, "%s/marks/%u", run->path, part)
                             : hec__arena_printf(&a->q->arena, "%s/state", run->path);

    if (!grown || !id || !marks)
        return no_memory(err);
    a->awaits = grown;
    grown[a->n_awaits++] = (hec__await){how, p->pid, p->born, marks, id};
    return 0;
}

/* Whether it is over: 1, and as it was to be; else an error. 0: not yet. */
static int is_over(enum hec__after how, const hec_rundir *run, int state, hec_error *err)
{
    if (!hec_job_state_ended(state))
        return 0;
    if (how == HEC__AFTER_ANY || (how == HEC__AFTER_OK) == (state == HEC_JOB_DONE))
        return 1;
    return hec__fail(err, HEC_EINVAL, 0,
                     "after: the run %s has ended already (%s): a job that begins after its %s "
                     "would never begin",
                     run->id, hec_job_state_word(state),
                     how == HEC__AFTER_OK ? "success" : "failure");
}

static int add_run(after *a, enum hec__after how, hec_rundir *run, hec_error *err)
{
    bool local = strcmp(hec__run_scheduler(run), "local") == 0;
    HEC_AUTO(hec_jobs) jobs = NULL;
    AUTO_KNOWN k = {0};
    int r = hec_rundir_jobs(run, HEC_ASK_GENTLY, &jobs, NULL, err);

    if (r == 0)
        r = hec__known_read(run, &k, err);
    if (r == 0)
        r = is_over(how, run, hec_jobs_state(jobs, NULL), err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (local != a->local)
        return hec__fail(err, HEC_EINVAL, 0, "after: the run %s is not on this scheduler", run->id);
    if (!k.n_handed && !k.own_begin)
        return hec__fail(err, HEC_EINVAL, 0, "after: the run %s was never submitted", run->id);
    for (size_t i = 0; r == 0 && i < k.n_handed; i++)
        r = local ? add_await(a, how, run, &k.handed[i].process, k.handed[i].part, err)
                  : add_job(a, how, k.handed[i].id, err);
    if (r == 0 && !k.n_handed)
        r = add_await(a, how, run, &k.own, 0, err);
    return r;
}

/* "4711", "17.server", "12[]": what schedulers call jobs, and hec no run. */
static bool is_job_id(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n && (!s[n] || strchr(".[_", s[n]));
}

int hec__after_runs(hec_request *q, const hec_site *site, hec__of_run *of, hec_error *err)
{
    after a = {.q = q, .local = site->scheduler == HEC__LOCAL};
    int r = 0;

    for (size_t i = 0; r == 0 && i < q->n_after; i++) {
        const hec__dependency *d = &q->after[i];
        HEC_AUTO(hec_rundir) run = NULL;

        if (!a.local && is_job_id(d->job)) {
            r = add_job(&a, d->how, d->job, err);
            continue;
        }
        r = hec_rundir_open(d->job, &run, err);
        if (r == 0)
            r = add_run(&a, d->how, run, err);
        else
            r = hec__fail_in(err, r, "after");
    }
    if (r < 0)
        return r;
    q->after = a.jobs;
    q->n_after = a.n_jobs;
    q->cap_after = a.cap_jobs;
    of->awaits = a.awaits;
    of->n_awaits = a.n_awaits;
    return 0;
}
