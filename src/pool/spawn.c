/* SPDX-License-Identifier: MIT
 *
 * The life and death of workers.
 */
#include "pool/state.h"

#include "base/error.h"
#include "pool/spin.h"
#include "pool/worker.h"
#include "sys/clock.h"
#include "sys/openmp.h"

#include <hec/topology.h>

#include <signal.h>
#include <sys/wait.h>

/* A worker that dies so often before its first answer, without a task to blame, is not to blame
 * itself: something keeps workers from living here. */
#define STILLBORN_MAX 10u

uint64_t hec__pool_available(void)
{
    hec_topology *t = NULL;
    uint64_t n;

    /* Unknown is not a reason to refuse: the kernel has the last word. */
    if (hec_topology_read(NULL, &t, NULL) < 0)
        return UINT64_MAX;
    n = hec_topology_memory_available(t);
    hec_topology_destroy(t);
    return n;
}

static int map_rings(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    int r = 0;

    if (!m->tasks_data)
        r = hec__segment_map_ring(p->segment, k, false, &m->tasks_data, err);
    if (r == 0 && !m->results_data)
        r = hec__segment_map_ring(p->segment, k, true, &m->results_data, err);
    return r;
}

int hec__pool_spawn(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec__slot *slot = &p->segment->slots[k];
    hec__worker_start start = {.number = k,
                               .cpus = p->cpus,
                               .runner = p->runner,
                               .segment = p->segment,
                               .watch = p->watch,
                               .warm_max = p->warm_max,
                               .available = hec__pool_available};
    int r = map_rings(p, k, err);

    if (r < 0)
        return r;
    memset(slot, 0, sizeof *slot); /* nobody else looks at it now */
    hec__ring_open_producer(&m->tasks, &slot->tasks, m->tasks_data, HEC__RING_BYTES);
    hec__ring_open_consumer(&m->results, &slot->results, m->results_data, HEC__RING_BYTES);
    start.tasks = m->tasks_data;
    start.results = m->results_data;
    m->self_next = 0;
    m->answered = m->distrusted = false;
    hec__awake_add(p->segment->head, &slot->awake, +1);
    hec__openmp_pause();
    if (p->runner.before_fork)
        p->runner.before_fork(p->runner.ctx);
    r = hec__child_fork(&m->child, err);
    if (r == 1)
        hec__worker_main(&start);
    if (p->runner.after_fork)
        p->runner.after_fork(p->runner.ctx);
    if (r == 0) {
        r = hec__watch_add(&p->watch, m->child.fd, k, err);
        if (r < 0) { /* nobody would hear of its end */
            kill(m->child.pid, SIGKILL);
            hec__child_reap(&m->child, true, &(int){0});
        }
    }
    if (r < 0) {
        hec__awake_add(p->segment->head, &slot->awake, -1);
        return r;
    }
    p->alive++;
    for (hec_call *c = p->calls; c; c = c->next_call)
        c->opened[k] = 0;
    return 0;
}

/* What a dead worker leaves, as far as it concerns one run of tasks [first, first + count), of
 * which `done` were answered: all but the one to blame are sent again. */
static int leave(hec_call *call, uint64_t first, uint32_t count, uint32_t done, uint64_t blamed,
                 hec_error *err)
{
    uint64_t from = first + done, end = first + count;
    int r;

    if (!call || from >= end)
        return 0;
    if (blamed < from || blamed >= end)
        return hec__call_again(call, from, end - from, err);
    r = hec__call_again(call, from, blamed - from, err);
    return r < 0 ? r : hec__call_again(call, blamed + 1, end - blamed - 1, err);
}

/* Whether a task is among those that worker k has got and has not answered. */
static bool is_unanswered(const hec_pool *p, uint32_t k, const hec_call *call, uint64_t task)
{
    hec__member *m = &p->members[k];

    for (uint32_t i = 0; i < m->nsent; i++) {
        const hec__sent *s = hec__sent_at(m, i);

        if (s->call == call && task >= s->first + s->done && task < s->first + s->count)
            return true;
    }
    if (call == p->inherited) {
        hec__range self = hec__pool_self_range(p, k, hec__claim_look(&p->segment->slots[k].self));

        return task >= self.first && task >= m->self_next && task < self.first + self.count;
    }
    return false;
}

