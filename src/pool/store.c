/* SPDX-License-Identifier: MIT */
#include "pool/store.h"

#include "base/error.h"
#include "base/units.h"
#include "sys/shm.h"

#include <sys/mman.h>

/* Smaller needs are not worth reading /proc for. */
#define LOOK_FROM (16u << 20)

/* Four classes per doubling: at most a quarter of a block is slack, and that part has no pages. */
static uint32_t class_of(size_t size)
{
    uint32_t c = 0;

    for (size_t base = HEC_BLOCK_MIN; c < HEC__SIZE_CLASSES; base *= 2, c += 4)
        for (uint32_t q = 0; q < 4; q++)
            if (size <= base + base / 4 * q)
                return c + q;
    return HEC__SIZE_CLASSES;
}

static size_t class_size(uint32_t c)
{
    size_t base = (size_t)HEC_BLOCK_MIN << (c / 4);

    return base + base / 4 * (c % 4);
}

static void push(hec__store *a, uint32_t *list, uint32_t i)
{
    a->links[i] = list[a->table->blocks[i].size_class];
    list[a->table->blocks[i].size_class] = i + 1;
}

/* Pops from a list; returns index + 1, 0 when empty. */
static uint32_t pop(hec__store *a, uint32_t *list, uint32_t size_class)
{
    uint32_t i = list[size_class];

    if (i)
        list[size_class] = a->links[i - 1];
    return i;
}

static void unmap(hec__store *a, uint32_t i)
{
    if (a->maps[i])
        munmap(a->maps[i], class_size(a->table->blocks[i].size_class));
    a->maps[i] = NULL;
}

static bool is_lease(const hec__block *b)
{
    return b->size_class >= HEC__LEASE_VIEW;
}

/* Others can write here: what is neither a block nor a lease is left alone. */
static bool is_known(const hec__block *b)
{
    return b->size_class < HEC__SIZE_CLASSES || is_lease(b);
}

/* A lease is over: lets go of what was lent. */
static void end_lease(hec__store *a, uint32_t i)
{
    hec__lent lent = a->lent[i];

    atomic_store_explicit(&a->table->blocks[i].state, HEC__BLOCK_FREE, memory_order_relaxed);
    a->lent[i] = (hec__lent){0};
    a->links[i] = a->lease_list;
    a->lease_list = i + 1;
    hec_array_unref(lent.array);
    if (lent.hold)
        hec__hold_release(lent.hold);
}

/* Puts a free block where it belongs: warm while there is room for it, else without pages. */
static void shelve(hec__store *a, uint32_t i)
{
    hec__block *b = &a->table->blocks[i];

    if (is_lease(b)) {
        end_lease(a, i);
        return;
    }
    atomic_store_explicit(&b->state, HEC__BLOCK_FREE, memory_order_relaxed);
    if (a->maps[i] && a->warm + b->committed <= a->warm_max) {
        a->warm += b->committed;
        push(a, a->warm_list, i);
        return;
    }
    unmap(a, i);
    if (b->committed)
        hec__shm_release(a->segment->data_fd, b->offset, hec__page_round(b->committed), NULL);
    b->committed = 0;
    push(a, a->cold_list, i);
}

static int grow(hec__store *a, uint32_t need, hec_error *err)
{
    uint32_t cap = a->maps_cap ? a->maps_cap : 64;
    void **maps;
    uint32_t *links;
    hec__lent *lent;

    if (need <= a->maps_cap)
        return 0;
    while (cap < need)
        cap *= 2;
    maps = realloc(a->maps, cap * sizeof *maps);
    if (maps)
        a->maps = maps;
    links = realloc(a->links, cap * sizeof *links);
    if (links)
        a->links = links;
    lent = realloc(a->lent, cap * sizeof *lent);
    if (lent)
        a->lent = lent;
    if (!maps || !links || !lent)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of %u blocks", cap);
    memset(maps + a->maps_cap, 0, (cap - a->maps_cap) * sizeof *maps);
    memset(lent + a->maps_cap, 0, (cap - a->maps_cap) * sizeof *lent);
    a->maps_cap = cap;
    return 0;
}

