/* SPDX-License-Identifier: MIT
 *
 * Calls: opening, growing and closing them, what their tasks may take, those that are run again,
 * and the book of the inherited one.
 */
#include "pool/state.h"

#include "base/error.h"
#include "sys/clock.h"
#include "task/limits.h"

static void call_free(hec_call *c)
{
    if (!c)
        return;
    hec__retries_fini(&c->retries);
    free(c->again);
    free(c->opened);
    free(c->answered);
    free(c);
}

int hec__call_create(hec_pool *p, const hec_call_ops *ops, void *ctx, uint64_t total,
                     bool inherited, hec_call **ret_call, hec_error *err)
{
    hec_call *c = calloc(1, sizeof *c), **last = &p->calls;

    if (c)
        c->opened = calloc(p->nworkers, 1);
    if (c && inherited)
        c->answered = calloc(total / 8 + 1, 1);
    if (!c || !c->opened || (inherited && !c->answered)) {
        call_free(c);
        return hec__fail(err, HEC_ENOMEM, 0, "cannot open a call of %llu tasks",
                         (unsigned long long)total);
    }
    c->pool = p;
    c->id = inherited ? 0 : ++p->last_call;
    c->ops = *ops;
    c->ctx = ctx;
    c->total = c->unanswered = total;
    while (*last)
        last = &(*last)->next_call;
    *last = c;
    *ret_call = c;
    return 0;
}

int hec_call_open(hec_pool *pool, const hec_call_ops *ops, void *ctx, uint64_t total,
                  hec_call **ret_call, hec_error *err)
{
    return hec__call_create(pool, ops, ctx, total, false, ret_call, err);
}

void hec_call_extend(hec_call *call, uint64_t total)
{
    if (total > call->total)
        call->total = total;
}

void hec_call_set_patient(hec_call *call)
{
    call->patient = true;
}

/* ---- limits ---- */

static uint64_t tighter(uint64_t a, uint64_t b)
{
    return a && (!b || a < b) ? a : b;
}

static void tighten(hec_limits *to, const hec_limits *by)
{
    to->timeout_ns = tighter(by->timeout_ns, to->timeout_ns);
    to->memory_bytes = tighter(by->memory_bytes, to->memory_bytes);
}

void hec__pool_enforce(hec_pool *p)
{
    hec_limits tightest = {0};

    for (const hec_call *c = p->calls; c; c = c->next_call)
        tighten(&tightest, &c->tightest);
    p->limited = tightest.timeout_ns || tightest.memory_bytes;
    hec__warden_enforce(&p->warden, &tightest);
}

void hec_call_set_limits(hec_call *call, const hec_limits *limits)
{
    call->limits = hec__limits_word(limits);
    tighten(&call->tightest, limits);
    if (call->id == 0)
        atomic_store_explicit(&call->pool->segment->head->limits, call->limits,
                              memory_order_relaxed);
    hec__pool_enforce(call->pool);
}

void hec_call_set_measured(hec_call *call)
{
    call->measured = true;
    if (call->id == 0)
        atomic_store_explicit(&call->pool->segment->head->measured, 1, memory_order_relaxed);
}

/* ---- once more ---- */

static void unanswer(hec_call *call, uint64_t task)
{
    unsigned char bit = (unsigned char)(1u << task % 8);

    call->unanswered += (call->answered[task / 8] & bit) != 0;
    call->answered[task / 8] &= (unsigned char)~bit;
}

int hec_call_retry(hec_call *call, uint64_t task, uint64_t delay_ns, const hec_limits *limits,
                   hec_error *err)
{
    hec__retry *known = hec__retries_find(&call->retries, task);
    uint64_t word = limits ? hec__limits_word(limits) : known ? known->limits : call->limits;
    uint64_t now = hec__now_ns();
    int r;

    if (call->drained)
        return 0;
    if (known && known->waits) { /* asked twice */
        known->limits = word;
        return 1;
    }
    r = hec__retries_add(&call->retries, task, word,
                         delay_ns < UINT64_MAX - now ? now + delay_ns : UINT64_MAX - 1, err);
    if (r < 0)
        return r;
    if (call->answered)
        unanswer(call, task);
    if (limits) {
        tighten(&call->tightest, limits);
        hec__pool_enforce(call->pool);
    }
    return 1;
}

