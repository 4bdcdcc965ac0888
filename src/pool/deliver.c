/* SPDX-License-Identifier: MIT
 *
 * From the workers' rings to the calls' functions.
 */
#include "pool/state.h"

#include "base/error.h"
#include "sys/clock.h"

#include <signal.h>

hec_call *hec__pool_find_call(const hec_pool *p, uint64_t id)
{
    hec_call *c = p->calls;

    while (c && c->id != id)
        c = c->next_call;
    return c;
}

/* A batch may be over without an answer being the last word: when the rest was taken back after the
 * answers had come. If it stayed in the queue, its worker would look busy for good. */
void hec__member_settle(hec__member *m)
{
    while (m->nsent > 0 && hec__sent_at(m, 0)->done >= hec__sent_at(m, 0)->count) {
        m->first_sent = (m->first_sent + 1) % m->sent_cap;
        m->nsent--;
    }
}

/* Notes that tasks of a batch were answered. Answers come in the order of the tasks, so they
 * belong to the oldest batch that is not wholly answered. */
static void account(hec__member *m, const hec__rec *rec)
{
    m->answered = true;
    m->stillborn = 0;
    if (rec->flags & HEC__REC_SELF) {
        m->self_next = rec->first + rec->count;
        return;
    }
    hec__member_settle(m);
    if (m->nsent > 0)
        hec__sent_at(m, 0)->done += rec->count;
    hec__member_settle(m);
}

/* Whether an answer is about tasks that the worker has: a worker whose memory has gone wild must
 * not take its parent, or other workers' results, with it. */
static bool is_answer(const hec_pool *p, hec__member *m, const hec__rec *rec, const hec_call *call)
{
    uint64_t filled = hec__ring_filled(&m->results);
    const hec__sent *s;

    if (filled > m->results.size || rec->size < sizeof *rec || rec->size > filled ||
        rec->kind != HEC__REC_RESULT || rec->count == 0 ||
        (rec->verdict != HEC_TASK_DONE && rec->count > 1) ||
        (rec->verdict != HEC_TASK_DONE && rec->verdict != HEC_TASK_RAISED &&
         rec->verdict != HEC_TASK_REFUSED && rec->verdict != HEC_TASK_OVER_MEMORY))
        return false;
    if (call && (rec->first >= call->total || rec->count > call->total - rec->first))
        return false;
    if (rec->flags & HEC__REC_SELF)
        return rec->call == 0;
    hec__member_settle(m);
    s = m->nsent ? hec__sent_at(m, 0) : NULL;
    return s && (!s->call || s->call == call) && rec->first == s->first + s->done &&
           rec->count <= s->count - s->done;
}

static int distrust(hec_pool *p, uint32_t k, const char *why, hec_error *err)
{
    hec__member *m = &p->members[k];
    int32_t pid = m->child.pid;

    m->distrusted = true;
    if (pid)
        hec__child_kill(&m->child, SIGKILL);
    return hec__fail(err, HEC_EFORMAT, 0, "worker %u (process %d) has overwritten its answers: %s",
                     k, pid, why);
}

static uint64_t since_1970(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What the worker says of how its tasks ran, for the callback; NULL when it says nothing. */
static const hec_usage *usage_of(hec_pool *p, int32_t pid, const hec_call *call,
                                 const hec__rec *rec)
{
    const hec__used *used = hec__rec_used(rec);
    uint64_t epoch = since_1970() - hec__now_ns();

    if (rec->nused == 0 || rec->nused != rec->count)
        return NULL;
    for (uint32_t i = 0; i < rec->count; i++) {
        const hec__retry *again = hec__retries_find(&call->retries, rec->first + i);

        p->usages[i] = (hec_usage){.started_ns = used[i].began_ns ? used[i].began_ns + epoch : 0,
                                   .duration_ns = used[i].duration_ns,
                                   .cpu_ns = used[i].cpu_ns,
                                   .max_rss = used[i].max_rss,
                                   .pid = pid,
                                   .attempt = again ? again->attempt : 1};
    }
    return p->usages;
}

/* What a record teaches about its call. */
static void learn(hec_call *call, const hec__rec *rec)
{
    hec__pace_add(&call->pace, rec->elapsed_ns, rec->count);
    if (rec->elapsed_ns > call->longest_ns) /* of several tasks: none has taken longer */
        call->longest_ns = rec->elapsed_ns;
    if (call->answered)
        hec__call_answered(call, rec->first, rec->count);
}

/* The tasks are done, but what they returned cannot be held here. */
static int refuse(hec_call *call, hec_result result, const hec_error *why)
{
    hec_message text = {.payload = why->text, .size = strlen(why->text)};
    uint32_t n = result.count;

    result.message = &text;
    result.verdict = HEC_TASK_REFUSED;
    result.count = 1;
    for (uint32_t i = 0; i < n; i++, result.first++) {
        if (call->ops.result(call->ctx, &result) < 0)
            return -1;
        result.usage += result.usage != NULL;
    }
    return 0;
}

static int deliver_one(hec_pool *p, uint32_t k, hec__rec *rec, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec_call *call = hec__pool_find_call(p, rec->call);
    hec_result result = {
        .first = rec->first, .count = rec->count, .verdict = (hec_verdict)rec->verdict};
    hec_error why = {0};
    hec__inbox in;
    bool again;
    int r;

    if (!is_answer(p, m, rec, call))
        return distrust(p, k, "not an answer to tasks that it has", err);
    r = hec__inbox_open(&in, p->segment, rec, &why);
    if (r == HEC_EFORMAT)
        return distrust(p, k, why.text, err);
    account(m, rec);
    if (!call) { /* closed meanwhile: only the blocks are of interest, to be given back */
        if (r == 0)
            hec__inbox_fini(&in);
        return 0;
    }
    learn(call, rec);
    if (rec->nused)
        result.usage = usage_of(p, m->pid, call, rec);
    again = call->retries.n > 0;
    if (r < 0) {
        r = refuse(call, result, &why);
    } else {
        result.message = &in.message;
        r = call->ops.result(call->ctx, &result);
        hec__inbox_fini(&in);
    }
    for (uint32_t i = 0; again && i < result.count; i++)
        hec__call_settle_retry(call, result.first + i);
    return r < 0 ? hec__fail(err, HEC_ECALLBACK, 0, "a result could not be taken") : 0;
}

int hec__pool_deliver(hec_pool *p, uint32_t k, uint32_t max, hec_error *err)
{
    hec__member *m = &p->members[k];
    uint32_t n = 0;
    hec__rec *rec;
    int r = 0;

    if (p->captures && hec__ring_peek(&m->results))
        hec__warden_pass(&p->warden, k); /* what it wrote before its answers comes before them */
    while (r == 0 && n < max && !m->distrusted && (rec = hec__ring_peek(&m->results))) {
        uint32_t size = rec->size;

        r = deliver_one(p, k, rec, err);
        if (!m->distrusted)
            hec__ring_pop(&m->results, size);
        n++;
    }
    if (m->distrusted && hec__ring_peek(&m->results))
        hec__ring_pop(&m->results, hec__ring_filled(&m->results));
    if (n)
        hec__member_wake(p, k); /* it may have waited for room */
    return r < 0 ? r : (int)n;
}
