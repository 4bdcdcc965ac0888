/* SPDX-License-Identifier: MIT
 *
 * Records gather in memory, and what one task writes without another in between becomes one. The
 * index of what has ended gathers as well, and is written when there is a record full of it: so the
 * memory does not grow with the number of tasks.
 */
#include "run/stream.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PENDING_BYTES ((size_t)256 << 10) /* then it is written */
#define RECORD_BYTES  ((size_t)128 << 10) /* a record of output is no longer */

struct hec_stream_writer {
    int fd;
    char *path;
    uint64_t seed, end; /* end: of the file, and so where the pending bytes will begin */
    hec__strbuf pending;
    hec__shead head;        /* the last record of them, */
    uint64_t at;            /* where it will be, */
    bool unsealed;          /* and whether its header is still to be written */
    hec_stream_place *open; /* what was begun and has not ended; few at a time */
    size_t n_open, cap_open;
    hec_stream_place *index;
    size_t n;
    uint64_t index_at; /* the last index that is in the file; 0: none */
    bool failed;
};

static void destroy(hec_stream_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    hec__strbuf_fini(&w->pending);
    free(w->open);
    free(w->index);
    free(w->path);
    free(w);
}

HEC_AUTO_DEFINE(hec_stream_writer, destroy)

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "out of memory for the output of tasks");
}

/* ---- to the file ---- */

static int write_all(hec_stream_writer *w, const char *bytes, size_t n, hec_error *err)
{
    while (n > 0) {
        ssize_t done = write(w->fd, bytes, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            w->failed = true;
            return hec__fail(err, HEC_EIO, done < 0 ? errno : ENOSPC, "cannot write '%.160s'",
                             w->path);
        }
        bytes += done;
        n -= (size_t)done;
        w->end += (uint64_t)done;
    }
    return 0;
}

/* The header of the last record, now that it is known how long it is. */
static int seal(hec_stream_writer *w, hec_error *err)
{
    static const char zeros[8];

    if (!w->unsealed)
        return 0;
    w->unsealed = false;
    hec__shead_put((unsigned char *)w->pending.data + (w->at - w->end), &w->head, w->seed, w->at);
    if (w->head.size % 8 && hec__strbuf_add(&w->pending, zeros, 8 - w->head.size % 8) < 0)
        return no_memory(err);
    return 0;
}

size_t hec_stream_pending(const hec_stream_writer *w)
{
    return w->pending.len;
}

int hec_stream_flush(hec_stream_writer *w, hec_error *err)
{
    struct stat st;
    int r;

    if (w->failed)
        return hec__fail(err, HEC_EIO, 0, "'%.160s' could not be written", w->path);
    if (!w->pending.len)
        return 0;
    r = seal(w, err);
    if (r < 0)
        return r;
    /* A second writer, against all agreement, would make every place wrong. */
    if (fstat(w->fd, &st) < 0 || (uint64_t)st.st_size != w->end) {
        w->failed = true;
        return hec__fail(err, HEC_EIO, 0, "'%.120s' has changed: another process writes it",
                         w->path);
    }
    r = write_all(w, w->pending.data, w->pending.len, err);
    hec__strbuf_clear(&w->pending);
    return r;
}

/* ---- records ---- */

static int begin_record(hec_stream_writer *w, const hec__shead *head, hec_error *err)
{
    static const char zeros[HEC__SHEAD_SIZE];
    int r = seal(w, err);

    if (r < 0)
        return r;
    w->at = w->end + w->pending.len;
    w->head = *head;
    if (hec__strbuf_add(&w->pending, zeros, sizeof zeros) < 0)
        return no_memory(err);
    w->unsealed = true;
    return 0;
}

static int write_index(hec_stream_writer *w, hec_error *err)
{
    hec__shead head = {
        .kind = HEC__S_INDEX, .size = (uint32_t)(w->n * HEC__SENTRY_SIZE), .prev = w->index_at};
    unsigned char entry[HEC__SENTRY_SIZE];
    int r = w->n ? begin_record(w, &head, err) : 0;

    if (r < 0 || !w->n)
        return r;
    for (size_t i = 0; i < w->n; i++) {
        hec__sentry_put(entry, &w->index[i]);
        if (hec__strbuf_add(&w->pending, entry, sizeof entry) < 0)
            return no_memory(err);
    }
    w->index_at = w->at;
    w->n = 0;
    return hec_stream_flush(w, err);
}

