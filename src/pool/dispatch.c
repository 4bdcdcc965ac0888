/* SPDX-License-Identifier: MIT
 *
 * From calls to batches to the workers' rings, and back from workers that have more than others.
 */
#include "pool/state.h"

#include "base/error.h"
#include "sys/clock.h"
#include "sys/futex.h"

#include <assert.h>

/* A worker gets further batches while it runs the first, so that it does not wait for the parent,
 * which on a busy machine may come late; from tasks this long on the wait does not matter, and what
 * is not sent need not be taken back. */
#define QUEUE_BATCHES 4u
#define QUEUE_TASK_NS 5000000u
/* Moving less work than this costs more than it gains. */
#define MOVE_NS 50000u

void hec__member_wake(hec_pool *p, uint32_t k)
{
    hec__slot *slot = &p->segment->slots[k];

    /* Pairs with the fence in the worker's sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&slot->sleeps, memory_order_relaxed) &&
        atomic_exchange_explicit(&slot->sleeps, 0, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&slot->bell, 1, memory_order_release);
        hec__futex_wake(&slot->bell, 1);
        p->woke = true;
    }
}

int hec__call_again(hec_call *call, hec__range range, hec_error *err)
{
    if (range.count == 0)
        return 0;
    if (call->nagain == call->again_cap) {
        uint32_t cap = call->again_cap ? 2 * call->again_cap : 16;
        hec__range *again = realloc(call->again, cap * sizeof *again);

        if (!again)
            return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of tasks to send again");
        call->again = again;
        call->again_cap = cap;
    }
    call->again[call->nagain++] = range;
    return 0;
}

static uint64_t tasks_left(const hec_call *call)
{
    /* Of the inherited call the workers help themselves; here is only what came back. */
    uint64_t n = call->id == 0 ? 0 : call->total - call->next;

    for (uint32_t i = 0; i < call->nagain; i++)
        n += call->again[i].count;
    return n;
}

bool hec__pool_has_tasks(const hec_pool *p)
{
    for (const hec_call *c = p->calls; c; c = c->next_call)
        if (hec__call_has_tasks(c))
            return true;
    return false;
}

/* The inherited call keeps a worker busy without anything being sent to it. */
static bool helps_itself(const hec_pool *p, uint32_t k)
{
    const hec__slot *slot = &p->segment->slots[k];
    hec__range self;

    if (!p->inherited)
        return false;
    /* Both acquire: who has moved the counter is seen taking, and who is not seen taking any more
     * has said in its claim word what it took. */
    if (atomic_load_explicit(&p->segment->head->next, memory_order_acquire) < p->inherited->total ||
        atomic_load_explicit(&slot->self_taking, memory_order_acquire))
        return true;
    self = hec__pool_self_range(p, k, hec__claim_look(&slot->self));
    return self.count > 0 && p->members[k].self_next < self.first + self.count;
}

hec__range hec__pool_self_range(const hec_pool *p, uint32_t k, uint64_t look)
{
    const hec__slot *slot = &p->segment->slots[k];
    hec__range r = {.count = hec__claim_limit(look)};

    r.first =
        atomic_load_explicit(&slot->self_first[hec__claim_turn(look) % 2], memory_order_relaxed);
    if (r.first > p->inherited->total)
        r.first = p->inherited->total;
    if (r.count > p->inherited->total - r.first)
        r.count = p->inherited->total - r.first;
    return r;
}

bool hec__pool_busy(const hec_pool *p)
{
    for (uint32_t k = 0; k < p->nworkers; k++)
        if (p->members[k].child.pid && (p->members[k].nsent || helps_itself(p, k)))
            return true;
    return false;
}

/* The worker that should get the next batch of a call: one with nothing to do, else one whose
 * queue is short; of two alike, one that has left its last batch behind: the other may have
 * answered and still be busy. UINT32_MAX: none has room. */
static uint32_t pick(hec_pool *p, const hec_call *call)
{
    bool queue = call->pace.task_ns && call->pace.task_ns < QUEUE_TASK_NS;
    uint32_t best = UINT32_MAX;
    uint32_t best_n = 2 * (queue ? QUEUE_BATCHES : 1);

    for (uint32_t k = 0; k < p->nworkers && best_n > 0; k++) {
        hec__member *m = &p->members[k];
        uint32_t n = 2 * (m->nsent + helps_itself(p, k)) + !hec__ring_empty(&m->tasks);

        if (m->child.pid && n < best_n && hec__ring_reserve(&m->tasks, HEC__REC_MAX)) {
            best = k;
            best_n = n;
        }
    }
    return best;
}

