/* SPDX-License-Identifier: MIT
 *
 * What keeps a sentence just. A worker goes from task to task without asking anybody. So its slot
 * is read until two looks agree, and the time that is read with a task's number is that task's, or
 * a later one's: nobody is ended before the time is up. Between the last look and the signal the
 * task may have come to its end; whoever buries the worker compares what it ran with the sentence,
 * and lets another task off.
 */
#include "pool/warden.h"

#include "base/error.h"
#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/proc.h"
#include "task/limits.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a worker that is about to be killed has to write where it is. */
#define TELL_NS UINT64_C(100000000)
/* When descriptor 2 takes nothing, how long until it is tried again; and how long at the end. */
#define STUCK_NS UINT64_C(10000000)
#define LAST_NS  UINT64_C(1000000000)
/* So many dead workers' children are passed on; of the others what they write gets SIGPIPE. */
#define ORPHANS_MAX 64
/* What a process can fill in a nanosecond, in bytes, several threads of it together: so much of
 * what is left can be gone by then. And how often to look, at most and at least. */
#define FILL_BYTES    8u
#define SAMPLE_MIN_NS UINT64_C(2000000)
#define SAMPLE_MAX_NS UINT64_C(100000000)

#define NEVER UINT64_MAX

int hec__warden_init(hec__warden *w, hec__head *head, hec__slot *slots, int stack_signal,
                     hec_error *err)
{
    pthread_mutex_init(&w->mutex, NULL);
    w->watch = (hec__watch){-1, -1};
    w->head = head;
    w->slots = slots;
    w->stack_signal = stack_signal;
    atomic_store_explicit(&w->every_ns, NEVER, memory_order_relaxed);
    w->wards = calloc(head->nworkers, sizeof *w->wards);
    if (!w->wards)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of %u workers", head->nworkers);
    return hec__watch_init(&w->watch, err);
}

/* ---- limits ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t sample_every(uint64_t bytes_left)
{
    uint64_t ns = bytes_left / FILL_BYTES;

    return ns < SAMPLE_MIN_NS ? SAMPLE_MIN_NS : sooner(ns, SAMPLE_MAX_NS);
}

/* What runs at worker k. False when nothing does. */
static bool look(const hec__slot *slot, hec__sentence *ret, uint64_t *ret_limits)
{
    for (int i = 0; i < 100; i++) {
        uint64_t task = atomic_load_explicit(&slot->task, memory_order_acquire);
        uint64_t since = atomic_load_explicit(&slot->since_ns, memory_order_acquire);

        *ret = (hec__sentence){.task = task - 1, .since_ns = since};
        ret->call = atomic_load_explicit(&slot->call, memory_order_acquire);
        *ret_limits = atomic_load_explicit(&slot->limits, memory_order_acquire);
        if (task == 0)
            return false;
        /* What a worker writes for another task it writes after these two have changed. */
        if (atomic_load_explicit(&slot->since_ns, memory_order_relaxed) == since &&
            atomic_load_explicit(&slot->task, memory_order_relaxed) == task)
            return true;
    }
    return false; /* its tasks are so short that none of them can be over anything */
}

static bool same(const hec__sentence *a, const hec__sentence *b)
{
    return a->call == b->call && a->task == b->task && a->since_ns == b->since_ns;
}

static void kill_ward(hec__ward *ward)
{
    ward->state = HEC__WARD_KILLED;
    /* Should a zygote have died with it, its number may be another's. */
    if (!ward->child.is_pidfd || !hec__child_heard(&ward->child))
        hec__tree_kill(ward->child.pid);
}

/* The task is over its limit. Returns when to look again. */
static uint64_t sentence(hec__warden *w, uint32_t k, const hec__sentence *runs, hec_verdict verdict,
                         uint64_t now)
{
    hec__ward *ward = &w->wards[k];

    ward->sentence = *runs;
    ward->sentence.verdict = verdict;
    ward->told = atomic_load_explicit(&w->slots[k].told, memory_order_acquire);
    ward->asked_ns = now;
    ward->state = HEC__WARD_ASKED;
    /* To its main thread, which is the one that runs tasks. */
    if (w->stack_signal &&
        syscall(SYS_tgkill, ward->child.pid, ward->child.pid, w->stack_signal) == 0)
        return now + TELL_NS;
    kill_ward(ward);
    return NEVER;
}