/* Which task ran when the worker died: 1 and *ret_death, *ret_call; 0 when none did. */
static int blame(hec_pool *p, uint32_t k, int status, hec_death *ret_death, hec_call **ret_call)
{
    hec__slot *slot = &p->segment->slots[k];
    uint64_t task = atomic_load_explicit(&slot->task, memory_order_relaxed);
    uint64_t since = atomic_load_explicit(&slot->since_ns, memory_order_relaxed);
    hec_call *call =
        hec__pool_find_call(p, atomic_load_explicit(&slot->call, memory_order_relaxed));

    if (task-- == 0 || !call || status == HEC__WORKER_NO_MEMORY << 8)
        return 0;
    /* Between a reply and the next task the slot still names the task before. */
    if (!is_unanswered(p, k, call, task))
        return 0;
    *ret_call = call;
    *ret_death =
        (hec_death){.task = task,
                    .verdict = status >= 0 && WIFEXITED(status) ? HEC_TASK_EXITED : HEC_TASK_KILLED,
                    .detail = status < 0          ? -1
                              : WIFEXITED(status) ? WEXITSTATUS(status)
                                                  : WTERMSIG(status),
                    .worker = k,
                    .ran_ns = hec__now_ns() - since};
    return 1;
}

/* Queues what the dead worker had and nobody else has. */
static int leave_all(hec_pool *p, uint32_t k, uint64_t blamed, const hec_call *blamed_call,
                     hec_error *err)
{
    hec__member *m = &p->members[k];
    int r = 0;

    for (; r == 0 && m->nsent; m->nsent--) {
        hec__sent *s = hec__sent_at(m, m->nsent - 1);

        r = leave(s->call, s->first, s->count, s->done,
                  s->call == blamed_call ? blamed : UINT64_MAX, err);
    }
    if (r == 0 && p->inherited) {
        hec__range self = hec__pool_self_range(p, k, hec__claim_look(&p->segment->slots[k].self));
        uint64_t done = m->self_next > self.first ? m->self_next - self.first : 0;

        r = leave(p->inherited, self.first, (uint32_t)self.count,
                  done < self.count ? (uint32_t)done : (uint32_t)self.count,
                  p->inherited == blamed_call ? blamed : UINT64_MAX, err);
    }
    return r;
}

int hec__pool_bury(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec__slot *slot = &p->segment->slots[k];
    int32_t pid = m->child.pid, fd = m->child.fd;
    hec_call *call = NULL;
    hec_death death = {.task = UINT64_MAX};
    int status, n, r, delivered = 0;

    /* News of a worker whose place has been taken since: not to be waited for. */
    if (!hec__child_ended(&m->child))
        return 0;
    /* The descriptor first: reaping closes it, and closing alone would not stop the watch. */
    hec__watch_remove(&p->watch, fd);
    if (!hec__child_reap(&m->child, true, &status))
        return 0;
    p->alive--;
    if (atomic_load_explicit(&slot->awake, memory_order_relaxed))
        hec__awake_add(p->segment->head, &slot->awake, -1);
    while ((n = hec__pool_deliver(p, k, 64, err)) > 0)
        delivered += n;
    if (n == 0 && blame(p, k, status, &death, &call))
        death.pid = pid;
    r = leave_all(p, k, death.task, call, err);
    hec__store_bury(&p->store, k);
    if (n < 0 || r < 0)
        return n < 0 ? n : r;
    if (call) {
        delivered++;
        m->stillborn = 0;
        if (call->answered)
            hec__call_answered(call, death.task, 1);
        if (call->ops.death && call->ops.death(call->ctx, &death) < 0)
            return hec__fail(err, HEC_ECALLBACK, 0, "a death could not be taken");
    } else if (!m->answered && ++m->stillborn >= STILLBORN_MAX) {
        return hec__fail(err, HEC_ESYS, 0,
                         "workers end as soon as they start (the last one, process %d, with %s %d)",
                         pid, WIFEXITED(status) ? "exit status" : "signal",
                         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    return delivered;
}