static int note_sent(hec__member *m, hec__sent s, hec_error *err)
{
    if (m->nsent == m->sent_cap) {
        uint32_t cap = m->sent_cap ? 2 * m->sent_cap : 8;
        hec__sent *sent = malloc(cap * sizeof *sent);

        if (!sent)
            return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of sent tasks");
        for (uint32_t i = 0; i < m->nsent; i++)
            sent[i] = *hec__sent_at(m, i);
        free(m->sent);
        m->sent = sent;
        m->sent_cap = cap;
        m->first_sent = 0;
    }
    m->nsent++;
    *hec__sent_at(m, m->nsent - 1) = s;
    return 0;
}

/* The shared part of a call, before its first batch to a worker. */
static int open_at(hec_pool *p, uint32_t k, hec_call *call, hec_error *err)
{
    hec__rec like = {.kind = HEC__REC_OPEN, .call = call->id};
    int r;

    if (call->opened[k] || call->id == 0)
        return 0;
    if (call->ops.pack_shared) {
        r = call->ops.pack_shared(call->ctx, &p->outbox, err);
        if (r < 0) {
            hec_outbox_clear(&p->outbox);
            return r;
        }
    }
    hec__outbox_send(&p->outbox, &like, NULL);
    call->opened[k] = 1;
    return 0;
}

/* How many tasks from `first` on, of n, can go together: one that is run again goes alone, since it
 * has limits of its own. */
static uint32_t together(const hec_call *call, uint64_t first, uint32_t n)
{
    uint32_t k = 0;

    if (call->retries.n == 0)
        return n;
    while (k < n && !hec__retries_find(&call->retries, first + k))
        k++;
    return k ? k : 1;
}

/* The next run of task numbers of a call, at most n. */
static hec__range take(hec_call *call, uint32_t n)
{
    hec__range got = {0}, *r;

    if (call->nagain == 0) {
        got.first = call->next;
        got.count = call->total - call->next < n ? call->total - call->next : n;
        got.count = together(call, got.first, (uint32_t)got.count);
        call->next += got.count;
        return got;
    }
    r = &call->again[call->nagain - 1];
    got = *r;
    if (r->singly)
        n = 1;
    if (got.count > n)
        got.count = n;
    got.count = together(call, got.first, (uint32_t)got.count);
    r->first += got.count;
    r->count -= got.count;
    if (r->count == 0)
        call->nagain--;
    return got;
}

/* Undoes what take() took and was not sent: there is always room for it, take() made some or
 * never needed any. */
static void untake(hec_call *call, hec__range got, uint64_t sent)
{
    if (got.first + got.count == call->next && call->id != 0) {
        call->next = got.first + sent;
        return;
    }
    if (call->nagain && call->again[call->nagain - 1].first == got.first + got.count) {
        call->again[call->nagain - 1].first = got.first + sent;
        call->again[call->nagain - 1].count += got.count - sent;
        return;
    }
    assert(call->nagain < call->again_cap);
    got.first += sent;
    got.count -= sent;
    call->again[call->nagain++] = got;
}

static int send_batch(hec_pool *p, uint32_t k, hec_call *call, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec__rec like = {.kind = HEC__REC_BATCH, .call = call->id, .limits = call->limits};
    hec__sent s = {.call = call};
    hec__retry *again;
    hec__range got;
    int64_t n;
    int r;

    p->outbox.ring = &m->tasks;
    p->outbox.holder = k;
    r = open_at(p, k, call, err);
    if (r < 0)
        return r;
    if (!hec__ring_reserve(&m->tasks, HEC__REC_MAX)) /* the shared part took the room */
        return 0;
    r = note_sent(m, s, err);
    if (r < 0)
        return r;
    got = take(call, hec__batch_size(&call->pace, tasks_left(call), p->nworkers));
    n = (int64_t)got.count;
    if (call->id == 0)
        like.flags = HEC__REC_INHERITED;
    else
        n = call->ops.pack(call->ctx, got.first, (uint32_t)got.count, &p->outbox, err);
    assert(n <= (int64_t)got.count);
    if (n < (int64_t)got.count)
        untake(call, got, n > 0 ? (uint64_t)n : 0);
    if (n <= 0) {
        hec_outbox_clear(&p->outbox);
        m->nsent--;
        return n < 0 ? (int)n : hec__fail(err, HEC_EINTERNAL, 0, "a task was not packed");
    }
    like.first = s.first = got.first;
    like.count = s.count = (uint32_t)n;
    like.flags |= call->measured ? HEC__REC_MEASURED : 0;
    again = hec__retries_find(&call->retries, got.first);
    if (again) {
        like.limits = again->limits;
        again->waits = false;
    }
    s.sent_ns = hec__now_ns();
    s.position = hec__outbox_send(&p->outbox, &like, &s.rec);
    *hec__sent_at(m, m->nsent - 1) = s;
    hec__member_wake(p, k);
    if (like.limits)
        hec__warden_sent(&p->warden);
    return 0;
}

