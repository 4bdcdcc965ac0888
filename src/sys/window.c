/* SPDX-License-Identifier: MIT */
#include "sys/window.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int hec__read_at(int fd, uint64_t at, void *to, size_t n, hec_error *err)
{
    unsigned char *p = to;

    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hec__fail(err, HEC_EIO, errno, "cannot read at byte %llu",
                             (unsigned long long)at);
        if (got == 0)
            return 0;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 1;
}

int hec__window_init(hec__window *w, int fd, hec_error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at a file");
    *w = (hec__window){.fd = fd, .end = (uint64_t)st.st_size};
    return 0;
}

void hec__window_fini(hec__window *w)
{
    free(w->bytes);
    w->bytes = NULL;
    w->cap = w->len = 0;
}

int hec__window_look(hec__window *w, uint64_t at, size_t n, const unsigned char **ret,
                     hec_error *err)
{
    size_t want = n > HEC__WINDOW ? n : HEC__WINDOW;
    int r;

    if (at >= w->from && at - w->from <= w->len && w->len - (size_t)(at - w->from) >= n) {
        *ret = w->bytes + (at - w->from);
        return 1;
    }
    if (want > w->cap) {
        unsigned char *bytes = realloc(w->bytes, want);

        if (!bytes)
            return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading a file");
        w->bytes = bytes;
        w->cap = want;
    }
    if (want > w->end - at)
        want = (size_t)(w->end - at);
    w->from = at;
    w->len = 0;
    r = hec__read_at(w->fd, at, w->bytes, want, err);
    if (r == 0)
        w->end = at;
    if (r <= 0)
        return r;
    w->len = want;
    *ret = w->bytes;
    return 1;
}

int hec__window_find(hec__window *w, uint64_t *at, const char *bytes, size_t n, size_t least,
                     hec_error *err)
{
    while (*at < w->end && w->end - *at >= least) {
        size_t have = w->end - *at < HEC__WINDOW ? (size_t)(w->end - *at) : HEC__WINDOW;
        const unsigned char *p, *hit;
        int r = hec__window_look(w, *at, least, &p, err);

        if (r <= 0)
            return r;
        /* Whatever the window has from here on. */
        if (have > w->len - (size_t)(*at - w->from))
            have = w->len - (size_t)(*at - w->from);
        hit = memmem(p, have, bytes, n);
        if (hit) {
            *at += (uint64_t)(hit - p);
            return 1;
        }
        *at += have - n + 1;
    }
    return 0;
}