/* Who was asked has written, or has had its time, or is through with the task after all. */
static uint64_t judge_asked(hec__warden *w, uint32_t k, const hec__sentence *runs, uint64_t now)
{
    hec__ward *ward = &w->wards[k];

    if (!runs || !same(runs, &ward->sentence)) {
        ward->state = HEC__WARD_FREE;
        return now;
    }
    if (atomic_load_explicit(&w->slots[k].told, memory_order_acquire) == ward->told &&
        now < ward->asked_ns + TELL_NS)
        return ward->asked_ns + TELL_NS;
    kill_ward(ward);
    return NEVER;
}

static uint64_t judge_memory(hec__warden *w, uint32_t k, const hec__sentence *runs, uint64_t most,
                             uint64_t now)
{
    hec__ward *ward = &w->wards[k];
    uint64_t base = atomic_load_explicit(&w->slots[k].own, memory_order_relaxed), own, more;

    if (ward->sampled_of == runs->since_ns && now < ward->sample_ns)
        return ward->sample_ns;
    own = hec__tree_own(ward->child.pid);
    more = own > base ? own - base : 0;
    if (more > most)
        return sentence(w, k, runs, HEC_TASK_OVER_MEMORY, now);
    ward->sampled_of = runs->since_ns;
    ward->sample_ns = now + sample_every(most - more);
    return ward->sample_ns;
}

/* Looks at worker k. Returns when to look again at the latest, as far as what runs is concerned. */
static uint64_t judge(hec__warden *w, uint32_t k, uint64_t now)
{
    hec__ward *ward = &w->wards[k];
    hec__sentence runs;
    hec_limits limits;
    uint64_t word, next = NEVER;
    bool any;

    if (!ward->child.pid || ward->state == HEC__WARD_KILLED)
        return NEVER;
    any = look(&w->slots[k], &runs, &word);
    if (ward->state == HEC__WARD_ASKED)
        return judge_asked(w, k, any ? &runs : NULL, now);
    if (!any || !word)
        return NEVER;
    limits = hec__limits_of(word);
    if (limits.timeout_ns && now >= runs.since_ns + limits.timeout_ns)
        return sentence(w, k, &runs, HEC_TASK_TIMED_OUT, now);
    if (limits.timeout_ns)
        next = runs.since_ns + limits.timeout_ns;
    if (limits.memory_bytes)
        next = sooner(next, judge_memory(w, k, &runs, limits.memory_bytes, now));
    return next;
}

/* Whether any worker has, or will have without being sent something, a task. Between taking some of
 * the inherited call and beginning the first of them a worker may be kept waiting for long. */
static bool any_works(const hec__warden *w)
{
    bool inherited = atomic_load_explicit(&w->head->next, memory_order_acquire) < w->head->total;

    for (uint32_t k = 0; k < w->head->nworkers; k++) {
        const hec__slot *slot = &w->slots[k];

        if (!w->wards[k].child.pid)
            continue;
        if (inherited || atomic_load_explicit(&slot->task, memory_order_acquire) ||
            atomic_load_explicit(&slot->self_runs, memory_order_acquire) ||
            atomic_load_explicit(&slot->tasks.head, memory_order_acquire) !=
                atomic_load_explicit(&slot->tasks.tail, memory_order_acquire))
            return true;
    }
    return false;
}

/* When to look again: UINT64_MAX when somebody will ring. */
static uint64_t enforce(hec__warden *w)
{
    uint64_t now = hec__now_ns(), every, next = NEVER;

    if (w->retired)
        return NEVER;
    atomic_store_explicit(&w->asleep, 0, memory_order_relaxed);
    for (uint32_t k = 0; k < w->head->nworkers; k++)
        next = sooner(next, judge(w, k, now));
    every = atomic_load_explicit(&w->every_ns, memory_order_acquire);
    if (every == NEVER)
        return next;
    if (!any_works(w)) {
        atomic_store_explicit(&w->asleep, 1, memory_order_relaxed);
        /* Pairs with the fence in hec__warden_sent(): either the batch is seen here, or the one who
         * sent it sees that we sleep. */
        atomic_thread_fence(memory_order_seq_cst);
        if (!any_works(w))
            return next;
        atomic_store_explicit(&w->asleep, 0, memory_order_relaxed);
    }
    return sooner(next, now + every);
}

