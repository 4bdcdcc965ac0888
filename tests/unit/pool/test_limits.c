/* SPDX-License-Identifier: MIT
 *
 * A task over its limits is ended, whatever it does; the others are not.
 */
#include "trial.h"
#include "tap.h"

#include "pool/state.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT = 23, N = 60 };

#define MB UINT64_C(1000000)
#define MS UINT64_C(1000000)

/* What parent and workers see alike. */
static struct {
    _Atomic int pid, go, ran[N];
} * shared;

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void block_all(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static bool endless(hec_worker *w, uint64_t i)
{
    volatile bool on = true;

    if (i == AT)
        block_all();
    while (i == AT && on)
        continue;
    return true;
}

static bool stopped(hec_worker *w, uint64_t i)
{
    if (i == AT)
        raise(SIGSTOP);
    return true;
}

/* A child of its own, which has a child: both wait for ever. */
static bool with_children(hec_worker *w, uint64_t i)
{
    if (i != AT)
        return true;
    if (fork() == 0) {
        atomic_store(&shared->pid, fork() == 0 ? (int)getpid() : atomic_load(&shared->pid));
        for (;;)
            pause();
    }
    for (;;)
        pause();
}

static bool is_gone(pid_t pid)
{
    for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
        nap_ms(10); /* whoever became its parent has to reap it */
    return kill(pid, 0) < 0 && errno == ESRCH;
}

static void time_is_up(const char *what, bool (*task)(hec_worker *w, uint64_t i), bool inherited)
{
    hec_limits limits = {.timeout_ns = 300 * MS};
    trial t;

    trial_init(&t, N, task);
    t.options.inherit_limits = limits;
    trial_start(&t, inherited);
    if (!inherited)
        hec_call_set_limits(t.call, &limits);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, AT, HEC_TASK_TIMED_OUT),
       "%s, %s: ended when its time is up, the others are done %s", what,
       inherited ? "inherited" : "sent", t.err.text);
    ok(t.deaths == 1 && t.death.detail == SIGKILL && t.death.ran_ns >= limits.timeout_ns &&
           t.death.usage.duration_ns == t.death.ran_ns && t.death.usage.attempt == 1,
       "and it is told what is known of it");
    trial_fini(&t);
}

static void nobody_steps(void)
{
    hec_limits limits = {.timeout_ns = 100 * MS};
    siginfo_t info = {0};
    pid_t pids[2];
    trial t;
    int ended = 0;

    trial_init(&t, N, endless);
    t.options.inherit_limits = limits;
    trial_start(&t, true);
    for (int k = 0; k < 2; k++)
        pids[k] = hec_pool_pid(t.pool, (uint32_t)k);
    for (int i = 0; i < 2000 && !ended; i++, nap_ms(10))
        for (int k = 0; k < 2; k++)
            ended += waitid(P_PID, (id_t)pids[k], &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                     info.si_pid;
    ok(ended, "a task is ended while its parent does something else");
    trial_fini(&t);
}

static bool naps(hec_worker *w, uint64_t i)
{
    nap_ms(100);
    return true;
}

/* Each task has its own time, also where many follow each other in one worker. */
static void each_its_own(void)
{
    hec_limits limits = {.timeout_ns = 2500 * MS};
    trial t;

    trial_init(&t, 30, naps);
    t.options.workers = 1;
    t.options.inherit_limits = limits;
    trial_start(&t, true);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0),
       "tasks that take longer than the limit together are not ended %s", t.err.text);
    trial_fini(&t);
}

static bool until_told(hec_worker *w, uint64_t i)
{
    atomic_fetch_add(&shared->ran[i], 1);
    for (int k = 0; k < 2000 && !atomic_load(&shared->go); k++)
        nap_ms(10);
    return true;
}

/* The signal was meant for the task before, which had come to its end meanwhile. */
static void innocent(bool same)
{
    hec__ward *ward;
    hec__slot *slot;
    trial t;

    memset(shared, 0, sizeof *shared);
    trial_init(&t, 4, until_told);
    t.options.workers = 1;
    trial_start(&t, false);
    while (!atomic_load(&shared->ran[0]))
        hec_pool_step(t.pool, 10, &t.err);
    ward = &t.pool->warden.wards[0];
    slot = &t.pool->segment->slots[0];
    ward->state = HEC__WARD_KILLED;
    ward->sentence = (hec__sentence){.call = atomic_load(&slot->call),
                                     .task = 0,
                                     .since_ns = atomic_load(&slot->since_ns) - !same,
                                     .verdict = HEC_TASK_TIMED_OUT};
    kill(ward->child.pid, SIGKILL);
    atomic_store(&shared->go, 1);
    ok(trial_finish(&t) &&
           trial_right(&t, HEC_TASK_DONE, same ? 0 : UINT64_MAX, HEC_TASK_TIMED_OUT) &&
           atomic_load(&shared->ran[0]) == (same ? 1 : 2),
       same ? "a sentence is for the task that it names"
            : "a task that was hit in place of the one before is run again %s",
       t.err.text);
    trial_fini(&t);
}

