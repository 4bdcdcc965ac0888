/* SPDX-License-Identifier: MIT
 *
 * Leases: arrays and views that a receiver sees without a copy, how they come back, what the end of
 * either side leaves, and which refs are no leases.
 */
#include "ended.h"
#include "tap.h"

#include "pool/array.h"
#include "pool/message.h"
#include "sys/shm.h"

#include <hec/pool.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* A parent with its store, and a worker's segment and store; all in this process. */
typedef struct stage {
    hec__segment *s, *workers;
    hec__store parent, worker;
    struct hec_outbox outbox;
} stage;

static void set(stage *g)
{
    hec_error err = {0};

    *g = (stage){0};
    if (hec__segment_create(2, &g->s, &err) < 0 || !(g->workers = hec__segment_of_child(g->s)) ||
        hec__store_init(&g->parent, g->s, 0, 64 * MIB, &err) < 0 ||
        hec__store_init(&g->worker, g->s, 1, 64 * MIB, &err) < 0) {
        printf("Bail out! no stage: %s\n", err.text);
        exit(1);
    }
    g->outbox.store = &g->parent;
}

static void strike(stage *g)
{
    hec__store_fini(&g->worker);
    hec__store_fini(&g->parent);
    free(g->workers); /* shares the mapping and the descriptors of the parent's */
    hec__segment_unref(g->s);
}

static uint64_t arrays(void)
{
    hec_array_memory m;

    hec_array_memory_read(&m);
    return m.arrays;
}

static uint32_t used(const hec__store *a)
{
    return atomic_load(&a->table->used);
}

static hec_array *letters(size_t size)
{
    hec_array *a = NULL;

    if (hec_array_create(size, &a, NULL) == 0)
        for (size_t i = 0; i < size; i++)
            ((char *)hec_array_data(a))[i] = (char)('a' + i % 26);
    return a;
}

/* What the outbox has goes to worker 0; the first of its refs. */
static hec__ref send(stage *g)
{
    hec__ref ref = g->outbox.refs[0];

    for (uint32_t i = 0; i < g->outbox.nrefs; i++)
        hec__store_sent(&g->parent, &g->outbox.refs[i], 0);
    g->outbox.nrefs = 0;
    return ref;
}

static hec__ref lend(stage *g, hec_array *a, size_t offset, size_t size, hec_lend how)
{
    return hec_outbox_lend_array(&g->outbox, a, offset, size, how, NULL) == 1
               ? send(g)
               : (hec__ref){9, 0, 0, 0};
}

/* A block as the worker sends it, as a view of the parent's. */
static hec_view result(stage *g, size_t size, hec__ref *ret_ref)
{
    hec_view view = {0};
    void *at;

    if (hec__store_make(&g->worker, size, ret_ref, &at, NULL) == 0) {
        memset(at, 'v', size);
        hec__store_sent(&g->worker, ret_ref, HEC__PARENT);
        hec__segment_view(g->s, ret_ref, &view, NULL);
    }
    return view;
}

/* A test has nothing to look at without it. */
static char *bytes_of(const hec_view *view)
{
    if (!view->data) {
        printf("Bail out! no view\n");
        exit(1);
    }
    return view->data;
}

static uint32_t state_of(const hec__store *a, const hec__ref *ref)
{
    return a->table->blocks[ref->block].state;
}