int hec__store_init(hec__store *a, hec__segment *s, uint32_t number, uint64_t warm_max,
                    hec_error *err)
{
    uint32_t used;
    int r;

    *a = (hec__store){
        .segment = s, .table = &s->tables[number], .number = number, .warm_max = warm_max};
    used = atomic_load_explicit(&a->table->used, memory_order_relaxed);
    r = grow(a, used, err);
    if (r < 0) {
        hec__store_fini(a);
        return r;
    }
    for (uint32_t i = 0; i < used; i++)
        if (a->table->blocks[i].state != HEC__BLOCK_SENT && is_known(&a->table->blocks[i]))
            shelve(a, i);
    return 0;
}

void hec__store_fini(hec__store *a)
{
    uint32_t used = a->table ? atomic_load_explicit(&a->table->used, memory_order_relaxed) : 0;

    for (uint32_t i = 0; i < used && i < a->maps_cap; i++)
        if (a->lent[i].array || a->lent[i].hold)
            end_lease(a, i);
        else
            unmap(a, i);
    free(a->maps);
    free(a->links);
    free(a->lent);
    a->lent = NULL;
    a->maps = NULL;
    a->links = NULL;
    a->maps_cap = 0;
}

/* An entry of the table that was never used, marked as one without memory; index + 1, or 0 with the
 * error set. */
static uint32_t make_entry(hec__store *a, hec_error *err)
{
    uint32_t i = atomic_load_explicit(&a->table->used, memory_order_relaxed);

    if (i == HEC__STORE_BLOCKS) {
        hec__fail(err, HEC_ENOMEM, 0, "too many large arrays are alive at once (%u)", i);
        return 0;
    }
    if (grow(a, i + 1, err) < 0)
        return 0;
    a->table->blocks[i].size_class = HEC__LEASE_VIEW;
    a->table->blocks[i].committed = 0;
    /* Release: whoever walks the table after our death sees whole entries. */
    atomic_store_explicit(&a->table->used, i + 1, memory_order_release);
    return i + 1;
}

/* A block that never existed before; index + 1, or 0 with the error set. */
static uint32_t make_new(hec__store *a, uint32_t size_class, hec_error *err)
{
    uint64_t store_bytes = a->segment->head->store_bytes, at = a->table->end;
    uint32_t i;
    hec__block *b;

    if (at + class_size(size_class) > store_bytes) {
        hec__fail(err, HEC_ENOMEM, 0, "too many large arrays are alive at once (%s of them)",
                  hec__format_bytes(at, (char[32]){0}, 32));
        return 0;
    }
    i = make_entry(a, err);
    if (!i)
        return 0;
    b = &a->table->blocks[i - 1];
    b->offset = a->number * store_bytes + at;
    a->table->end = at + class_size(size_class);
    b->size_class = size_class;
    return i;
}

int hec__store_lend(hec__store *a, uint32_t lease_class, uint64_t offset, size_t size,
                    hec__lent lent, hec__ref *ret_ref, hec_error *err)
{
    uint32_t i;
    uint64_t skip = offset % hec__page_size();
    hec__block *b;

    hec__store_collect(a);
    i = a->lease_list;
    if (i)
        a->lease_list = a->links[i - 1];
    else
        i = make_entry(a, err);
    if (!i)
        return HEC_ENOMEM;
    b = &a->table->blocks[--i];
    b->size_class = lease_class;
    b->offset = offset - skip;
    b->committed = skip + size;
    atomic_store_explicit(&b->state, HEC__BLOCK_MADE, memory_order_relaxed);
    a->lent[i] = lent;
    *ret_ref = (hec__ref){.maker = a->number, .block = i, .size = size, .skip = skip};
    return 0;
}

