/* SPDX-License-Identifier: MIT
 *
 * A pool from its creation to its end, and the step that drives it. state.h has the picture.
 */
#include "pool/state.h"

#include "base/error.h"
#include "pool/cores.h"
#include "pool/report.h"
#include "pool/spin.h"
#include "pool/summon.h"
#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/proc.h"
#include "sys/shm.h"
#include "topo/oom.h"

#include <hec/topology.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* A parent that is always busy would never sleep, and so never hear of a death. */
#define LOOK_NS  5000000u
#define LATER_MS 1
/* No sleep is longer: should a bell ever be lost (user code that closed all descriptors), this is
 * the end of the wait. */
#define SLEEP_MS 1000
/* How long idle workers may take to leave before they are killed. */
#define LEAVE_MS 2000
/* When no process could be had, it makes no sense to ask again at once. */
#define FORK_AGAIN_NS UINT64_C(200000000)
/* What it takes to wake a process on a core that has gone idle, and a task that is done in no time.
 */
#define WAKING_NS 150000u
/* Results taken from one worker before the next one's turn. */
#define TURN 64u

/* What is known of the machine, once. */
static int learn_machine(hec_pool *p, const hec_pool_options *o, const hec_topology *t,
                         hec_error *err)
{
    uint64_t memory = hec_topology_memory(t);

    p->cpus = o->cpus ? (int32_t)o->cpus : hec_topology_cpus(t);
    /* All processes together keep at most an eighth of the memory warm. */
    p->warm_max = (memory ? memory : UINT64_C(1) << 30) / 8 / (o->workers + 1);
    p->oom_file = strdup(hec__oom_file(t));
    if (!p->oom_file)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot create a pool of %u workers", o->workers);
    p->oom_looked_ns = hec__now_ns();
    if (!hec__oom_read("", p->oom_file, &p->oom_told)) { /* it does not count */
        free(p->oom_file);
        p->oom_file = NULL;
    }
    return 0;
}

static int read_machine(hec_pool *p, const hec_pool_options *o, hec_error *err)
{
    hec_topology *t = NULL;
    int r;

    if (o->topology)
        return learn_machine(p, o, o->topology, err);
    r = hec_topology_read(NULL, &t, err);
    if (r < 0)
        return r;
    r = learn_machine(p, o, t, err);
    hec_topology_destroy(t);
    return r;
}

/* A descriptor for each worker more is no reason to have fewer of them. */
static bool can_capture(uint32_t workers)
{
    struct rlimit limit;

    return fcntl(STDERR_FILENO, F_GETFD) >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           limit.rlim_cur / 4 > workers;
}

static int open_inherited(hec_pool *p, const hec_pool_options *o, hec_error *err)
{
    int r =
        hec__call_create(p, o->inherit, o->inherit_ctx, o->inherit_total, true, &p->inherited, err);

    if (r < 0)
        return r;
    p->segment->head->total = o->inherit_total;
    hec_call_set_limits(p->inherited, &o->inherit_limits);
    hec_call_set_deadline(p->inherited, o->inherit_deadline_ns);
    if (o->inherit_measured)
        hec_call_set_measured(p->inherited);
    return 0;
}

/* The warden, where something is there for it to do from the beginning. */
static int start_warden(hec_pool *p, const hec_pool_options *o, hec_error *err)
{
    hec_error none;

    p->captures =
        o->capture_stderr && can_capture(p->nworkers) && hec__warden_start(&p->warden, &none) == 0;
    return p->limited ? hec__warden_start(&p->warden, err) : 0;
}

