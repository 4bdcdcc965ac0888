/* SPDX-License-Identifier: MIT
 *
 * The parent's book of who has which tasks: it is right at the moments between two steps of a
 * worker, when something is with nobody or a batch ends without an answer.
 */
#include "tap.h"

#include "pool/state.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What parent and workers see alike. */
typedef struct stage {
    _Atomic uint32_t go, ran;
} stage;

static stage *shared;

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static int64_t pack(void *ctx, uint64_t first, uint32_t max, hec_outbox *out, hec_error *err)
{
    int r = hec_outbox_payload(out, "", 0, err);

    return r < 0 ? r : (int64_t)max;
}

static int count(void *ctx, const hec_result *r)
{
    *(uint32_t *)ctx += r->count;
    return 0;
}

static const hec_call_ops ops = {.pack = pack, .result = count};

static void answer(hec_worker *w, uint64_t first, uint32_t n)
{
    hec_outbox_payload(hec_worker_outbox(w), "", 0, NULL);
    hec_worker_reply(w, first, n, HEC_TASK_DONE);
}

/* Answers and then dawdles, while its next batch waits in the ring. */
static void run_and_dawdle(void *ctx, hec_worker *w, const hec_batch *b)
{
    uint64_t first;
    uint32_t n;
    bool dawdles = false;

    while (hec_worker_claim(w, &first, &n)) {
        dawdles = dawdles || first == 8;
        hec_worker_at(w, first);
        atomic_fetch_add(&shared->ran, n);
        if (first < 8)
            nap_ms(2);
        answer(w, first, n);
    }
    nap_ms(dawdles ? 40 : 0);
}

/* A queued batch that is taken back whole never has an answer: its worker must not look busy. */
static void taken_back_whole(void)
{
    hec_runner runner = {.run = run_and_dawdle};
    hec_pool_options o = {.workers = 2, .cpus = 2, .runner = &runner};
    hec_error err = {0};
    hec_pool *p = NULL;
    uint32_t left = 0, wrong = 0;

    hec_pool_create(&o, &p, &err);
    for (int round = 0; round < 6; round++) {
        uint32_t done = 0;
        hec_call *c;

        hec_call_open(p, &ops, &done, 12, &c, &err);
        while (done < 12 && hec_pool_step(p, 1000, &err) >= 0)
            continue;
        wrong += done != 12;
        for (uint32_t k = 0; k < 2; k++)
            left += p->members[k].nsent;
        hec_call_close(c);
    }
    ok(wrong == 0, "every task is answered once %s", err.text);
    ok(left == 0, "nothing is left in the book when all is answered (%u batches)", left);
    hec_pool_destroy(p, HEC_POOL_FINISH);
}

static void run_when_told(void *ctx, hec_worker *w, const hec_batch *b)
{
    uint64_t first;
    uint32_t n;

    while (hec_worker_claim(w, &first, &n)) {
        atomic_fetch_add(&shared->ran, n);
        while (!atomic_load(&shared->go))
            nap_ms(1);
        answer(w, first, n);
    }
}

/* Between asking the counter and saying what it took, a worker looks as if it had nothing. The
 * slot is made to look so; the worker itself waits in its task. */
static void between_counter_and_claim(void)
{
    uint32_t done = 0;
    hec_runner runner = {.run = run_when_told};
    hec_pool_options o = {.workers = 1,
                          .cpus = 2,
                          .runner = &runner,
                          .inherit = &ops,
                          .inherit_ctx = &done,
                          .inherit_total = 1};
    hec_error err = {0};
    hec_pool *p = NULL;
    hec__slot *slot;
    uint64_t word;

    atomic_store(&shared->go, 0);
    atomic_store(&shared->ran, 0);
    hec_pool_create(&o, &p, &err);
    while (!atomic_load(&shared->ran))
        nap_ms(1);
    slot = &p->segment->slots[0];
    word = atomic_load(&slot->self);
    ok(hec__pool_find_lost(p, &err) == 0, "what a worker has is not lost");
    atomic_store(&slot->self, 0);
    atomic_store(&slot->self_taking, 1);
    ok(hec__pool_find_lost(p, &err) == 0, "what a worker is taking is not lost");
    atomic_store(&slot->self, word);
    atomic_store(&slot->self_taking, 0);
    atomic_store(&shared->go, 1);
    while (done < 1 && hec_pool_step(p, 1000, &err) >= 0)
        continue;
    nap_ms(5);
    while (hec_pool_step(p, 0, &err) > 0)
        continue;
    ok(done == 1 && atomic_load(&shared->ran) == 1, "it is run once");
    hec_pool_destroy(p, HEC_POOL_FINISH);
}

/* A worker that dies after it has written where its next range begins, and before the claim word
 * says how long it is: the two must not be mixed. */
static void dead_between_first_and_word(void)
{
    uint32_t done = 0;
    hec_runner runner = {.run = run_when_told};
    hec_pool_options o = {.workers = 1,
                          .cpus = 2,
                          .runner = &runner,
                          .inherit = &ops,
                          .inherit_ctx = &done,
                          .inherit_total = 100};
    hec_error err = {0};
    hec_pool *p = NULL;
    hec__slot *slot;
    hec__range r;

    atomic_store(&shared->go, 0);
    atomic_store(&shared->ran, 0);
    hec_pool_create(&o, &p, &err);
    while (!atomic_load(&shared->ran))
        nap_ms(1);
    slot = &p->segment->slots[0];
    atomic_store(&slot->self_first[(hec__claim_turn(hec__claim_look(&slot->self)) + 1) % 2], 50);
    r = hec__pool_self_range(p, 0, hec__claim_look(&slot->self));
    ok(r.first == 0 && r.count == 1, "the word's own range is what the worker has");
    atomic_store(&slot->self_first[0], UINT64_MAX - 1);
    atomic_store(&slot->self_first[1], UINT64_MAX - 1);
    r = hec__pool_self_range(p, 0, hec__claim_look(&slot->self));
    ok(r.first <= 100 && r.count <= 100 - r.first, "a scribbled range stays within the call");
    hec_pool_destroy(p, HEC_POOL_NOW);
}

int main(void)
{
    alarm(50);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    taken_back_whole();
    between_counter_and_claim();
    dead_between_first_and_word();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