static void arrays_shared(void)
{
    stage g;
    hec_array *a = letters(MIB);
    char *data = hec_array_data(a), *seen;
    hec__ref r;
    hec_view v = {0};
    uint64_t before = arrays();

    set(&g);
    r = lend(&g, a, 0, MIB, HEC_LEND_SHARED);
    ok(hec__segment_is_ref(g.workers, &r) && hec__segment_view(g.workers, &r, &v, NULL) == 0 &&
           v.size == MIB && v.data != data && memcmp(v.data, data, MIB) == 0,
       "an array is seen by a receiver");
    seen = bytes_of(&v);
    data[7] = '!';
    seen[MIB - 1] = '?';
    ok(seen[7] == '!' && data[MIB - 1] == '?', "what either writes, the other sees");
    hec_array_unref(a);
    ok(arrays() == before, "the owner's reference is not the last");
    hec_view_release(&v);
    ok(arrays() == before && state_of(&g.parent, &r) == HEC__BLOCK_SENT,
       "nor is the view the lease: it is on its way back");
    hec__store_collect(&g.parent);
    ok(arrays() == before - 1 && state_of(&g.parent, &r) == HEC__BLOCK_FREE,
       "with the lease the array is gone");

    a = letters(5000);
    r = lend(&g, a, 0, 5000, HEC_LEND_SHARED);
    hec__segment_view(g.workers, &r, &v, NULL);
    hec_view_release(&v);
    hec__store_collect(&g.parent);
    ok(arrays() == before && ((char *)hec_array_data(a))[4999] == 'a' + 4999 % 26,
       "the other way round it is still the owner's");
    hec_array_unref(a);
    ok(arrays() == before - 1, "until that one has done with it");
    strike(&g);
}

static void arrays_private(void)
{
    stage g;
    size_t page = hec__page_size(), at = page + 100;
    hec_array *a = letters(4 * page);
    char *data = hec_array_data(a), *seen;
    hec__ref r, none;
    hec_view v = {0}, nothing = {0};

    set(&g);
    r = lend(&g, a, at, page, HEC_LEND_PRIVATE);
    ok(r.skip == 100 && r.size == page && hec__segment_is_ref(g.workers, &r) &&
           hec__segment_view(g.workers, &r, &v, NULL) == 0 && (uintptr_t)v.data % page == 100 &&
           memcmp(v.data, data + at, page) == 0,
       "part of an array, beginning within a page");
    seen = bytes_of(&v);
    seen[0] = '?';
    seen[page - 1] = '?';
    ok(data[at] != '?' && data[at + page - 1] != '?',
       "what a receiver writes privately is its own");
    hec_view_release(&v);
    r = lend(&g, a, at + 1, 10, HEC_LEND_SHARED);
    hec__segment_view(g.workers, &r, &v, NULL);
    ((char *)v.data)[9] = '#';
    ok(data[at + 10] == '#' && data[at + 11] != '#', "and so is the place in a shared one");
    hec_view_release(&v);

    none = lend(&g, a, 4 * page, 0, HEC_LEND_PRIVATE);
    ok(none.maker == 0 && hec__segment_is_ref(g.workers, &none) &&
           hec__segment_view(g.workers, &none, &nothing, NULL) == 0 && nothing.size == 0,
       "no bytes, from the very end");
    hec_view_release(&nothing);
    ok(hec_outbox_lend_array(&g.outbox, a, 4 * page + 1, 0, HEC_LEND_SHARED, NULL) == HEC_EINVAL &&
           hec_outbox_lend_array(&g.outbox, a, 8, SIZE_MAX - 4, HEC_LEND_SHARED, NULL) ==
               HEC_EINVAL &&
           g.outbox.nrefs == 0,
       "more than the array has is refused");
    g.outbox.store = &g.worker;
    ok(hec_outbox_lend_array(&g.outbox, a, 0, 1, HEC_LEND_SHARED, NULL) == 0 &&
           used(&g.worker) == 0,
       "a worker does not lend");
    hec_array_unref(a);
    strike(&g);
}

/* In a child the parent's array is not its own to lend. */
static void arrays_of_others(void)
{
    hec_array *a = letters(KIB);
    hec__child child = {0, -1, false, NULL};
    int status = 1;

    if (hec__child_fork(&child, NULL) == 1) {
        stage g;

        set(&g);
        _exit(hec_outbox_lend_array(&g.outbox, a, 0, 1, HEC_LEND_SHARED, NULL) == 0 ? 0 : 1);
    }
    status = ended(&child);
    ok(status == 0, "nobody lends an array that is his parent's");
    hec_array_unref(a);
}

