/* SPDX-License-Identifier: MIT
 *
 * Open addressing with linear steps; nothing is ever taken out.
 */
#include "journal/index.h"

#include <stdlib.h>
#include <string.h>

/* Keys are hashes already, but a caller may have numbers for keys. */
static size_t slot_of(const hec__jindex *x, const unsigned char *key)
{
    uint64_t a, b;

    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 8);
    a = (a ^ (b << 32 | b >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(a ^ a >> 32) & (x->nslots - 1);
}

/* The slot that has the key, or the free one where it belongs. */
static uint32_t *seek(const hec__jindex *x, const unsigned char *key)
{
    size_t at = slot_of(x, key);

    while (x->slots[at] && memcmp(x->rows[x->slots[at] - 1].key, key, HEC_KEY_SIZE) != 0)
        at = (at + 1) & (x->nslots - 1);
    return &x->slots[at];
}

static int grow_slots(hec__jindex *x, size_t nslots)
{
    uint32_t *slots = calloc(nslots, sizeof *slots);

    if (!slots)
        return HEC_ENOMEM;
    free(x->slots);
    x->slots = slots;
    x->nslots = nslots;
    for (size_t i = 0; i < x->count; i++)
        *seek(x, x->rows[i].key) = (uint32_t)i + 1;
    return 0;
}

int hec__jindex_reserve(hec__jindex *x, size_t n)
{
    size_t need = x->count + n, nslots = x->nslots ? x->nslots : 64, cap = x->cap ? x->cap : 32;

    if (need >= UINT32_MAX)
        return HEC_ENOMEM;
    if (need > x->cap) {
        hec__jrow *rows;

        while (cap < need)
            cap += cap / 2;
        rows = realloc(x->rows, cap * sizeof *rows);
        if (!rows)
            return HEC_ENOMEM;
        x->rows = rows;
        x->cap = cap;
    }
    while (nslots / 4 * 3 < need)
        nslots *= 2;
    return nslots > x->nslots ? grow_slots(x, nslots) : 0;
}

void hec__jindex_put(hec__jindex *x, const unsigned char *key, const hec_journal_place *place)
{
    uint32_t *slot = seek(x, key);
    hec__jrow *row;

    if (!*slot) {
        row = &x->rows[x->count++];
        memcpy(row->key, key, HEC_KEY_SIZE);
        *slot = (uint32_t)x->count;
        x->done += place->verdict == HEC_TASK_DONE;
    } else {
        row = &x->rows[*slot - 1];
        if (row->place.verdict == HEC_TASK_DONE && place->verdict != HEC_TASK_DONE)
            return;
        x->done += row->place.verdict != HEC_TASK_DONE && place->verdict == HEC_TASK_DONE;
    }
    row->place = *place;
}

const hec__jrow *hec__jindex_find(const hec__jindex *x, const unsigned char *key)
{
    uint32_t slot = x->nslots ? *seek(x, key) : 0;

    return slot ? &x->rows[slot - 1] : NULL;
}

void hec__jindex_fini(hec__jindex *x)
{
    free(x->rows);
    free(x->slots);
    *x = (hec__jindex){0};
}
