/* SPDX-License-Identifier: MIT
 *
 * Shared arrays: their references, what their memory figures say, when a piece of the file is used
 * again, and what forked children and other threads may do meanwhile.
 */
#include "ended.h"
#include "tap.h"

#include "pool/array.h"
#include "sys/clock.h"
#include "sys/shm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB        UINT64_C(1024)
#define MIB        (1024 * KIB)
#define SECONDS(n) (UINT64_C(1000000000) * (n))

static hec_array_memory now(void)
{
    hec_array_memory m;

    hec_array_memory_read(&m);
    return m;
}

static hec_array *make(size_t size)
{
    hec_array *a = NULL;

    return hec_array_create(size, &a, NULL) == 0 ? a : NULL;
}

/* What the file of arrays really takes. */
static uint64_t pages_bytes(void)
{
    struct stat st;
    int fd;

    if (hec__array_file(&fd, NULL) < 0 || fstat(fd, &st) < 0)
        return UINT64_MAX;
    return (uint64_t)st.st_blocks * 512;
}

static _Atomic uint32_t stop;

static void *forker(void *arg)
{
    uint32_t *forks = arg;

    while (!atomic_load(&stop)) {
        pid_t pid = fork();

        if (pid == 0) {
            hec_array *a = make(KIB); /* a lock that was held over the fork would hang here */

            hec_array_unref(a);
            _exit(a ? 0 : 1);
        }
        if (pid > 0) {
            int status = 1;

            waitpid(pid, &status, 0);
            *forks += status == 0;
        }
    }
    return NULL;
}

/* Must run first: here an array is what makes the history of forks begin, and not a pool. */
static void forks_while_another_thread_creates(void)
{
    uint64_t end = hec__now_ns() + SECONDS(1);
    uint32_t forks = 0, made = 0;
    pthread_t t;

    hec_array_unref(make(KIB));
    pthread_create(&t, NULL, forker, &forks);
    for (; hec__now_ns() < end; made++)
        hec_array_unref(make(KIB));
    atomic_store(&stop, 1);
    pthread_join(t, NULL);
    ok(forks > 0 && made > 0, "a thread forks while another creates: neither waits for ever");
    printf("# %u forks, %u arrays\n", forks, made);
}

static void references_and_figures(void)
{
    hec_array_memory before = now(), m;
    hec_error err = {0};
    hec_array *a = NULL;

    ok(hec_array_create(3 * MIB - 5, &a, &err) == 0 && hec_array_size(a) == 3 * MIB - 5 &&
           hec__array_is_ours(a) && hec__array_offset(a) % hec__page_size() == 0,
       "an array %s", err.text);
    memset(hec_array_data(a), 'a', hec_array_size(a));
    m = now();
    ok(m.arrays == before.arrays + 1 && m.held == before.held + 3 * MIB && m.warm == before.warm,
       "counts, with whole pages");
    ok(pages_bytes() == m.held + m.warm, "held and warm are what the file takes");
    hec_array_ref(a);
    hec_array_unref(a);
    ok(now().arrays == m.arrays && ((char *)hec_array_data(a))[3 * MIB - 6] == 'a',
       "with two references one of them does not free it");
    hec_array_unref(a);
    m = now();
    ok(m.arrays == before.arrays && m.held == before.held && m.warm == before.warm + 3 * MIB &&
           m.given_back == before.given_back,
       "the last one does; its memory stays warm");
    hec_array_unref(NULL);
}

static void recycling(void)
{
    hec_array *a = make(5 * MIB), *b, *c;
    uint64_t offset = hec__array_offset(a), warm = now().warm, given_back;

    hec_array_unref(a);
    ok(now().warm == warm + 5 * MIB, "a free piece is warm");
    b = make(6 * MIB);
    c = make(5 * MIB - 100);
    ok(hec__array_offset(b) != offset && hec__array_offset(c) == offset && now().warm == warm,
       "it is used again for a size that takes as many pages, and for no other");
    hec_array_unref(b);
    hec_array_unref(c);

    given_back = now().given_back;
    a = make(300 * MIB); /* more than stays warm in all */
    offset = hec__array_offset(a);
    hec_array_unref(a);
    ok(now().given_back == given_back + 300 * MIB && pages_bytes() == now().held + now().warm,
       "beyond the limit of what stays warm, pages go back to the system");
    a = make(300 * MIB);
    ok(hec__array_offset(a) == offset && ((char *)hec_array_data(a))[7] == 0,
       "and the piece without pages is used again");
    hec_array_unref(a);
}

