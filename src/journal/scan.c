/* SPDX-License-Identifier: MIT */
#include "journal/scan.h"

#include "base/error.h"
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW ((size_t)1 << 20)

int hec__jread(int fd, uint64_t at, void *to, size_t n, hec_error *err)
{
    unsigned char *p = to;

    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hec__fail(err, HEC_EIO, errno, "cannot read a journal at byte %llu",
                             (unsigned long long)at);
        if (got == 0)
            return 0;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 1;
}

int hec__jscan_init(hec__jscan *s, int fd, uint64_t seed, uint64_t offset, hec_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at a journal");
    *s = (hec__jscan){.fd = fd, .seed = seed, .offset = offset, .end = (uint64_t)st.st_size};
    return 0;
}

void hec__jscan_fini(hec__jscan *s)
{
    free(s->window);
    s->window = NULL;
    s->cap = s->len = 0;
}

/* Makes the window hold [at, at + n), which is within the file. 1 and *ret points there; 0: the
 * file has become shorter, and `end` says so. */
static int look(hec__jscan *s, uint64_t at, size_t n, const unsigned char **ret, hec_error *err)
{
    size_t want = n > WINDOW ? n : WINDOW;
    int r;

    if (at >= s->from && at - s->from <= s->len && s->len - (size_t)(at - s->from) >= n) {
        *ret = s->window + (at - s->from);
        return 1;
    }
    if (want > s->cap) {
        unsigned char *window = realloc(s->window, want);

        if (!window)
            return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading a journal");
        s->window = window;
        s->cap = want;
    }
    if (want > s->end - at)
        want = (size_t)(s->end - at);
    s->from = at;
    s->len = 0;
    r = hec__jread(s->fd, at, s->window, want, err);
    if (r == 0)
        s->end = at;
    if (r <= 0)
        return r;
    s->len = want;
    *ret = s->window;
    return 1;
}

/* Whether the data of the record at `at` are what was written: 1, 0, or negative. */
static int check_data(hec__jscan *s, uint64_t at, const hec__jhead *h, hec_error *err)
{
    uint64_t pos = at + hec__jtop_size(h), left = h->size;
    const unsigned char *p;
    hec__hasher hasher;

    if (left <= WINDOW) {
        int r = look(s, pos, (size_t)left, &p, err);

        return r <= 0 ? r : hec__hash64(p, (size_t)left, s->seed) == h->data_check;
    }
    hec__hasher_init(&hasher, s->seed);
    while (left) {
        size_t n = left < WINDOW ? (size_t)left : WINDOW;
        int r = look(s, pos, n, &p, err);

        if (r <= 0)
            return r;
        hec__hasher_add(&hasher, p, n);
        pos += n;
        left -= n;
    }
    return hec__hasher_sum(&hasher) == h->data_check;
}

/* Whether a whole record begins at `at`: 1, 0, or negative. */
static int try_at(hec__jscan *s, uint64_t at, hec_error *err)
{
    const unsigned char *p;
    hec__jhead h;
    int r;

    if (at > s->end || s->end - at < HEC__JHEAD_SIZE)
        return 0;
    r = look(s, at, HEC__JHEAD_SIZE, &p, err);
    if (r <= 0 || !hec__jhead_get(p, s->end - at, &h))
        return r < 0 ? r : 0;
    r = look(s, at, hec__jtop_size(&h), &p, err);
    if (r <= 0 || !hec__jtop_check(p, &h, s->seed))
        return r < 0 ? r : 0;
    r = check_data(s, at, &h, err);
    if (r > 0)
        r = look(s, at, hec__jtop_size(&h), &p, err); /* the data may have moved the window */
    if (r <= 0)
        return r;
    s->at = at;
    s->head = h;
    s->top = p;
    return 1;
}

/* The first place from *at on, at which the first bytes of a record are: 1, 0: there is none. */
static int find_magic(hec__jscan *s, uint64_t *at, hec_error *err)
{
    while (*at < s->end && s->end - *at >= HEC__JHEAD_SIZE) {
        size_t n = s->end - *at < WINDOW ? (size_t)(s->end - *at) : WINDOW;
        const unsigned char *p, *hit;
        int r = look(s, *at, HEC__JHEAD_SIZE, &p, err);

        if (r <= 0)
            return r;
        /* Whatever the window has from here on. */
        if (n > s->len - (size_t)(*at - s->from))
            n = s->len - (size_t)(*at - s->from);
        hit = memmem(p, n, HEC__JMAGIC, HEC__JMAGIC_SIZE);
        if (hit) {
            *at += (uint64_t)(hit - p);
            return 1;
        }
        *at += n - HEC__JMAGIC_SIZE + 1;
    }
    return 0;
}

/* What is passed over ends where a record begins that is whole. Not where the header says: a
 * header whose data were torn off has been followed by records that are within its length. */
int hec__jscan_next(hec__jscan *s, hec_error *err)
{
    uint64_t at = s->offset;
    int r = try_at(s, at, err);

    while (r == 0) {
        at++;
        r = find_magic(s, &at, err);
        if (r <= 0)
            break;
        r = try_at(s, at, err);
    }
    if (r < 0)
        return r;
    s->bad_at = s->offset;
    s->bad_size = (r ? at : s->end > s->offset ? s->end : s->offset) - s->offset;
    if (r)
        s->offset = at + hec__jsize(&s->head);
    return r;
}
