/* SPDX-License-Identifier: MIT
 *
 * Who may be where: a job's gate says how many helpers may still come in, one for each share, and
 * how many are inside. When the caller itself finds nothing more to begin it takes the room away
 * and waits until nobody is inside, so a helper that is late touches nothing of the job but this
 * word.
 */
#include "team/team.h"

#include "base/error.h"
#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/threads.h"

#include <hec/topology.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define JOBS     8u
#define SPIN_NS  50000u /* what waking a thread may cost: so much may be spent to avoid it */
#define ENDING_S 5      /* the longest wait for threads that have nothing to do but to end */

/* Fields of a gate. */
#define INSIDE_ONE  1u
#define INSIDE_MASK 0x1fffu
#define ROOM_ONE    (1u << 13)
#define ROOM_MASK   (INSIDE_MASK << 13)
#define WAITED      (1u << 31) /* the caller sleeps until nobody is inside */

struct hec__job {
    alignas(64) _Atomic uint32_t gate;
    _Atomic uint32_t taken; /* a caller has it */
    hec__loop loop;
    hec__share shares[HEC_PARALLEL_THREADS_MAX]; /* pages that no loop needs are never touched */
};

static struct team {
    alignas(64) _Atomic uint32_t bell;    /* changes when there may be something to do */
    alignas(64) _Atomic uint32_t started; /* threads[0..started) exist */
    _Atomic uint32_t sleepers;
    _Atomic uint32_t callers;
    _Atomic int cpus;
    _Atomic bool quit;
    pthread_mutex_t growing;
    pthread_t threads[HEC_PARALLEL_THREADS_MAX];
    hec__job jobs[JOBS];
} team = {.growing = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool inside;

bool hec__team_inside(void)
{
    return inside;
}

/* The child of a fork has one thread. What the others were doing is of no concern to it, and the
 * memory that says so is its own copy. */
static void after_fork(void)
{
    for (uint32_t i = 0; i < JOBS; i++) {
        atomic_store(&team.jobs[i].gate, 0);
        atomic_store(&team.jobs[i].taken, 0);
    }
    atomic_store(&team.started, 0);
    atomic_store(&team.sleepers, 0);
    atomic_store(&team.callers, 0);
    atomic_store(&team.cpus, 0);
    pthread_mutex_init(&team.growing, NULL);
    inside = false;
}

/* Should there be no memory for that, a child that finds threads in the books waits for none of
 * them: it is alone in its loops. */
static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

int hec__team_cpus(hec_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int cpus = atomic_load_explicit(&team.cpus, memory_order_relaxed);
    hec_topology *t = NULL;
    int r;

    if (cpus > 0)
        return cpus;
    pthread_once(&once, watch_forks);
    cpus = hec__threads_share();
    if (cpus == 0) {
        r = hec_topology_read(NULL, &t, err);
        if (r < 0)
            return r;
        cpus = hec_topology_cpus(t);
        hec_topology_destroy(t);
    }
    if (cpus > HEC_PARALLEL_THREADS_MAX)
        cpus = HEC_PARALLEL_THREADS_MAX;
    atomic_store_explicit(&team.cpus, cpus, memory_order_relaxed);
    return cpus;
}

/* Whether somebody who spins would take a CPU from somebody who works: helpers that are awake and
 * callers, of which there is one at least, be it between two loops. */
static bool crowded(void)
{
    uint32_t callers = atomic_load_explicit(&team.callers, memory_order_relaxed);
    uint32_t awake = atomic_load_explicit(&team.started, memory_order_relaxed) -
                     atomic_load_explicit(&team.sleepers, memory_order_relaxed);
    int cpus = atomic_load_explicit(&team.cpus, memory_order_relaxed);

    return awake + (callers ? callers : 1) > (uint32_t)(cpus > 0 ? cpus : 1);
}

/* Watches a word for a moment; whether it changed. */
static bool spin(_Atomic uint32_t *word, uint32_t seen)
{
    uint64_t end = hec__now_ns() + SPIN_NS;

    do {
        for (int i = 0; i < 16; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != seen)
                return true;
            hec__cpu_relax();
        }
    } while (!crowded() && hec__now_ns() < end);
    return false;
}

static bool has_room(uint32_t gate)
{
    return (gate & ROOM_MASK) != 0;
}

/* Comes into a loop that has room. A gate that looks as it did but is another loop's by now is as
 * good, since all that is read of the loop is read afterwards. */
static hec__job *come_in(void)
{
    for (uint32_t i = 0; i < JOBS; i++) {
        hec__job *job = &team.jobs[i];
        uint32_t gate = atomic_load_explicit(&job->gate, memory_order_relaxed);

        while (has_room(gate))
            if (atomic_compare_exchange_weak_explicit(&job->gate, &gate,
                                                      gate - ROOM_ONE + INSIDE_ONE,
                                                      memory_order_acq_rel, memory_order_relaxed))
                return job;
    }
    return NULL;
}

static void leave(hec__job *job)
{
    uint32_t before = atomic_fetch_sub_explicit(&job->gate, INSIDE_ONE, memory_order_acq_rel);

    if ((before & WAITED) && (before & INSIDE_MASK) == INSIDE_ONE)
        hec__futex_wake(&job->gate, 1);
}

/* Wakes two. Each of them wakes two more if that is of use, so that a caller with a hundred helpers
 * begins its own work at once. */
