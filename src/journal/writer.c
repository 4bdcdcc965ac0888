/* SPDX-License-Identifier: MIT */
#include "journal/writer.h"

#include "base/error.h"
#include "base/hash.h"
#include "journal/commit.h"
#include "sys/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUF_MIN ((size_t)64 << 10)

static const unsigned char zeros[8];

static uint64_t epoch_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* No signal is for this thread; SIGXFSZ least of all: a blocked one makes write() say EFBIG. */
static int start_thread(hec__jwriter *w)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    r = pthread_sigmask(SIG_BLOCK, &all, &before);
    if (r)
        return r;
    r = pthread_create(&w->thread, NULL, hec__jcommit_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pthread_setname_np(w->thread, "hec-journal"); /* who looks for threads knows ours by it */
    return r;
}

int hec__jwriter_start(hec__jwriter *w, int fd, uint64_t seed, uint64_t end, uint64_t seq,
                       const hec_journal_options *options, hec__jlockfile *lockfile,
                       const char *path, hec_error *err)
{
    pthread_condattr_t attr;
    int r;

    *w = (hec__jwriter){.fd = fd,
                        .seed = seed,
                        .lockfile = lockfile,
                        .path = path,
                        .fsync = options->fsync,
                        .group_ns =
                            (uint64_t)(options->group_ms ? options->group_ms : 50) * 1000000u,
                        .group_bytes = options->group_bytes ? options->group_bytes : 1u << 20,
                        .end = end,
                        .written = end,
                        .seq = seq,
                        .written_seq = seq,
                        .taken_seq = seq,
                        .durable_seq = seq};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, &attr);
    pthread_cond_init(&w->done, &attr);
    pthread_condattr_destroy(&attr);
    r = start_thread(w);
    if (r) {
        pthread_cond_destroy(&w->work);
        pthread_cond_destroy(&w->done);
        pthread_mutex_destroy(&w->lock);
        return hec__fail(err, HEC_ESYS, r, "cannot start the thread of a journal");
    }
    return 0;
}

void hec__jwriter_forget(hec__jwriter *w)
{
    free(w->fill.data);
    free(w->out.data);
    close(w->fd);
}

int hec__jwriter_stop(hec__jwriter *w, hec_error *err)
{
    int r = 0;

    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    if (w->failed) {
        r = w->error.code;
        if (err)
            *err = w->error;
    }
    /* NFS may tell only here what became of a write that was not synced. */
    if (close(w->fd) < 0 && errno != EINTR && r == 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot close the journal '%.140s'", w->path);
    free(w->fill.data);
    free(w->out.data);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->lock);
    return r;
}

/* With the lock held. */
static int failure(const hec__jwriter *w, hec_error *err)
{
    if (err)
        *err = w->error;
    return w->error.code;
}

static bool has_room(const hec__jwriter *w)
{
    return !w->direct && w->fill.len < HEC__JWRITER_FULL;
}

int hec__jwriter_room(hec__jwriter *w, hec_error *err)
{
    int r = 0;

    pthread_mutex_lock(&w->lock);
    if (!w->failed && !has_room(w)) {
        uint64_t began = hec__now_ns();

        while (!w->failed && !has_room(w))
            pthread_cond_wait(&w->done, &w->lock);
        w->waited_ns += hec__now_ns() - began;
    }
    if (w->failed)
        r = failure(w, err);
    pthread_mutex_unlock(&w->lock);
    return r;
}

static uint64_t sum_of(const hec_journal_part *parts, uint32_t nparts, uint64_t seed)
{
    hec__hasher hasher;

    hec__hasher_init(&hasher, seed);
    for (uint32_t i = 0; i < nparts; i++) {
        hec__hasher_add(&hasher, parts[i].data, parts[i].size);
        hec__hasher_add(&hasher, zeros, hec__jpad(parts[i].size) - parts[i].size);
    }
    return hec__hasher_sum(&hasher);
}

int hec__jnew_make(hec__jnew *n, const hec__jwriter *w, hec_record_kind kind,
                   const hec_journal_entry *entries, uint32_t nentries,
                   const hec_journal_part *parts, uint32_t nparts, hec_error *err)
{
    uint64_t size;

    if (nentries > HEC_JOURNAL_ENTRIES_MAX || nparts > HEC_JOURNAL_PARTS_MAX ||
        !hec__jparts_size(parts, nparts, nentries, &size))
        return hec__fail(err, HEC_EINVAL, 0, "this cannot be one record of a journal");
    *n = (hec__jnew){.head = {.kind = (uint16_t)kind,
                              .nentries = nentries,
                              .nparts = nparts,
                              .size = size,
                              .time_ns = epoch_ns()},
                     .entries = entries,
                     .parts = parts};
    if (size < HEC__JWRITER_DIRECT)
        return 0;
    n->top = malloc(hec__jtop_size(&n->head));
    if (!n->top)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory writing a journal");
    n->head.data_check = sum_of(parts, nparts, w->seed);
    n->direct = (hec__jdirect){n->top, hec__jtop_size(&n->head), parts, nparts};
    return 0;
}