static int add_entry(hec_stream_writer *w, const hec_stream_place *place, hec_error *err)
{
    w->index[w->n++] = *place;
    return w->n == HEC__SINDEX_MAX ? write_index(w, err) : 0;
}

static hec__shead head_of(const hec_stream_task *task, uint8_t kind, int stream)
{
    hec__shead head = {.kind = kind,
                       .stream = (uint8_t)stream,
                       .attempt = task->attempt,
                       .task = task->task,
                       .prev = task->last};

    memcpy(head.key, task->key, sizeof head.key);
    return head;
}

static size_t find_open(const hec_stream_writer *w, const hec_stream_task *task)
{
    size_t i = 0;

    while (i < w->n_open && memcmp(w->open[i].key, task->key, HEC_KEY_SIZE) != 0)
        i++;
    return i;
}

/* A record of a task was begun: where that is goes into the index if the task never ends. */
static int note_open(hec_stream_writer *w, hec_stream_task *task, hec_error *err)
{
    size_t i = find_open(w, task);

    if (i == w->cap_open) {
        size_t cap = w->cap_open ? 2 * w->cap_open : 64;
        hec_stream_place *grown = realloc(w->open, cap * sizeof *grown);

        if (!grown)
            return no_memory(err);
        w->open = grown;
        w->cap_open = cap;
    }
    if (i == w->n_open)
        w->n_open++;
    w->open[i] = (hec_stream_place){.task = task->task, .last = w->at};
    memcpy(w->open[i].key, task->key, HEC_KEY_SIZE);
    task->last = w->at;
    return 0;
}

