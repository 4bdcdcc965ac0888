/* SPDX-License-Identifier: MIT */
#include "pool/retry.h"

#include "base/error.h"

#include <stdlib.h>

void hec__retries_fini(hec__retries *r)
{
    free(r->table);
    free(r->heap);
    *r = (hec__retries){0};
}

/* ---- the table: open addressing, each entry at its own place or after it without a gap ---- */

static uint32_t place_of(uint64_t task, uint32_t cap)
{
    return (uint32_t)(task * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (cap - 1);
}

hec__retry *hec__retries_find(const hec__retries *r, uint64_t task)
{
    if (r->n == 0)
        return NULL;
    for (uint32_t i = place_of(task, r->cap); r->table[i].attempt; i = (i + 1) & (r->cap - 1))
        if (r->table[i].task == task)
            return &r->table[i];
    return NULL;
}

static hec__retry *free_place(hec__retry *table, uint32_t cap, uint64_t task)
{
    uint32_t i = place_of(task, cap);

    while (table[i].attempt)
        i = (i + 1) & (cap - 1);
    return &table[i];
}

/* Room for one more, at most half full. */
static int grow_table(hec__retries *r, hec_error *err)
{
    uint32_t cap = r->cap ? 2 * r->cap : 16;
    hec__retry *table;

    if (2 * (r->n + 1) <= r->cap)
        return 0;
    table = calloc(cap, sizeof *table);
    if (!table)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of tasks to run again");
    for (uint32_t i = 0; i < r->cap; i++)
        if (r->table[i].attempt)
            *free_place(table, cap, r->table[i].task) = r->table[i];
    free(r->table);
    r->table = table;
    r->cap = cap;
    return 0;
}

void hec__retries_forget(hec__retries *r, uint64_t task)
{
    hec__retry *gone = hec__retries_find(r, task);
    uint32_t hole, i;

    if (!gone)
        return;
    r->n--;
    hole = (uint32_t)(gone - r->table);
    gone->attempt = 0;
    /* What was put behind it only because it was in the way moves up. */
    for (i = (hole + 1) & (r->cap - 1); r->table[i].attempt; i = (i + 1) & (r->cap - 1)) {
        uint32_t home = place_of(r->table[i].task, r->cap);

        if (((i - home) & (r->cap - 1)) >= ((i - hole) & (r->cap - 1))) {
            r->table[hole] = r->table[i];
            r->table[i].attempt = 0;
            hole = i;
        }
    }
}

/* ---- the heap: the earliest on top ---- */

static int grow_heap(hec__retries *r, hec_error *err)
{
    uint32_t cap = r->due_cap ? 2 * r->due_cap : 16;
    hec__due *heap;

    if (r->ndue < r->due_cap)
        return 0;
    heap = realloc(r->heap, cap * sizeof *heap);
    if (!heap)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of tasks to run again");
    r->heap = heap;
    r->due_cap = cap;
    return 0;
}

static void push(hec__retries *r, hec__due due)
{
    uint32_t i = r->ndue++;

    while (i > 0 && r->heap[(i - 1) / 2].at_ns > due.at_ns) {
        r->heap[i] = r->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    r->heap[i] = due;
}

static hec__due pop(hec__retries *r)
{
    hec__due top = r->heap[0], last = r->heap[--r->ndue];
    uint32_t i = 0, child;

    while ((child = 2 * i + 1) < r->ndue) {
        if (child + 1 < r->ndue && r->heap[child + 1].at_ns < r->heap[child].at_ns)
            child++;
        if (r->heap[child].at_ns >= last.at_ns)
            break;
        r->heap[i] = r->heap[child];
        i = child;
    }
    r->heap[i] = last;
    return top;
}

/* ---- both ---- */

int hec__retries_add(hec__retries *r, uint64_t task, uint64_t limits, uint64_t at_ns,
                     hec_error *err)
{
    hec__retry *e;
    int bad = grow_heap(r, err);

    if (bad == 0)
        bad = grow_table(r, err);
    if (bad < 0)
        return bad;
    e = hec__retries_find(r, task);
    if (!e) {
        e = free_place(r->table, r->cap, task);
        *e = (hec__retry){.task = task, .attempt = 1};
        r->n++;
    }
    e->attempt++;
    e->limits = limits;
    e->waits = true;
    push(r, (hec__due){at_ns, task});
    return 0;
}

uint64_t hec__retries_next(const hec__retries *r)
{
    return r->ndue ? r->heap[0].at_ns : UINT64_MAX;
}

bool hec__retries_take(hec__retries *r, uint64_t now_ns, uint64_t *ret_task)
{
    if (r->ndue == 0 || r->heap[0].at_ns > now_ns)
        return false;
    *ret_task = pop(r).task;
    return true;
}
