/* SPDX-License-Identifier: MIT */
#include "pool/segment.h"

#include "base/error.h"
#include "pool/array.h"
#include "sys/child.h"
#include "sys/shm.h"

#include <hec/pool.h>

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A process may map 65,530 areas by default. Beyond this many views blocks are copied to the heap
 * instead, so that the user's own mappings still find room. */
#define VIEWS_MAX   16384u
#define COPIED_VIEW UINT64_MAX

_Atomic uint32_t hec__segment_views;

/* The segments of this process, for one question: how much memory all its pools hold. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static hec__segment *list;

static void lock_list(void)
{
    pthread_mutex_lock(&list_lock);
}

static void unlock_list(void)
{
    pthread_mutex_unlock(&list_lock);
}

/* A child may have pools of its own: it must not begin with the lock held by a thread that it does
 * not have. */
static void at_forks(void)
{
    pthread_atfork(lock_list, unlock_list, unlock_list);
}

static void enlist(hec__segment *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, at_forks);
    lock_list();
    s->next = list;
    list = s;
    unlock_list();
}

static void delist(hec__segment *s)
{
    hec__segment **at;

    lock_list();
    for (at = &list; *at && *at != s; at = &(*at)->next)
        continue;
    if (*at)
        *at = s->next;
    unlock_list();
}

