/* SPDX-License-Identifier: MIT
 *
 * How many tasks travel together: what must hold for any input, over many; and the claim word used
 * by one process.
 */
#include "tap.h"

#include "task/batch.h"

#include <hec/task.h>

static uint64_t seed = 88172645463325252u;

static uint64_t any(void) /* xorshift */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Of any order of magnitude. */
static uint64_t magnitude(void)
{
    uint64_t v = any();

    return v >> any() % 64;
}

static void sizes(void)
{
    uint32_t zero = 0, share = 0, growth = 0, singly = 0, most = 0, memory = 0;

    for (int i = 0; i < 1000000; i++) {
        hec__pace p = {.task_ns = magnitude(), .last = (uint32_t)(any() % (HEC__BATCH_MAX + 1))};
        uint32_t last = p.last, workers = 1 + (uint32_t)(any() % 4096), n;
        uint64_t left = 1 + magnitude(), half = left / (2 * (uint64_t)workers);

        n = hec__batch_size(&p, left, workers);
        zero += n < 1;
        share += n > 1 && n > half;
        growth += n > 1 && n > (uint64_t)last * 8;
        singly += (p.task_ns == 0 || p.task_ns >= 1000000) && n != 1;
        most += n > HEC__BATCH_MAX;
        memory += p.last != n;
    }
    ok(zero == 0, "a batch holds at least one task");
    ok(share == 0, "no more than half a fair share");
    ok(growth == 0, "no more than eight times the one before");
    ok(singly == 0, "one, while nothing is known and from 1 ms on");
    ok(most == 0, "no more than fit the claim word");
    ok(memory == 0, "what was said is remembered");
}

static void pace(void)
{
    hec__pace p = {0};
    uint32_t bad = 0, n = 0;

    for (int i = 0; i < 1000000; i++) {
        uint64_t before = p.task_ns, ns = magnitude() >> 2;
        uint32_t count = 1 + (uint32_t)(any() % 65536);

        hec__pace_add(&p, ns, count);
        bad += p.task_ns == 0;
        bad += before && p.task_ns > before && p.task_ns > ns / count + 1;
    }
    ok(bad == 0, "a pace is never 0 again, and never above all that was measured");
    p = (hec__pace){0};
    hec__pace_add(&p, 1000, 1);
    for (n = 0; n < 8 && hec__batch_size(&p, 1000000, 2) < 200; n++)
        continue;
    ok(n <= 3, "tasks of 1 us are 200 in a batch after %u", n);
}

static void claims(void)
{
    hec__claim c;
    uint32_t from = 99, n = 0;
    uint64_t look;

    hec__claim_init(&c, HEC__BATCH_MAX, UINT32_MAX);
    look = hec__claim_look(&c);
    ok(hec__claim_free(look) == HEC__BATCH_MAX && hec__claim_limit(look) == HEC__BATCH_MAX &&
           hec__claim_next(look) == 0 && hec__claim_turn(look) == (1u << 30) - 1,
       "the largest batch and turn fit");
    ok(hec__claim_take(&c, 10, &from) == 10 && from == 0, "the worker takes from the front");
    ok(hec__claim_take_back(&c, look, &from) == 0 && from == 0,
       "a look that is out of date takes nothing back");
    look = hec__claim_look(&c);
    n = hec__claim_take_back(&c, look, &from);
    ok(n == (HEC__BATCH_MAX - 10 + 1) / 2 && from == HEC__BATCH_MAX - n,
       "the parent takes half from the end");
    ok(hec__claim_turn(hec__claim_look(&c)) == hec__claim_turn(look), "the turn stays");
    ok(hec__claim_take(&c, UINT32_MAX, &from) == HEC__BATCH_MAX - 10 - n && from == 10,
       "the worker gets the rest");
    ok(hec__claim_take(&c, 1, &from) == 0 && from == 10, "then nothing is left");
    look = hec__claim_look(&c);
    ok(hec__claim_take_back(&c, look, &from) == 0, "for neither");
    hec__claim_init(&c, 1, 0);
    ok(hec__claim_take_back(&c, hec__claim_look(&c), &from) == 1 && from == 0,
       "a single task can be taken back");
}

int main(void)
{
    sizes();
    pace();
    claims();
    ok(strcmp(hec_verdict_word(HEC_TASK_KILLED), "killed") == 0 &&
           strcmp(hec_verdict_word(0), "?") == 0 && strcmp(hec_verdict_word(99), "?") == 0,
       "verdicts have words");
    return done_testing();
}
