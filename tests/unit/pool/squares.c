/* SPDX-License-Identifier: MIT */
#include "squares.h"

#include "sys/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct input {
    uint64_t i, deed;
} input;

bool squares_init(squares *s, uint64_t n, const unsigned char *deeds)
{
    *s = (squares){.n = n, .deeds = deeds};
    s->values = calloc(n + 1, sizeof *s->values);
    s->counts = calloc(n + 1, 1);
    s->verdicts = calloc(n + 1, 1);
    s->views = calloc(n + 1, sizeof *s->views);
    return s->values && s->counts && s->verdicts && s->views;
}

void squares_fini(squares *s)
{
    for (uint64_t i = 0; i < s->n; i++)
        hec_view_release(&s->views[i]);
    free(s->values);
    free(s->counts);
    free(s->verdicts);
    free(s->views);
}

static int pack_shared(void *ctx, hec_outbox *out, hec_error *err)
{
    squares *s = ctx;

    s->shared_packed++;
    return hec_outbox_payload(out, "squares", 7, err);
}

static int64_t pack(void *ctx, uint64_t first, uint32_t max, hec_outbox *out, hec_error *err)
{
    squares *s = ctx;
    input inputs[512];
    uint32_t n = max < 512 ? max : 512;
    int r;

    for (uint32_t k = 0; k < n; k++)
        inputs[k] = (input){first + k, s->deeds ? s->deeds[first + k] : WELL};
    r = hec_outbox_payload(out, inputs, n * sizeof *inputs, err);
    s->packed += n;
    return r < 0 ? r : (int64_t)n;
}

static int on_result(void *ctx, const hec_result *r)
{
    squares *s = ctx;
    const hec_message *m = r->message;

    for (uint32_t k = 0; k < r->count; k++) {
        uint64_t i = r->first + k;

        s->counts[i]++;
        s->verdicts[i] = (unsigned char)r->verdict;
        s->done++;
        if (r->verdict == HEC_TASK_DONE && m->nblocks == 0)
            memcpy(&s->values[i], (const uint64_t *)m->payload + k, sizeof s->values[i]);
        if (m->nblocks && hec_message_take(m, 0, &s->views[i], NULL) == 0)
            memcpy(&s->values[i], s->views[i].data, sizeof s->values[i]);
    }
    return 0;
}

static int on_death(void *ctx, const hec_death *d)
{
    squares *s = ctx;

    s->counts[d->task]++;
    s->verdicts[d->task] = (unsigned char)d->verdict;
    s->done++;
    s->deaths++;
    s->last_dead = d->task;
    *(d->verdict == HEC_TASK_KILLED ? &s->last_signal : &s->last_status) = d->detail;
    return 0;
}

const hec_call_ops squares_ops = {pack_shared, pack, on_result, on_death};

static void nap(long ns)
{
    nanosleep(&(struct timespec){0, ns}, NULL);
}

/* One task. Returns false when it "raises". */
static bool compute(hec_worker *w, uint64_t i, uint64_t deed, uint64_t *ret)
{
    if (deed == DIE_BY_SIGNAL) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer catches it otherwise, and exits */
        raise(SIGSEGV);
    }
    if (deed == EXIT)
        _exit(7);
    if (deed == SLEEP_1MS)
        nap(1000000);
    if (deed == SLEEP_20MS)
        nap(20000000);
    if (deed == BIG) {
        void *data;

        if (hec_outbox_block(hec_worker_outbox(w), BIG_BYTES, &data, NULL) == 0) {
            memset(data, 0x5a, BIG_BYTES);
            *ret = i * i;
            memcpy(data, ret, sizeof *ret);
        }
    }
    *ret = i * i;
    return deed != RAISE;
}

static void flush(hec_worker *w, uint64_t first, const uint64_t *out, uint32_t *n)
{
    if (*n == 0)
        return;
    hec_outbox_payload(hec_worker_outbox(w), out, *n * sizeof *out, NULL);
    hec_worker_reply(w, first, *n, HEC_TASK_DONE);
    *n = 0;
}

static void run(void *ctx, hec_worker *w, const hec_batch *b)
{
    const squares *inherited = ctx;
    const input *inputs = b->message ? b->message->payload : NULL;
    uint64_t out[1024], first, from = 0;
    uint32_t count, n = 0;

    while (hec_worker_claim(w, &first, &count)) {
        for (uint64_t i = first; i < first + count; i++) {
            uint64_t deed = inputs             ? inputs[i - b->first].deed
                            : inherited->deeds ? inherited->deeds[i]
                                               : (uint64_t)WELL;
            bool well;

            if (deed == BIG || deed == RAISE || n == 1024)
                flush(w, from, out, &n);
            if (n == 0)
                from = i;
            hec_worker_at(w, i);
            well = compute(w, i, deed, &out[n]);
            if (!well) {
                hec_outbox_payload(hec_worker_outbox(w), "no", 2, NULL);
                hec_worker_reply(w, i, 1, HEC_TASK_RAISED);
                continue;
            }
            n++;
            if (deed == BIG)
                flush(w, from, out, &n);
        }
        if (hec_worker_due(w))
            flush(w, from, out, &n);
    }
    flush(w, from, out, &n);
}

hec_runner squares_runner(squares *inherited)
{
    return (hec_runner){.ctx = inherited, .run = run};
}

bool squares_finish(hec_pool *p, squares *s, hec_error *err)
{
    uint64_t end = hec__now_ns() + 20 * UINT64_C(1000000000);

    while (s->done < s->n && hec__now_ns() < end) {
        int r = hec_pool_step(p, 1000, err);

        if (r < 0 && r != HEC_EINTR)
            return false;
    }
    return s->done == s->n;
}

bool squares_right(const squares *s)
{
    for (uint64_t i = 0; i < s->n; i++) {
        unsigned char deed = s->deeds ? s->deeds[i] : WELL;
        int want = deed == RAISE           ? HEC_TASK_RAISED
                   : deed == DIE_BY_SIGNAL ? HEC_TASK_KILLED
                   : deed == EXIT          ? HEC_TASK_EXITED
                                           : HEC_TASK_DONE;

        if (s->counts[i] != 1 || s->verdicts[i] != want)
            return false;
        if (want == HEC_TASK_DONE && s->values[i] != i * i)
            return false;
    }
    return true;
}