/* A receiver in a process of its own, which dies with its view. */
static void death_of_a_receiver(void)
{
    stage g;
    hec_array *a = letters(MIB);
    hec__child child = {0, -1, false, NULL};
    hec__ref r, other;
    uint64_t before = arrays();
    int status = 1;

    set(&g);
    r = lend(&g, a, 5, MIB - 5, HEC_LEND_SHARED);
    other = lend(&g, a, 0, 1, HEC_LEND_PRIVATE);
    g.parent.table->blocks[other.block].holder = 1;
    if (hec__child_fork(&child, NULL) == 1) {
        hec__segment *mine = hec__segment_of_child(g.s);
        hec_view v = {0};

        if (!mine || !hec__segment_is_ref(mine, &r) || hec__segment_view(mine, &r, &v, NULL) < 0)
            _exit(1);
        ((char *)v.data)[0] = '!';
        _exit(0);
    }
    status = ended(&child);
    ok(status == 0 && ((char *)hec_array_data(a))[5] == '!', "another process writes to an array");
    hec_array_unref(a);
    hec__store_bury(&g.parent, 0);
    ok(arrays() == before && state_of(&g.parent, &r) == HEC__BLOCK_FREE &&
           state_of(&g.parent, &other) == HEC__BLOCK_SENT,
       "its death ends what was lent to it, and nothing else");
    hec__store_bury(&g.parent, 1);
    ok(arrays() == before - 1, "the last death frees the array");
    strike(&g);
}

static void ends_of_the_lender(void)
{
    stage g;
    hec_array *a = letters(MIB);
    uint64_t before = arrays();
    hec__ref from, r;
    hec_view v;
    void *at;

    set(&g);
    for (int i = 0; i < 3; i++)
        hec_outbox_lend_array(&g.outbox, a, 0, 10, HEC_LEND_SHARED, NULL);
    hec_outbox_block(&g.outbox, MIB, &at, NULL);
    hec_array_unref(a);
    ok(arrays() == before && g.outbox.nrefs == 4, "what waits in an outbox is kept");
    hec_outbox_clear(&g.outbox);
    ok(arrays() == before - 1 && g.outbox.nrefs == 0, "and let go with it");

    a = letters(MIB);
    r = lend(&g, a, 0, 10, HEC_LEND_SHARED);
    hec_outbox_lend_array(&g.outbox, a, 0, 10, HEC_LEND_SHARED, NULL);
    v = result(&g, MIB, &from);
    ok(hec_outbox_lend_view(&g.outbox, &v, 0, MIB, NULL) == 1, "a view waits in it as well");
    hec_array_unref(a);
    hec_view_release(&v);
    ok(arrays() == before && atomic_load(&g.worker.table->given_back) == 0,
       "sent or not, all is kept");
    hec__store_fini(&g.parent);
    ok(arrays() == before - 1 && atomic_load(&g.worker.table->given_back) == from.block + 1,
       "the end of the store lets all go");
    ok(hec__store_init(&g.parent, g.s, 0, MIB, NULL) == 0, "a store may take the table over");
    hec__segment_give_back(g.workers, &r);
    hec__store_collect(&g.parent);
    strike(&g);
}

