/* SPDX-License-Identifier: MIT
 *
 * From the end, where a writer has closed the file: its last record names the last index, that one
 * the one before it. Otherwise, and from there on, record by record, each checked to its last byte:
 * what a crash has left is followed by whatever was appended later.
 */
#include "run/stream.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

HEC_AUTO_DEFINE(hec_stream, hec_stream_destroy)

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading a stream file");
}

/* ---- one record ---- */

/* Reads the header at `at`. 1, 0: no record begins there, or it does not end within the file. */
static int read_head(hec_stream *s, uint64_t at, hec__shead *ret, hec_error *err)
{
    const unsigned char *p;
    int r;

    if (at > s->window.end || s->window.end - at < HEC__SHEAD_SIZE)
        return 0;
    r = hec__window_look(&s->window, at, HEC__SHEAD_SIZE, &p, err);
    if (r <= 0 || !hec__shead_get(p, s->seed, at, ret))
        return r < 0 ? r : 0;
    return hec__ssize(ret) <= s->window.end - at;
}

/* The same, and *ret_data, until something else is read. 0 also: its data are damaged. */
static int read_record(hec_stream *s, uint64_t at, hec__shead *ret, const unsigned char **ret_data,
                       hec_error *err)
{
    const unsigned char *p;
    hec__shead h;
    int r = read_head(s, at, &h, err);

    if (r > 0)
        r = hec__window_look(&s->window, at, (size_t)hec__ssize(&h), &p, err);
    if (r <= 0)
        return r;
    if (!hec__sdata_check(p + HEC__SHEAD_SIZE, &h, s->seed, at))
        return 0;
    *ret = h;
    *ret_data = p + HEC__SHEAD_SIZE;
    return 1;
}

/* ---- what is known ---- */

static int add(hec_stream_place **list, size_t *n, size_t *cap, const hec_stream_place *place,
               hec_error *err)
{
    if (*n == *cap) {
        size_t more = *cap ? 2 * *cap : 64;
        hec_stream_place *grown = realloc(*list, more * sizeof *grown);

        if (!grown)
            return no_memory(err);
        *list = grown;
        *cap = more;
    }
    (*list)[(*n)++] = *place;
    return 0;
}

/* The attempt that a record goes on with, or, where it begins one, that it takes the place of. Few
 * are open at a time: those that run, and those of a writer that was killed. */
static size_t find_open(const hec_stream *s, const hec__shead *h)
{
    size_t i = s->n_open;

    while (i > 0 && !(h->prev ? s->open[i - 1].last == h->prev
                              : memcmp(s->open[i - 1].key, h->key, HEC_KEY_SIZE) == 0))
        i--;
    return i ? i - 1 : s->n_open;
}

static int take_task(hec_stream *s, const hec__shead *h, uint64_t at, hec_error *err)
{
    size_t i = find_open(s, h);
    hec_stream_place place = {.task = h->task, .attempt = h->attempt, .last = at};

    memcpy(place.key, h->key, sizeof place.key);
    if (h->kind == HEC__S_END) {
        place.ended = 1;
        if (i < s->n_open)
            s->open[i] = s->open[--s->n_open];
        return add(&s->ended, &s->n_ended, &s->cap_ended, &place, err);
    }
    if (i == s->n_open)
        return add(&s->open, &s->n_open, &s->cap_open, &place, err);
    s->open[i] = place;
    return 0;
}

static int take_record(hec_stream *s, const hec__shead *h, uint64_t at, hec_error *err)
{
    s->closed = h->kind == HEC__S_CLOSE;
    if (h->kind == HEC__S_INDEX)
        s->index_at = at;
    return h->kind == HEC__S_OUTPUT || h->kind == HEC__S_END ? take_task(s, h, at, err) : 0;
}

/* Everything from s->at to the end of the file. What is no record is passed over where a whole one
 * follows; at the end it may be on its way. 1: there was something. */
static int scan(hec_stream *s, hec_error *err)
{
    bool found = false;

    while (s->at < s->window.end) {
        uint64_t at = s->at;
        const unsigned char *data;
        hec__shead h;
        int r = read_record(s, at, &h, &data, err);

        while (r == 0) {
            at++;
            r = hec__window_find(&s->window, &at, HEC__SMAGIC, HEC__SMAGIC_SIZE, HEC__SHEAD_SIZE,
                                 err);
            if (r <= 0)
                break;
            r = read_record(s, at, &h, &data, err);
        }
        if (r > 0)
            r = take_record(s, &h, at, err) < 0 ? HEC_ENOMEM : 1;
        if (r < 0)
            return r;
        if (r == 0)
            break;
        s->damage += at - s->at;
        s->at = at + hec__ssize(&h);
        found = true;
    }
    return found;
}

