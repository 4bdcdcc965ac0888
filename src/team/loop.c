/* SPDX-License-Identifier: MIT */
#include "team/loop.h"

#include "base/error.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <sched.h>

#define UNITS_MAX   (UINT64_C(1) << 31)
#define BLOCK_NS    100000u /* at most, where it can be divided; also how long the last one lasts */
#define BLOCK_RATIO 20u     /* the shortest block is so many times shorter */
#define CHECK_NS    50000000u
#define ALIGN       64u /* indices: a cache line of bytes, eight of doubles */

/* A runner, and what it has learnt of how long a unit takes. */
typedef struct runner {
    hec__loop *l;
    hec__share *own;
    uint32_t home;
    uint32_t low, high; /* units that last as long as a block should */
    uint64_t now, checked;
} runner;

static uint64_t pack(uint32_t first, uint32_t end)
{
    return (uint64_t)first << 32 | end;
}

static uint32_t first_of(uint64_t range)
{
    return (uint32_t)(range >> 32);
}

static uint32_t end_of(uint64_t range)
{
    return (uint32_t)range;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* How many indices are never split. */
static uint64_t unit_of(uint64_t n, uint64_t grain)
{
    uint64_t unit = grain ? grain : 1;

    /* Doubled, so that blocks still begin at multiples of the grain. No overflow: n > unit. */
    while (divide_up(n, unit) > UNITS_MAX)
        unit *= 2;
    return unit;
}

uint32_t hec__loop_width(uint64_t n, uint64_t grain, uint32_t max)
{
    uint64_t units = n ? divide_up(n, unit_of(n, grain)) : 1;

    return units < max ? (uint32_t)units : max;
}

void hec__loop_init(hec__loop *l, uint64_t n, uint64_t grain, hec__share *shares, uint32_t nshares)
{
    uint32_t first = 0;

    l->n = n;
    l->unit = unit_of(n, grain);
    l->units = (uint32_t)divide_up(n, l->unit);
    l->align = grain ? 1 : ALIGN;
    l->shares = shares;
    l->nshares = hec__loop_width(n, grain, nshares);
    atomic_store_explicit(&l->stop, HEC__GO_ON, memory_order_relaxed);
    atomic_store_explicit(&l->moves, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < l->nshares; i++) {
        uint32_t end = (uint32_t)((uint64_t)l->units * (i + 1) / l->nshares);

        if (end < l->units && end - first >= 16 * l->align)
            end -= end % l->align;
        atomic_store_explicit(&shares[i].range, pack(first, end), memory_order_relaxed);
        atomic_store_explicit(&shares[i].owned, i == 0, memory_order_relaxed);
        shares[i].failed = 0;
        first = end;
    }
}

uint32_t hec__loop_home(hec__loop *l, uint32_t preferred)
{
    uint32_t i = preferred % l->nshares;

    while (atomic_exchange_explicit(&l->shares[i].owned, 1, memory_order_relaxed))
        i = i + 1 < l->nshares ? i + 1 : 0;
    return i;
}

/* How much to take from the front of a range: an eighth, so that a part that turns out to be
 * expensive can still be shared, but nothing that is over too soon or lasts too long. */
static uint32_t block_end(const runner *r, uint32_t first, uint32_t end)
{
    uint32_t k = (end - first) / 8, align = r->l->align;

    k = k < r->low ? r->low : k > r->high ? r->high : k;
    if (k >= end - first)
        return end;
    return k >= 2 * align ? (first + k) / align * align : first + k;
}

/* Takes a block from the runner's own share. Relaxed: a range says which indices are free and
 * nothing about memory; what the loop is was published when the runner joined it. */
static bool take_own(const runner *r, uint32_t *ret_first, uint32_t *ret_end)
{
    uint64_t range = atomic_load_explicit(&r->own->range, memory_order_relaxed);

    while (first_of(range) < end_of(range)) {
        uint32_t end = block_end(r, first_of(range), end_of(range));

        if (atomic_compare_exchange_weak_explicit(&r->own->range, &range, pack(end, end_of(range)),
                                                  memory_order_relaxed, memory_order_relaxed)) {
            *ret_first = first_of(range);
            *ret_end = end;
            return true;
        }
    }
    return false;
}

/* Moves the second half of another's range into the runner's own share, which is empty: nobody
 * else writes to it then. `moves` says that a range is under way, so that others who find all
 * shares empty do not go home meanwhile. */
static bool steal_from(const runner *r, hec__share *victim)
{
    hec__loop *l = r->l;
    uint64_t range = atomic_load(&victim->range);
    uint32_t first = first_of(range), end = end_of(range), middle = first + (end - first) / 2;
    bool got;

    if (first >= end)
        return false;
    if (end - middle >= 2 * l->align)
        middle = (middle + l->align - 1) / l->align * l->align;
    atomic_fetch_add(&l->moves, 1);
    got = atomic_compare_exchange_strong(&victim->range, &range, pack(first, middle));
    if (got)
        atomic_store(&r->own->range, pack(middle, end));
    atomic_fetch_add(&l->moves, (UINT64_C(1) << 32) - 1);
    return got;
}

/* Fills the runner's own share from another's. False when nothing is left to be begun. */
static bool steal(const runner *r)
{
    hec__loop *l = r->l;

    for (uint32_t tries = 1;; tries++) {
        uint64_t moves = atomic_load(&l->moves);

        for (uint32_t i = 1, v = r->home; i < l->nshares; i++) {
            v = v + 1 < l->nshares ? v + 1 : 0;
            if (steal_from(r, &l->shares[v]))
                return true;
        }
        if ((uint32_t)moves == 0 && atomic_load(&l->moves) == moves)
            return false;
        if (atomic_load_explicit(&l->stop, memory_order_relaxed))
            return false;
        /* Whoever moves a range needs a few instructions for it, and may have lost its CPU. */
        if (tries % 16 == 0)
            sched_yield();
        else
            hec__cpu_relax();
    }
}

/* Learns from a block of k units that began at r->now. The estimate grows by eight at most, so that
 * one measurement that was too short does no harm; one that the loss of the CPU has spoilt is made
 * up for as fast. */
static void learn(runner *r, uint32_t k)
{
    uint64_t now = hec__now_ns(), spent = now - r->now;
    uint64_t most = (uint64_t)(k > r->high ? k : r->high) * 8;
    uint64_t high = spent ? (uint64_t)k * BLOCK_NS / spent : most;

    high = high > most ? most : high;
    r->high = high > UNITS_MAX ? (uint32_t)UNITS_MAX : high ? (uint32_t)high : 1;
    r->low = r->high / BLOCK_RATIO ? r->high / BLOCK_RATIO : 1;
    r->now = now;
}

static void stop(hec__loop *l, uint32_t why)
{
    uint32_t none = HEC__GO_ON;

    atomic_compare_exchange_strong_explicit(&l->stop, &none, why, memory_order_relaxed,
                                            memory_order_relaxed);
}

/* Runs one block; false when the loop is to end. */
static bool run_block(runner *r, uint32_t first, uint32_t end)
{
    hec__loop *l = r->l;
    uint64_t begin = first * l->unit, past = end == l->units ? l->n : end * l->unit;
    int value = l->body(l->ctx, begin, past);

    if (value != 0) {
        r->own->failed = value;
        r->own->begin = begin;
        r->own->end = past;
        stop(l, HEC__STOP_BODY);
        return false;
    }
    learn(r, end - first);
    if (l->check && r->home == 0 && r->now - r->checked >= CHECK_NS) {
        r->checked = r->now;
        if (l->check(l->ctx) != 0) {
            stop(l, HEC__STOP_CHECK);
            return false;
        }
        r->now = hec__now_ns();
    }
    return true;
}

void hec__loop_run(hec__loop *l, uint32_t home)
{
    runner r = {.l = l, .own = &l->shares[home], .home = home, .low = 1, .high = 1};
    uint32_t first, end;

    r.now = r.checked = hec__now_ns();
    while (!atomic_load_explicit(&l->stop, memory_order_relaxed)) {
        if (take_own(&r, &first, &end)) {
            if (!run_block(&r, first, end))
                return;
        } else {
            if (!steal(&r))
                return;
            /* What another was slow with may cost more than what this runner has seen so far. */
            r.low = 1;
            r.now = hec__now_ns();
        }
    }
}

int hec__loop_result(const hec__loop *l, hec_error *err)
{
    const hec__share *lowest = NULL;
    int code;

    if (atomic_load_explicit(&l->stop, memory_order_relaxed) == HEC__GO_ON)
        return 0;
    for (uint32_t i = 0; i < l->nshares; i++)
        if (l->shares[i].failed && (!lowest || l->shares[i].begin < lowest->begin))
            lowest = &l->shares[i];
    if (!lowest)
        return hec__fail(err, HEC_EINTR, 0, "the loop was stopped by its caller");
    code = hec__fail(err, HEC_ECALLBACK, 0,
                     "the function returned %d for the indices from %" PRIu64 " to %" PRIu64,
                     (int)lowest->failed, lowest->begin, lowest->end - 1);
    if (err)
        err->sys = lowest->failed;
    return code;
}
