/* SPDX-License-Identifier: MIT */
#include "pool/cores.h"

#define DEPTH_MAX 8

/* Where this process stands, if it is a worker: the outermost pool's memory, and the slots of this
 * worker and those above it. A fact of the process, inherited by what it forks: so a global. */
static struct place {
    hec__head *root; /* NULL: not a worker */
    const hec__slot *workers;
    uint32_t nworkers;
    hec__slot *above[DEPTH_MAX]; /* the outermost first, this process's own last */
    uint32_t depth;
} place;

void hec__cores_enter(const hec__segment *s, uint32_t number)
{
    if (!place.root) {
        place.root = s->head;
        place.workers = s->slots;
        place.nworkers = s->nworkers;
    }
    /* Deeper ones are not noted for their parents: what they take comes back when one above ends.
     */
    if (place.depth < DEPTH_MAX)
        place.above[place.depth++] = &s->slots[number];
}

bool hec__cores_nested(void)
{
    return place.root != NULL;
}

static int32_t spare(int32_t taken)
{
    int32_t busy = 0;

    for (uint32_t k = 0; k < place.nworkers; k++)
        busy += atomic_load_explicit(&place.workers[k].awake, memory_order_relaxed) != 0;
    return place.root->cores - busy - taken;
}

static uint32_t at_most(uint32_t wanted, int32_t free)
{
    if (free <= 0 || wanted <= 1)
        return 1;
    return wanted - 1 < (uint32_t)free ? wanted : 1 + (uint32_t)free;
}

uint32_t hec_cores_free(uint32_t wanted)
{
    if (!place.root)
        return wanted;
    return at_most(wanted,
                   spare(atomic_load_explicit(&place.root->cores_taken, memory_order_relaxed)));
}

/* All relaxed: nothing is published by these counts. */
static void book(int32_t n)
{
    for (uint32_t i = 0; i < place.depth; i++)
        atomic_fetch_add_explicit(&place.above[i]->cores, n, memory_order_relaxed);
}

uint32_t hec_cores_take(uint32_t wanted)
{
    int32_t taken, more;

    if (!place.root)
        return wanted;
    taken = atomic_load_explicit(&place.root->cores_taken, memory_order_relaxed);
    do {
        more = (int32_t)at_most(wanted, spare(taken)) - 1;
        if (more == 0)
            return 1;
    } while (!atomic_compare_exchange_weak_explicit(&place.root->cores_taken, &taken, taken + more,
                                                    memory_order_relaxed, memory_order_relaxed));
    book(more);
    return 1 + (uint32_t)more;
}

void hec_cores_give(uint32_t taken)
{
    if (!place.root || taken <= 1)
        return;
    atomic_fetch_sub_explicit(&place.root->cores_taken, (int32_t)taken - 1, memory_order_relaxed);
    book(1 - (int32_t)taken);
}

void hec__cores_bury(const hec__segment *s, uint32_t number, bool apart)
{
    int32_t lost = atomic_exchange_explicit(&s->slots[number].cores, 0, memory_order_relaxed);
    bool nested = place.root && !apart;
    hec__head *root = nested ? place.root : s->head;

    if (lost <= 0)
        return;
    atomic_fetch_sub_explicit(&root->cores_taken, lost, memory_order_relaxed);
    if (nested)
        book(-lost);
}
