/* SPDX-License-Identifier: MIT */
#include "journal/scan.h"

#include "base/error.h"
#include "base/hash.h"

int hec__jscan_init(hec__jscan *s, int fd, uint64_t seed, uint64_t offset, hec_error *err)
{
    hec__window window;
    int r = hec__window_init(&window, fd, err);

    if (r == 0)
        *s = (hec__jscan){.window = window, .seed = seed, .offset = offset};
    return r;
}

void hec__jscan_fini(hec__jscan *s)
{
    hec__window_fini(&s->window);
}

/* Whether the data of the record at `at` are what was written: 1, 0, or negative. */
static int check_data(hec__jscan *s, uint64_t at, const hec__jhead *h, hec_error *err)
{
    uint64_t pos = at + hec__jtop_size(h), left = h->size;
    const unsigned char *p;
    hec__hasher hasher;

    if (left <= HEC__WINDOW) {
        int r = hec__window_look(&s->window, pos, (size_t)left, &p, err);

        return r <= 0 ? r : hec__hash64(p, (size_t)left, s->seed) == h->data_check;
    }
    hec__hasher_init(&hasher, s->seed);
    while (left) {
        size_t n = left < HEC__WINDOW ? (size_t)left : HEC__WINDOW;
        int r = hec__window_look(&s->window, pos, n, &p, err);

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

    if (at > s->window.end || s->window.end - at < HEC__JHEAD_SIZE)
        return 0;
    r = hec__window_look(&s->window, at, HEC__JHEAD_SIZE, &p, err);
    if (r <= 0 || !hec__jhead_get(p, s->window.end - at, &h))
        return r < 0 ? r : 0;
    r = hec__window_look(&s->window, at, hec__jtop_size(&h), &p, err);
    if (r <= 0 || !hec__jtop_check(p, &h, s->seed))
        return r < 0 ? r : 0;
    r = check_data(s, at, &h, err);
    if (r > 0)
        r = hec__window_look(&s->window, at, hec__jtop_size(&h), &p,
                             err); /* the data may have moved the window */
    if (r <= 0)
        return r;
    s->at = at;
    s->head = h;
    s->top = p;
    return 1;
}

/* What is passed over ends where a record begins that is whole. Not where the header says: a
 * header whose data were torn off has been followed by records that are within its length. */
int hec__jscan_next(hec__jscan *s, hec_error *err)
{
    uint64_t at = s->offset;
    int r = try_at(s, at, err);

    while (r == 0) {
        at++;
        r = hec__window_find(&s->window, &at, HEC__JMAGIC, HEC__JMAGIC_SIZE, HEC__JHEAD_SIZE, err);
        if (r <= 0)
            break;
        r = try_at(s, at, err);
    }
    if (r < 0)
        return r;
    s->bad_at = s->offset;
    s->bad_size = (r ? at : s->window.end > s->offset ? s->window.end : s->offset) - s->offset;
    if (r)
        s->offset = at + hec__jsize(&s->head);
    return r;
}
