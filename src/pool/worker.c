/* SPDX-License-Identifier: MIT
 *
 * The loop of a worker process: take a batch from the ring or from the inherited call's counter,
 * have the runner run it, reply, sleep when there is nothing. Knows nothing of what tasks are.
 */
#include "pool/worker.h"

#include "base/error.h"
#include "pool/cores.h"
#include "pool/measure.h"
#include "pool/message.h"
#include "pool/report.h"
#include "pool/spin.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/crash.h"
#include "sys/futex.h"
#include "sys/threads.h"

#include <unistd.h>

#define CLAIM_NS 20000u  /* work that one claim should hold: what may be lost to a death */
#define DUE_NS   500000u /* finished tasks do not wait longer for their batch than this */
#define PLENTY   3u
#define TELL_NS  5000000u /* the parent hears of answers this late at most, while there is work */
#define TRIM_MS  1000     /* who waits so long gives its free memory back */
#define LOOK_MS  1000     /* how often to look for the parent, where no signal is sure to come */
/* Measured tasks in one claim, so that a reply is never to more than can be told of. */
#define MEASURED_CLAIM (HEC_MEASURED_MAX / 4)

struct hec_worker {
    hec__worker_start with;
    hec__segment *segment;
    hec__head *head;
    hec__slot *slot;
    hec__ring tasks, results;
    hec__store store;
    hec_outbox outbox;
    /* the batch that runs */
    hec__claim *claim;
    uint64_t call, first;
    bool holds_first; /* its first task is claimed, not handed to the runner yet */
    uint16_t reply_flags;
    hec__pace pace;
    uint64_t pace_call;
    uint64_t replied_ns; /* when the last reply went, or the batch began */
    hec__gaps gaps;
    uint64_t told_ns; /* when the parent was last woken */
    bool untold;      /* it was not woken for the last answer */
    uint32_t turn;
    hec__measure measure;
    hec__used used[HEC_MEASURED_MAX]; /* of the reply that is being sent */
};

static bool has_work(void *ctx)
{
    hec_worker *w = ctx;

    return hec__ring_ready(&w->tasks) ||
           atomic_load_explicit(&w->head->next, memory_order_relaxed) < w->head->total ||
           atomic_load_explicit(&w->head->stop, memory_order_relaxed);
}

/* Sleeps at the bell, unless ready() is true already. */
static void sleep_at_bell(hec_worker *w, bool (*ready)(void *), void *ctx)
{
    uint32_t heard = atomic_load_explicit(&w->slot->bell, memory_order_relaxed);

    atomic_store_explicit(&w->slot->sleeps, 1, memory_order_relaxed);
    /* Either we see what the parent published, or it sees that we sleep: both sides store, fence,
     * then load. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!ready(ctx)) {
        hec__awake_add(w->head, &w->slot->awake, -1);
        if (hec__futex_wait(&w->slot->bell, heard,
                            w->store.warm            ? TRIM_MS
                            : hec__child_must_look() ? LOOK_MS
                                                     : -1) == HEC_EAGAIN)
            hec__store_trim(&w->store);
        hec__awake_add(w->head, &w->slot->awake, +1);
        if (hec__child_must_look() && hec__child_orphaned())
            _exit(1);
    }
    atomic_store_explicit(&w->slot->sleeps, 0, memory_order_relaxed);
}

/* The parent sleeps at its bell only after it said so. */
static void wake_parent(hec_worker *w)
{
    w->untold = false;
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&w->head->parent_sleeps, memory_order_relaxed) &&
        atomic_exchange_explicit(&w->head->parent_sleeps, HEC__SLEEPS_NOT, memory_order_relaxed)) {
        w->told_ns = hec__now_ns();
        hec__watch_ring(&w->with.watch);
    }
}

/* How many records the ring has, the present one included; counts to `most`. */
static uint32_t queued(const hec_worker *w, uint32_t most)
{
    uint64_t at = w->tasks.mine;
    uint64_t end = atomic_load_explicit(&w->tasks.ends->head, memory_order_acquire);
    uint32_t n = 0;

    for (; n < most && at != end; n++)
        at += ((const hec__rec *)(const void *)(w->tasks.data + (at & (w->tasks.size - 1))))->size;
    return n;
}

/* Whether there is work for a while without the parent's doing: two batches behind the present one,
 * or tasks of the inherited call that nobody has yet. */
static bool has_plenty(hec_worker *w)
{
    if (w->reply_flags & HEC__REC_SELF)
        return atomic_load_explicit(&w->head->next, memory_order_relaxed) < w->head->total;
    return queued(w, PLENTY) == PLENTY;
}

