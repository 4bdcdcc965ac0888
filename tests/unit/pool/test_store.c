/* SPDX-License-Identifier: MIT
 *
 * Blocks: their sizes, their way to a holder and back, what a death leaves; and views of them.
 */
#include "tap.h"

#include "pool/store.h"
#include "sys/clock.h"
#include "sys/shm.h"

#include <hec/pool.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB 1024u
#define MIB (1024u * KIB)

static uint64_t memory_of(const hec__segment *s)
{
    struct stat st;

    return fstat(s->data_fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : UINT64_MAX;
}

static uint32_t used(const hec__store *a)
{
    return atomic_load(&a->table->used);
}

static hec__ref send_block(hec__store *a, size_t size, uint32_t holder, int fill)
{
    hec__ref ref = {9, 9, 9, 0};
    void *at;

    if (hec__store_make(a, size, &ref, &at, NULL) == 0) {
        memset(at, fill, size);
        hec__store_sent(a, &ref, holder);
    }
    return ref;
}

static uint64_t little(void)
{
    return 20 * MIB;
}

static void sizes_and_recycling(hec__segment *s)
{
    hec__store a;
    hec_error err = {0};
    hec__ref r, q;
    void *at, *again;
    uint64_t warm;

    ok(hec__store_init(&a, s, 0, 8 * MIB, &err) == 0, "a store begins %s", err.text);
    ok(hec__store_make(&a, 1, &r, &at, &err) == 0 && r.maker == 0 && r.block == 0 && r.size == 1,
       "the smallest block");
    hec__store_drop(&a, &r);
    ok(hec__store_make(&a, 256 * KIB, &q, &again, &err) == 0 && q.block == 0 && again == at,
       "what was dropped is used again, where it was");
    hec__store_sent(&a, &q, 0);
    ok(hec__store_make(&a, 257 * KIB, &r, &at, &err) == 0 && r.block == 1, "sent ones are not");
    hec__store_drop(&a, &r);
    hec__segment_give_back(s, &q);
    ok(hec__store_make(&a, 256 * KIB, &r, &at, &err) == 0 && r.block == 0, "given back ones are");
    hec__store_drop(&a, &r);

    hec__store_make(&a, 16 * MIB, &r, &at, &err);
    warm = memory_of(s);
    hec__store_drop(&a, &r);
    ok(memory_of(s) <= warm - 16 * MIB, "beyond the warm limit pages go back to the system");
    hec__store_make(&a, 4 * MIB, &r, &at, &err);
    warm = memory_of(s);
    hec__store_drop(&a, &r);
    ok(memory_of(s) == warm, "below they stay");
    ok(hec__store_make(&a, 16 * MIB, &r, &at, &err) == 0 && r.block == 2,
       "a block without pages is used again");
    hec__store_drop(&a, &r);

    ok(hec__store_make(&a, SIZE_MAX / 2, &r, &at, &err) == HEC_ENOMEM, "a size that cannot be: %s",
       err.text);
    a.available = little;
    ok(hec__store_make(&a, 100 * MIB, &r, &at, &err) == HEC_ENOMEM && strstr(err.text, "100") &&
           strstr(err.text, "20"),
       "a size that does not fit names both: %s", err.text);
    ok(hec__store_make(&a, 10 * MIB, &r, &at, &err) == 0, "and leaves the store whole");
    hec__store_drop(&a, &r);
    hec__store_fini(&a);
}

static void many(hec__segment *s)
{
    enum { N = 500 };
    static hec__ref refs[N];
    hec__store a;
    uint32_t before, bad = 0;

    hec__store_init(&a, s, 1, 1024 * MIB, NULL);
    for (uint32_t i = 0; i < N; i++)
        refs[i] = send_block(&a, 1000 + i * 1000, HEC__PARENT, (int)i);
    before = used(&a);
    for (uint32_t i = 0; i < N; i++) {
        hec_view v = {0};

        bad += hec__segment_view(s, &refs[i], &v, NULL) < 0 || v.size != 1000 + i * 1000 ||
               ((unsigned char *)v.data)[v.size - 1] != (unsigned char)i;
        hec_view_release(&v);
    }
    ok(bad == 0, "%d views show their blocks", N);
    for (uint32_t i = 0; i < N; i++)
        send_block(&a, 1000 + i * 1000, HEC__PARENT, 0);
    ok(used(&a) == before, "the second time no block is new");
    hec__store_fini(&a);
}

static void deaths(hec__segment *s)
{
    hec__store a, next;
    hec__ref sent, back, made, to_other;
    void *at;
    uint64_t before = memory_of(s);

    hec__store_init(&a, s, 2, 64 * MIB, NULL);
    sent = send_block(&a, MIB, 1, 1);
    back = send_block(&a, MIB, 1, 2);
    to_other = send_block(&a, MIB, 0, 3);
    hec__segment_give_back(s, &back);
    hec__store_bury(&a, 1);
    ok(a.table->blocks[sent.block].state == HEC__BLOCK_FREE &&
           a.table->blocks[back.block].state == HEC__BLOCK_FREE &&
           a.table->blocks[to_other.block].state == HEC__BLOCK_SENT,
       "what a dead holder held is free, once, and nobody else's");
    ok(send_block(&a, MIB, 1, 4).block != send_block(&a, MIB, 1, 5).block && used(&a) == 3,
       "each is made once again");

    hec__store_make(&a, MIB, &made, &at, NULL);
    hec__segment_give_back(s, &to_other);
    hec__store_fini(&a); /* as when the maker dies */
    ok(hec__store_init(&next, s, 2, 64 * MIB, NULL) == 0 &&
           next.table->blocks[made.block].state == HEC__BLOCK_FREE &&
           next.table->blocks[sent.block].state == HEC__BLOCK_SENT,
       "a successor frees what was not sent and leaves what was");
    hec__store_collect(&next);
    ok(next.table->blocks[to_other.block].state == HEC__BLOCK_FREE,
       "and collects what comes back to the dead");
    hec__store_bury(&next, 1);
    ok(memory_of(s) <= before + 4 * MIB, "nothing is lost");
    hec__store_fini(&next);
}

static void scribbled(hec__segment *s)
{
    hec__store a;
    hec__ref r;
    uint32_t size_class;

    hec__store_init(&a, s, 3, 64 * MIB, NULL);
    r = send_block(&a, MIB, 1, 1);
    ok(hec__segment_is_ref(s, &r), "a block on its way is one");
    ok(!hec__segment_is_ref(s, &(hec__ref){r.maker, r.block, 8 * MIB, 0}) &&
           !hec__segment_is_ref(s, &(hec__ref){r.maker, r.block + 1, 1, 0}) &&
           !hec__segment_is_ref(s, &(hec__ref){r.maker, UINT32_MAX, 1, 0}) &&
           !hec__segment_is_ref(s, &(hec__ref){UINT32_MAX, r.block, 1, 0}) &&
           !hec__segment_is_ref(s, &(hec__ref){0, 0, 1, 0}),
       "too many bytes, no such block, no such maker, a free block are not");
    hec__segment_give_back(s, &r);
    hec__segment_give_back(s, &r); /* twice: now the stack is a ring */
    hec__store_collect(&a);
    ok(a.table->blocks[r.block].state == HEC__BLOCK_FREE, "given back twice is freed once");
    atomic_store(&a.table->given_back, UINT32_MAX);
    hec__store_collect(&a);
    ok(send_block(&a, MIB, 1, 1).block == r.block && send_block(&a, MIB, 1, 1).block == 1,
       "a stack that leads nowhere is left alone");
    r = send_block(&a, MIB, 1, 1);
    size_class = a.table->blocks[r.block].size_class;
    a.table->blocks[r.block].size_class = HEC__LEASE_VIEW - 1;
    hec__store_bury(&a, 1);
    ok(a.table->blocks[r.block].state == HEC__BLOCK_SENT &&
           a.table->blocks[1].state == HEC__BLOCK_FREE,
       "a death does not free what is neither block nor lease");
    a.table->blocks[r.block].size_class = size_class;
    hec__store_fini(&a);
    a.table->blocks[1].size_class = UINT32_MAX / 2;
    ok(hec__store_init(&a, s, 3, 64 * MIB, NULL) == 0, "nor does a successor");
    a.table->blocks[1].size_class = size_class;
    hec__store_fini(&a);
}

enum { THREADS = 3, ROUNDS = 20000 };

static hec__segment *common;
static _Atomic uint32_t mailbox[THREADS]; /* block + 1 */
static _Atomic uint32_t stop;

static void *hold(void *arg)
{
    uint32_t k = (uint32_t)(uintptr_t)arg;

    while (!atomic_load(&stop)) {
        uint32_t b = atomic_exchange(&mailbox[k], 0);

        if (b)
            hec__segment_give_back(common, &(hec__ref){4, b - 1, 1, 0});
        else
            sched_yield();
    }
    return NULL;
}

/* Holders as threads: pushes at once from several, and the maker that takes them all. */
static void threads(hec__segment *s)
{
    pthread_t t[THREADS];
    hec__store a;
    uint64_t end = hec__now_ns() + 5 * UINT64_C(1000000000); /* valgrind takes its time */
    uint32_t sent = 0, lost = 0;

    common = s;
    hec__store_init(&a, s, 4, 64 * MIB, NULL);
    for (uintptr_t k = 0; k < THREADS; k++)
        pthread_create(&t[k], NULL, hold, (void *)k);
    while (sent < ROUNDS && hec__now_ns() < end)
        for (uint32_t k = 0; k < THREADS; k++)
            if (atomic_load(&mailbox[k]) == 0) {
                hec__ref r = {0};
                void *at;

                if (hec__store_make(&a, 1, &r, &at, NULL) == 0)
                    *(volatile char *)at = (char)sent;
                hec__store_sent(&a, &r, k);
                atomic_store(&mailbox[k], r.block + 1);
                sent++;
            }
    for (uint32_t k = 0; k < THREADS; k++)
        while (atomic_load(&mailbox[k]))
            sched_yield();
    atomic_store(&stop, 1);
    for (uint32_t k = 0; k < THREADS; k++)
        pthread_join(t[k], NULL);
    hec__store_collect(&a);
    for (uint32_t i = 0; i < used(&a); i++)
        lost += a.table->blocks[i].state != HEC__BLOCK_FREE;
    ok(sent > 20 && lost == 0 && used(&a) <= 3 * THREADS,
       "%u blocks go out and come back, and %u are enough for that", sent, used(&a));
    hec__store_fini(&a);
}

/* A limit on the size of files makes the makers' parts smaller. */
static void small_parts(void)
{
    struct rlimit old, small;
    hec__segment *s = NULL;
    hec__store a;
    hec_view v = {0};
    hec__ref r;

    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = (rlim_t)1 << 30;
    setrlimit(RLIMIT_FSIZE, &small);
    hec__segment_create(2, &s, NULL);
    hec__store_init(&a, s, 2, 64 * MIB, NULL);
    r = send_block(&a, MIB, HEC__PARENT, 's');
    ok(hec__segment_is_ref(s, &r) && hec__segment_view(s, &r, &v, NULL) == 0 &&
           ((char *)v.data)[MIB - 1] == 's',
       "a block of a worker is one where files may have 1 GiB");
    hec_view_release(&v);
    setrlimit(RLIMIT_FSIZE, &old);
    hec__store_fini(&a);
    hec__segment_unref(s);
}

static void views_and_forks(void)
{
    hec__segment *s = NULL;
    hec__store a;
    hec_view v, w, copy;
    hec__ref r, q;
    pid_t pid;
    int status = 0;

    hec__segment_create(1, &s, NULL);
    hec__store_init(&a, s, 0, 64 * MIB, NULL);
    r = send_block(&a, MIB, HEC__PARENT, 'r');
    q = send_block(&a, MIB, HEC__PARENT, 'q');
    hec__segment_view(s, &r, &v, NULL);
    pid = fork();
    if (pid == 0) {
        bool good = ((char *)v.data)[MIB - 1] == 'r';

        hec_view_release(&v);
        _exit(good && !v.data && atomic_load(&a.table->given_back) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    ok(status == 0, "a forked child sees a view, and its release gives nothing back");
    hec_view_release(&v);
    ok(atomic_load(&a.table->given_back) == 0, "a view that a child may see is not used again");
    hec__segment_view(s, &q, &v, NULL);
    hec_view_release(&v);
    ok(atomic_load(&a.table->given_back) == q.block + 1, "one taken after the fork is");
    hec_view_release(&v);
    ok(!v.data, "a second release does nothing");

    hec__store_collect(&a);
    q = send_block(&a, MIB, HEC__PARENT, 'w');
    atomic_fetch_add(&hec__segment_views, 16384); /* as many as may be */
    ok(hec__segment_view(s, &q, &copy, NULL) == 0 && !copy.owner &&
           ((char *)copy.data)[MIB - 1] == 'w' && atomic_load(&a.table->given_back),
       "beyond the limit a view is a copy, and the block goes back at once");
    atomic_fetch_sub(&hec__segment_views, 16384);
    hec_view_release(&copy);

    hec__store_collect(&a);
    q = send_block(&a, MIB, HEC__PARENT, 'z');
    hec__segment_view(s, &q, &w, NULL);
    hec__store_fini(&a);
    hec__segment_close(s);
    ok(memory_of(s) == 2 * MIB, "after the end only held blocks have pages");
    {
        hec__segment *kept = s;

        atomic_fetch_add(&kept->refs, 1); /* to look at it once more */
        hec__segment_unref(s);
        ok(((char *)w.data)[5] == 'z', "a view outlives the pool");
        hec_view_release(&w);
        ok(memory_of(kept) == MIB, "and its release gives the pages to the system");
        hec__segment_unref(kept);
    }
}

static _Atomic uint32_t asked_enough;

static void *ask(void *arg)
{
    while (!atomic_load(&asked_enough))
        hec_pools_memory();
    return arg;
}

/* A thread asks what all pools hold, with a lock, while another forks. */
static void forks_while_another_thread_asks(void)
{
    uint64_t end = hec__now_ns() + UINT64_C(500000000);
    hec__segment *s = NULL;
    uint32_t bad = 0;
    pthread_t t;

    hec__segment_create(1, &s, NULL);
    pthread_create(&t, NULL, ask, NULL);
    while (hec__now_ns() < end && bad == 0) {
        int status = 1;
        pid_t pid = fork();

        if (pid == 0) {
            alarm(10);
            _exit(hec_pools_memory() == 0 ? 0 : 1);
        }
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    atomic_store(&asked_enough, 1);
    pthread_join(t, NULL);
    ok(bad == 0, "a child can ask as well");
    hec__segment_unref(s);
}

int main(void)
{
    hec__segment *s = NULL;
    hec_error err = {0};

    alarm(50);
    ok(hec__segment_create(4, &s, &err) == 0, "a segment %s", err.text);
    sizes_and_recycling(s);
    many(s);
    deaths(s);
    scribbled(s);
    threads(s);
    hec__segment_unref(s);
    views_and_forks();
    small_parts();
    forks_while_another_thread_asks();
    return done_testing();
}