static void entries_are_used_again(void)
{
    enum { ROUNDS = 100000, AT_ONCE = 5 };
    stage g;
    hec_array *a = letters(MIB);
    uint64_t before = arrays();
    uint32_t bad = 0;
    hec__ref block, refs[AT_ONCE];
    void *at;

    set(&g);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        refs[i % AT_ONCE] = lend(&g, a, i, 10, i % 2 ? HEC_LEND_SHARED : HEC_LEND_PRIVATE);
        bad += !hec__segment_is_ref(g.workers, &refs[i % AT_ONCE]);
        if (i % AT_ONCE == AT_ONCE - 1)
            for (uint32_t k = 0; k < AT_ONCE; k++)
                hec__segment_give_back(g.workers, &refs[(k * 3 + i) % AT_ONCE]);
    }
    ok(bad == 0 && used(&g.parent) == AT_ONCE, "%d leases, %d at once, take %u entries", ROUNDS,
       AT_ONCE, used(&g.parent));
    hec__store_collect(&g.parent);
    ok(hec__store_make(&g.parent, MIB, &block, &at, NULL) == 0 && block.block == AT_ONCE,
       "an entry that was a lease is no block");
    hec__store_drop(&g.parent, &block);
    hec__store_trim(&g.parent);
    refs[0] = lend(&g, a, 0, 10, HEC_LEND_SHARED);
    ok(refs[0].block < AT_ONCE && hec__segment_memory(g.s) == 0 && g.parent.warm == 0,
       "trimming gives back the pages of blocks and leaves leases");
    hec__segment_give_back(g.workers, &refs[0]);
    hec__store_collect(&g.parent);
    hec_array_unref(a);
    ok(arrays() == before - 1, "no reference is left over");
    strike(&g);
}

static bool refused(const stage *g, hec__ref ref)
{
    return !hec__segment_is_ref(g->workers, &ref);
}

static void no_leases(void)
{
    stage g;
    size_t page = hec__page_size();
    hec_array *a = letters(2 * page);
    hec__ref r, copy;
    hec__block *b, *mine;

    set(&g);
    r = lend(&g, a, 100, 200, HEC_LEND_SHARED);
    b = &g.parent.table->blocks[r.block];
    ok(!refused(&g, r) && !refused(&g, (hec__ref){0, r.block, 300, 0}) &&
           refused(&g, (hec__ref){0, r.block, 301, 0}) &&
           refused(&g, (hec__ref){0, r.block, 200, 101}) &&
           refused(&g, (hec__ref){0, r.block, (UINT64_C(1) << 48) - 1, 100}),
       "no more than what is lent");
    b->committed = 4 * page;
    ok(!refused(&g, (hec__ref){0, r.block, 1, page - 1}) &&
           refused(&g, (hec__ref){0, r.block, 1, page}) &&
           refused(&g, (hec__ref){0, r.block, 1, 65535}),
       "what is skipped is less than a page");
    mine = &g.worker.table->blocks[0];
    copy = (hec__ref){1, 0, 200, 100};
    *mine = *b;
    atomic_store(&g.worker.table->used, 1);
    ok(refused(&g, copy), "a worker has nothing to lend");
    atomic_store(&g.worker.table->used, 0);
    b->offset = hec__array_limit() - 4 * page;
    ok(!refused(&g, r), "to the end of the file");
    b->offset += page;
    ok(refused(&g, r), "and not beyond it");
    b->offset = UINT64_MAX - page + 1;
    ok(refused(&g, r), "nor around the end of all numbers");
    b->offset = 1;
    ok(refused(&g, r), "nor from within a page");
    b->offset = 0;
    b->committed = UINT64_MAX;
    ok(refused(&g, r), "nor with more bytes than there can be");
    b->committed = 4 * page;
    b->size_class = HEC__LEASE_VIEW;
    b->offset = 3 * g.s->store_bytes - 4 * page;
    ok(!refused(&g, r), "a view's lies in the data file");
    b->offset += page;
    ok(refused(&g, r), "and not beyond it");
    b->offset = 0;
    b->size_class = HEC__LEASE_COPY + 1;
    ok(refused(&g, r), "a kind of lease that is none");
    b->size_class = UINT32_MAX;
    ok(refused(&g, r), "nor is that one");
    b->size_class = HEC__LEASE_SHARED;
    b->state = HEC__BLOCK_MADE;
    ok(refused(&g, r), "nor one that was not sent");
    b->state = HEC__BLOCK_SENT;
    ok(!refused(&g, r), "the lease itself is still one");
    hec_array_unref(a);
    strike(&g);
}

