/* SPDX-License-Identifier: MIT
 *
 * Shared arrays: one sparse memory file per process, cut into pieces. A piece that is free again is
 * kept for the next array of its size while there are not too many of them, since fresh pages cost
 * several times what warm ones do.
 */
#include "pool/array.h"

#include "base/error.h"
#include "base/units.h"
#include "sys/child.h"
#include "sys/shm.h"

#include <hec/topology.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Free pieces keep their pages up to this much together. */
#define WARM_MAX (UINT64_C(256) << 20)
/* Smaller needs are not worth reading /proc for. */
#define LOOK_FROM (16u << 20)

struct hec_array {
    _Atomic uint32_t refs;
    pid_t pid;
    uint64_t offset;
    size_t size, mapped; /* bytes asked for; what it takes, whole pages */
    size_t room;         /* of its piece of the file: arrays of similar size can have it in turn */
    void *data;          /* NULL: free and without pages */
    uint64_t forks;      /* see hec__fork_mark() */
    hec_array *next;     /* in one of the lists below */
};

static struct {
    pthread_mutex_t lock;
    pid_t pid; /* of the process that the rest belongs to */
    int fd;
    uint64_t end, limit;
    hec_array *free;  /* pieces of the file, with pages or without */
    hec_array *limbo; /* given up, but a child that was forked meanwhile may look at them */
    hec_array_memory memory;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void lock_now(void)
{
    pthread_mutex_lock(&file.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&file.lock);
}

/* No child begins with the lock held by a thread that it does not have. What is registered last is
 * locked first: so the history of forks, which is asked while our lock is held, comes before us. */
static void at_forks(void)
{
    hec__fork_mark();
    pthread_atfork(lock_now, unlock, unlock);
}

static void lock(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, at_forks);
    lock_now();
}

/* The lock is held. What a forked child inherited is its parent's: it begins anew. */
static int open_file(hec_error *err)
{
    uint64_t limit = hec__file_size_limit();

    if (file.pid == getpid() && file.fd >= 0)
        return 0;
    file.pid = getpid();
    file.fd = -1; /* still open: it is where views of the parent's arrays are mapped from */
    file.end = 0;
    file.free = file.limbo = NULL;
    file.memory = (hec_array_memory){0};
    file.limit =
        (limit < HEC__ARRAY_BYTES ? limit : HEC__ARRAY_BYTES) & ~(uint64_t)(hec__page_size() - 1);
    return hec__shm_create("hec-arrays", file.limit, &file.fd, err);
}

int hec__array_file(int *ret_fd, hec_error *err)
{
    int r;

    lock();
    r = open_file(err);
    *ret_fd = file.fd;
    unlock();
    return r;
}

uint64_t hec__array_limit(void)
{
    return file.limit;
}

bool hec__array_is_ours(const hec_array *array)
{
    return array->pid == getpid();
}

uint64_t hec__array_offset(const hec_array *array)
{
    return array->offset;
}

/* The size of piece that an array gets: four per doubling, so that a program whose arrays are all
 * of different sizes uses few sizes of pieces, over and over. At most a quarter of a piece is left
 * over, and has no pages. SIZE_MAX when there is none so large. */
static size_t room_for(size_t mapped)
{
    size_t page = hec__page_size();

    for (size_t base = page; base <= SIZE_MAX / 4; base *= 2) {
        size_t quarters = base < 4 * page ? 1 : 4; /* a quarter is whole pages */

        for (size_t q = 0; q < quarters; q++)
            if (mapped <= base + base / 4 * q)
                return base + base / 4 * q;
    }
    return SIZE_MAX;
}

/* The pages of a free piece go back to the system. */
static void strip(hec_array *a)
{
    munmap(a->data, a->mapped);
    a->data = NULL;
    hec__shm_release(file.fd, a->offset, a->mapped, NULL);
    file.memory.given_back += a->mapped;
}

/* Takes a free piece of that size out of the list. NULL: there is none. */
static hec_array *take_free(size_t room, size_t mapped)
{
    hec_array **at, **best = NULL, *a;

    /* With just the right pages, else with some, which is not to leave them where they are for
     * good, else with none. */
    for (at = &file.free; *at; at = &(*at)->next)
        if ((*at)->room == room &&
            (!best || ((*at)->data && (!(*best)->data || (*at)->mapped == mapped))))
            best = at;
    if (!best)
        return NULL;
    a = *best;
    *best = a->next;
    if (a->data)
        file.memory.warm -= a->mapped;
    if (a->data && a->mapped != mapped)
        strip(a);
    a->mapped = mapped;
    return a;
}