/* Gives the block pages for `size` bytes and a mapping. */
static int back_with_pages(hec__store *a, uint32_t i, size_t size, hec_error *err)
{
    hec__block *b = &a->table->blocks[i];
    uint64_t more = size > b->committed ? size - b->committed : 0, left;
    char need_text[32], left_text[32];
    int r = 0;

    if (more >= LOOK_FROM && a->available && (left = a->available()) < more)
        return hec__fail(err, HEC_ENOMEM, 0, "%s do not fit: only %s of memory are available",
                         hec__format_bytes(size, need_text, sizeof need_text),
                         hec__format_bytes(left, left_text, sizeof left_text));
    if (more)
        r = hec__shm_commit(a->segment->data_fd, b->offset, hec__page_round(size), err);
    if (r == 0 && more)
        b->committed = size;
    if (r == 0 && !a->maps[i])
        r = hec__shm_map(a->segment->data_fd, b->offset, class_size(b->size_class), HEC__SHM_SHARED,
                         &a->maps[i], err);
    return r;
}

int hec__store_make(hec__store *a, size_t size, hec__ref *ret_ref, void **ret_data, hec_error *err)
{
    uint32_t size_class = class_of(size), i;
    char text[32];
    int r;

    if (size_class == HEC__SIZE_CLASSES)
        return hec__fail(err, HEC_ENOMEM, 0, "%s are too much for one array",
                         hec__format_bytes(size, text, sizeof text));
    hec__store_collect(a);
    i = pop(a, a->warm_list, size_class);
    if (i)
        a->warm -= a->table->blocks[i - 1].committed;
    else
        i = pop(a, a->cold_list, size_class);
    if (!i)
        i = make_new(a, size_class, err);
    if (!i)
        return HEC_ENOMEM;
    i--;
    atomic_store_explicit(&a->table->blocks[i].state, HEC__BLOCK_MADE, memory_order_relaxed);
    r = back_with_pages(a, i, size, err);
    if (r < 0) {
        shelve(a, i);
        return r;
    }
    *ret_ref = (hec__ref){.maker = a->number, .block = i, .size = size};
    *ret_data = a->maps[i];
    return 0;
}

void hec__store_sent(hec__store *a, const hec__ref *ref, uint32_t holder)
{
    hec__block *b = &a->table->blocks[ref->block];

    b->holder = holder;
    /* Relaxed: the ring's commit, which comes next, publishes it. */
    atomic_store_explicit(&b->state, HEC__BLOCK_SENT, memory_order_relaxed);
}

void hec__store_drop(hec__store *a, const hec__ref *ref)
{
    shelve(a, ref->block);
}

void hec__store_bury(hec__store *a, uint32_t holder)
{
    uint32_t used = atomic_load_explicit(&a->table->used, memory_order_relaxed);

    hec__store_collect(a);
    for (uint32_t i = 0; i < used; i++) {
        hec__block *b = &a->table->blocks[i];

        if (b->state == HEC__BLOCK_SENT && b->holder == holder && is_known(b))
            shelve(a, i);
    }
}

void hec__store_collect(hec__store *a)
{
    uint32_t used = atomic_load_explicit(&a->table->used, memory_order_relaxed), i, n = 0;

    if (atomic_load_explicit(&a->table->given_back, memory_order_relaxed) == 0)
        return;
    /* Acquire pairs with the push: the receiver is done with the bytes. */
    i = atomic_exchange_explicit(&a->table->given_back, 0, memory_order_acquire);
    /* Others write here: what is no block, or not sent, ends nothing but its own way back. */
    while (i && i <= used && i <= a->maps_cap && n++ < used) {
        hec__block *b = &a->table->blocks[i - 1];

        if (b->state == HEC__BLOCK_SENT && is_known(b))
            shelve(a, i - 1);
        i = atomic_load_explicit(&b->next, memory_order_relaxed);
    }
}

void hec__store_trim(hec__store *a)
{
    uint64_t warm_max = a->warm_max;

    hec__store_collect(a);
    a->warm_max = 0; /* shelving finds no room among the warm */
    for (uint32_t c = 0; c < HEC__SIZE_CLASSES; c++)
        for (uint32_t i; (i = pop(a, a->warm_list, c));) {
            a->warm -= a->table->blocks[i - 1].committed;
            shelve(a, i - 1);
        }
    a->warm_max = warm_max;
}
