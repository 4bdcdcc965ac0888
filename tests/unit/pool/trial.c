/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

static int64_t pack(void *ctx, uint64_t first, uint32_t max, hec_outbox *out, hec_error *err)
{
    int r = hec_outbox_payload(out, &first, sizeof first, err);

    return r < 0 ? r : (int64_t)max;
}

static int on_result(void *ctx, const hec_result *r)
{
    trial *t = ctx;

    for (uint32_t k = 0; k < r->count; k++) {
        uint64_t i = r->first + k, square;

        t->counts[i]++;
        t->verdicts[i] = (unsigned char)r->verdict;
        t->done++;
        if (r->usage)
            t->usages[i] = r->usage[k];
        if (r->verdict == HEC_TASK_DONE) {
            memcpy(&square, (const uint64_t *)r->message->payload + k, sizeof square);
            t->wrong += square != i * i;
        }
    }
    if (r->verdict == HEC_TASK_SKIPPED) {
        t->skipped += r->count;
        t->wrong += r->message != NULL || r->usage != NULL;
    } else if (r->verdict != HEC_TASK_DONE && t->on_failure) {
        t->on_failure(t, r);
    }
    return 0;
}

static int on_death(void *ctx, const hec_death *d)
{
    trial *t = ctx;

    t->counts[d->task]++;
    t->verdicts[d->task] = (unsigned char)d->verdict;
    t->usages[d->task] = d->usage;
    t->done++;
    t->deaths++;
    t->death = *d;
    snprintf(t->tail, sizeof t->tail, "%s", d->stderr_tail);
    snprintf(t->python_stack, sizeof t->python_stack, "%s", d->python_stack);
    snprintf(t->c_stack, sizeof t->c_stack, "%s", d->c_stack);
    t->death.stderr_tail = t->tail;
    t->death.python_stack = t->python_stack;
    t->death.c_stack = t->c_stack;
    if (t->on_death)
        t->on_death(t, d);
    return 0;
}

static const hec_call_ops ops = {.pack = pack, .result = on_result, .death = on_death};

static void flush(hec_worker *w, uint64_t first, uint64_t *out, uint32_t *n)
{
    if (*n) {
        hec_outbox_payload(hec_worker_outbox(w), out, *n * sizeof *out, NULL);
        hec_worker_reply(w, first, *n, HEC_TASK_DONE);
    }
    *n = 0;
}

static void run(void *ctx, hec_worker *w, const hec_batch *b)
{
    const trial *t = ctx;
    uint64_t out[1024], first, from = b->first;
    uint32_t count, n = 0;

    while (hec_worker_claim(w, &first, &count)) {
        for (uint64_t i = first; i < first + count; i++) {
            bool well;

            if (t->reply_singly || n == 1024)
                flush(w, from, out, &n);
            if (n == 0)
                from = i;
            hec_worker_at(w, i);
            well = t->task(w, i);
            if (well) {
                out[n++] = i * i;
                continue;
            }
            flush(w, from, out, &n);
            hec_outbox_payload(hec_worker_outbox(w), "no", 2, NULL);
            hec_worker_reply(w, i, 1, HEC_TASK_RAISED);
        }
        if (hec_worker_due(w))
            flush(w, from, out, &n);
    }
    flush(w, from, out, &n);
}

void trial_init(trial *t, uint64_t n, bool (*task)(hec_worker *w, uint64_t i))
{
    *t = (trial){.n = n, .task = task};
    t->verdicts = calloc(n + 1, 1);
    t->counts = calloc(n + 1, 1);
    t->usages = calloc(n + 1, sizeof *t->usages);
    t->runner = (hec_runner){.ctx = t, .run = run};
    t->options = (hec_pool_options){.workers = 2, .cpus = 2};
}

void trial_fini(trial *t)
{
    hec_pool_destroy(t->pool, HEC_POOL_FINISH);
    free(t->verdicts);
    free(t->counts);
    free(t->usages);
}

bool trial_start(trial *t, bool inherited)
{
    t->options.runner = &t->runner;
    if (inherited) {
        t->options.inherit = &ops;
        t->options.inherit_ctx = t;
        t->options.inherit_total = t->n;
    }
    if (hec_pool_create(&t->options, &t->pool, &t->err) < 0)
        return false;
    t->call = hec_pool_inherited(t->pool);
    return inherited || hec_call_open(t->pool, &ops, t, t->n, &t->call, &t->err) == 0;
}

bool trial_finish(trial *t)
{
    uint64_t end = hec__now_ns() + 30 * UINT64_C(1000000000);

    while (t->done < t->n && hec__now_ns() < end) {
        int r = hec_pool_step(t->pool, 1000, &t->err);

        if (r < 0 && r != HEC_EINTR)
            return false;
    }
    return t->done == t->n;
}

bool trial_right(const trial *t, int verdict, uint64_t at, int other)
{
    for (uint64_t i = 0; i < t->n; i++)
        if (t->counts[i] != 1 || t->verdicts[i] != (i == at ? other : verdict))
            return false;
    return t->wrong == 0;
}
