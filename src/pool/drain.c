/* SPDX-License-Identifier: MIT
 *
 * Calls of which no further task is begun, because somebody said so or because the time that is
 * left is too short. What is not begun is taken back and comes to the call as skipped.
 */
#include "pool/state.h"

#include "base/error.h"
#include "sys/clock.h"

void hec_call_set_deadline(hec_call *call, uint64_t deadline_ns)
{
    call->deadline_ns = deadline_ns;
}

void hec_call_drain(hec_call *call)
{
    hec__range rest = {.first = call->total};

    if (call->drained)
        return;
    call->drained = true;
    /* Now, and not in the next step: workers help themselves meanwhile. */
    if (call->id == 0)
        rest.first = atomic_exchange_explicit(&call->pool->segment->head->next, call->total,
                                              memory_order_acq_rel);
    rest.count = rest.first < call->total ? call->total - rest.first : 0;
    /* Without the memory for that, they are found to be with nobody later. */
    hec__call_again(call, rest, NULL);
    hec_pool_wake(call->pool);
}

/* How long a task of the call may take, going by those that were seen, and by those that run. */
static uint64_t longest(const hec_call *call, uint64_t now)
{
    const hec_pool *p = call->pool;
    uint64_t ns = call->longest_ns;

    for (uint32_t k = 0; k < p->nworkers; k++) {
        const hec__slot *slot = &p->segment->slots[k];
        uint64_t since = atomic_load_explicit(&slot->since_ns, memory_order_relaxed);

        if (p->members[k].child.pid && atomic_load_explicit(&slot->task, memory_order_relaxed) &&
            atomic_load_explicit(&slot->call, memory_order_relaxed) == call->id && now > since &&
            now - since > ns)
            ns = now - since;
    }
    return ns;
}

/* Drains a call whose time has come; returns when it will have, UINT64_MAX: never. */
static uint64_t mind_deadline(hec_call *call, uint64_t now)
{
    uint64_t needs;

    if (call->drained || !call->deadline_ns)
        return UINT64_MAX;
    needs = longest(call, now);
    if (now + needs >= call->deadline_ns) {
        hec_call_drain(call);
        return UINT64_MAX;
    }
    return call->deadline_ns - needs;
}

/* Queues what its workers have and have not begun. */
static void take_all_back(hec_call *call)
{
    hec_pool *p = call->pool;
    uint64_t look;
    uint32_t n;

    for (uint32_t k = 0; k < p->nworkers; k++) {
        hec__member *m = &p->members[k];
        hec__claim *self = &p->segment->slots[k].self;

        for (uint32_t i = 0; i < m->nsent; i++) {
            hec__sent *s = hec__sent_at(m, i);

            while (s->call == call && !hec__ring_passed(&m->tasks, s->position)) {
                look = hec__claim_look(&s->rec->claim);
                n = hec__call_take_back(call, &s->rec->claim, look, s->first);
                s->count -= n;
                if (n == 0)
                    break; /* none is free, or the worker has moved: the next step looks again */
            }
        }
        hec__member_settle(m);
        while (call->id == 0 && m->child.pid) {
            look = hec__claim_look(self);
            if (!hec__call_take_back(call, self, look, hec__pool_self_range(p, k, look).first))
                break;
        }
    }
}

/* A run of tasks that will not be begun. */
static int tell_skipped(hec_call *call, hec__range range, hec_error *err)
{
    hec_result result = {.verdict = HEC_TASK_SKIPPED};

    while (range.count) {
        result.first = range.first;
        result.count = range.count < UINT32_MAX ? (uint32_t)range.count : UINT32_MAX;
        range.first += result.count;
        range.count -= result.count;
        for (uint32_t i = 0; call->retries.n && i < result.count; i++)
            hec__retries_forget(&call->retries, result.first + i);
        if (call->answered)
            hec__call_answered(call, result.first, result.count);
        if (call->ops.result(call->ctx, &result) < 0)
            return hec__fail(err, HEC_ECALLBACK, 0, "a skipped task could not be taken");
    }
    return 0;
}

static int skip(hec_call *call, hec_error *err)
{
    uint64_t task;
    int n = 0, r = 0;

    take_all_back(call);
    while (r == 0 && hec__retries_take(&call->retries, UINT64_MAX, &task)) {
        r = tell_skipped(call, (hec__range){.first = task, .count = 1}, err);
        n++;
    }
    while (r == 0 && call->nagain) {
        r = tell_skipped(call, call->again[--call->nagain], err);
        n++;
    }
    if (r == 0 && call->id != 0 && call->next < call->total) {
        hec__range rest = {.first = call->next, .count = call->total - call->next};

        call->next = call->total;
        r = tell_skipped(call, rest, err);
        n++;
    }
    return r < 0 ? r : n;
}

int hec__pool_skip(hec_pool *p, uint64_t *ret_next, hec_error *err)
{
    uint64_t now = 0, next = UINT64_MAX;
    int total = 0;

    for (hec_call *c = p->calls; c; c = c->next_call) {
        uint64_t at;
        int n;

        if (c->deadline_ns && !now)
            now = hec__now_ns();
        at = mind_deadline(c, now);
        next = at < next ? at : next;
        n = c->drained ? skip(c, err) : 0;
        if (n < 0)
            return n;
        total += n;
    }
    *ret_next = next;
    return total;
}