static void wake_some(void)
{
    if (atomic_load(&team.sleepers) > 0)
        hec__futex_wake(&team.bell, 2);
}

static void pass_on(void)
{
    for (uint32_t i = 0; i < JOBS; i++)
        if (has_room(atomic_load_explicit(&team.jobs[i].gate, memory_order_relaxed))) {
            wake_some();
            return;
        }
}

/* A helper sleeps. Against being rung just before: it counts itself first and the caller looks at
 * the count after it has rung, both in one order for all, so either the caller sees a sleeper, or
 * the kernel finds that the bell has changed. */
static void sleep_until_rung(uint32_t seen)
{
    atomic_fetch_add(&team.sleepers, 1);
    hec__futex_wait(&team.bell, seen, -1);
    atomic_fetch_sub(&team.sleepers, 1);
}

static void *help(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;

    for (;;) {
        uint32_t seen = atomic_load(&team.bell);
        hec__job *job = come_in();

        if (job) {
            pass_on();
            inside = true;
            hec__loop_run(&job->loop, hec__loop_home(&job->loop, me + 1));
            inside = false;
            leave(job);
        } else if (atomic_load(&team.quit)) {
            return NULL;
        } else if (!spin(&team.bell, seen)) {
            sleep_until_rung(seen);
        }
    }
}

/* All signals go to the program's own threads, whose handlers expect that; but a fault is handled
 * by the thread that made it, and a blocked one would end the process without a word. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t most;

    sigfillset(&most);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&most, faults[i]);
    pthread_sigmask(SIG_SETMASK, &most, before);
}

/* Sees to it that there are n helpers, if they can be had. */
static void grow(uint32_t n)
{
    uint32_t started = atomic_load_explicit(&team.started, memory_order_relaxed);
    sigset_t before;

    if (started >= n)
        return;
    pthread_mutex_lock(&team.growing);
    block_signals(&before);
    started = atomic_load_explicit(&team.started, memory_order_relaxed);
    while (started < n && !atomic_load(&team.quit)) {
        if (pthread_create(&team.threads[started], NULL, help, (void *)(uintptr_t)started) != 0)
            break;
        pthread_setname_np(team.threads[started], "hec-loop");
        atomic_store_explicit(&team.started, ++started, memory_order_relaxed);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&team.growing);
}

hec__job *hec__team_open(uint32_t shares)
{
    /* Who gives the number of threads has not needed the number of CPUs; spinning does. */
    if (hec__team_cpus(NULL) < 0)
        atomic_store_explicit(&team.cpus, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < JOBS; i++) {
        uint32_t none = 0;

        if (atomic_compare_exchange_strong(&team.jobs[i].taken, &none, 1)) {
            grow(shares - 1);
            return &team.jobs[i];
        }
    }
    return NULL;
}

hec__loop *hec__team_loop(hec__job *job)
{
    return &job->loop;
}

hec__share *hec__team_shares(hec__job *job)
{
    return job->shares;
}

/* Nobody comes in any more; waits for those who are inside. */
static void shut(hec__job *job)
{
    uint32_t gate = atomic_fetch_and_explicit(&job->gate, ~ROOM_MASK, memory_order_acq_rel);
    uint64_t end = 0;

    gate &= ~ROOM_MASK;
    while (gate > 0 && !crowded()) {
        uint64_t now = hec__now_ns();

        end = end ? end : now + SPIN_NS;
        if (now >= end)
            break;
        for (int i = 0; i < 16; i++)
            hec__cpu_relax();
        gate = atomic_load_explicit(&job->gate, memory_order_acquire);
    }
    if (gate == 0)
        return;
    gate = atomic_fetch_or_explicit(&job->gate, WAITED, memory_order_acq_rel) | WAITED;
    while ((gate & INSIDE_MASK) > 0) {
        hec__futex_wait(&job->gate, gate, -1);
        gate = atomic_load_explicit(&job->gate, memory_order_acquire);
    }
}

void hec__team_run(hec__job *job)
{
    inside = true;
    atomic_fetch_add_explicit(&team.callers, 1, memory_order_relaxed);
    atomic_store(&job->gate, (job->loop.nshares - 1) * ROOM_ONE);
    atomic_fetch_add(&team.bell, 1);
    wake_some();
    hec__loop_run(&job->loop, 0);
    shut(job);
    atomic_fetch_sub_explicit(&team.callers, 1, memory_order_relaxed);
    inside = false;
}

void hec__team_close(hec__job *job)
{
    atomic_store_explicit(&job->taken, 0, memory_order_release);
}

void hec__team_run_alone(hec__loop *l)
{
    bool before = inside;

    inside = true;
    hec__loop_run(l, 0);
    inside = before;
}

/* The end of the process, or of the library in it: no thread may be left in code that goes away.
 * Where a loop still runs, it is the process that ends, and takes the threads with it. */
__attribute__((destructor)) static void end_threads(void)
{
    uint32_t started = atomic_load(&team.started);
    struct timespec until;

    atomic_store(&team.quit, true);
    atomic_fetch_add(&team.bell, 1);
    hec__futex_wake(&team.bell, INT32_MAX);
    if (atomic_load(&team.callers) > 0)
        return;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ENDING_S;
    for (uint32_t i = 0; i < started; i++)
        pthread_timedjoin_np(team.threads[i], NULL, &until);
}