void hec__warden_enforce(hec__warden *w, const hec_limits *tightest)
{
    uint64_t every = NEVER;

    if (tightest->timeout_ns)
        every = tightest->timeout_ns;
    if (tightest->memory_bytes)
        every = sooner(every, sample_every(tightest->memory_bytes));
    if (atomic_exchange_explicit(&w->every_ns, every, memory_order_acq_rel) > every)
        hec__watch_ring(&w->watch);
}

void hec__warden_sent(hec__warden *w)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&w->asleep, memory_order_relaxed) &&
        atomic_exchange_explicit(&w->asleep, 0, memory_order_relaxed))
        hec__watch_ring(&w->watch);
}

/* ---- descriptor 2 ---- */

static void watch_echo(hec__warden *w, hec__echo *e, uint32_t tag, bool on)
{
    if (e->watched == on || e->fd < 0)
        return;
    if (!on)
        hec__watch_remove(&w->watch, e->fd);
    /* If it cannot be watched it is passed on when answers come, and at the end. */
    e->watched = on && hec__watch_add(&w->watch, e->fd, tag, NULL) == 0;
}

static hec__pumped pump(hec__warden *w, hec__echo *e, uint32_t tag)
{
    hec__pumped r = hec__echo_pump(e);

    /* What cannot be passed on, or has ended, would be news again and again. */
    watch_echo(w, e, tag, r == HEC__PUMPED_ALL);
    return r;
}

static void end_echo(hec__warden *w, hec__echo *e)
{
    watch_echo(w, e, 0, false);
    hec__echo_close(e);
}

/* A worker has ended, and perhaps not everything that writes there. */
static void adopt(hec__warden *w, hec__echo *e)
{
    hec__echo **at = &w->orphans;

    e->next = w->orphans;
    w->orphans = e;
    watch_echo(w, e, 0, false); /* under its old tag */
    for (int n = 0; *at; n++, at = &(*at)->next)
        if (n == ORPHANS_MAX) {
            end_echo(w, *at);
            *at = NULL;
            return;
        }
}

static bool pump_orphans(hec__warden *w)
{
    bool stuck = false;

    for (hec__echo **at = &w->orphans; *at;) {
        hec__echo *e = *at;
        hec__pumped r = pump(w, e, w->head->nworkers);

        stuck = stuck || r == HEC__PUMPED_STUCK;
        if (r != HEC__PUMPED_END) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        end_echo(w, e);
    }
    return stuck;
}

/* Whose echo it is, by its tag. */
static void pump_tag(hec__warden *w, uint32_t tag)
{
    if (tag == w->head->nworkers)
        pump_orphans(w);
    else if (tag != HEC__WATCH_BELL && w->wards[tag].echo)
        pump(w, w->wards[tag].echo, tag);
}

/* When to try again, if anything is held that could not be passed on. */
static uint64_t retry_stuck(hec__warden *w)
{
    bool stuck = w->orphans && pump_orphans(w);

    for (uint32_t k = 0; k < w->head->nworkers; k++) {
        hec__echo *e = w->wards[k].echo;

        if (e && e->held_at < e->held_end)
            stuck = pump(w, e, k) == HEC__PUMPED_STUCK || stuck;
    }
    return stuck ? hec__now_ns() + STUCK_NS : NEVER;
}

void hec__warden_pass(hec__warden *w, uint32_t k)
{
    hec__echo *e = w->wards ? w->wards[k].echo : NULL;

    if (!e || !hec__echo_has_news(e))
        return;
    pthread_mutex_lock(&w->mutex);
    pump(w, e, k);
    pthread_mutex_unlock(&w->mutex);
}

/* ---- the thread ---- */

static int ms_until(uint64_t at)
{
    uint64_t now = hec__now_ns(), ms;

    if (at == NEVER)
        return -1;
    ms = at > now ? (at - now + 999999) / 1000000 : 0;
    return ms > 1000000 ? 1000000 : (int)ms;
}

static void *patrol(void *ctx)
{
    hec__warden *w = ctx;
    uint32_t tags[16];

    while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
        uint64_t next;
        int n;

        pthread_mutex_lock(&w->mutex);
        next = sooner(enforce(w), retry_stuck(w));
        pthread_mutex_unlock(&w->mutex);
        n = hec__watch_wait(&w->watch, tags, 16, ms_until(next), NULL);
        pthread_mutex_lock(&w->mutex);
        for (int i = 0; i < n; i++)
            pump_tag(w, tags[i]);
        pthread_mutex_unlock(&w->mutex);
    }
    return NULL;
}

