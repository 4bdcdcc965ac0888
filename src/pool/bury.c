/* SPDX-License-Identifier: MIT
 *
 * The death of workers: who is to blame, and what becomes of the tasks that the dead one had.
 */
#include "pool/state.h"

#include "base/error.h"
#include "pool/cores.h"
#include "pool/spin.h"
#include "sys/clock.h"

#include <sys/wait.h>

/* A worker that dies so often before its first answer, without a task to blame, is not to blame
 * itself: something keeps workers from living here. */
#define STILLBORN_MAX 10u

/* What a dead worker leaves of one run of tasks, of which `done` were answered: all but the one to
 * blame are sent again; where none is to blame one by one, since one of them may be. */
static int leave(hec_call *call, hec__range run, uint64_t done, const hec_death *death,
                 const hec_call *deadly, hec_error *err)
{
    hec__range before = {.first = run.first + done, .count = run.count - done, .singly = !deadly};
    hec__range after = {0};
    int r;

    if (!call || done >= run.count)
        return 0;
    if (call == deadly && death->task >= before.first && death->task < run.first + run.count) {
        before.count = death->task - before.first;
        after.first = death->task + 1;
        after.count = run.first + run.count - after.first;
    }
    r = hec__call_again(call, before, err);
    return r < 0 ? r : hec__call_again(call, after, err);
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

    if (task-- == 0 || !call)
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
static int leave_all(hec_pool *p, uint32_t k, const hec_death *death, const hec_call *deadly,
                     hec_error *err)
{
    hec__member *m = &p->members[k];
    int r = 0;

    for (; r == 0 && m->nsent; m->nsent--) {
        hec__sent *s = hec__sent_at(m, m->nsent - 1);

        r = leave(s->call, (hec__range){.first = s->first, .count = s->count}, s->done, death,
                  deadly, err);
    }
    if (r == 0 && p->inherited) {
        hec__range self = hec__pool_self_range(p, k, hec__claim_look(&p->segment->slots[k].self));
        uint64_t done = m->self_next > self.first ? m->self_next - self.first : 0;

        r = leave(p->inherited, self, done, death, deadly, err);
    }
    return r;
}

int hec__pool_bury(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec__slot *slot = &p->segment->slots[k];
    int32_t pid = m->child.pid;
    hec_call *call = NULL;
    hec_death death = {.task = UINT64_MAX};
    int status, n, bad, r, delivered = 0;

    /* News of a worker whose place has been taken since: not to be waited for. */
    if (!hec__child_heard(&m->child) && !hec__child_ended(&m->child))
        return 0;
    /* A pipe also ends when user code closes it: such a worker is killed and waited for. A pidfd
     * does not lie; should it ever, a worker that lives must not be waited for. */
    if (!hec__child_reap(&m->child, !m->child.is_pidfd, &status))
        return 0;
    /* Out of the watch before it is closed: closing alone would not do. */
    hec__watch_remove(&p->watch, m->child.fd);
    hec__child_forget(&m->child);
    p->alive--;
    if (atomic_load_explicit(&slot->awake, memory_order_relaxed))
        hec__awake_add(p->segment->head, &slot->awake, -1);
    /* All of them, also after one that could not be taken: what stayed in the ring would be sent
     * again as well. */
    for (bad = 0; (n = hec__pool_deliver(p, k, 64, bad ? NULL : err)) != 0;) {
        bad = n < 0 && !bad ? n : bad;
        delivered += n > 0 ? n : 0;
    }
    if (blame(p, k, status, &death, &call))
        death.pid = pid;
    r = leave_all(p, k, &death, call, err);
    hec__store_bury(&p->store, k);
    hec__cores_bury(p->segment, k, p->zygote != NULL);
    if (bad < 0 || r < 0)
        return bad < 0 ? bad : r;
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
                         pid,
                         status < 0          ? "a status that something else took:"
                         : WIFEXITED(status) ? "exit status"
                                             : "signal",
                         status < 0          ? 0
                         : WIFEXITED(status) ? WEXITSTATUS(status)
                                             : WTERMSIG(status));
    }
    return delivered;
}
