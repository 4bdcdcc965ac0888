/* SPDX-License-Identifier: MIT
 *
 * Loops over the threads of this process: all of it done, by no more threads than asked for,
 * within loops, from several threads, in children; stopped, and wrong.
 */
#include "tap.h"

#include "sys/clock.h"
#include "sys/threads.h"

#include <hec/hec.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N 100000u

/* The thread sanitizer knows no threads in the child of a process that has had some. */
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifndef TSAN
#define TSAN 0
#endif

static const hec_parallel_options four = {.threads = 4};

static int mark(void *ctx, uint64_t begin, uint64_t end)
{
    uint8_t *seen = ctx;

    for (uint64_t i = begin; i < end; i++)
        seen[i]++; /* plain: whoever else wrote here would be found by the thread sanitizer */
    return 0;
}

static bool each_once(const uint8_t *seen, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (seen[i] != 1)
            return false;
    return true;
}

static bool loop_works(const hec_parallel_options *options, uint64_t n)
{
    uint8_t *seen = calloc(n + 1, 1);
    bool good =
        hec_parallel_for(n, mark, seen, options, NULL) == 0 && each_once(seen, n) && seen[n] == 0;

    free(seen);
    return good;
}

static void test_lengths(void)
{
    static const uint64_t ns[] = {0, 1, 2, 3, 4, 5, 63, 64, 65, 1000, 65537, 3000000};
    bool good = true;

    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
        good = good && loop_works(&four, ns[i]);
        good = good && loop_works(NULL, ns[i]);
    }
    ok(good, "every index once, and visible to the caller");
    for (int i = 0; i < 2000; i++)
        good = good && loop_works(&four, 100);
    ok(good, "also two thousand times in a row");
}

static int sum_up(void *ctx, uint64_t begin, uint64_t end)
{
    atomic_fetch_add((_Atomic uint64_t *)ctx, end - begin);
    return 0;
}

static void test_huge(void)
{
    _Atomic uint64_t sum = 0;

    ok(hec_parallel_for(UINT64_MAX, sum_up, (void *)&sum, &four, NULL) == 0 && sum == UINT64_MAX,
       "2^64 - 1 indices");
}

/* ---- threads ---- */

static struct {
    _Atomic int ids[64];
    _Atomic int now, most;
} who;

static int note(void *ctx, uint64_t begin, uint64_t end)
{
    int id = (int)syscall(SYS_gettid), now = atomic_fetch_add(&who.now, 1) + 1;
    int most = atomic_load(&who.most);

    (void)ctx;
    (void)begin;
    (void)end;
    while (most < now && !atomic_compare_exchange_weak(&who.most, &most, now))
        ;
    for (int i = 0; i < 64; i++) {
        int none = 0;

        if (atomic_load(&who.ids[i]) == id ||
            (atomic_compare_exchange_strong(&who.ids[i], &none, id)))
            break;
    }
    usleep(200);
    atomic_fetch_sub(&who.now, 1);
    return 0;
}

static int threads_seen(void)
{
    int n = 0;

    while (n < 64 && atomic_load(&who.ids[n]))
        n++;
    return n;
}

static void forget(void)
{
    for (int i = 0; i < 64; i++)
        atomic_store(&who.ids[i], 0);
    atomic_store(&who.most, 0);
}

/* The threads of this process that were started for loops, by their name. */
static int team_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    struct dirent *entry;
    int n = 0;

    while ((entry = readdir(d))) {
        char path[300], name[32] = "";
        FILE *f;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        f = fopen(path, "r");
        if (f && fgets(name, sizeof name, f))
            n += strcmp(name, "hec-loop\n") == 0;
        if (f)
            fclose(f);
    }
    closedir(d);
    return n;
}

static void test_threads(void)
{
    hec_parallel_options o = {.threads = 1};

    forget();
    hec_parallel_for(50, note, NULL, &o, NULL);
    ok(threads_seen() == 1 && who.ids[0] == getpid(), "one thread is the caller");
    o.threads = 3;
    forget();
    hec_parallel_for(200, note, NULL, &o, NULL);
    ok(threads_seen() == 3 && who.most == 3, "three threads are three, the caller included");
    forget();
    hec_parallel_for(2, note, NULL, &four, NULL);
    ok(threads_seen() <= 2, "no more than there are indices");
    o.threads = HEC_PARALLEL_THREADS_MAX + 1;
    ok(hec_parallel_for(2, note, NULL, &o, NULL) == HEC_EINVAL, "too many threads are refused");
}

static int look_at_signals(void *ctx, uint64_t begin, uint64_t end)
{
    sigset_t mask;

    (void)begin;
    (void)end;
    usleep(1000);
    if (syscall(SYS_gettid) == getpid())
        return 0;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGPROF) &&
        !sigismember(&mask, SIGSEGV))
        atomic_fetch_add((_Atomic int *)ctx, 1);
    else
        return 1;
    return 0;
}

static void test_signals(void)
{
    _Atomic int right = 0;
    sigset_t mask;

    ok(hec_parallel_for(40, look_at_signals, (void *)&right, &four, NULL) == 0 && right > 0,
       "the threads take no signals but of their own faults");
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ok(!sigismember(&mask, SIGINT), "the caller's mask is as it was");
}

/* ---- many at once ---- */