int hec__pool_dispatch(hec_pool *p, hec_error *err)
{
    for (hec_call *c = p->calls; c; c = c->next_call) {
        while (hec__call_has_tasks(c)) {
            uint32_t k = pick(p, c);
            int r;

            if (k == UINT32_MAX)
                break;
            r = send_batch(p, k, c, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* What it is worth, in nanoseconds, to have another worker do the free tasks of a batch: their work
 * by the call's pace, or, since a pace can be wrong, the time for which they have been kept
 * waiting. 0: nothing is free. */
static uint64_t worth(const hec_call *call, uint64_t look, uint64_t now, uint64_t since)
{
    uint64_t work = hec__claim_free(look) * call->pace.task_ns;
    uint64_t waiting = now > since ? now - since : 0;

    return hec__claim_free(look) == 0 ? 0 : work > waiting ? work : waiting;
}

uint32_t hec__call_take_back(hec_call *call, hec__claim *claim, uint64_t look, uint64_t first)
{
    uint32_t from, n;

    /* Room for the range first: what was taken back must not be lost for want of memory. */
    if (hec__call_again(call, (hec__range){.count = 1}, NULL) < 0)
        return 0;
    call->nagain--;
    n = hec__claim_take_back(claim, look, &from);
    if (n)
        hec__call_again(call, (hec__range){.first = first + from, .count = n}, NULL);
    return n;
}

/* Where the free tasks of worker k are worth most. The record of a batch lives in the ring: once
 * the worker has passed it, it may be another's. */
typedef struct hec__victim {
    hec__member *member;
    hec__sent *sent; /* NULL: the range that the worker took by itself */
    hec__slot *slot;
    hec_call *call;
    uint64_t look, first, worth;
} hec__victim;

static void look_at(hec_pool *p, uint32_t k, uint64_t now, hec__victim *best)
{
    hec__member *m = &p->members[k];
    hec__slot *slot = &p->segment->slots[k];
    uint64_t since = atomic_load_explicit(&slot->since_ns, memory_order_relaxed);

    for (uint32_t i = 0; i < m->nsent; i++) {
        hec__sent *s = hec__sent_at(m, i);
        hec__victim v = {.member = m, .sent = s, .slot = slot, .call = s->call, .first = s->first};

        if (!s->call || hec__ring_passed(&m->tasks, s->position))
            continue;
        v.look = hec__claim_look(&s->rec->claim);
        v.worth = worth(s->call, v.look, now, since > s->sent_ns ? since : s->sent_ns);
        if (v.worth > best->worth)
            *best = v;
    }
    if (p->inherited) {
        hec__victim v = {.member = m, .slot = slot, .call = p->inherited};

        v.look = hec__claim_look(&slot->self);
        v.first = hec__pool_self_range(p, k, v.look).first;
        v.worth = worth(v.call, v.look, now, since);
        if (v.worth > best->worth)
            *best = v;
    }
}

hec__moved hec__pool_rebalance(hec_pool *p)
{
    uint64_t now = hec__now_ns();
    hec__victim best = {0};
    bool idle = false, soon = false;
    uint32_t n;

    for (uint32_t k = 0; k < p->nworkers; k++) {
        hec__member *m = &p->members[k];

        if (!m->child.pid || m->nsent || helps_itself(p, k))
            continue;
        /* What has answered all and not left its batch yet may go on for long: tasks given to it
         * now would only be taken back again. */
        *(hec__ring_empty(&m->tasks) ? &idle : &soon) = true;
    }
    for (uint32_t k = 0; (idle || soon) && k < p->nworkers; k++)
        if (p->members[k].child.pid)
            look_at(p, k, now, &best);
    if (best.worth == 0)
        return HEC__MOVED_NONE;
    if (!idle || best.worth < MOVE_NS)
        return HEC__MOVED_LATER;
    n = hec__call_take_back(best.call, best.sent ? &best.sent->rec->claim : &best.slot->self,
                            best.look, best.first);
    if (best.sent) {
        best.sent->count -= n;
        hec__member_settle(best.member);
    }
    return n ? HEC__MOVED_SOME : HEC__MOVED_LATER;
}
