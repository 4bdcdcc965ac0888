/* SPDX-License-Identifier: MIT
 *
 * Tasks that are run again, and calls of which no further task is begun.
 */
#include "trial.h"
#include "tap.h"

#include "pool/state.h"
#include "sys/clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 200 };

#define MS UINT64_C(1000000)

static struct {
    _Atomic int ran[N], go;
} * shared;

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- the table ---- */

/* Against a plain array: 64 tasks, many more operations. */
static void table(void)
{
    hec__retries r = {0};
    uint32_t attempts[64] = {0}, waiting[64] = {0}, wrong = 0, count = 0, seed = 1;
    uint64_t now = 0, task;

    for (int i = 0; i < 20000; i++) {
        uint32_t op, at;

        seed = seed * 1664525u + 1013904223u;
        op = seed >> 28;
        at = seed >> 8 & 63;
        if (op < 6 && !waiting[at]) {
            wrong +=
                hec__retries_add(&r, at * UINT64_C(1000), at, now + (seed >> 20 & 15), NULL) != 0;
            attempts[at] = attempts[at] ? attempts[at] + 1 : 2;
            waiting[at] = 1;
            count++;
        } else if (op < 12) {
            now++;
            while (hec__retries_take(&r, now, &task)) {
                wrong += !waiting[task / 1000];
                waiting[task / 1000] = 0;
                hec__retries_find(&r, task)->waits = false;
            }
            wrong += hec__retries_next(&r) <= now;
        } else if (!waiting[at]) {
            hec__retries_forget(&r, at * UINT64_C(1000));
            attempts[at] = 0;
        }
        for (uint32_t k = 0; k < 64; k++) {
            const hec__retry *e = hec__retries_find(&r, k * UINT64_C(1000));

            wrong += (e ? e->attempt : 0) != attempts[k] || (e && e->limits != k) ||
                     (e && e->waits != (waiting[k] != 0));
        }
    }
    ok(wrong == 0 && count > 1000, "the table of tasks to run again is a table (%u wrong)", wrong);
    hec__retries_fini(&r);
}

/* ---- once more ---- */

static void again(trial *t, uint64_t task, uint64_t delay_ns, const hec_limits *limits)
{
    hec_error err = {0};
    int r = hec_call_retry(t->call, task, delay_ns, limits, &err);

    if (r == 1) { /* it was not the last word */
        t->counts[task]--;
        t->done--;
    } else {
        t->wrong++;
    }
    t->runs++;
}

static bool third_time(hec_worker *w, uint64_t i)
{
    return i % 7 || atomic_fetch_add(&shared->ran[i], 1) >= 2;
}

static void retry_failure(trial *t, const hec_result *r)
{
    t->wrong += r->usage && r->usage->attempt != (uint32_t)atomic_load(&shared->ran[r->first]);
    again(t, r->first, 0, NULL);
}

static void failures(bool inherited)
{
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, third_time);
    t.on_failure = retry_failure;
    t.options.inherit_measured = 1;
    trial_start(&t, inherited);
    if (!inherited)
        hec_call_set_measured(t.call);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0) && t.runs == 58,
       "what fails twice is done the third time (%s) %s", inherited ? "inherited" : "sent",
       t.err.text);
    ok(t.usages[7].attempt == 3 && t.usages[8].attempt == 1 && t.call->retries.n == 0,
       "attempts are counted, and forgotten");
    trial_fini(&t);
}

static bool dies_once(hec_worker *w, uint64_t i)
{
    if (i % 50 == 3 && atomic_fetch_add(&shared->ran[i], 1) == 0)
        kill(getpid(), SIGKILL);
    return true;
}

static void retry_death(trial *t, const hec_death *d)
{
    t->wrong += d->usage.attempt != 1;
    again(t, d->task, 20 * MS, NULL);
}

static void deaths(bool inherited)
{
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, dies_once);
    t.on_death = retry_death;
    trial_start(&t, inherited);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0) && t.deaths == 4 &&
           t.runs == 4,
       "a task that kills its worker is run again when asked for (%s) %s",
       inherited ? "inherited" : "sent", t.err.text);
    trial_fini(&t);
}

static bool dies(hec_worker *w, uint64_t i)
{
    if (i % 50 == 3) {
        atomic_fetch_add(&shared->ran[i], 1);
        kill(getpid(), SIGKILL);
    }
    return true;
}

static void not_asked(void)
{
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, dies);
    trial_start(&t, false);
    ok(trial_finish(&t) && t.deaths == 4 && atomic_load(&shared->ran[3]) == 1 &&
           atomic_load(&shared->ran[153]) == 1,
       "and is not when not %s", t.err.text);
    trial_fini(&t);
}

/* Needs more time than it has at first. */
static bool slow(hec_worker *w, uint64_t i)
{
    const hec_limits *l = hec_worker_limits(w);

    if (i != 9)
        return true;
    atomic_fetch_add(&shared->ran[i], 1);
    while (l->timeout_ns < 1000 * MS)
        nap_ms(10);
    return l->timeout_ns == 60000 * MS && l->memory_bytes == 1 << 30;
}

static void retry_longer(trial *t, const hec_death *d)
{
    hec_limits more = {.timeout_ns = 60000 * MS, .memory_bytes = 1 << 30};

    t->wrong += d->verdict != HEC_TASK_TIMED_OUT;
    again(t, d->task, 0, &more);
}