/* A piece of the file that was never used. NULL with the error set. */
static hec_array *cut(size_t room, size_t mapped, hec_error *err)
{
    hec_array *a = NULL;
    char text[32];

    if (room > file.limit - file.end) {
        hec__fail(err, HEC_ENOMEM, 0, "%s are too much for a shared array",
                  hec__format_bytes(mapped, text, sizeof text));
        return NULL;
    }
    a = calloc(1, sizeof *a);
    if (!a) {
        hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of a shared array");
        return NULL;
    }
    a->mapped = mapped;
    a->room = room;
    a->offset = file.end;
    a->pid = file.pid;
    file.end += room;
    return a;
}

static int check_available(size_t size, hec_error *err)
{
    char need[32], left[32];
    hec_topology *t = NULL;
    uint64_t available;

    /* Unknown is not a reason to refuse: the kernel has the last word. */
    if (size < LOOK_FROM || hec_topology_read(NULL, &t, NULL) < 0)
        return 0;
    available = hec_topology_memory_available(t);
    hec_topology_destroy(t);
    if (size <= available)
        return 0;
    return hec__fail(err, HEC_ENOMEM, 0, "%s do not fit: only %s of memory are available",
                     hec__format_bytes(size, need, sizeof need),
                     hec__format_bytes(available, left, sizeof left));
}

/* The lock is held. */
static void put_free(hec_array *a)
{
    if (a->data && file.memory.warm + a->mapped <= WARM_MAX) {
        file.memory.warm += a->mapped;
    } else if (a->data) {
        strip(a);
    }
    a->next = file.free;
    file.free = a;
}

/* The lock is held. Frees what no child can be looking at any more: a child has the arrays that
 * were there when it was forked, and tells nobody when it is done with them. */
static void sweep(void)
{
    hec_array **at = &file.limbo, *a;

    while ((a = *at)) {
        if (!hec__fork_alone(a->forks)) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        file.memory.held -= a->mapped;
        put_free(a);
    }
}

/* Gives a piece its pages. They exist when this returns: what does not fit is an error here, and
 * not a signal at some later write. */
static int back_with_pages(hec_array *a, hec_error *err)
{
    int r = check_available(a->mapped, err);

    if (r == 0)
        r = hec__shm_commit(file.fd, a->offset, a->mapped, err);
    if (r == 0)
        r = hec__shm_map(file.fd, a->offset, a->mapped, HEC__SHM_SHARED, &a->data, err);
    return r;
}

int hec_array_create(size_t size, hec_array **ret_array, hec_error *err)
{
    size_t mapped = hec__page_round(size ? size : 1), room = room_for(mapped);
    hec_array *a = NULL;
    int r;

    if (mapped < size)
        return hec__fail(err, HEC_ENOMEM, 0, "%zu bytes are too much for a shared array", size);
    lock();
    r = open_file(err);
    if (r == 0) {
        sweep();
        a = take_free(room, mapped);
        if (!a)
            a = cut(room, mapped, err);
        r = a ? 0 : HEC_ENOMEM;
    }
    if (r == 0 && !a->data) {
        r = back_with_pages(a, err);
        if (r < 0) {
            hec__shm_release(file.fd, a->offset, a->mapped, NULL);
            put_free(a);
        }
    }
    if (r == 0) {
        a->refs = 1;
        a->forks = hec__fork_mark();
        a->size = size;
        file.memory.arrays++;
        file.memory.held += mapped;
        *ret_array = a;
    }
    unlock();
    return r;
}

void hec_array_ref(hec_array *array)
{
    atomic_fetch_add_explicit(&array->refs, 1, memory_order_relaxed);
}

void hec_array_unref(hec_array *array)
{
    /* In a forked child the copy of an array is nobody's: its memory is the parent's to free. */
    if (!array || array->pid != getpid())
        return;
    /* Release, then acquire by the last: all uses happen before the next array's. */
    if (atomic_fetch_sub_explicit(&array->refs, 1, memory_order_acq_rel) != 1)
        return;
    lock();
    file.memory.arrays--;
    array->next = file.limbo;
    file.limbo = array;
    sweep();
    unlock();
}

void *hec_array_data(const hec_array *array)
{
    return array->data;
}

size_t hec_array_size(const hec_array *array)
{
    return array->size;
}

void hec_array_memory_read(hec_array_memory *ret)
{
    lock();
    if (file.pid == getpid())
        sweep();
    *ret = file.pid == getpid() ? file.memory : (hec_array_memory){0};
    unlock();
}