uint64_t hec__pool_retry_due(hec_pool *p)
{
    uint64_t next = UINT64_MAX, now = 0, task;

    for (hec_call *c = p->calls; c; c = c->next_call) {
        if (c->retries.ndue && !now)
            now = hec__now_ns();
        while (hec__retries_next(&c->retries) <= now) {
            /* Room for it first: what has been taken must not be lost. */
            if (hec__call_again(c, (hec__range){.count = 1}, NULL) < 0)
                break;
            c->nagain--;
            hec__retries_take(&c->retries, now, &task);
            hec__call_again(c, (hec__range){.first = task, .count = 1}, NULL);
        }
        if (hec__retries_next(&c->retries) < next)
            next = hec__retries_next(&c->retries);
    }
    return next;
}

void hec__call_settle_retry(hec_call *call, uint64_t task)
{
    const hec__retry *known = hec__retries_find(&call->retries, task);

    if (known && !known->waits)
        hec__retries_forget(&call->retries, task);
}

bool hec__pool_is_patient(const hec_pool *p)
{
    for (const hec_call *c = p->calls; c; c = c->next_call)
        if (!c->patient)
            return false;
    return p->calls != NULL;
}

/* Tells worker k to forget the call, if it has room to be told; a worker whose ring is full keeps
 * the call's shared part until it ends. */
static void close_at(hec_pool *p, uint32_t k, const hec_call *call)
{
    hec__member *m = &p->members[k];
    hec__rec like = {.kind = HEC__REC_CLOSE, .call = call->id};

    if (!call->opened[k] || !m->child.pid || !hec__ring_reserve(&m->tasks, HEC__REC_MAX))
        return;
    p->outbox.ring = &m->tasks;
    hec__outbox_send(&p->outbox, &like, NULL);
    hec__member_wake(p, k);
}

void hec_call_close(hec_call *call)
{
    hec_pool *p = call->pool;
    hec_call **at = &p->calls;

    for (uint32_t k = 0; k < p->nworkers; k++) {
        hec__member *m = &p->members[k];

        for (uint32_t i = 0; i < m->nsent; i++) {
            hec__sent *s = hec__sent_at(m, i);
            uint64_t look;
            uint32_t from, n;

            if (s->call != call)
                continue;
            /* What has not begun is not run any more. */
            while (!hec__ring_passed(&m->tasks, s->position)) {
                look = hec__claim_look(&s->rec->claim);
                if (hec__claim_free(look) == 0)
                    break;
                n = hec__claim_take_back(&s->rec->claim, look, &from);
                s->count -= n;
            }
            s->call = NULL;
        }
        hec__member_settle(m);
        close_at(p, k, call);
    }
    while (*at != call)
        at = &(*at)->next_call;
    *at = call->next_call;
    if (call->tightest.timeout_ns || call->tightest.memory_bytes)
        hec__pool_enforce(p);
    if (call == p->inherited) {
        atomic_store_explicit(&p->segment->head->next, call->total, memory_order_relaxed);
        p->inherited = NULL;
    }
    call_free(call);
    hec__store_collect(&p->store); /* what was lent for this call is not needed any more */
}

uint64_t hec__call_answered(hec_call *call, uint64_t first, uint64_t count)
{
    uint64_t new = 0;

    for (uint64_t i = first; i < first + count; i++) {
        unsigned char bit = (unsigned char)(1u << i % 8);

        new += !(call->answered[i / 8] & bit);
        call->answered[i / 8] |= bit;
    }
    call->unanswered -= new;
    return new;
}

int hec__pool_find_lost(hec_pool *p, hec_error *err)
{
    hec_call *c = p->inherited;
    uint64_t first = 0;
    int found = 0;

    /* What waits for its time to be run again is not lost. */
    if (!c || c->unanswered == 0 || c->retries.ndue || hec__pool_has_tasks(p) || hec__pool_busy(p))
        return 0;
    for (uint64_t i = 0; i <= c->total; i++) {
        bool open = i < c->total && !(c->answered[i / 8] >> i % 8 & 1);

        if (open && !found++)
            first = i;
        if (!open && found) {
            int r = hec__call_again(c, (hec__range){.first = first, .count = i - first}, err);

            return r < 0 ? r : 1; /* one run at a time; the next step looks for the next */
        }
    }
    return 0;
}