/* ---- from the index ---- */

/* One index, before those that are there already. 1 and *ret_prev; 0: it is damaged. */
static int read_index(hec_stream *s, uint64_t at, uint64_t *ret_prev, hec_error *err)
{
    const unsigned char *data;
    hec__shead h;
    int r = read_record(s, at, &h, &data, err);

    if (r <= 0 || h.kind != HEC__S_INDEX)
        return r < 0 ? r : 0;
    /* From the back: the list is turned round when it is whole. */
    for (uint32_t i = h.size / HEC__SENTRY_SIZE; i > 0; i--) {
        hec_stream_place place;

        hec__sentry_get(data + (size_t)(i - 1) * HEC__SENTRY_SIZE, &place);
        if (place.last >= at)
            return 0;
        r = add(&s->ended, &s->n_ended, &s->cap_ended, &place, err);
        if (r < 0)
            return r;
    }
    *ret_prev = h.prev;
    return 1;
}

/* Whether the file ends as its writer has closed it, and has an index that is whole. */
static int use_index(hec_stream *s, hec_error *err)
{
    uint64_t end = s->window.end, at;
    hec__shead h;
    int r =
        end >= HEC__SFILE_SIZE + HEC__SHEAD_SIZE ? read_head(s, end - HEC__SHEAD_SIZE, &h, err) : 0;

    if (r <= 0 || h.kind != HEC__S_CLOSE || h.size)
        return r < 0 ? r : 0;
    for (at = h.prev; r > 0 && at; r = read_index(s, at, &at, err))
        ;
    if (r <= 0) {
        s->n_ended = 0;
        return r;
    }
    for (size_t i = 0; i < s->n_ended / 2; i++) {
        hec_stream_place place = s->ended[i];

        s->ended[i] = s->ended[s->n_ended - 1 - i];
        s->ended[s->n_ended - 1 - i] = place;
    }
    s->index_at = h.prev;
    s->closed = true;
    s->at = end;
    return 1;
}

/* ---- opening ---- */

static int begin(hec_stream *s, hec_error *err)
{
    unsigned char header[HEC__SFILE_SIZE];
    int r = hec__read_at(s->window.fd, 0, header, sizeof header, err);

    if (r == 0)
        r = hec__fail(err, HEC_EFORMAT, 0, "it is too short for a stream file");
    if (r > 0)
        r = hec__sfile_get(header, &s->seed, err);
    if (r < 0)
        return r;
    s->at = HEC__SFILE_SIZE;
    r = use_index(s, err);
    if (r == 0)
        r = scan(s, err);
    return r < 0 ? r : 0;
}

int hec__stream_open_fd(int fd, const char *path, hec_stream **ret_stream, hec_error *err)
{
    HEC_AUTO(hec_stream) s = calloc(1, sizeof *s);
    int r;

    if (!s) {
        close(fd);
        return no_memory(err);
    }
    s->window.fd = fd;
    s->path = strdup(path);
    r = s->path ? hec__window_init(&s->window, fd, err) : no_memory(err);
    if (r == 0)
        r = begin(s, err);
    if (r < 0)
        return hec__fail_in(err, r, "'%.120s'", path);
    *ret_stream = HEC_STEAL(&s);
    return 0;
}