/* The block of a lent view goes home after the last of those who hold it, in any order. */
static void views_in_both_orders(void)
{
    stage g;
    hec__ref block, one, two;
    hec_view v, at_worker = {0};

    set(&g);
    for (int leases_first = 0; leases_first < 2; leases_first++) {
        v = result(&g, MIB, &block);
        ok(hec_outbox_lend_view(&g.outbox, &v, 100, MIB - 100, NULL) == 1, "a clean view is lent");
        one = send(&g);
        ok(hec_outbox_lend_view(&g.outbox, &v, 0, 10, NULL) == 1, "and lent again");
        two = send(&g);
        ok(hec__segment_is_ref(g.workers, &one) &&
               hec__segment_view(g.workers, &one, &at_worker, NULL) == 0 &&
               at_worker.size == MIB - 100 && ((char *)at_worker.data)[MIB - 101] == 'v',
           "a worker sees it");
        if (!leases_first)
            hec_view_release(&v);
        hec_view_release(&at_worker);
        hec__store_collect(&g.parent);
        ok(state_of(&g.parent, &one) == HEC__BLOCK_FREE &&
               atomic_load(&g.worker.table->given_back) == 0,
           "with one lease back the block is held");
        hec__segment_give_back(g.workers, &two);
        hec__store_collect(&g.parent);
        if (leases_first) {
            ok(atomic_load(&g.worker.table->given_back) == 0 && ((char *)v.data)[5] == 'v',
               "with both back it is the view's");
            hec_view_release(&v);
        }
        ok(!v.data && atomic_load(&g.worker.table->given_back) == block.block + 1,
           "and goes to its maker after %s", leases_first ? "the view" : "the last lease");
        hec__store_collect(&g.worker);
        ok(state_of(&g.worker, &block) == HEC__BLOCK_FREE, "which has it, once");
    }
    ok(atomic_load(&hec__segment_views) == 0, "no view is left over");
    strike(&g);
}

static void views_that_are_not_lent(void)
{
    stage g, strangers;
    hec__ref block, r;
    hec_view v, at_worker = {0}, copied;

    set(&g);
    set(&strangers);
    v = result(&g, MIB, &block);
    ok(hec_outbox_lend_view(&strangers.outbox, &v, 0, MIB, NULL) == 0,
       "another pool's view is not");
    ok(hec_outbox_lend_view(&g.outbox, &v, 1, MIB, NULL) == HEC_EINVAL &&
           hec_outbox_lend_view(&g.outbox, &v, MIB + 1, 0, NULL) == HEC_EINVAL,
       "more than it has is refused");
    ok(hec_outbox_lend_view(&g.outbox, &v, 0, MIB, NULL) == 1, "a clean one is lent");
    r = send(&g);
    hec__segment_view(g.s, &r, &at_worker, NULL); /* of this process: that is what is tried here */
    ok(hec_outbox_lend_view(&g.outbox, &at_worker, 0, MIB, NULL) == 0,
       "what was lent is not lent on");
    hec_view_release(&at_worker);
    ((char *)v.data)[MIB / 2] = 'v'; /* what was there */
    ok(hec_outbox_lend_view(&g.outbox, &v, 0, MIB, NULL) == 0, "one that was written to is not");
    ok(hec_outbox_lend_view(&g.outbox, &v, 0, MIB / 2, NULL) == 1 &&
           hec_outbox_lend_view(&g.outbox, &v, MIB / 2 + 1, 100, NULL) == 0,
       "but pages of it that were not are");
    hec_outbox_clear(&g.outbox);
    g.outbox.store = &g.worker;
    ok(hec_outbox_lend_view(&g.outbox, &v, 0, 10, NULL) == 0, "a worker does not lend views");
    g.outbox.store = &g.parent;
    hec_view_release(&v);
    atomic_fetch_add(&hec__segment_views, 16384); /* as many as may be */
    copied = result(&g, MIB, &block);
    atomic_fetch_sub(&hec__segment_views, 16384);
    ok(!copied.owner && hec_outbox_lend_view(&g.outbox, &copied, 0, MIB, NULL) == 0,
       "a copy on the heap is not lent");
    hec_view_release(&copied);
    ok(g.outbox.nrefs == 0, "nothing of all this is in the message");
    strike(&strangers);
    strike(&g);
}

