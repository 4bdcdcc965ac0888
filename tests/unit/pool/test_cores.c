/* SPDX-License-Identifier: MIT
 *
 * A call inside a task has the cores that are free, and all together never more than there are.
 */
#include "tap.h"

#include <hec/pool.h>

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CPUS    8
#define WORKERS 2u

/* What the tasks do, and have found out, in memory that they share. */
typedef struct board {
    _Atomic int32_t held, peak;      /* workers of nested calls: now, and the most at any time */
    _Atomic uint32_t first, deepest; /* what one call got; what one within it */
    _Atomic uint32_t nested_workers; /* of a pool in a task */
    _Atomic uint32_t idle;           /* what was free when only one worker ran */
} board;

static board *shared;

enum deed { TAKE, DIE_WITH_CORES, NEST, ASK };

static const unsigned char *deeds;

static void count(int32_t n)
{
    int32_t now = atomic_fetch_add(&shared->held, n) + n, peak = atomic_load(&shared->peak);

    while (now > peak && !atomic_compare_exchange_weak(&shared->peak, &peak, now))
        continue;
}

static void run(void *ctx, hec_worker *w, const hec_batch *b);

static int result(void *ctx, const hec_result *r)
{
    *(uint64_t *)ctx += r->count;
    return 0;
}

static int death(void *ctx, const hec_death *d)
{
    (void)d;
    *(uint64_t *)ctx += 1;
    return 0;
}

/* An inherited call of n tasks to its end; returns how many workers it had. */
static uint32_t call(uint32_t workers, uint64_t n)
{
    static const hec_call_ops ops = {.result = result, .death = death};
    hec_runner runner = {.run = run};
    uint64_t done = 0;
    hec_pool_options o = {.workers = workers,
                          .cpus = CPUS,
                          .runner = &runner,
                          .inherit = &ops,
                          .inherit_ctx = &done,
                          .inherit_total = n};
    hec_pool *p = NULL;
    uint32_t had;

    if (hec_pool_create(&o, &p, NULL) < 0)
        return 0;
    had = hec_pool_workers(p);
    while (done < n && hec_pool_step(p, 10000, NULL) >= 0)
        continue;
    hec_pool_destroy(p, HEC_POOL_FINISH);
    return done == n ? had : 0;
}

static void take(void)
{
    uint32_t got = hec_cores_take(100), within;

    if (got > atomic_load(&shared->first))
        atomic_store(&shared->first, got);
    count((int32_t)got - 1);
    within = hec_cores_take(100); /* of what is left: nothing, unless the other has given back */
    count((int32_t)within - 1);
    poll(NULL, 0, 1);
    count(1 - (int32_t)within);
    hec_cores_give(within);
    count(1 - (int32_t)got);
    hec_cores_give(got);
}

static void run(void *ctx, hec_worker *w, const hec_batch *b)
{
    uint64_t first;
    uint32_t n;

    (void)ctx;
    (void)b;
    while (hec_worker_claim(w, &first, &n)) {
        for (uint64_t i = first; i < first + n; i++) {
            hec_worker_at(w, i);
            if (deeds[i] == TAKE) {
                take();
            } else if (deeds[i] == DIE_WITH_CORES) {
                hec_cores_take(100);
                _exit(9);
            } else if (deeds[i] == NEST) {
                static const unsigned char inner[64]; /* all of them TAKE */

                deeds = inner;
                atomic_store(&shared->nested_workers, call(64, 64));
            } else {
                atomic_store(&shared->idle, hec_cores_free(100));
            }
            hec_outbox_payload(hec_worker_outbox(w), "", 0, NULL);
            hec_worker_reply(w, i, 1, HEC_TASK_DONE);
        }
    }
}

static void outside(void)
{
    ok(hec_cores_free(100) == 100 && hec_cores_take(100) == 100,
       "outside of a worker everything is free");
    hec_cores_give(100);
    ok(hec_cores_take(100) == 100, "and nothing is counted");
}

static void taking(void)
{
    static unsigned char takes[200];

    memset(shared, 0, sizeof *shared);
    deeds = takes;
    ok(call(WORKERS, 200) == WORKERS, "200 tasks that take cores");
    ok(atomic_load(&shared->peak) > 0 && atomic_load(&shared->first) > 1, "they got some");
    ok(atomic_load(&shared->peak) <= CPUS - 1,
       "but never more than there are, less one for the worker itself (%d)",
       (int)atomic_load(&shared->peak));
    ok(atomic_load(&shared->held) == 0, "and all was given back");
}

static void dying(void)
{
    static unsigned char deaths[21];

    memset(shared, 0, sizeof *shared);
    memset(deaths, DIE_WITH_CORES, sizeof deaths);
    deaths[20] = ASK;
    deeds = deaths;
    ok(call(1, 21) == 1, "20 tasks die with all cores in their hands");
    ok(atomic_load(&shared->idle) == CPUS, "the next one finds them all (%u)",
       (unsigned)atomic_load(&shared->idle));
}

static void nesting(void)
{
    static unsigned char nest[1] = {NEST};

    memset(shared, 0, sizeof *shared);
    deeds = nest;
    ok(call(1, 1) == 1, "a task that has a pool");
    ok(atomic_load(&shared->nested_workers) == CPUS,
       "which asked for 64 workers and got one for each core (%u)",
       (unsigned)atomic_load(&shared->nested_workers));
    ok(atomic_load(&shared->peak) == 0, "for calls within that nothing was left");
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    outside();
    taking();
    dying();
    nesting();
    return done_testing();
}
