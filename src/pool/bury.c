/* SPDX-License-Identifier: MIT
 *
 * The death of workers: who is to blame, what is known of it, and what becomes of the tasks that
 * the dead one had.
 */
#include "pool/state.h"

#include "base/error.h"
#include "pool/cores.h"
#include "pool/report.h"
#include "pool/spin.h"
#include "sys/clock.h"
#include "topo/oom.h"

#include <signal.h>
#include <sys/wait.h>

/* A kill for memory that was counted so long ago, and that no death of a worker has answered to, is
 * somebody else's. (A large process takes its time to die.) */
#define OOM_NS UINT64_C(3000000000)

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

/* Whether the kernel has killed somebody for want of memory, and nobody was told of that yet. */
static bool was_out_of_memory(hec_pool *p)
{
    uint64_t kills;

    if (!p->oom_file || !hec__oom_read("", p->oom_file, &kills) || kills <= p->oom_told)
        return false;
    p->oom_told++; /* several may have been killed for one another: each death takes one */
    return true;
}

void hec__pool_look_oom(hec_pool *p, uint64_t now)
{
    if (!p->oom_file || now - p->oom_looked_ns < OOM_NS)
        return;
    /* What was counted at the last look is old; what is counted now may be a worker's that is about
     * to be buried. */
    if (p->oom_seen > p->oom_told)
        p->oom_told = p->oom_seen;
    p->oom_looked_ns = now;
    hec__oom_read("", p->oom_file, &p->oom_seen);
}

/* What is known of a worker's end. */
typedef struct hec__end {
    int status;
    hec__spent spent;
    hec__sentence sentence;
    char tail[HEC__TAIL + 1];
} hec__end;

/* What the end of the worker means for the task that it ran. 0: nothing, it was meant for the task
 * before. */
static int verdict_of(hec_pool *p, const hec__end *end, const hec__sentence *runs)
{
    const hec__sentence *s = &end->sentence;

    if (s->verdict)
        return s->call == runs->call && s->task == runs->task && s->since_ns == runs->since_ns
                   ? (int)s->verdict
                   : 0;
    if (end->status >= 0 && WIFEXITED(end->status))
        return HEC_TASK_EXITED;
    if (end->status >= 0 && WTERMSIG(end->status) == SIGKILL && was_out_of_memory(p))
        return HEC_TASK_OUT_OF_MEMORY;
    return HEC_TASK_KILLED;
}

static hec_usage usage_of(const hec_pool *p, uint32_t k, const hec_call *call, const hec__end *end,
                          const hec__sentence *runs)
{
    const hec__retry *again = hec__retries_find(&call->retries, runs->task);
    uint64_t before = atomic_load_explicit(&p->segment->slots[k].cpu_ns, memory_order_relaxed);
    uint64_t ran = hec__now_ns() - runs->since_ns;
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (hec_usage){
        .started_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec - ran,
        .duration_ns = ran,
        .cpu_ns = call->measured && end->spent.cpu_ns > before ? end->spent.cpu_ns - before : 0,
        .max_rss = end->spent.max_rss,
        .pid = p->members[k].pid,
        .attempt = again ? again->attempt : 1};
}

