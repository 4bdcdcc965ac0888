/* SPDX-License-Identifier: MIT
 *
 * A worker whose memory has gone wild and that writes nonsense where its answers go: a named
 * error, no crash, and the other tasks are answered.
 */
#include "tap.h"

#include "pool/state.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 40, AT = 17 };

typedef struct scene {
    int deed;
    uint32_t answers[TASKS], deaths, refused;
} scene;

static int64_t pack(void *ctx, uint64_t first, uint32_t max, hec_outbox *out, hec_error *err)
{
    int deed = ((scene *)ctx)->deed, r = hec_outbox_payload(out, &deed, sizeof deed, err);

    return r < 0 ? r : (int64_t)max;
}

static int on_result(void *ctx, const hec_result *r)
{
    scene *s = ctx;

    for (uint32_t i = 0; i < r->count; i++)
        s->answers[r->first + i]++;
    return 0;
}

static int on_death(void *ctx, const hec_death *d)
{
    scene *s = ctx;

    s->answers[d->task]++;
    s->deaths++;
    return 0;
}

static const hec_call_ops ops = {.pack = pack, .result = on_result, .death = on_death};

enum {
    SIZE_0,
    SIZE_HUGE,
    KIND,
    COUNT_0,
    COUNT_MANY,
    OTHERS,
    BEYOND,
    VERDICT,
    REFS,
    PAYLOAD,
    USAGES,
    HEAD,
    NOISE,
    DEEDS
};

static const char *const texts[] = {"no size",
                                    "a huge size",
                                    "another kind",
                                    "no tasks",
                                    "more tasks than there are",
                                    "another worker's task",
                                    "a task beyond the last",
                                    "no verdict",
                                    "blocks that are not",
                                    "a payload beyond its end",
                                    "usages beyond its end",
                                    "a ring's end anywhere",
                                    "noise"};

static void scribble(hec_worker *w, int deed, uint64_t task)
{
    hec_outbox *o = hec_worker_outbox(w);
    hec__rec rec = {.size = 128,
                    .kind = HEC__REC_RESULT,
                    .call = 1,
                    .first = task,
                    .count = 1,
                    .verdict = HEC_TASK_DONE};
    unsigned char *at = hec__ring_reserve(o->ring, 4096);

    memset(at, deed == NOISE ? 0xa5 : 0, 4096);
    rec.size = deed == SIZE_0 ? 0 : deed == SIZE_HUGE ? UINT32_MAX & ~63u : rec.size;
    rec.kind = deed == KIND ? 77 : rec.kind;
    rec.count = deed == COUNT_0 ? 0 : deed == COUNT_MANY ? UINT32_MAX : rec.count;
    rec.first = deed == OTHERS ? 0 : deed == BEYOND ? UINT64_MAX - 1 : rec.first;
    rec.verdict = deed == VERDICT ? 0 : rec.verdict;
    rec.nrefs = deed == REFS ? 2 : 0;
    rec.nused = deed == USAGES ? 3 : 0;
    rec.payload = deed == PAYLOAD ? 1u << 30 : 0;
    if (deed == REFS)
        memset(at + sizeof rec, 0x5a, 32);
    if (deed != NOISE)
        memcpy(at, &rec, sizeof rec);
    hec__ring_commit(o->ring, deed == HEAD ? UINT64_C(1) << 40 : 4096);
}

static void run(void *ctx, hec_worker *w, const hec_batch *b)
{
    uint64_t first;
    uint32_t n;

    while (hec_worker_claim(w, &first, &n))
        for (uint64_t i = first; i < first + n; i++) {
            int deed = b->message ? *(const int *)b->message->payload : ((scene *)ctx)->deed;

            hec_worker_at(w, i);
            if (i == AT) {
                scribble(w, deed, i);
                hec_worker_reply(w, i, 1, HEC_TASK_DONE); /* wakes the parent, too */
                for (;;)
                    pause();
            }
            hec_worker_reply(w, i, 1, HEC_TASK_DONE);
        }
}

static void play(int deed)
{
    scene s = {.deed = deed};
    hec_runner runner = {.ctx = &s, .run = run};
    hec_pool_options o = {.workers = 2, .cpus = 2, .runner = &runner};
    hec_error err = {0}, named = {0};
    hec_pool *p = NULL;
    hec_call *c = NULL;
    uint32_t once = 0, total = 0;

    if (hec_pool_create(&o, &p, &err) < 0 || hec_call_open(p, &ops, &s, TASKS, &c, &err) < 0)
        printf("# %s\n", err.text);
    for (int i = 0; i < 2000 && total < TASKS; i++) {
        int r = hec_pool_step(p, 100, &err);

        if (r < 0 && r != HEC_EFORMAT && r != HEC_EINTR)
            break;
        if (r == HEC_EFORMAT) {
            s.refused++;
            named = err;
        }
        total = 0;
        for (int k = 0; k < TASKS; k++)
            total += s.answers[k];
    }
    for (int k = 0; k < TASKS; k++)
        once += s.answers[k] == 1;
    ok(s.refused == 1 && s.deaths == 1 && once == TASKS, "%s (%s): %s", texts[deed],
       "refused once, its worker killed, every task answered once", named.text);
    hec_pool_destroy(p, HEC_POOL_FINISH);
}

int main(void)
{
    alarm(50);
    for (int deed = 0; deed < DEEDS; deed++)
        play(deed);
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