/* After an answer. To wake the parent costs a worker its core for a moment where there are no more
 * cores than workers: with short tasks that is percents. So where nobody waits for single answers
 * it is left for later, until the work runs short or some time has passed; never over a sleep of
 * ours.
 */
static void tell_parent(hec_worker *w, uint64_t now)
{
    uint32_t sleeps;

    atomic_thread_fence(memory_order_seq_cst);
    sleeps = atomic_load_explicit(&w->head->parent_sleeps, memory_order_relaxed);
    if (sleeps == HEC__SLEEPS_DEEPLY && now - w->told_ns < TELL_NS && has_plenty(w))
        w->untold = true;
    else if (sleeps)
        wake_parent(w);
}

/* Waits until ready(), or until the bell rings. */
static void wait_until(hec_worker *w, bool (*ready)(void *), void *ctx)
{
    uint64_t began = hec__now_ns(), away = 0;

    if (w->untold)
        wake_parent(w);
    if (hec__spin(w->head, w->with.cpus, ready, ctx)) {
        hec__gaps_add(&w->gaps, hec__now_ns() - began);
        return;
    }
    if (w->with.runner.wait_begin)
        w->with.runner.wait_begin(w->with.runner.ctx);
    hec__store_collect(&w->store); /* what nobody needs any more goes back now */
    if (!hec__linger(w->head, w->with.cpus, hec__gaps_linger(&w->gaps), &away, ready, ctx))
        sleep_at_bell(w, ready, ctx);
    if (away)
        w->gaps.shy = HEC__SHY;
    hec__gaps_add(&w->gaps, hec__now_ns() - began);
    if (w->with.runner.wait_end)
        w->with.runner.wait_end(w->with.runner.ctx);
}

struct room {
    hec_worker *worker;
    uint64_t bytes;
};

static bool has_room(void *ctx)
{
    struct room *room = ctx;

    return hec__ring_reserve(&room->worker->results, room->bytes) ||
           atomic_load_explicit(&room->worker->head->stop, memory_order_relaxed);
}

/* The ring is full: the parent has to catch up first. */
static bool wait_for_room(void *ctx, uint64_t bytes)
{
    struct room room = {ctx, bytes};

    hec__measure_wait(&room.worker->measure);
    wake_parent(room.worker);
    wait_until(room.worker, has_room, &room);
    return !atomic_load_explicit(&room.worker->head->stop, memory_order_relaxed);
}

int hec_worker_claim(hec_worker *w, uint64_t *ret_first, uint32_t *ret_count)
{
    uint64_t n = w->pace.task_ns ? CLAIM_NS / w->pace.task_ns : 1;
    uint32_t from = 0, count = w->holds_first;

    if (w->measure.measured && n > MEASURED_CLAIM)
        n = MEASURED_CLAIM;
    w->holds_first = false;
    if (count == 0)
        count = hec__claim_take(w->claim, n < 1 ? 1 : (uint32_t)n, &from);
    if (count == 0)
        return 0;
    atomic_store_explicit(&w->slot->since_ns, hec__now_ns(), memory_order_relaxed);
    *ret_first = w->first + from;
    *ret_count = count;
    return 1;
}

void hec_worker_at(hec_worker *w, uint64_t task)
{
    if (w->measure.stamps)
        hec__measure_at(&w->measure, task);
    /* Release: who reads this task's number reads its time, or a later one's, and so never thinks
     * it older than it is. */
    atomic_store_explicit(&w->slot->task, task + 1, memory_order_release);
}

void hec_worker_between(hec_worker *w)
{
    if (w->measure.measured)
        hec__measure_end(&w->measure);
    atomic_store_explicit(&w->slot->task, 0, memory_order_relaxed);
}

const hec_limits *hec_worker_limits(const hec_worker *w)
{
    return &w->measure.limits;
}

int hec_worker_due(hec_worker *w)
{
    return hec__now_ns() - w->replied_ns >= DUE_NS ||
           w->measure.n > HEC_MEASURED_MAX - 2 * MEASURED_CLAIM;
}

hec_outbox *hec_worker_outbox(hec_worker *w)
{
    return &w->outbox;
}

void hec_worker_reply(hec_worker *w, uint64_t first, uint32_t count, hec_verdict verdict)
{
    uint64_t now = hec__now_ns(), elapsed = now - w->replied_ns;
    hec__rec like = {.kind = HEC__REC_RESULT,
                     .flags = w->reply_flags,
                     .call = w->call,
                     .first = first,
                     .count = count,
                     .verdict = verdict,
                     .elapsed_ns = elapsed};

    hec__pace_add(&w->pace, elapsed, count);
    if (w->measure.measured) {
        hec__measure_end(&w->measure);
        w->outbox.used = w->used;
        w->outbox.nused = hec__measure_take(&w->measure, first, count, w->used);
    }
    hec__outbox_send(&w->outbox, &like, NULL);
    w->replied_ns = now;
    if (verdict == HEC_TASK_DONE)
        tell_parent(w, now);
    else
        wake_parent(w); /* it may want to stop the others */
}