/* Which task ran when the worker died: 1 and *ret_death, *ret_call; 0 when none did. */
static int blame(hec_pool *p, uint32_t k, const hec__end *end, hec_death *ret_death,
                 hec_call **ret_call)
{
    hec__slot *slot = &p->segment->slots[k];
    uint64_t task = atomic_load_explicit(&slot->task, memory_order_relaxed);
    hec__sentence runs = {.call = atomic_load_explicit(&slot->call, memory_order_relaxed),
                          .task = task - 1,
                          .since_ns = atomic_load_explicit(&slot->since_ns, memory_order_relaxed)};
    hec_call *call = hec__pool_find_call(p, runs.call);
    int verdict;

    /* Between a reply and the next task the slot still names the task before. */
    if (task == 0 || !call || !is_unanswered(p, k, call, runs.task))
        return 0;
    verdict = verdict_of(p, end, &runs);
    if (!verdict)
        return 0;
    *ret_call = call;
    *ret_death = (hec_death){.task = runs.task,
                             .verdict = (hec_verdict)verdict,
                             .detail = end->status < 0          ? -1
                                       : WIFEXITED(end->status) ? WEXITSTATUS(end->status)
                                                                : WTERMSIG(end->status),
                             .pid = p->members[k].pid,
                             .worker = k,
                             .usage = usage_of(p, k, call, end, &runs),
                             .stderr_tail = end->tail};
    ret_death->ran_ns = ret_death->usage.duration_ns;
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

/* Takes the worker off the books. False when it has not ended. */
static bool reap(hec_pool *p, uint32_t k, hec__end *ret)
{
    hec__member *m = &p->members[k];
    hec__slot *slot = &p->segment->slots[k];

    /* News of a worker whose place has been taken since: not to be waited for. */
    if (!hec__child_heard(&m->child) && !hec__child_ended(&m->child))
        return false;
    /* A pipe also ends when user code closes it: such a worker is killed and waited for. A pidfd
     * does not lie; should it ever, a worker that lives must not be waited for. */
    if (!hec__warden_reap(&p->warden, k, &m->child, !m->child.is_pidfd, &ret->status, &ret->spent,
                          &ret->sentence, ret->tail))
        return false;
    /* Out of the watch before it is closed: closing alone would not do. */
    hec__watch_remove(&p->watch, m->child.fd);
    hec__child_forget(&m->child);
    p->alive--;
    if (atomic_load_explicit(&slot->awake, memory_order_relaxed))
        hec__awake_add(p->segment->head, &slot->awake, -1);
    return true;
}

/* Tells the call of the death of its task, with what the worker has left. */
static int tell(hec_pool *p, uint32_t k, hec_call *call, hec_death *death, hec_error *err)
{
    char *python_stack = hec__report_take(p->reports_fd, k, HEC__REPORT_RUNNER);
    char *c_stack = hec__report_take(p->reports_fd, k, HEC__REPORT_C);
    bool again;
    int r = 0;

    death->python_stack = python_stack ? python_stack : "";
    death->c_stack = c_stack ? c_stack : "";
    if (call) {
        if (call->answered)
            hec__call_answered(call, death->task, 1);
        again = call->retries.n > 0;
        if (call->ops.death && call->ops.death(call->ctx, death) < 0)
            r = hec__fail(err, HEC_ECALLBACK, 0, "a death could not be taken");
        if (again)
            hec__call_settle_retry(call, death->task);
    }
    free(python_stack);
    free(c_stack);
    return r;
}

static int too_many_deaths(const hec__member *m, int status, hec_error *err)
{
    return hec__fail(err, HEC_ESYS, 0,
                     "workers end as soon as they start (the last one, process %d, with %s %d)",
                     m->pid,
                     status < 0          ? "a status that something else took:"
                     : WIFEXITED(status) ? "exit status"
                                         : "signal",
                     status < 0          ? 0
                     : WIFEXITED(status) ? WEXITSTATUS(status)
                                         : WTERMSIG(status));
}

int hec__pool_bury(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec_call *call = NULL;
    hec_death death = {.task = UINT64_MAX};
    hec__end end = {0};
    int n, bad, r, delivered = 0;

    if (!reap(p, k, &end))
        return 0;
    /* All of them, also after one that could not be taken: what stayed in the ring would be sent
     * again as well. */
    for (bad = 0; (n = hec__pool_deliver(p, k, 64, bad ? NULL : err)) != 0;) {
        bad = n < 0 && !bad ? n : bad;
        delivered += n > 0 ? n : 0;
    }
    blame(p, k, &end, &death, &call);
    r = leave_all(p, k, &death, call, err);
    hec__store_bury(&p->store, k);
    hec__cores_bury(p->segment, k, p->zygote != NULL);
    n = tell(p, k, bad < 0 || r < 0 ? NULL : call, &death, err);
    if (bad < 0 || r < 0 || n < 0)
        return bad < 0 ? bad : r < 0 ? r : n;
    if (call || end.sentence.verdict) {
        delivered += call != NULL;
        m->stillborn = 0;
    } else if (!m->answered && ++m->stillborn >= STILLBORN_MAX) {
        return too_many_deaths(m, end.status, err);
    }
    return delivered;
}