uint64_t hec__segment_memory(const hec__segment *s)
{
    struct stat st;

    return fstat(s->data_fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

uint64_t hec_pools_memory(void)
{
    uint64_t bytes = 0;

    lock_list();
    for (const hec__segment *s = list; s; s = s->next)
        if (s->pid == getpid())
            bytes += hec__segment_memory(s);
    unlock_list();
    return bytes;
}

static uint64_t round64(uint64_t n)
{
    return (n + 63) & ~UINT64_C(63);
}

/* How much of the sparse data file each process gets. A limit on the size of files holds for memory
 * files as well, and going over it is a signal and not an error. */
static uint64_t store_bytes(uint32_t nworkers)
{
    uint64_t most = hec__file_size_limit() / (nworkers + 1);

    return (most < HEC__STORE_BYTES ? most : HEC__STORE_BYTES) & ~(uint64_t)(hec__page_size() - 1);
}

/* Where what lies; the head is set once it is mapped. */
static void lay_out(hec__segment *s, char *head)
{
    uint64_t slots_at = round64(sizeof(hec__head));
    uint64_t tables_at = round64(slots_at + s->nworkers * sizeof(hec__slot));

    s->rings_at = hec__page_round(tables_at + (s->nworkers + 1) * sizeof(hec__table));
    s->size = s->rings_at;
    if (!head)
        return;
    s->head = (hec__head *)(void *)head;
    s->slots = (hec__slot *)(void *)(head + slots_at);
    s->tables = (hec__table *)(void *)(head + tables_at);
}

int hec__segment_create(uint32_t nworkers, hec__segment **ret, hec_error *err)
{
    hec__segment *s = calloc(1, sizeof *s);
    uint64_t file_size;
    void *p = NULL;
    int r;

    if (!s)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot create a pool");
    hec__fork_mark(); /* the history begins here */
    s->refs = 1;
    s->pid = getpid();
    s->control_fd = s->data_fd = s->arrays_fd = -1;
    s->nworkers = nworkers;
    s->store_bytes = store_bytes(nworkers);
    lay_out(s, NULL);
    file_size = s->rings_at + UINT64_C(2) * nworkers * HEC__RING_BYTES;
    r = hec__shm_create("hec-control", file_size, &s->control_fd, err);
    if (r == 0)
        r = hec__shm_create("hec-data", (nworkers + 1) * s->store_bytes, &s->data_fd, err);
    if (r == 0) /* before any worker is forked: it has to have it */
        r = hec__array_file(&s->arrays_fd, err);
    if (r == 0)
        r = hec__shm_map(s->control_fd, 0, s->size, HEC__SHM_SHARED, &p, err);
    if (r < 0 || !p) {
        hec__segment_unref(s);
        return r;
    }
    assert(p);
    s->arrays_size = hec__array_limit();
    lay_out(s, p);
    s->head->magic = HEC__MAGIC;
    s->head->nworkers = nworkers;
    s->head->size = file_size;
    s->head->store_bytes = s->store_bytes;
    enlist(s);
    *ret = s;
    return 0;
}

int hec__segment_attach(const hec__segment *like, hec__segment **ret, hec_error *err)
{
    hec__segment *s = calloc(1, sizeof *s);
    void *p = NULL;
    int r;

    if (!s)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot look at a pool");
    *s = *like;
    s->next = NULL;
    s->refs = 1;
    s->pid = getpid();
    lay_out(s, NULL);
    r = hec__shm_map(s->control_fd, 0, s->size, HEC__SHM_SHARED, &p, err);
    if (r == 0) {
        lay_out(s, p);
        if (s->head->magic != HEC__MAGIC || s->head->nworkers != s->nworkers)
            r = hec__fail(err, HEC_EFORMAT, 0, "not the memory of a pool");
    }
    if (r < 0) {
        hec__segment_unref(s);
        return r;
    }
    *ret = s;
    return 0;
}

hec__segment *hec__segment_of_child(const hec__segment *parents)
{
    hec__segment *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->refs = 1;
    s->pid = getpid();
    s->control_fd = parents->control_fd;
    s->data_fd = parents->data_fd;
    s->arrays_fd = parents->arrays_fd;
    s->arrays_size = parents->arrays_size;
    s->nworkers = parents->nworkers;
    s->store_bytes = parents->store_bytes;
    s->size = parents->size;
    s->head = parents->head;
    s->slots = parents->slots;
    s->tables = parents->tables;
    s->rings_at = parents->rings_at;
    return s;
}

void hec__segment_unref(hec__segment *s)
{
    /* Release, then acquire by the last: all uses of the segment happen before its end. */
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    delist(s);
    if (s->head)
        munmap(s->head, s->size);
    if (s->control_fd >= 0)
        close(s->control_fd);
    if (s->data_fd >= 0)
        close(s->data_fd);
    free(s);
}

int hec__segment_map_ring(const hec__segment *s, uint32_t worker, bool results, void **ret_data,
                          hec_error *err)
{
    uint64_t at = s->rings_at + (UINT64_C(2) * worker + results) * HEC__RING_BYTES;

    return hec__shm_map_twice(s->control_fd, at, HEC__RING_BYTES, ret_data, err);
}

void hec__segment_unmap_ring(void *data)
{
    if (data)
        munmap(data, 2 * HEC__RING_BYTES);
}

static hec__block *block_of(const hec__segment *s, const hec__ref *ref)
{
    return &s->tables[ref->maker].blocks[ref->block];
}

static bool is_lease(const hec__block *b)
{
    return b->size_class >= HEC__LEASE_VIEW;
}

static bool is_lease_sound(const hec__segment *s, const hec__block *b, const hec__ref *ref)
{
    uint64_t limit =
        b->size_class == HEC__LEASE_VIEW ? (s->nworkers + 1) * s->store_bytes : s->arrays_size;
    uint64_t skip = ref->skip, size = ref->size; /* a sum of bit-fields may wrap at 48 bits */

    return b->size_class <= HEC__LEASE_COPY && b->offset % hec__page_size() == 0 &&
           b->offset <= limit && b->committed <= limit - b->offset && skip < hec__page_size() &&
           skip + size <= b->committed;
}

/* Maps what a ref names. *ret_data is where its bytes begin, behind up to a page of others. */
static int map_ref(const hec__segment *s, const hec__ref *ref, enum hec__shm_view view,
                   void **ret_data, hec_error *err)
{
    const hec__block *b = block_of(s, ref);
    bool arrays = b->size_class == HEC__LEASE_SHARED || b->size_class == HEC__LEASE_COPY;
    size_t size = ref->size ? ref->size : 1, mapped = hec__page_round(ref->skip + size);
    void *p;
    int r = hec__shm_map(arrays ? s->arrays_fd : s->data_fd, b->offset, mapped, view, &p, err);

    if (r == 0)
        *ret_data = (char *)p + ref->skip;
    return r;
}

static void unmap(void *data, size_t size)
{
    size_t skip = (uintptr_t)data % hec__page_size();

    munmap((char *)data - skip, hec__page_round(skip + (size ? size : 1)));
}

bool hec__segment_is_ref(const hec__segment *s, const hec__ref *ref)
{
    const hec__block *b;

    if (ref->maker > s->nworkers || ref->block >= HEC__STORE_BLOCKS ||
        ref->block >= atomic_load_explicit(&s->tables[ref->maker].used, memory_order_relaxed))
        return false;
    b = block_of(s, ref);
    if (is_lease(b))
        return b->state == HEC__BLOCK_SENT && ref->maker == 0 && is_lease_sound(s, b, ref);
    return b->state == HEC__BLOCK_SENT && ref->skip == 0 && ref->size <= b->committed &&
           b->committed <= s->store_bytes && b->offset % hec__page_size() == 0 &&
           b->offset - ref->maker * s->store_bytes <= s->store_bytes - b->committed;
}

/* The way out when there are too many mappings: a copy on the heap, the block goes back at once. */
static int copy_view(hec__segment *s, const hec__ref *ref, hec_view *ret_view, hec_error *err)
{
    void *from, *copy;
    int r = map_ref(s, ref, HEC__SHM_SHARED, &from, err);

    if (r == 0) {
        copy = malloc(ref->size ? ref->size : 1);
        if (copy) {
            memcpy(copy, from, ref->size);
            *ret_view = (hec_view){.data = copy, .size = ref->size, .id = COPIED_VIEW};
        } else {
            r = hec__fail(err, HEC_ENOMEM, 0, "cannot take %llu bytes",
                          (unsigned long long)ref->size);
        }
        unmap(from, ref->size);
    }
    hec__segment_give_back(s, ref);
    return r;
}

int hec__segment_view(hec__segment *s, const hec__ref *ref, hec_view *ret_view, hec_error *err)
{
    bool shared = block_of(s, ref)->size_class == HEC__LEASE_SHARED;
    bool many = atomic_load_explicit(&hec__segment_views, memory_order_relaxed) >= VIEWS_MAX;
    void *p;

    /* A copy of what is to be shared would not be what was asked for: better none than that. */
    if (shared && map_ref(s, ref, HEC__SHM_SHARED, &p, err) < 0) {
        hec__segment_give_back(s, ref);
        return HEC_ENOMEM;
    }
    if (!shared && (many || map_ref(s, ref, HEC__SHM_PRIVATE, &p, NULL) < 0))
        return copy_view(s, ref, ret_view, err);
    atomic_fetch_add_explicit(&hec__segment_views, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    *ret_view = (hec_view){.data = p,
                           .size = ref->size,
                           .owner = s,
                           .id = (uint64_t)ref->maker << 32 | ref->block,
                           .forks = hec__fork_mark()};
    return 0;
}

void hec__segment_give_back(hec__segment *s, const hec__ref *ref)
{
    hec__table *t = &s->tables[ref->maker];
    hec__block *b = block_of(s, ref);
    uint32_t first;

    if (atomic_load_explicit(&s->closed, memory_order_acquire)) {
        atomic_store_explicit(&b->state, HEC__BLOCK_FREE, memory_order_relaxed);
        if (!is_lease(b))
            hec__shm_release(s->data_fd, b->offset, hec__page_round(b->committed), NULL);
        return;
    }
    /* A push; the maker takes the whole stack at once, so there is no ABA. Release: we are done
     * with the bytes before the maker may write them again. */
    first = atomic_load_explicit(&t->given_back, memory_order_relaxed);
    do
        atomic_store_explicit(&b->next, first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&t->given_back, &first, ref->block + 1,
                                                  memory_order_release, memory_order_relaxed));
}

bool hec__segment_view_offset(const hec_view *view, uint64_t *ret_offset)
{
    const hec__segment *s = view->owner;
    hec__ref ref = {.maker = (uint32_t)(view->id >> 32), .block = (uint32_t)view->id};

    /* What is lent to this process is not its to lend on: whoever lent it may take it back. */
    if (!s || view->id == COPIED_VIEW || is_lease(block_of(s, &ref)))
        return false;
    *ret_offset = block_of(s, &ref)->offset;
    return true;
}

struct hec__hold {
    _Atomic uint32_t refs;
    hec_view view;
};

hec__hold *hec__segment_hold(hec_view *view)
{
    hec__hold *hold = view->hold;

    if (!hold) {
        hold = calloc(1, sizeof *hold);
        if (!hold)
            return NULL;
        hold->refs = 1; /* the view's own */
        hold->view = *view;
        view->hold = hold;
    }
    atomic_fetch_add_explicit(&hold->refs, 1, memory_order_relaxed);
    return hold;
}

static void release(const hec_view *view)
{
    hec__segment *s = view->owner;
    hec__ref ref = {(uint32_t)(view->id >> 32), (uint32_t)view->id, view->size, 0};

    unmap(view->data, view->size);
    /* A child that was forked with the view has a copy of it; the block is its parent's. */
    if (s->pid != getpid())
        return;
    atomic_fetch_sub_explicit(&hec__segment_views, 1, memory_order_relaxed);
    /* A child forked since may be looking at these very pages through the mapping that it
     * inherited: then they must stay as they are until the memory as a whole goes. */
    if (hec__fork_alone(view->forks))
        hec__segment_give_back(s, &ref);
    hec__segment_unref(s);
}

void hec__hold_release(hec__hold *hold)
{
    if (atomic_fetch_sub_explicit(&hold->refs, 1, memory_order_acq_rel) != 1)
        return;
    release(&hold->view);
    free(hold);
}

void hec_view_release(hec_view *view)
{
    if (view->id == COPIED_VIEW)
        free(view->data);
    else if (view->hold)
        hec__hold_release(view->hold);
    else if (view->owner)
        release(view);
    *view = (hec_view){0};
}

void hec__segment_close(hec__segment *s)
{
    for (uint32_t a = 0; a <= s->nworkers; a++) {
        hec__table *t = &s->tables[a];
        uint32_t used = atomic_load_explicit(&t->used, memory_order_acquire), n = 0;
        /* What was given back but not collected is free as well: it is still marked as sent. */
        uint32_t back = atomic_exchange_explicit(&t->given_back, 0, memory_order_acquire);

        if (used > HEC__STORE_BLOCKS)
            used = HEC__STORE_BLOCKS;
        /* At most `used` of them, whatever a worker that went mad has written. */
        for (; back && back <= used && n++ < used;
             back = atomic_load_explicit(&t->blocks[back - 1].next, memory_order_relaxed))
            atomic_store_explicit(&t->blocks[back - 1].state, HEC__BLOCK_FREE,
                                  memory_order_relaxed);
        for (uint32_t i = 0; i < used; i++) {
            hec__block *b = &t->blocks[i];

            if (b->state == HEC__BLOCK_SENT && b->holder == HEC__PARENT)
                continue;
            if (b->committed && !is_lease(b))
                hec__shm_release(s->data_fd, b->offset, hec__page_round(b->committed), NULL);
        }
    }
    atomic_store_explicit(&s->closed, 1, memory_order_release);
}