static int parent_init(hec_pool *p, const hec_pool_options *o, hec_error *err)
{
    int r;

    p->watch = (hec__watch){-1, -1};
    p->reports_fd = p->start_fd = p->folder_fd = -1;
    r = read_machine(p, o, err);
    if (r < 0)
        return r;
    p->runner = *o->runner;
    p->nworkers = o->workers;
    p->members = calloc(o->workers, sizeof *p->members);
    if (!p->members)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot create a pool of %u workers", o->workers);
    for (uint32_t k = 0; k < o->workers; k++)
        p->members[k].child.fd = -1;
    r = hec__watch_init(&p->watch, err);
    if (r == 0)
        r = hec__segment_create(o->workers, &p->segment, err);
    if (r == 0)
        r = hec__store_init(&p->store, p->segment, 0, p->warm_max, err);
    if (r == 0)
        r = hec__warden_init(&p->warden, p->segment->head, p->segment->slots,
                             p->runner.stack_signal, err);
    if (r < 0)
        return r;
    /* Without it, how a worker died is told with less. */
    hec__report_create(o->workers, &p->reports_fd, NULL);
    p->store.available = hec__pool_available;
    p->outbox.store = &p->store;
    hec__awake_add(p->segment->head, &p->awake, +1);
    p->segment->head->cores = hec__cores_nested() ? (int32_t)o->workers : p->cpus;
    p->zygote = o->zygote;
    r = p->zygote ? hec__summons_prepare(p, o, err) : 0;
    if (r == 0 && o->inherit)
        r = open_inherited(p, o, err);
    return r == 0 ? start_warden(p, o, err) : r;
}

int hec_pool_create(const hec_pool_options *options, hec_pool **ret_pool, hec_error *err)
{
    hec_pool_options with = *options, *o = &with;
    hec_pool *p;
    int r;

    if (o->workers < 1 || o->workers > HEC__WORKERS_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "a pool has 1 to %u workers, not %u", HEC__WORKERS_MAX,
                         o->workers);
    if (o->zygote && o->inherit)
        return hec__fail(err, HEC_EINVAL, 0, "workers of a zygote inherit nothing");
    p = calloc(1, sizeof *p);
    if (!p)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot create a pool");
    o->workers = p->cores = hec_cores_take(o->workers);
    r = parent_init(p, o, err);
    if (r == 0)
        r = hec__pool_spawn_missing(p, err);
    if (r < 0 && (!p->segment || p->alive == 0)) {
        hec_pool_destroy(p, HEC_POOL_NOW);
        return r;
    }
    *ret_pool = p;
    return 0;
}

/* Waits until worker k has ended or the time is up. */
static bool wait_end(hec__member *m, uint64_t until_ns)
{
    struct pollfd pfd = {.fd = m->child.fd, .events = POLLIN};
    uint64_t now;
    int status, r;

    do {
        now = hec__now_ns();
        r = poll(&pfd, 1, now < until_ns ? (int)((until_ns - now) / 1000000) + 1 : 0);
    } while (r < 0 && now < until_ns); /* a signal */
    return hec__child_reap(&m->child, false, &status);
}

/* A worker, and what it has started. Of a zygote's child only the descriptor tells whether the
 * number is still its own. */
static void end_tree(const hec__member *m)
{
    if (!hec__child_heard(&m->child))
        hec__tree_kill(m->child.pid);
    hec__child_kill(&m->child, SIGKILL);
}

static void end_workers(hec_pool *p, hec_pool_end how)
{
    uint64_t until = hec__now_ns() + LEAVE_MS * UINT64_C(1000000);
    int status;

    atomic_store_explicit(&p->segment->head->stop, 1, memory_order_release);
    for (uint32_t k = 0; k < p->nworkers; k++) {
        hec__member *m = &p->members[k];

        if (!m->child.pid)
            continue;
        hec__watch_remove(&p->watch, m->child.fd);
        if (how == HEC_POOL_NOW || m->nsent || (p->inherited && p->inherited->unanswered))
            end_tree(m);
        else
            hec__member_wake(p, k);
    }
    for (uint32_t k = 0; k < p->nworkers; k++) {
        hec__member *m = &p->members[k];

        if (m->child.pid && !wait_end(m, until)) {
            hec__child_kill(&m->child, SIGKILL);
            hec__child_reap(&m->child, true, &status);
        }
        hec__child_forget(&m->child);
    }
}