static void other_limits(bool inherited)
{
    hec_limits limits = {.timeout_ns = 100 * MS};
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, slow);
    t.on_death = retry_longer;
    t.options.inherit_limits = limits;
    trial_start(&t, inherited);
    if (!inherited)
        hec_call_set_limits(t.call, &limits);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0) && t.deaths == 1 &&
           atomic_load(&shared->ran[9]) == 2,
       "it may have other limits then (%s) %s", inherited ? "inherited" : "sent", t.err.text);
    trial_fini(&t);
}

static bool fails_at_9(hec_worker *w, uint64_t i)
{
    return i != 9 || atomic_fetch_add(&shared->ran[i], 1) > 0;
}

static void retry_later(trial *t, const hec_result *r)
{
    again(t, r->first, 300 * MS, NULL);
}

static void later(void)
{
    uint64_t began;
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, fails_at_9);
    t.on_failure = retry_later;
    trial_start(&t, true);
    began = hec__now_ns();
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0) &&
           hec__now_ns() - began >= 300 * MS,
       "not before its time %s", t.err.text);
    trial_fini(&t);
}

/* ---- no further task ---- */

static bool waits(hec_worker *w, uint64_t i)
{
    atomic_fetch_add(&shared->ran[i], 1);
    for (int k = 0; k < 2000 && !atomic_load(&shared->go); k++)
        nap_ms(5);
    return true;
}

static uint64_t begun(void)
{
    uint64_t n = 0;

    for (int i = 0; i < N; i++)
        n += (uint64_t)atomic_load(&shared->ran[i]);
    return n;
}

static bool skipped_right(const trial *t)
{
    for (uint64_t i = 0; i < t->n; i++)
        if (t->counts[i] != 1 ||
            t->verdicts[i] != (atomic_load(&shared->ran[i]) ? HEC_TASK_DONE : HEC_TASK_SKIPPED))
            return false;
    return t->wrong == 0;
}

static void drained(bool inherited)
{
    hec_call *other;
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, waits);
    trial_start(&t, inherited);
    while (begun() < 2)
        hec_pool_step(t.pool, 10, &t.err);
    hec_call_drain(t.call);
    while (t.done < N - 2 && hec_pool_step(t.pool, 1000, &t.err) >= 0)
        continue;
    ok(t.skipped == N - 2 && begun() == 2,
       "of a drained call nothing is begun, and that is told at once (%s) %s",
       inherited ? "inherited" : "sent", t.err.text);
    ok(hec_call_retry(t.call, 0, 0, NULL, &t.err) == 0, "nor is anything run again");
    other = t.call;
    atomic_store(&shared->go, 1);
    ok(trial_finish(&t) && skipped_right(&t), "what ran is done %s", t.err.text);
    hec_call_close(other);
    trial_fini(&t);
}

/* Workers die between taking from the counter and noting it, and the call is drained. */
static void drained_and_lost(void)
{
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, waits);
    t.options.workers = 1;
    trial_start(&t, true);
    while (begun() < 1)
        hec_pool_step(t.pool, 10, &t.err);
    atomic_fetch_add(&t.pool->segment->head->next, 20); /* as if somebody had taken them */
    hec_call_drain(t.call);
    atomic_store(&shared->go, 1);
    ok(trial_finish(&t) && skipped_right(&t) && t.skipped == N - 1,
       "tasks that nobody has are told of as well %s", t.err.text);
    trial_fini(&t);
}

static void waits_for_retry(void)
{
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, 20, fails_at_9);
    t.on_failure = retry_later;
    trial_start(&t, true);
    while (t.done < 19 && hec_pool_step(t.pool, 1000, &t.err) >= 0)
        continue;
    hec_call_drain(t.call);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, 9, HEC_TASK_SKIPPED),
       "nor is what waits to be run again %s", t.err.text);
    trial_fini(&t);
}

static bool takes_60ms(hec_worker *w, uint64_t i)
{
    atomic_fetch_add(&shared->ran[i], 1);
    nap_ms(60);
    return true;
}

/* Whether any task began within so many milliseconds: to start the workers takes time, too. */
static bool deadline_in(bool inherited, uint64_t ms, bool last)
{
    uint64_t end = hec__now_ns() + ms * MS;
    trial t;
    bool began;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, takes_60ms);
    t.options.inherit_deadline_ns = end;
    trial_start(&t, inherited);
    if (!inherited)
        hec_call_set_deadline(t.call, end);
    began = trial_finish(&t) && t.skipped < N;
    if (began || last) {
        ok(skipped_right(&t) && t.skipped > 0 && t.skipped < N,
           "before a deadline no task is begun that would not end (%s) %s",
           inherited ? "inherited" : "sent", t.err.text);
        ok(t.call->longest_ns >= 60 * MS, "as far as durations are known");
    }
    trial_fini(&t);
    return began;
}

static void deadline(bool inherited)
{
    /* N tasks take much longer, by two workers, than any of these. */
    if (!deadline_in(inherited, 600, false) && !deadline_in(inherited, 2400, false))
        deadline_in(inherited, 4800, true);
}

static void too_late(void)
{
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, N, takes_60ms);
    trial_start(&t, false);
    hec_call_set_deadline(t.call, 1);
    /* A worker that was quick has begun one before it was said. */
    ok(trial_finish(&t) && skipped_right(&t) && t.skipped >= N - 2, "after it none %s", t.err.text);
    trial_fini(&t);
}

int main(void)
{
    alarm(100);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    table();
    failures(false);
    failures(true);
    deaths(false);
    deaths(true);
    not_asked();
    other_limits(false);
    other_limits(true);
    later();
    drained(false);
    drained(true);
    drained_and_lost();
    waits_for_retry();
    deadline(false);
    deadline(true);
    too_late();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