static void sizes(void)
{
    hec_array_memory before = now();
    hec_error err = {0};
    hec_array *a = make(0), *b = NULL;

    ok(a && hec_array_size(a) == 0 && hec_array_data(a), "an array of no bytes has an address");
    ok(now().held == before.held + hec__page_size(), "and takes a page");
    hec_array_unref(a);
    ok(hec_array_create(SIZE_MAX, &b, &err) == HEC_ENOMEM && !b && strstr(err.text, "1844674407"),
       "all bytes there are: %s", err.text);
    ok(hec_array_create(UINT64_C(1) << 60, &b, &err) == HEC_ENOMEM && !b &&
           strstr(err.text, "1024 PiB"),
       "more than the file may have: %s", err.text);
    ok(hec_array_create(UINT64_C(1) << 43, &b, &err) == HEC_ENOMEM && !b &&
           strstr(err.text, "8.0 TiB") && strstr(err.text, "available"),
       "more than the machine has names both: %s", err.text);
    ok(now().arrays == before.arrays && now().held == before.held &&
           pages_bytes() == now().held + now().warm,
       "failures leave nothing behind");
    a = make(2 * MIB);
    ok(a != NULL, "and the next one is had");
    hec_array_unref(a);
}

/* Only a new process has a limit of its own: the file's is fixed when it is made. */
static void small_files(void)
{
    struct rlimit limit;
    hec__child child = {0, -1, false, NULL};
    int status = 1;

    if (hec__child_fork(&child, NULL) == 1) {
        hec_error err = {0};
        hec_array *a = NULL;
        bool good;

        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = (rlim_t)(8 * MIB);
        setrlimit(RLIMIT_FSIZE, &limit);
        good = make(6 * MIB) && hec_array_create(4 * MIB, &a, &err) == HEC_ENOMEM && !a &&
               hec__array_limit() == 8 * MIB && now().arrays == 1;
        _exit(good ? 0 : 1);
    }
    status = ended(&child);
    ok(status == 0, "a limit on the size of files is an error and not a signal");
}

static void inherited(void)
{
    hec_array *a = make(MIB), *b;
    hec_array_memory before = now(), m;
    hec__child child = {0, -1, false, NULL};
    uint64_t offset = hec__array_offset(a);
    int status = 1, gate[2] = {-1, -1};
    char c = 0;

    memset(hec_array_data(a), 'p', MIB);
    if (pipe(gate) < 0)
        return;
    if (hec__child_fork(&child, NULL) == 1) {
        bool good = !hec__array_is_ours(a) && now().arrays == 0;
        hec_array *own;

        hec_array_unref(a);
        hec_array_unref(a); /* more often than there are references */
        own = make(MIB);
        good = good && own && hec__array_is_ours(own) && hec_array_data(own) != hec_array_data(a) &&
               now().arrays == 1;
        close(gate[1]);
        /* Only now has the parent given it up and made others. */
        while (read(gate[0], &c, 1) > 0)
            continue;
        _exit(good && ((char *)hec_array_data(a))[MIB - 1] == 'p' ? 0 : 1);
    }
    hec_array_unref(a);
    m = now();
    ok(m.arrays == before.arrays - 1 && m.held == before.held && m.warm == before.warm,
       "given up while a child may look at it, it is held");
    b = make(MIB);
    ok(b && hec__array_offset(b) != offset, "and not used again");
    memset(hec_array_data(b), 'b', MIB);
    close(gate[0]);
    close(gate[1]);
    status = ended(&child);
    ok(status == 0, "the child sees what was there, and its unref does nothing");
    hec_array_unref(b);
    m = now();
    ok(m.held == before.held - MIB && m.warm == before.warm + 2 * MIB,
       "once it was reaped both are free");
    a = make(MIB);
    b = make(MIB);
    ok(hec__array_offset(a) == offset || hec__array_offset(b) == offset, "and used again");
    hec_array_unref(a);
    hec_array_unref(b);
}