void hec_pool_destroy(hec_pool *p, hec_pool_end how)
{
    /* A forked child has a copy of its parent's pool: not its to end. */
    if (!p || (p->segment && p->segment->pid != getpid()))
        return;
    hec__warden_retire(&p->warden);
    if (p->segment && p->members)
        end_workers(p, how);
    hec__warden_stop(&p->warden);
    hec__warden_fini(&p->warden);
    while (p->calls)
        hec_call_close(p->calls);
    for (uint32_t k = 0; p->members && k < p->nworkers; k++) {
        hec__segment_unmap_ring(p->members[k].tasks_data);
        hec__segment_unmap_ring(p->members[k].results_data);
        free(p->members[k].sent);
    }
    free(p->members);
    hec__store_fini(&p->store);
    if (p->segment)
        hec__segment_close(p->segment);
    hec__segment_unref(p->segment);
    hec__watch_fini(&p->watch);
    hec__summons_fini(p);
    hec_cores_give(p->cores);
    if (p->reports_fd >= 0)
        close(p->reports_fd);
    free(p->oom_file);
    free(p);
}

uint32_t hec_pool_workers(const hec_pool *p)
{
    return p->alive;
}

int32_t hec_pool_pid(const hec_pool *p, uint32_t k)
{
    return k < p->nworkers ? p->members[k].child.pid : 0;
}

uint64_t hec_pool_memory(const hec_pool *p)
{
    return hec__segment_memory(p->segment);
}

hec_call *hec_pool_inherited(const hec_pool *p)
{
    return p->inherited;
}

void hec_pool_wake(hec_pool *p)
{
    hec__watch_ring(&p->watch);
}

/* Delivers what all workers have answered. */
static int deliver_all(hec_pool *p, hec_error *err)
{
    int total = 0;

    for (uint32_t k = 0; k < p->nworkers; k++) {
        int n = p->members[k].results.ends ? hec__pool_deliver(p, k, TURN, err) : 0;

        if (n < 0)
            return n;
        total += n;
    }
    return total;
}

/* Fills the places of the dead while there is work for them. */
static int replace_dead(hec_pool *p, hec_error *err)
{
    bool work = hec__pool_has_tasks(p) ||
                (p->inherited && atomic_load_explicit(&p->segment->head->next,
                                                      memory_order_relaxed) < p->inherited->total);
    int r;

    if (!work || p->alive == p->nworkers || (p->alive && hec__now_ns() < p->no_fork_before))
        return 0;
    r = hec__pool_spawn_missing(p, err);
    if (r < 0)
        p->no_fork_before = hec__now_ns() + FORK_AGAIN_NS;
    return p->alive ? 0 : r;
}

static int bury_all(hec_pool *p, const uint32_t *tags, int n, hec_error *err)
{
    int total = 0;

    for (int i = 0; i < n; i++) {
        int r = tags[i] == HEC__WATCH_BELL ? 0 : hec__pool_bury(p, tags[i], err);

        if (r < 0)
            return r;
        total += r;
    }
    return total;
}

/* Deaths that a pipe does not tell, because a grandchild holds its other end. */
static int bury_unheard(hec_pool *p, hec_error *err)
{
    int total = 0;

    for (uint32_t k = 0; k < p->nworkers; k++) {
        hec__child *child = &p->members[k].child;
        int r = !child->pid || child->is_pidfd || !hec__child_ended(child)
                    ? 0
                    : hec__pool_bury(p, k, err);

        if (r < 0)
            return r;
        total += r;
    }
    return total;
}

static bool any_answer(void *ctx)
{
    const hec_pool *p = ctx;

    for (uint32_t k = 0; k < p->nworkers; k++)
        if (p->members[k].results.ends && hec__ring_ready(&p->members[k].results))
            return true;
    return false;
}

/* Sleeps until an answer, a death, the bell or the time. Returns the number of tags. */
static int sleep_at_bell(hec_pool *p, int timeout_ms, uint32_t *tags, int max, hec_error *err)
{
    hec__head *head = p->segment->head;
    int n = 0;

    if (timeout_ms < 0 || timeout_ms > SLEEP_MS)
        timeout_ms = SLEEP_MS;
    atomic_store_explicit(&head->parent_sleeps,
                          hec__pool_is_patient(p) ? HEC__SLEEPS_DEEPLY : HEC__SLEEPS_LIGHTLY,
                          memory_order_relaxed);
    /* Pairs with the fence in the worker's wake_parent(). */
    atomic_thread_fence(memory_order_seq_cst);
    if (!any_answer(p)) {
        hec__awake_add(head, &p->awake, -1);
        n = hec__watch_wait(&p->watch, tags, max, timeout_ms, err);
        hec__awake_add(head, &p->awake, +1);
    }
    atomic_store_explicit(&head->parent_sleeps, HEC__SLEEPS_NOT, memory_order_relaxed);
    p->looked_ns = hec__now_ns();
    hec__pool_look_oom(p, p->looked_ns);
    return n;
}