int hec_stream_open(const char *path, hec_stream **ret_stream, hec_error *err)
{
    /* Without O_NONBLOCK a pipe of that name would be waited at. */
    HEC_AUTO_FD fd = hec__above_stdio(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat st;
    int given;

    if (fd < 0)
        return hec__fail(err,
                         errno == ENOENT || errno == ENOTDIR ? HEC_ENOENT
                         : errno == EACCES                   ? HEC_EPERM
                                                             : HEC_EIO,
                         errno, "cannot open '%.160s'", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return hec__fail(err, HEC_EFORMAT, 0, "'%.160s' is no regular file", path);
    given = fd;
    fd = -1;
    return hec__stream_open_fd(given, path, ret_stream, err);
}

void hec_stream_destroy(hec_stream *s)
{
    if (!s)
        return;
    close(s->window.fd);
    hec__window_fini(&s->window);
    free(s->ended);
    free(s->open);
    free(s->path);
    free(s);
}

int hec_stream_refresh(hec_stream *s, hec_error *err)
{
    struct stat st;

    if (fstat(s->window.fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at '%.160s'", s->path);
    if ((uint64_t)st.st_size <= s->window.end)
        return 0;
    s->window.end = (uint64_t)st.st_size;
    s->window.len = 0; /* its last bytes may have been on their way */
    return scan(s, err);
}

/* ---- finding ---- */

uint64_t hec_stream_count(const hec_stream *s)
{
    return s->n_ended + s->n_open;
}

/* What an index does not say is in the record. */
static void complete(hec_stream *s, hec_stream_place *place)
{
    hec__shead h;

    if (place->attempt || read_head(s, place->last, &h, NULL) <= 0)
        return;
    place->attempt = h.attempt;
    place->ended = h.kind == HEC__S_END;
}

int hec_stream_at(hec_stream *s, uint64_t i, hec_stream_place *ret_place)
{
    if (i >= hec_stream_count(s))
        return HEC_EINVAL;
    *ret_place = i < s->n_ended ? s->ended[i] : s->open[i - s->n_ended];
    complete(s, ret_place);
    return 0;
}

static bool is_it(const hec_stream_place *p, uint64_t task, const unsigned char *key)
{
    return key ? memcmp(p->key, key, HEC_KEY_SIZE) == 0 : p->task == task;
}

/* The latest. */
static int find(hec_stream *s, uint64_t task, const unsigned char *key, hec_stream_place *ret)
{
    const hec_stream_place *best = NULL;

    for (size_t i = s->n_ended; !best && i > 0; i--)
        if (is_it(&s->ended[i - 1], task, key))
            best = &s->ended[i - 1];
    for (size_t i = 0; i < s->n_open; i++)
        if (is_it(&s->open[i], task, key) && (!best || s->open[i].last > best->last))
            best = &s->open[i];
    if (!best)
        return 0;
    *ret = *best;
    complete(s, ret);
    return 1;
}

int hec_stream_find(hec_stream *s, uint64_t task, hec_stream_place *ret_place)
{
    return find(s, task, NULL, ret_place);
}

int hec_stream_find_key(hec_stream *s, const unsigned char key[HEC_KEY_SIZE],
                        hec_stream_place *ret_place)
{
    return find(s, 0, key, ret_place);
}

uint64_t hec_stream_damage(const hec_stream *s)
{
    return s->damage + (s->window.end - s->at);
}

/* ---- reading ---- */

/* Where the records of an attempt are, the last first. */
typedef struct chain {
    uint64_t *at;
    size_t n, cap;
} chain;

static void free_chain(chain *c)
{
    free(c->at);
}

static int chain_add(chain *c, uint64_t at, hec_error *err)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        uint64_t *grown = realloc(c->at, cap * sizeof *grown);

        if (!grown)
            return no_memory(err);
        c->at = grown;
        c->cap = cap;
    }
    c->at[c->n++] = at;
    return 0;
}

static int fail_damage(const hec_stream *s, uint64_t at, hec_error *err)
{
    return hec__fail(err, HEC_EFORMAT, 0,
                     "'%.120s' is damaged at byte %llu: a part of this output is lost", s->path,
                     (unsigned long long)at);
}

/* Goes back from the last record. HEC_EFORMAT: one on the way is damaged; those behind it are in
 * the chain. */
static int follow(hec_stream *s, const hec_stream_place *place, uint64_t after, chain *c,
                  hec_error *err)
{
    uint64_t at = place->last;

    while (at > after) {
        hec__shead h;
        int r = read_head(s, at, &h, err);

        if (r == 0 || (r > 0 && memcmp(h.key, place->key, HEC_KEY_SIZE) != 0))
            return fail_damage(s, at, err);
        if (r > 0 && h.kind == HEC__S_OUTPUT)
            r = chain_add(c, at, err);
        if (r < 0)
            return r;
        at = h.prev;
    }
    return 0;
}

int hec_stream_read(hec_stream *s, const hec_stream_place *place, int stream, uint64_t after,
                    hec_stream_sink *sink, void *ctx, hec_error *err)
{
    __attribute__((cleanup(free_chain))) chain c = {0};
    int result = follow(s, place, after, &c, err);

    if (result < 0 && result != HEC_EFORMAT)
        return result;
    while (c.n > 0) {
        uint64_t at = c.at[--c.n];
        const unsigned char *data;
        hec__shead h;
        int r = read_record(s, at, &h, &data, err);

        if (r < 0)
            return r;
        if (r == 0)
            result = fail_damage(s, at, err);
        else if ((!stream || h.stream == stream) && sink(ctx, h.stream, data, h.size) < 0)
            return hec__fail(err, HEC_ECALLBACK, 0, "the output was not taken");
    }
    return result;
}