enum { THREADS = 4, KEPT = 8 };

static void *create_and_unref(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg * 7919 + 1, bad = 0;
    uint64_t end = hec__now_ns() + SECONDS(1);
    hec_array *kept[KEPT] = {0};

    for (uint32_t i = 0; i < 20000 && hec__now_ns() < end; i++) {
        hec_array **a = &kept[i % KEPT];

        seed = seed * 1103515245 + 12345;
        if (*a) {
            /* Nobody else's bytes: each array is one thread's alone. */
            bad += *(uintptr_t *)hec_array_data(*a) != (uintptr_t)a;
            hec_array_ref(*a);
            hec_array_unref(*a);
            hec_array_unref(*a);
        }
        *a = make((seed >> 16) % 16 * 4096 + 4096);
        bad += !*a;
        if (*a)
            *(uintptr_t *)hec_array_data(*a) = (uintptr_t)a;
    }
    for (uint32_t i = 0; i < KEPT; i++)
        hec_array_unref(kept[i]);
    return (void *)(uintptr_t)bad;
}

static void threads(void)
{
    hec_array_memory before = now(), m;
    pthread_t t[THREADS];
    uintptr_t bad = 0;

    for (uintptr_t k = 0; k < THREADS; k++)
        pthread_create(&t[k], NULL, create_and_unref, (void *)k);
    for (uint32_t k = 0; k < THREADS; k++) {
        void *r = NULL;

        pthread_join(t[k], &r);
        bad += (uintptr_t)r;
    }
    m = now();
    ok(bad == 0, "%d threads create and give up arrays, each its own", THREADS);
    ok(m.arrays == before.arrays && m.held == before.held && pages_bytes() == m.held + m.warm,
       "in the end all are free");
}

static void *unref_one(void *arg)
{
    hec_array_unref(arg);
    return NULL;
}

/* The same array given up by several threads at once is freed once. */
static void last_references(void)
{
    uint64_t arrays = now().arrays, held = now().held;
    uint32_t wrong = 0;

    for (uint32_t round = 0; round < 200; round++) {
        hec_array *a = make(KIB);
        pthread_t t[THREADS];

        for (uint32_t k = 0; k < THREADS; k++) {
            hec_array_ref(a);
            pthread_create(&t[k], NULL, unref_one, a);
        }
        hec_array_unref(a);
        for (uint32_t k = 0; k < THREADS; k++)
            pthread_join(t[k], NULL);
        wrong += now().arrays != arrays || now().held != held;
    }
    ok(wrong == 0, "references given up by several threads at once free an array once");
}

/* A program whose arrays are all of different sizes does not use its file up. */
static void many_sizes(void)
{
    struct rlimit limit;
    hec__child child = {0, -1, false, NULL};
    int status = 1;

    if (hec__child_fork(&child, NULL) == 1) {
        bool good = true;

        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = (rlim_t)(256 * MIB);
        setrlimit(RLIMIT_FSIZE, &limit);
        for (size_t i = 0; good && i < 3000; i++) {
            hec_array *a = NULL;

            good = hec_array_create(MIB + i % 1500 * hec__page_size(), &a, NULL) == 0;
            hec_array_unref(a);
        }
        _exit(good && now().arrays == 0 && now().held == 0 ? 0 : 1);
    }
    status = ended(&child);
    ok(status == 0, "three thousand arrays of 1,500 sizes, one after the other, fit into 256 MiB");
}

int main(void)
{
    alarm(50);
    forks_while_another_thread_creates();
    references_and_figures();
    recycling();
    sizes();
    small_files();
    many_sizes();
    inherited();
    threads();
    last_references();
    return done_testing();
}