static int within(void *ctx, uint64_t begin, uint64_t end)
{
    int me = (int)syscall(SYS_gettid);

    (void)ctx;
    for (uint64_t i = begin; i < end; i++) {
        uint8_t seen[1000] = {0};

        if (hec_parallel_for(sizeof seen, mark, seen, &four, NULL) != 0 ||
            !each_once(seen, sizeof seen) || me != (int)syscall(SYS_gettid))
            return 1;
    }
    return 0;
}

static void test_nested(void)
{
    ok(hec_parallel_for(2000, within, NULL, &four, NULL) == 0, "loops within a loop");
    ok(team_threads() == 3, "start no threads of their own");
}

static void *caller(void *arg)
{
    bool good = true;

    for (int i = 0; i < 200; i++)
        good = good && loop_works(&four, 1 + (uint64_t)i * 37);
    *(bool *)arg = good;
    return NULL;
}

static void test_callers(void)
{
    pthread_t t[20];
    bool good[20], all = true;

    for (int i = 0; i < 20; i++)
        pthread_create(&t[i], NULL, caller, &good[i]);
    for (int i = 0; i < 20; i++) {
        pthread_join(t[i], NULL);
        all = all && good[i];
    }
    ok(all, "twenty threads with loops at the same time, more than have a place");
    ok(team_threads() == 3, "share three threads");
}

/* ---- fork ---- */

static int child_status(void)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        forget();
        if (!loop_works(&four, N) || hec_parallel_for(400, note, NULL, &four, NULL) != 0)
            _exit(1);
        _exit(threads_seen() == 4 ? 0 : 2);
    }
    waitpid(child, &status, 0);
    return status;
}

static int fork_within(void *ctx, uint64_t begin, uint64_t end)
{
    (void)end;
    if (begin == 0)
        *(int *)ctx = child_status();
    return 0;
}

static void test_fork(void)
{
    const hec_parallel_options one = {.grain = 1, .threads = 4};
    int status = -1;

    ok(child_status() == 0, "a child has threads of its own");
    ok(hec_parallel_for(100, fork_within, &status, &one, NULL) == 0 && status == 0,
       "also one that is forked in a loop");
    ok(loop_works(&four, N), "the parent's are still there");
}

/* ---- stopping ---- */

static _Atomic uint64_t begun;

static int fail_at(void *ctx, uint64_t begin, uint64_t end)
{
    uint64_t where = *(const uint64_t *)ctx;

    atomic_fetch_add(&begun, end - begin);
    usleep(100);
    return begin <= where && where < end ? -7 : 0;
}

static void test_failure(void)
{
    const hec_parallel_options o = {.threads = 4, .grain = 10};
    hec_error e = {0};
    uint64_t where = 0;

    atomic_store(&begun, 0);
    ok(hec_parallel_for(100000, fail_at, &where, &o, &e) == HEC_ECALLBACK, "a failure stops");
    ok(e.code == HEC_ECALLBACK && e.sys == -7, "its value is told");
    is_str(e.text, "the function returned -7 for the indices from 0 to 9", "and where");
    ok(atomic_load(&begun) < 50000, "no further blocks are begun");
    ok(hec_parallel_for(100000, fail_at, &where, &o, NULL) == HEC_ECALLBACK, "err may be NULL");
    where = 400;
    ok(hec_parallel_for(1000, fail_at, &where, &o, &e) == HEC_ECALLBACK, "whoever it is");
    ok(loop_works(&four, N), "the next loop works");
}

static int every_one_fails(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    usleep(1000);
    return (int)end;
}

static void test_lowest(void)
{
    const hec_parallel_options o = {.threads = 4, .grain = 25};
    hec_error e = {0};

    ok(hec_parallel_for(100, every_one_fails, NULL, &o, &e) == HEC_ECALLBACK && e.sys == 25,
       "of several failures the lowest block's is told");
}

static int slow(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    usleep((useconds_t)(end - begin) * 2000);
    return 0;
}

static _Atomic int checks;

static int enough(void *ctx)
{
    (void)ctx;
    if (syscall(SYS_gettid) != getpid())
        abort();
    return atomic_fetch_add(&checks, 1) == 1;
}

static void test_check(void)
{
    const hec_parallel_options o = {.threads = 4, .check = enough};
    uint64_t began = hec__now_ns();
    hec_error e = {0};

    ok(hec_parallel_for(100000, slow, NULL, &o, &e) == HEC_EINTR && e.code == HEC_EINTR,
       "the caller's check stops a loop");
    ok(atomic_load(&checks) == 2 && hec__now_ns() - began > 100000000,
       "it is called by the caller, now and then");
    ok(hec__now_ns() - began < 3000000000u, "and heeded soon");
}

static int skewed(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    if (begin < 64)
        usleep((useconds_t)((end < 64 ? end : 64) - begin) * 3000);
    return 0;
}

static void test_balance(void)
{
    uint64_t began = hec__now_ns();

    hec_parallel_for(1000000, skewed, NULL, &four, NULL);
    ok(hec__now_ns() - began < 130000000,
       "192 ms of sleep at the very beginning are shared by four threads");
}

static void test_share(void)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        hec__threads_limit(3);
        forget();
        hec_parallel_for(300, note, NULL, NULL, NULL);
        _exit(threads_seen());
    }
    waitpid(child, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, "in a worker, its share of the CPUs");
}

int main(void)
{
    alarm(300);
    if (!TSAN)
        test_share();
    test_threads();
    test_lengths();
    test_huge();
    test_signals();
    test_nested();
    test_callers();
    if (!TSAN)
        test_fork();
    test_failure();
    test_lowest();
    test_check();
    test_balance();
    return done_testing();
}