/* The pool ends while a view is lent: the view stays, and its pages go with it. */
static void view_outlives_its_lease(void)
{
    stage g;
    hec__ref block;
    hec_view v;

    set(&g);
    v = result(&g, MIB, &block);
    ok(hec_outbox_lend_view(&g.outbox, &v, 0, MIB, NULL) == 1, "a lease is out");
    send(&g);
    hec__store_fini(&g.worker);
    hec__store_fini(&g.parent);
    hec__segment_close(g.s);
    ok(((char *)v.data)[MIB - 1] == 'v' && hec__segment_memory(g.s) == MIB, "a view outlives it");
    hec_view_release(&v);
    ok(hec__segment_memory(g.s) == 0 && atomic_load(&g.s->refs) == 1,
       "and gives its pages to the system");
    free(g.workers);
    hec__segment_unref(g.s);
}

static void pages_that_are_clean(void)
{
    size_t page = hec__page_size(), size = 3000 * page; /* more than one look's worth */
    hec_array *a = NULL;
    char *p = NULL, sum = 0;
    int fd;
    hec__child child = {0, -1, false, NULL};
    int status = 1;

    if (hec_array_create(size, &a, NULL) < 0 || hec__array_file(&fd, NULL) < 0 ||
        hec__shm_map(fd, hec__array_offset(a), size, HEC__SHM_PRIVATE, (void **)&p, NULL) < 0) {
        ok(false, "no private view");
        return;
    }
    ok(hec__shm_is_clean(p, size), "a view that nobody touched is clean");
    for (size_t i = 0; i < size; i += page)
        sum = (char)(sum + ((volatile char *)p)[i]);
    ok(hec__shm_is_clean(p, size) && hec__shm_is_clean(p, 0), "one that was read is (%d)", sum);
    ((volatile char *)p)[size - page] = 1;
    ok(!hec__shm_is_clean(p, size) && !hec__shm_is_clean(p, size - page + 1) &&
           hec__shm_is_clean(p, size - page),
       "one byte written, in the last page, and it is not; up to there it is");
    ((volatile char *)p)[page] = 1;
    ok(!hec__shm_is_clean(p + page - 1, 2) && hec__shm_is_clean(p + 5, page - 5) &&
           !hec__shm_is_clean(p + 2 * page - 1, 1) && hec__shm_is_clean(p + 2 * page, page),
       "pages are told apart at their edges");
    ((volatile char *)hec_array_data(a))[2 * page] = 1;
    ok(hec__shm_is_clean(p + 2 * page, page), "what the owner writes is no write of the view's");
    /* As where /proc cannot be read: no descriptor is to be had. */
    if (hec__child_fork(&child, NULL) == 1) {
        while (open("/dev/null", O_RDONLY) >= 0)
            continue;
        _exit(hec__shm_is_clean(p + 2 * page, page) ? 1 : 0);
    }
    status = ended(&child);
    ok(status == 0, "where the system does not tell, nothing is clean");
    munmap(p, size);
    hec_array_unref(a);
}

int main(void)
{
    alarm(50);
    arrays_shared();
    arrays_private();
    arrays_of_others();
    death_of_a_receiver();
    ends_of_the_lender();
    entries_are_used_again();
    no_leases();
    views_in_both_orders();
    views_that_are_not_lent();
    view_outlives_its_lease();
    pages_that_are_clean();
    return done_testing();
}