/* From here on, what is claimed is of this batch, whose claim word is set. */
static void begin(hec_worker *w, uint64_t call, uint64_t first, hec__claim *claims)
{
    if (w->pace_call != call) {
        w->pace = (hec__pace){0};
        w->pace_call = call;
    }
    w->call = call;
    w->first = first;
    w->claim = claims;
    w->holds_first = false;
}

static void run(hec_worker *w, const hec_batch *batch)
{
    w->replied_ns = hec__now_ns();
    /* Release: who reads this call's number reads that no task of the one before runs. */
    atomic_store_explicit(&w->slot->call, batch->call, memory_order_release);
    w->with.runner.run(w->with.runner.ctx, w, batch);
    if (w->measure.measured)
        hec__measure_end(&w->measure);
    atomic_store_explicit(&w->slot->task, 0, memory_order_relaxed);
}

/* Takes a range of the inherited call. False when there is none left. */
static bool run_own_range(hec_worker *w)
{
    uint64_t next = atomic_load_explicit(&w->head->next, memory_order_relaxed), left, from;
    uint32_t n;

    if (next >= w->head->total)
        return false;
    left = w->head->total - next;
    n = hec__batch_size(&w->pace, left, w->head->nworkers);
    /* Who sees (acquire) that the counter has moved on sees that somebody is taking: between the
     * two, tasks are with nobody, and must not look as if their worker had died. */
    atomic_store_explicit(&w->slot->self_runs, 1, memory_order_relaxed);
    atomic_store_explicit(&w->slot->self_taking, 1, memory_order_relaxed);
    from = atomic_fetch_add_explicit(&w->head->next, n, memory_order_acq_rel);
    if (from >= w->head->total) {
        atomic_store_explicit(&w->slot->self_taking, 0, memory_order_release);
        atomic_store_explicit(&w->slot->self_runs, 0, memory_order_release);
        return false;
    }
    if (n > w->head->total - from)
        n = (uint32_t)(w->head->total - from);
    /* The first task, then the claim word (release): the parent may take back from here on. */
    w->turn++;
    atomic_store_explicit(&w->slot->self_first[w->turn % 2], from, memory_order_relaxed);
    hec__claim_init(&w->slot->self, n, w->turn);
    atomic_store_explicit(&w->slot->self_taking, 0, memory_order_release);
    w->reply_flags = HEC__REC_SELF;
    hec__measure_begin(&w->measure, atomic_load_explicit(&w->head->limits, memory_order_relaxed),
                       atomic_load_explicit(&w->head->measured, memory_order_relaxed), 0);
    begin(w, 0, from, &w->slot->self);
    run(w, &(hec_batch){.first = from, .count = n});
    atomic_store_explicit(&w->slot->self_runs, 0, memory_order_release);
    return true;
}

/* A message that cannot be mapped: every task of it fails by name, nothing hangs. */
static void refuse_batch(hec_worker *w, const hec__rec *rec, const hec_error *why)
{
    uint64_t first;
    uint32_t count;

    while (hec_worker_claim(w, &first, &count))
        for (uint32_t i = 0; i < count; i++) {
            hec_outbox_payload(&w->outbox, why->text, strlen(why->text), NULL);
            hec_worker_reply(w, first + i, 1, HEC_TASK_REFUSED);
        }
}

/* Bytes of the blocks of a message, which the runner may map. */
static uint64_t block_bytes(const hec__rec *rec)
{
    const hec__ref *refs = (const hec__ref *)(rec + 1);
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < rec->nrefs; i++)
        bytes += refs[i].size;
    return bytes;
}

static void run_batch(hec_worker *w, hec__rec *rec, const hec_message *message)
{
    hec_batch batch = {
        .call = rec->call, .first = rec->first, .count = rec->count, .message = message};

    hec__measure_begin(&w->measure, rec->limits, rec->flags & HEC__REC_MEASURED,
                       rec->limits ? block_bytes(rec) : 0);
    run(w, &batch);
}

/* Opening a batch can take long, with large inputs or unpickling that does much. Its first task is
 * claimed before: while it looked free it would be given to another worker, opened there for as
 * long, and come back in the same way. False: all of it was taken back, and there is no reason to
 * open it. */