/* Room for n more bytes in what gathers; NULL: no memory. */
static unsigned char *extend(hec__jbuf *b, size_t n)
{
    size_t cap = b->cap ? b->cap : BUF_MIN;
    unsigned char *data;

    while (cap - b->len < n)
        cap *= 2;
    if (cap > b->cap) {
        data = realloc(b->data, cap);
        if (!data)
            return NULL;
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

/* Copies the parts, sums them up, and puts the top before them. */
static int copy(hec__jwriter *w, hec__jnew *n)
{
    size_t top_size = hec__jtop_size(&n->head), size = (size_t)n->head.size;
    unsigned char *top = extend(&w->fill, top_size + size), *at;

    if (!top)
        return HEC_ENOMEM;
    at = top + top_size;
    for (uint32_t i = 0; i < n->head.nparts; i++) {
        size_t bytes = n->parts[i].size, padded = (size_t)hec__jpad(bytes);

        if (bytes)
            memcpy(at, n->parts[i].data, bytes);
        memset(at + bytes, 0, padded - bytes);
        at += padded;
    }
    n->head.data_check = hec__hash64(top + top_size, size, w->seed);
    hec__jtop_put(top, &n->head, n->entries, n->parts, w->seed);
    w->fill.len += top_size + size;
    return 0;
}

/* With the lock held: 1, 0 or negative. *ret_call: the thread has to be called; without the lock,
 * or it would wake only to wait for it. */
static int put(hec__jwriter *w, hec__jnew *n, bool *ret_call, hec_error *err)
{
    if (w->failed)
        return failure(w, err);
    if (!has_room(w))
        return 0;
    n->head.seq = w->seq + 1;
    if (n->top) {
        hec__jtop_put(n->top, &n->head, n->entries, n->parts, w->seed);
        w->direct = &n->direct;
    } else if (copy(w, n) < 0) {
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory writing a journal");
    }
    if (w->fill.len && w->fill.len == hec__jsize(&n->head))
        w->first_ns = hec__now_ns();
    w->seq++;
    w->end += hec__jsize(&n->head);
    if (w->direct || w->fill.len >= w->group_bytes)
        *ret_call = w->wakes_ns > 0;
    else
        *ret_call = w->wakes_ns > w->first_ns + w->group_ns;
    return 1;
}

int hec__jwriter_put(hec__jwriter *w, hec__jnew *n, uint64_t *ret_offset, uint64_t *ret_seq,
                     hec_error *err)
{
    bool call = false;
    int r;

    pthread_mutex_lock(&w->lock);
    r = put(w, n, &call, err);
    if (r > 0) {
        *ret_seq = w->seq;
        *ret_offset = w->end - hec__jsize(&n->head);
    }
    pthread_mutex_unlock(&w->lock);
    if (call)
        pthread_cond_signal(&w->work);
    return r;
}

/* With the lock held: somebody wants a record on disk. If the thread has it already, others that
 * come now need not be hurried. True: the thread has to be called. */
static bool hurry(hec__jwriter *w, uint64_t seq)
{
    if (seq <= w->taken_seq)
        return false;
    w->hurry = true;
    return w->wakes_ns > 0;
}

static void wait_for(hec__jwriter *w, uint64_t seq)
{
    if (hurry(w, seq))
        pthread_cond_signal(&w->work);
    pthread_cond_wait(&w->done, &w->lock);
}

int hec__jwriter_written(hec__jwriter *w, uint64_t seq, hec_error *err)
{
    int r = 0;

    pthread_mutex_lock(&w->lock);
    while (!w->failed && w->written_seq < seq)
        wait_for(w, seq);
    if (w->written_seq < seq)
        r = failure(w, err);
    pthread_mutex_unlock(&w->lock);
    return r;
}

int hec__jwriter_sync(hec__jwriter *w, uint64_t seq, int timeout_ms, hec_error *err)
{
    struct timespec until =
        hec__jcommit_after((uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u);
    bool late = timeout_ms == 0, call;
    int r = 0;

    pthread_mutex_lock(&w->lock);
    if (seq > w->seq)
        seq = w->seq;
    call = late && !w->failed && w->durable_seq < seq && hurry(w, seq);
    while (!w->failed && !late && w->durable_seq < seq) {
        if (timeout_ms < 0) {
            wait_for(w, seq);
            continue;
        }
        if (hurry(w, seq))
            pthread_cond_signal(&w->work);
        late = pthread_cond_timedwait(&w->done, &w->lock, &until) == ETIMEDOUT;
    }
    if (w->durable_seq < seq)
        r = w->failed ? failure(w, err)
                      : hec__fail(err, HEC_EAGAIN, 0, "not on disk within %d ms", timeout_ms);
    pthread_mutex_unlock(&w->lock);
    if (call)
        pthread_cond_signal(&w->work);
    return r;
}
