/* SPDX-License-Identifier: MIT
 *
 * How a loop is divided, and that runners who take from one another do each index exactly once.
 */
#include "tap.h"

#include "team/loop.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RUNNERS 8u

static hec__share shares[RUNNERS];
static hec__loop loop;
static _Atomic uint8_t seen[200000];
static _Atomic uint64_t sum, blocks, uneven;

static int count(void *ctx, uint64_t begin, uint64_t end)
{
    const uint64_t *grain = ctx;

    if (grain && begin % *grain != 0)
        atomic_fetch_add(&uneven, 1);
    for (uint64_t i = begin; i < end; i++)
        atomic_fetch_add(&seen[i], 1);
    atomic_fetch_add(&blocks, 1);
    return 0;
}

static void *runner(void *arg)
{
    hec__loop_run(&loop, hec__loop_home(&loop, (uint32_t)(uintptr_t)arg));
    return NULL;
}

static void run(uint64_t n, uint64_t grain, uint32_t runners)
{
    pthread_t t[RUNNERS] = {0};

    memset((void *)seen, 0, sizeof seen);
    atomic_store(&blocks, 0);
    loop.body = count;
    loop.ctx = grain ? &grain : NULL;
    loop.check = NULL;
    hec__loop_init(&loop, n, grain, shares, runners);
    for (uint32_t i = 1; i < loop.nshares; i++)
        pthread_create(&t[i], NULL, runner, (void *)(uintptr_t)i);
    hec__loop_run(&loop, 0);
    for (uint32_t i = 1; i < loop.nshares; i++)
        pthread_join(t[i], NULL);
}

static bool each_once(uint64_t n)
{
    for (uint64_t i = 0; i < sizeof seen; i++)
        if (seen[i] != (i < n))
            return false;
    return true;
}

static void test_cover(void)
{
    static const uint64_t ns[] = {1, 2, 7, 8, 9, 63, 64, 65, 1000, 4097, 199999};
    static const uint64_t grains[] = {0, 1, 3, 64, 1000, 300000};
    bool good = true;

    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++)
            for (uint32_t runners = 1; runners <= RUNNERS; runners += 1 + runners / 3) {
                run(ns[i], grains[g], runners);
                good = good && each_once(ns[i]);
            }
    ok(good, "every index once, for many lengths, grains and numbers of runners");
    ok(atomic_load(&uneven) == 0, "blocks begin at multiples of the grain");
}

static void test_shares(void)
{
    hec__loop_init(&loop, 3, 0, shares, 8);
    ok(loop.nshares == 3, "no more shares than units");
    ok(hec__loop_width(100, 40, 8) == 3 && hec__loop_width(100, 0, 8) == 8 &&
           hec__loop_width(UINT64_MAX, 0, 8) == 8,
       "as many runners are of use as there are units");
    hec__loop_init(&loop, 100000, 0, shares, 7);
    ok((uint32_t)shares[2].range % 64 == 0, "long shares end at whole cache lines");
    ok((uint32_t)shares[6].range == 100000, "the last share ends with the loop");
    ok(hec__loop_home(&loop, 3) == 3 && hec__loop_home(&loop, 3) == 4, "one runner for a share");
    ok(hec__loop_home(&loop, 7) == 1, "and the first share is the caller's");
    hec__loop_init(&loop, UINT64_MAX, 0, shares, 8);
    ok(loop.unit * (loop.units - 1) < UINT64_MAX && UINT64_MAX / loop.unit <= loop.units,
       "the largest loop there is still has all its indices");
    hec__loop_init(&loop, UINT64_MAX, 1000, shares, 8);
    ok(loop.unit % 1000 == 0 && loop.units <= UINT64_C(1) << 31, "also with a grain");
}

static int add(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    atomic_fetch_add(&sum, end - begin);
    atomic_fetch_add(&blocks, 1);
    return 0;
}

static void test_huge(void)
{
    atomic_store(&sum, 0);
    atomic_store(&blocks, 0);
    loop.body = add;
    hec__loop_init(&loop, UINT64_MAX, 0, shares, 1);
    hec__loop_run(&loop, 0);
    ok(atomic_load(&sum) == UINT64_MAX, "2^64 - 1 indices are all handed out");
    ok(atomic_load(&blocks) < 1000, "in few blocks, when they cost nothing");
}

static int spend(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    for (uint64_t i = begin; i < end; i++)
        for (volatile int k = 0; k < 20000; k = k + 1)
            ;
    atomic_fetch_add(&blocks, 1);
    return 0;
}

static void test_costly(void)
{
    atomic_store(&blocks, 0);
    loop.body = spend;
    hec__loop_init(&loop, 1000, 0, shares, 1);
    hec__loop_run(&loop, 0);
    ok(atomic_load(&blocks) > 50, "what lasts long is handed out in small blocks");
}

static int refuse(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    return begin <= 700 && 700 < end ? 42 : 0;
}

static void test_failure(void)
{
    hec_error e = {0};

    loop.body = refuse;
    hec__loop_init(&loop, 1000, 100, shares, 1);
    hec__loop_run(&loop, 0);
    ok(hec__loop_result(&loop, &e) == HEC_ECALLBACK && e.sys == 42, "a failure is told");
    ok(strstr(e.text, "returned 42") != NULL, "with the value and the indices: %s", e.text);
}

int main(void)
{
    test_shares();
    test_cover();
    test_huge();
    test_costly();
    test_failure();
    return done_testing();
}
