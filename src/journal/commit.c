/* SPDX-License-Identifier: MIT
 *
 * Everything that can fail on the way to the disk is in this file, and all of it ends in one place,
 * fail(): after that nothing is written or acknowledged any more. A failed sync may have lost any
 * part of what was written before, and the next one would not say so.
 */
#include "journal/commit.h"

#include "base/error.h"
#include "sys/clock.h"

#include <errno.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const unsigned char zeros[8];

static struct timespec timespec_of(uint64_t at)
{
    return (struct timespec){(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
}

struct timespec hec__jcommit_after(uint64_t ns)
{
    return timespec_of(hec__now_ns() + ns);
}

static int write_all(hec__jwriter *w, const void *data, size_t n, hec_error *err)
{
    const unsigned char *p = data;

    while (n) {
        ssize_t put = write(w->fd, p, n < INT_MAX / 2 ? n : INT_MAX / 2);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return hec__fail(err, HEC_EIO, put < 0 ? errno : EIO,
                             "cannot write to the journal '%.140s'", w->path);
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static int write_direct(hec__jwriter *w, const hec__jdirect *d, hec_error *err)
{
    int r = write_all(w, d->top, d->top_size, err);

    for (uint32_t i = 0; r == 0 && i < d->nparts; i++) {
        size_t size = d->parts[i].size;

        r = write_all(w, d->parts[i].data, size, err);
        if (r == 0)
            r = write_all(w, zeros, hec__jpad(size) - size, err);
    }
    return r;
}

/* Whether the file ends where it should: whoever else writes to it, or cuts it, is found out. */
static int check_end(hec__jwriter *w, uint64_t end, hec_error *err)
{
    struct stat st;

    if (fstat(w->fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at the journal '%.140s'", w->path);
    if ((uint64_t)st.st_size != end)
        return hec__fail(
            err, HEC_EIO, 0,
            "the journal '%.60s' is not written any more: it has %llu bytes where this "
            "process has written %llu: somebody else changes it",
            w->path, (unsigned long long)st.st_size, (unsigned long long)end);
    return 0;
}

/* One who was stopped for long may have lost the file to another. */
static int check_lock(hec__jwriter *w, uint64_t limit_ns, hec_error *err)
{
    if (!w->lockfile || hec__boot_ns() - w->lockfile->beat_ns < limit_ns)
        return 0;
    return hec__jlock_beat(w->lockfile, err);
}

/* With the lock held. */
static void fail(hec__jwriter *w, const hec_error *err)
{
    w->failed = true;
    w->error = *err;
    w->direct = NULL; /* its maker does not wait any longer */
    pthread_cond_broadcast(&w->done);
}

static int put_out(hec__jwriter *w, const hec__jbuf *out, const hec__jdirect *direct,
                   uint64_t begin, uint64_t end, hec_error *err)
{
    int r = check_lock(w, HEC__JLOCK_DOUBT_NS, err);

    if (r == 0)
        r = check_end(w, begin, err);
    if (r == 0)
        r = write_all(w, out->data, out->len, err);
    if (r == 0 && direct)
        r = write_direct(w, direct, err);
    if (r == 0)
        r = check_end(w, end, err);
    return r;
}

/* With the lock held, which is let go meanwhile: writes all that is there. */
static void commit(hec__jwriter *w)
{
    const hec__jdirect *direct = w->direct;
    uint64_t begin = w->written, end = w->end, seq = w->seq;
    hec__jbuf out = w->fill;
    hec_error err;
    int r;

    w->fill = w->out;
    w->out = out;
    w->fill.len = 0;
    w->taken_seq = seq;
    w->hurry = false;
    pthread_mutex_unlock(&w->lock);
    r = put_out(w, &out, direct, begin, end, &err);
    pthread_mutex_lock(&w->lock);
    if (r == 0) {
        w->written = end;
        w->written_seq = seq;
        if (direct) /* or it is one that came meanwhile */
            w->direct = NULL;
        pthread_cond_broadcast(&w->done);
        if (w->fsync != HEC_FSYNC_NEVER) {
            pthread_mutex_unlock(&w->lock);
            if (fdatasync(w->fd) < 0)
                r = hec__fail(&err, HEC_EIO, errno, "cannot bring the journal '%.140s' to disk",
                              w->path);
            pthread_mutex_lock(&w->lock);
        }
    }
    if (r < 0) {
        fail(w, &err);
        return;
    }
    w->durable_seq = seq;
    w->committed_ns = hec__now_ns();
    w->commits++;
    pthread_cond_broadcast(&w->done);
}

static bool pending(const hec__jwriter *w)
{
    return !w->failed && w->end != w->written;
}

/* When there is something to do, of hec__now_ns(); 0: now; UINT64_MAX: when somebody calls. */
static uint64_t due_ns(const hec__jwriter *w)
{
    uint64_t now = hec__now_ns(), due = UINT64_MAX;

    /* Where there was something there will be more: it need not call. */
    if (!pending(w) && w->committed_ns && now < w->committed_ns + w->group_ns)
        due = w->committed_ns + w->group_ns;
    if (pending(w)) {
        due = w->first_ns + w->group_ns;
        if (w->hurry || w->stop || w->direct || w->fill.len >= w->group_bytes || now >= due)
            return 0;
    }
    if (w->lockfile && !w->failed) {
        uint64_t boot = hec__boot_ns(), beat = w->lockfile->beat_ns + HEC__JLOCK_BEAT_NS;

        if (boot >= beat)
            return 0;
        if (now + (beat - boot) < due)
            due = now + (beat - boot);
    }
    return due;
}

static void beat(hec__jwriter *w)
{
    hec_error err;
    int r;

    pthread_mutex_unlock(&w->lock);
    r = check_lock(w, HEC__JLOCK_BEAT_NS, &err);
    pthread_mutex_lock(&w->lock);
    if (r < 0)
        fail(w, &err);
}

/* wakes_ns is exactly what due_ns() said: were it a little later, each append would find that the
 * thread sleeps too long, and wake it. */
static void sleep_until(hec__jwriter *w, uint64_t at)
{
    struct timespec until = timespec_of(at);

    w->wakes_ns = at;
    if (at == UINT64_MAX)
        pthread_cond_wait(&w->work, &w->lock);
    else
        pthread_cond_timedwait(&w->work, &w->lock, &until);
    w->wakes_ns = 0;
}

void *hec__jcommit_main(void *writer)
{
    hec__jwriter *w = writer;

    prctl(PR_SET_NAME, "hec-journal");
    pthread_mutex_lock(&w->lock);
    while (!w->stop || pending(w)) {
        uint64_t due = due_ns(w);

        if (due > 0) {
            sleep_until(w, due);
        } else {
            if (w->lockfile && !w->failed)
                beat(w);
            if (pending(w))
                commit(w);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}