int hec__warden_start(hec__warden *w, hec_error *err)
{
    sigset_t all, before;
    int r;

    if (w->runs)
        return 0;
    /* Signals are for the program's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&w->thread, NULL, patrol, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return hec__fail(err, HEC_ESYS, r, "cannot start the thread that watches workers");
    pthread_setname_np(w->thread, "hec-warden"); /* who looks for threads knows ours by it */
    w->runs = true;
    return 0;
}

void hec__warden_retire(hec__warden *w)
{
    if (!w->wards)
        return;
    pthread_mutex_lock(&w->mutex);
    w->retired = true;
    pthread_mutex_unlock(&w->mutex);
}

void hec__warden_stop(hec__warden *w)
{
    if (!w->runs)
        return;
    atomic_store_explicit(&w->stop, 1, memory_order_release);
    hec__watch_ring(&w->watch);
    pthread_join(w->thread, NULL);
    w->runs = false;
}

static void last_words(hec__warden *w, hec__echo *e, uint64_t until)
{
    while (hec__echo_pump(e) == HEC__PUMPED_STUCK && hec__now_ns() < until)
        nanosleep(&(struct timespec){.tv_nsec = STUCK_NS}, NULL);
    end_echo(w, e);
}

void hec__warden_fini(hec__warden *w)
{
    uint64_t until = hec__now_ns() + LAST_NS;

    if (!w->wards)
        return;
    for (uint32_t k = 0; k < w->head->nworkers; k++)
        if (w->wards[k].echo)
            last_words(w, w->wards[k].echo, until);
    while (w->orphans) {
        hec__echo *e = w->orphans;

        w->orphans = e->next;
        last_words(w, e, until);
    }
    free(w->wards);
    w->wards = NULL;
    hec__watch_fini(&w->watch);
    pthread_mutex_destroy(&w->mutex);
}

/* ---- wards ---- */

void hec__warden_add(hec__warden *w, uint32_t k, const hec__child *child, hec__echo *echo)
{
    pthread_mutex_lock(&w->mutex);
    w->wards[k] = (hec__ward){.child = *child, .echo = echo};
    if (echo)
        watch_echo(w, echo, k, true);
    pthread_mutex_unlock(&w->mutex);
    if (atomic_load_explicit(&w->every_ns, memory_order_relaxed) != NEVER)
        hec__watch_ring(&w->watch);
}

void hec__warden_in_child(const hec__warden *w, const hec__echo *own)
{
    /* Whoever has a pipe's reading end keeps its writers from hearing that nobody reads it. Nothing
     * is freed: the thread may have been in the middle of it. */
    for (uint32_t k = 0; k < w->head->nworkers; k++)
        if (w->wards[k].echo)
            close(w->wards[k].echo->fd);
    if (own)
        close(own->fd);
}

/* Whether the end of a worker was our doing. */
static bool was_us(const hec__warden *w, const hec__ward *ward, int status)
{
    /* A task may have taken the handler away that was to write where it is. */
    return ward->state == HEC__WARD_KILLED ||
           (ward->state == HEC__WARD_ASKED && status >= 0 && WIFSIGNALED(status) &&
            WTERMSIG(status) == w->stack_signal);
}

int hec__warden_reap(hec__warden *w, uint32_t k, hec__child *child, bool wait, int *ret_status,
                     hec__spent *ret_spent, hec__sentence *ret_sentence,
                     char ret_tail[HEC__TAIL + 1])
{
    uint64_t since = atomic_load_explicit(&w->slots[k].since_ns, memory_order_relaxed);
    hec__ward *ward = &w->wards[k];
    bool orphans;
    int r;

    pthread_mutex_lock(&w->mutex);
    r = hec__child_reap_spent(child, wait, ret_status, ret_spent);
    if (r == 1) {
        *ret_sentence = was_us(w, ward, *ret_status) ? ward->sentence : (hec__sentence){0};
        ret_tail[0] = '\0';
        if (ward->echo) {
            hec__pumped pumped = pump(w, ward->echo, k);

            hec__echo_tail(ward->echo, since, ret_tail);
            if (pumped == HEC__PUMPED_END)
                end_echo(w, ward->echo);
            else
                adopt(w, ward->echo);
        }
        *ward = (hec__ward){0};
    }
    orphans = w->orphans;
    pthread_mutex_unlock(&w->mutex);
    if (orphans) /* the thread has to learn of it */
        hec__watch_ring(&w->watch);
    return r;
}