int hec_stream_append(hec_stream_writer *w, hec_stream_task *task, int stream, const void *bytes,
                      size_t size, hec_error *err)
{
    const char *p = bytes;

    if (stream != 1 && stream != 2)
        return hec__fail(err, HEC_EINVAL, 0, "%d is no stream", stream);
    while (size > 0) {
        size_t n = size;
        int r = 0;

        if (!w->unsealed || w->at != task->last || w->head.stream != stream ||
            w->head.size == RECORD_BYTES) {
            hec__shead head = head_of(task, HEC__S_OUTPUT, stream);

            r = begin_record(w, &head, err);
            if (r == 0)
                r = note_open(w, task, err);
            if (r < 0)
                return r;
        }
        if (n > RECORD_BYTES - w->head.size)
            n = RECORD_BYTES - w->head.size;
        if (hec__strbuf_add(&w->pending, p, n) < 0)
            return no_memory(err);
        w->head.size += (uint32_t)n;
        p += n;
        size -= n;
        if (w->pending.len >= PENDING_BYTES)
            r = hec_stream_flush(w, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int hec_stream_end(hec_stream_writer *w, hec_stream_task *task, hec_error *err)
{
    hec__shead head = head_of(task, HEC__S_END, 0);
    hec_stream_place place = {.task = task->task, .attempt = task->attempt};
    int r = begin_record(w, &head, err);
    size_t i = find_open(w, task);

    if (r < 0)
        return r;
    if (i < w->n_open)
        w->open[i] = w->open[--w->n_open];
    memcpy(place.key, task->key, sizeof place.key);
    place.last = task->last = w->at;
    r = hec_stream_flush(w, err);
    return r < 0 ? r : add_entry(w, &place, err);
}

/* ---- opening and closing ---- */

/* A file appears under its name with its header, or is empty: it is made beside it. */
static int make_file(const char *path, hec_error *err)
{
    unsigned char header[HEC__SFILE_SIZE], id[16];
    struct timespec now;
    HEC_AUTO_STRBUF name;
    HEC_AUTO_FD fd = -1;
    int sys;

    hec__strbuf_init(&name);
    hec__strbuf_addf(&name, "%s.new-XXXXXX", path);
    if (name.failed)
        return no_memory(err);
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        return hec__fail(err, HEC_ESYS, errno, "cannot get random bytes");
    clock_gettime(CLOCK_REALTIME, &now);
    hec__sfile_put(header, id, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    fd = mkostemp(name.data, O_CLOEXEC);
    if (fd < 0)
        return hec__fail(err, errno == ENOENT || errno == ENOTDIR ? HEC_ENOENT : HEC_EIO, errno,
                         "cannot make '%.160s'", path);
    if (write(fd, header, sizeof header) == (ssize_t)sizeof header && rename(name.data, path) == 0)
        return 0;
    sys = errno;
    unlink(name.data);
    return hec__fail(err, HEC_EIO, sys, "cannot make '%.160s'", path);
}

/* What has ended and is in no index, since its writer was killed; or nothing. */
static int take_over(hec_stream_writer *w, const hec_stream *s, hec_error *err)
{
    int r = 0;

    w->seed = s->seed;
    w->end = s->window.end;
    if (s->closed && s->damage == 0 && s->n_open == 0 && s->index_at) {
        w->index_at = s->index_at;
        return 0;
    }
    for (size_t i = 0; r == 0 && i < s->n_ended; i++)
        r = add_entry(w, &s->ended[i], err);
    for (size_t i = 0; r == 0 && i < s->n_open; i++)
        r = add_entry(w, &s->open[i], err);
    return r;
}

/* Reads the file as it is. HEC_ENOENT: there is none, or nothing in it. */
static int read_before(const char *path, hec_stream **ret, hec_error *err)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) < 0)
        return HEC_ENOENT;
    if (S_ISREG(st.st_mode) && st.st_size < (off_t)HEC__SFILE_SIZE)
        return HEC_ENOENT;
    fd = hec__above_stdio(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
    if (fd < 0)
        return hec__fail(err, errno == EACCES || errno == ELOOP ? HEC_EPERM : HEC_EIO, errno,
                         "cannot open '%.160s'", path);
    return hec__stream_open_fd(fd, path, ret, err);
}

int hec_stream_create(const char *path, hec_stream_writer **ret_writer, hec_error *err)
{
    HEC_AUTO(hec_stream_writer) w = calloc(1, sizeof *w);
    hec_stream *before = NULL;
    int r;

    if (!w)
        return no_memory(err);
    w->fd = -1;
    hec__strbuf_init(&w->pending);
    w->path = strdup(path);
    w->index = calloc(HEC__SINDEX_MAX, sizeof *w->index);
    if (!w->path || !w->index)
        return no_memory(err);
    r = read_before(path, &before, err);
    if (r == HEC_ENOENT) {
        r = make_file(path, err);
        if (r == 0)
            r = read_before(path, &before, err);
    }
    if (r < 0)
        return r;
    w->fd = hec__above_stdio(open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    r = w->fd < 0 ? hec__fail(err, errno == EACCES ? HEC_EPERM : HEC_EIO, errno,
                              "cannot write '%.160s'", path)
                  : take_over(w, before, err);
    hec_stream_destroy(before);
    if (r == 0)
        *ret_writer = HEC_STEAL(&w);
    return r;
}

static int finish(hec_stream_writer *w, hec_error *err)
{
    hec__shead head = {.kind = HEC__S_CLOSE};
    int r = w->failed ? hec__fail(err, HEC_EIO, 0, "'%.160s' could not be written", w->path) : 0;

    for (size_t i = 0; r == 0 && i < w->n_open; i++)
        r = add_entry(w, &w->open[i], err);
    if (r == 0)
        r = write_index(w, err);

    head.prev = w->index_at;
    if (r == 0)
        r = begin_record(w, &head, err);
    if (r == 0)
        r = hec_stream_flush(w, err);
    if (r == 0 && fdatasync(w->fd) < 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot bring '%.140s' to disk", w->path);
    return r;
}

int hec_stream_close(hec_stream_writer *w, hec_error *err)
{
    int r = w ? finish(w, err) : 0;

    destroy(w);
    return r;
}