/* Takes memory, page by page, until it is ended; 400 MB are enough. */
static void take_memory(void)
{
    for (int i = 0; i < 400; i++) {
        char *p = malloc(MB);

        if (p)
            memset(p, 1, MB);
        nap_ms(1);
    }
}

static bool hungry(hec_worker *w, uint64_t i)
{
    if (i == AT)
        take_memory();
    return true;
}

static bool hungry_child(hec_worker *w, uint64_t i)
{
    pid_t pid;

    if (i != AT)
        return true;
    pid = fork();
    if (pid == 0) {
        atomic_store(&shared->pid, (int)getpid());
        take_memory();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return true;
}

static void memory_is_up(const char *what, bool (*task)(hec_worker *w, uint64_t i))
{
    hec_limits limits = {.memory_bytes = 100 * MB};
    trial t;

    trial_init(&t, N, task);
    trial_start(&t, false);
    hec_call_set_limits(t.call, &limits);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, AT, HEC_TASK_OVER_MEMORY),
       "%s that takes too much memory is ended, the others are done %s", what, t.err.text);
    trial_fini(&t);
}

/* Reserves more than the kernel gives it: that fails by itself. Much was there before. */
static bool greedy(hec_worker *w, uint64_t i)
{
    size_t much = (size_t)8 << 30;
    void *p = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p != MAP_FAILED)
        munmap(p, much);
    return p != MAP_FAILED && (hec_worker_limits(w)->memory_bytes == 0);
}

static void kernel_helps(void)
{
    hec_limits limits = {.memory_bytes = 100 * MB};
    trial t;

    trial_init(&t, 4, greedy);
    t.options.workers = 1;
    trial_start(&t, false);
    hec_call_set_limits(t.call, &limits);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_RAISED, UINT64_MAX, 0),
       "what is far beyond the limit cannot even be reserved %s", t.err.text);
    t.done = 0;
    memset(t.counts, 0, t.n);
    hec_call_set_limits(t.call, &(hec_limits){0});
    hec_call_close(t.call);
    trial_fini(&t);

    trial_init(&t, 4, greedy);
    trial_start(&t, false);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0),
       "without a limit it can %s", t.err.text);
    trial_fini(&t);
}

static bool modest(hec_worker *w, uint64_t i)
{
    char *p = malloc(20 * MB);

    if (p)
        memset(p, (int)i, 20 * MB);
    nap_ms(10);
    free(p);
    return true;
}

/* What the parent had before the fork, and what earlier tasks have left, is not this task's. */
static void only_its_own(void)
{
    hec_limits limits = {.memory_bytes = 60 * MB};
    char *before = malloc(200 * MB);
    trial t;

    memset(before, 1, 200 * MB);
    trial_init(&t, 30, modest);
    t.options.inherit_limits = limits;
    trial_start(&t, true);
    ok(trial_finish(&t) && trial_right(&t, HEC_TASK_DONE, UINT64_MAX, 0),
       "memory that was there before the task does not count %s", t.err.text);
    trial_fini(&t);
    free(before);
}

int main(void)
{
    alarm(120);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    time_is_up("an endless loop that hears no signal", endless, false);
    time_is_up("an endless loop that hears no signal", endless, true);
    time_is_up("a task that has stopped its process", stopped, false);
    atomic_store(&shared->pid, 0);
    time_is_up("a task with children and grandchildren", with_children, false);
    ok(atomic_load(&shared->pid) && is_gone(atomic_load(&shared->pid)),
       "and nothing that it had started is left");
    nobody_steps();
    each_its_own();
    innocent(false);
    innocent(true);
    memory_is_up("a task", hungry);
    memory_is_up("a task with a child", hungry_child);
    ok(atomic_load(&shared->pid) && is_gone(atomic_load(&shared->pid)), "and its child with it");
    kernel_helps();
    only_its_own();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
