/* SPDX-License-Identifier: MIT
 *
 * Every interleaving of a worker that uses a claim word three times with a parent that looks and
 * takes back: each task goes to exactly one of them, and to the use that it belongs to.
 *
 * The word's functions are compiled into this file with each atomic operation preceded by a call
 * of between(), where any number of the parent's steps may happen. A search with replay goes
 * through all ways to distribute them. Atomic operations are taken as sequentially consistent.
 */
#include "tap.h"

#include <stdatomic.h>
#include <stdint.h>

static void between(void);

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(p, order)                                load_word(p)
#define atomic_store_explicit(p, v, order)                            store_word(p, v)
#define atomic_compare_exchange_weak_explicit(p, expected, v, a, b)   swap_word(p, expected, v)
#define atomic_compare_exchange_strong_explicit(p, expected, v, a, b) swap_word(p, expected, v)

/* One thread only: what follows between() is one step. */
static uint64_t load_word(const _Atomic uint64_t *p)
{
    between();
    return *p;
}

static void store_word(_Atomic uint64_t *p, uint64_t v)
{
    between();
    *p = v;
}

static bool swap_word(_Atomic uint64_t *p, uint64_t *expected, uint64_t v)
{
    bool same;

    between();
    same = *p == *expected;
    if (same)
        *p = v;
    else
        *expected = *p;
    return same;
}

#include "task/batch.c"

enum { PARENT_STEPS = 9, FEWER_STEPS = 6, USES = 3, POINTS_MAX = 256, TASKS = 16 };

/* The schedule: how many of the parent's steps happen at each point of the worker's program. */
static uint32_t chosen[POINTS_MAX], possible[POINTS_MAX], point;
static uint32_t parent_left;
static uint32_t steps = PARENT_STEPS; /* of the parent, in each schedule */
static bool in_parent, with_turn;

/* What both see, as in a worker's slot. */
static hec__claim claim;
static uint32_t first_of[2];
static uint32_t gone_to[TASKS]; /* how often each task was taken, by whomever */

/* The parent: look, read where the batch begins, take back, three times over. */
static struct {
    uint64_t look;
    uint32_t first, step;
} parent;

static void parent_step(void)
{
    uint32_t from, n;

    in_parent = true;
    if (parent.step % 3 == 0)
        parent.look = hec__claim_look(&claim);
    else if (parent.step % 3 == 1)
        parent.first = first_of[with_turn ? hec__claim_turn(parent.look) % 2 : 0];
    else
        for (n = hec__claim_take_back(&claim, parent.look, &from); n > 0; n--)
            gone_to[parent.first + from++]++;
    parent.step++;
    in_parent = false;
}

static void between(void)
{
    if (in_parent)
        return;
    possible[point] = parent_left;
    for (uint32_t i = 0; i < chosen[point]; i++)
        parent_step();
    parent_left -= chosen[point++];
}

static uint32_t worker(const uint32_t *sizes, uint32_t max)
{
    uint32_t first = 0, from, n;

    for (uint32_t use = 0; use < USES; use++) {
        between();
        first_of[with_turn ? use % 2 : 0] = first;
        hec__claim_init(&claim, sizes[use], with_turn ? use : 0);
        while ((n = hec__claim_take(&claim, max, &from)))
            for (; n > 0; n--)
                gone_to[first + from++]++;
        first += sizes[use];
    }
    return first;
}

/* The next schedule in order; false after the last. */
static bool next_schedule(void)
{
    while (point > 0) {
        point--;
        if (chosen[point] < possible[point]) {
            chosen[point]++;
            return true;
        }
        chosen[point] = 0;
    }
    return false;
}

/* Returns in how many schedules a task went to nobody or to two; *ret_all is how many there are. */
static uint64_t search(const uint32_t *sizes, uint32_t max, bool turn, uint64_t *ret_all)
{
    uint64_t wrong = 0;

    memset(chosen, 0, sizeof chosen);
    with_turn = turn;
    *ret_all = 0;
    do {
        uint32_t total;
        bool good = true;

        point = 0;
        parent_left = steps;
        parent.step = 0;
        claim = 0;
        memset(gone_to, 0, sizeof gone_to);
        total = worker(sizes, max);
        for (uint32_t i = 0; i < TASKS; i++)
            good = good && gone_to[i] == (i < total);
        wrong += !good;
        ++*ret_all;
    } while (next_schedule());
    return wrong;
}

int main(void)
{
    static const uint32_t programs[][USES] = {{1, 1, 1}, {2, 2, 2}, {2, 3, 1}, {3, 1, 2}};
    uint64_t all;

    for (uint32_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        uint64_t wrong;

        steps = i == 0 ? PARENT_STEPS : FEWER_STEPS;
        wrong = search(programs[i], 1 + i % 2, true, &all);

        ok(wrong == 0, "uses of %u, %u, %u tasks: each goes to one side, in all %llu schedules",
           programs[i][0], programs[i][1], programs[i][2], (unsigned long long)all);
        wrong = search(programs[i], 1 + i % 2, false, &all);
        if (i < 2)
            ok(wrong > 0, "without a turn that is wrong in %llu of %llu", (unsigned long long)wrong,
               (unsigned long long)all);
    }
    return done_testing();
}