/* The answer of a worker that had to be woken takes longer by its waking: not a reason to go to
 * sleep, and be woken, as well. */
static bool watch_for_answers(hec_pool *p)
{
    uint64_t linger = p->woke ? WAKING_NS : 0, away = 0;

    p->woke = false;
    return hec__spin(p->segment->head, p->cpus, any_answer, p) ||
           hec__linger(p->segment->head, p->cpus, linger, &away, any_answer, p);
}

/* Until a time, at most timeout_ms. */
static int no_later(int timeout_ms, uint64_t at_ns)
{
    uint64_t now, ms;

    if (at_ns == UINT64_MAX)
        return timeout_ms;
    now = hec__now_ns();
    ms = at_ns > now ? (at_ns - now + 999999) / 1000000 : 0;
    return timeout_ms < 0 || ms < (uint64_t)timeout_ms ? (int)(ms < SLEEP_MS ? ms : SLEEP_MS)
                                                       : timeout_ms;
}

static int wait_for_news(hec_pool *p, int timeout_ms, hec_error *err)
{
    uint32_t tags[16];
    int n = 0;

    if (p->runner.wait_begin)
        p->runner.wait_begin(p->runner.ctx);
    if (timeout_ms == 0 || !watch_for_answers(p))
        n = sleep_at_bell(p, timeout_ms, tags, 16, err);
    if (p->runner.wait_end)
        p->runner.wait_end(p->runner.ctx);
    if (n < 0)
        return n;
    return n ? bury_all(p, tags, n, err) : bury_unheard(p, err);
}

/* Deaths, without waiting, for a parent that has other things to do all the time. */
static int look_for_deaths(hec_pool *p, hec_error *err)
{
    uint32_t tags[16];
    uint64_t now = hec__now_ns();
    int n;

    if (now - p->looked_ns < LOOK_NS)
        return 0;
    p->looked_ns = now;
    n = hec__watch_wait(&p->watch, tags, 16, 0, err);
    if (n < 0)
        return n;
    return n ? bury_all(p, tags, n, err) : bury_unheard(p, err);
}

int hec_pool_kick(hec_pool *p, hec_error *err)
{
    int r = p->limited ? hec__warden_start(&p->warden, err) : 0;

    if (r == 0)
        r = replace_dead(p, err);
    return r < 0 ? r : hec__pool_dispatch(p, err);
}

/* What is there already, without waiting: returns deliveries, or a failure. *ret_next: when there
 * will be something to do that nothing else tells of. */
static int do_at_hand(hec_pool *p, uint64_t *ret_next, hec_error *err)
{
    uint64_t due = hec__pool_retry_due(p);
    int skipped, answered, r = hec_pool_kick(p, err);

    if (r < 0)
        return r;
    answered = deliver_all(p, err);
    if (answered < 0)
        return answered;
    skipped = hec__pool_skip(p, ret_next, err);
    if (skipped < 0)
        return skipped;
    if (due < *ret_next)
        *ret_next = due;
    r = look_for_deaths(p, err);
    return r < 0 ? r : answered + skipped + r;
}

int hec_pool_step(hec_pool *p, int timeout_ms, hec_error *err)
{
    uint64_t next;
    hec__moved moved;
    int n, r;

    n = do_at_hand(p, &next, err);
    if (n != 0)
        return n;
    r = hec__pool_find_lost(p, err);
    if (r < 0)
        return r;
    moved = r ? HEC__MOVED_SOME : hec__pool_rebalance(p);
    if (moved == HEC__MOVED_SOME) {
        r = hec_pool_kick(p, err);
        if (r < 0)
            return r;
    }
    /* Somebody is idle and tasks are about to be worth moving: nothing else would tell us when. */
    if (moved != HEC__MOVED_NONE && (timeout_ms < 0 || timeout_ms > LATER_MS))
        timeout_ms = LATER_MS;
    n = wait_for_news(p, no_later(timeout_ms, next), err);
    return n != 0 ? n : deliver_all(p, err);
}