static bool begin_batch(hec_worker *w, hec__rec *rec)
{
    uint32_t from;

    begin(w, rec->call, rec->first, &rec->claim);
    if (rec->flags & HEC__REC_INHERITED)
        return true; /* there is nothing to open */
    w->holds_first = hec__claim_take(&rec->claim, 1, &from) == 1;
    return w->holds_first;
}

static void handle(hec_worker *w, hec__rec *rec)
{
    const hec_runner *runner = &w->with.runner;
    bool bare = rec->flags & HEC__REC_INHERITED, runs;
    hec__inbox in = {0};
    hec_error err = {0};

    w->reply_flags = 0;
    if (rec->kind == HEC__REC_CLOSE) {
        if (runner->close)
            runner->close(runner->ctx, rec->call);
        return;
    }
    runs = rec->kind == HEC__REC_BATCH && begin_batch(w, rec);
    if (!bare && hec__inbox_open(&in, w->segment, rec, &err) < 0) {
        if (runs)
            refuse_batch(w, rec, &err);
        return;
    }
    if (runs)
        run_batch(w, rec, bare ? NULL : &in.message);
    else if (rec->kind == HEC__REC_OPEN && runner->open)
        runner->open(runner->ctx, rec->call, &in.message);
    if (!bare)
        hec__inbox_fini(&in);
}

static void loop(hec_worker *w)
{
    for (;;) {
        hec__rec *rec = hec__ring_peek(&w->tasks);

        if (atomic_load_explicit(&w->head->stop, memory_order_acquire))
            return;
        if (rec) {
            uint32_t size = rec->size;

            handle(w, rec);
            hec__ring_pop(&w->tasks, size);
        } else if (!run_own_range(w)) {
            wait_until(w, has_work, w);
        }
    }
}

/* In the handler of the runner's stack_signal: what it has to say is written. */
static void told(void *ctx)
{
    hec_worker *w = ctx;

    atomic_fetch_add_explicit(&w->slot->told, 1, memory_order_release);
    hec__watch_ring(&w->with.warden);
}

/* From here on the worker says where it is when it crashes, or is asked. */
static void start_runner(hec_worker *w)
{
    const hec_runner *runner = &w->with.runner;
    uint32_t k = w->with.number;
    hec__crash crash = {.fd = hec__report_open(w->with.reports_fd, k, HEC__REPORT_C),
                        .ask_signal = runner->stack_signal,
                        .told = told,
                        .ctx = w};

    if (runner->start)
        runner->start(runner->ctx, k, hec__report_open(w->with.reports_fd, k, HEC__REPORT_RUNNER));
    hec__crash_install(&crash);
}

static void take_stderr(const hec__worker_start *start)
{
    if (start->stderr_fd < 0)
        return;
    dup2(start->stderr_fd, STDERR_FILENO);
    close(start->stderr_fd);
}

void hec__worker_main(const hec__worker_start *start)
{
    const hec_runner *runner = &start->runner;
    hec_worker *w = calloc(1, sizeof *w);

    if (!w)
        _exit(HEC__WORKER_NO_MEMORY);
    w->with = *start;
    take_stderr(start);
    hec__watch_in_child(&w->with.watch);
    hec__watch_in_child(&w->with.warden);
    w->segment = hec__segment_of_child(start->segment);
    if (!w->segment)
        _exit(HEC__WORKER_NO_MEMORY);
    w->head = w->segment->head;
    w->slot = &w->segment->slots[start->number];
    hec__cores_enter(w->segment, start->number);
    hec__ring_open_consumer(&w->tasks, &w->slot->tasks, start->tasks, HEC__RING_BYTES);
    hec__ring_open_producer(&w->results, &w->slot->results, start->results, HEC__RING_BYTES);
    if (hec__store_init(&w->store, w->segment, start->number + 1, start->warm_max, NULL) < 0)
        _exit(HEC__WORKER_NO_MEMORY);
    w->store.available = start->available;
    w->outbox.ring = &w->results;
    w->outbox.store = &w->store;
    w->outbox.holder = HEC__PARENT;
    w->outbox.wait_for_room = wait_for_room;
    w->outbox.wait_ctx = w;
    hec__measure_init(&w->measure, w->slot);
    hec__threads_limit(
        start->cpus > (int32_t)w->head->nworkers ? start->cpus / (int32_t)w->head->nworkers : 1);
    start_runner(w);
    if (start->prepare)
        start->prepare(runner->ctx, start->data, start->data_size);
    loop(w);
    if (runner->stop)
        runner->stop(runner->ctx);
    _exit(0);
}
