/* SPDX-License-Identifier: MIT
 *
 * Host lists by recursion: one level for each pair of brackets in a name.
 */
#include "topo/hostlist.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BRACKETS_MAX 8
#define DIGITS_MAX   18

struct expansion {
    hec__arena *arena;
    hec__hosts hosts;
    char name[HEC__HOST_NAME_MAX + 1]; /* the name so far */
};

static int nomem(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "out of memory expanding a host list");
}

static int emit(struct expansion *x, size_t len, hec_error *err)
{
    hec__hosts *h = &x->hosts;
    const char **grown;
    char *copy;

    if (len == 0)
        return hec__fail(err, HEC_EFORMAT, 0, "a host without a name");
    if (h->n == HEC__HOSTS_MAX)
        return hec__fail(err, HEC_EFORMAT, 0, "more than %zu hosts", HEC__HOSTS_MAX);
    grown = hec__arena_grow(x->arena, h->names, h->n, &h->cap, sizeof *h->names);
    copy = hec__arena_copy(x->arena, x->name, len);
    if (!grown || !copy)
        return nomem(err);
    h->names = grown;
    h->names[h->n++] = copy;
    return 0;
}

/* Bytes that may stand in a host's name outside of brackets. Lists are wide open otherwise:
 * sites use dots, dashes and underscores. */
static bool name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

static int expand_rest(struct expansion *x, size_t len, hec__slice rest, int depth, hec_error *err);

/* Each number of "LOW-HIGH" or "LOW" after the name so far, then what follows the bracket. */
static int expand_range(struct expansion *x, size_t len, hec__slice range, hec__slice after,
                        int depth, hec_error *err)
{
    hec__slice low, high = range;
    uint64_t first, last;

    if (!hec__slice_until(&high, '-', &low) || low.n > DIGITS_MAX ||
        !hec__slice_uint(low, UINT64_MAX, &first))
        return hec__fail(err, HEC_EFORMAT, 0, "'%.*s' is not a range", (int)range.n, range.s);
    last = first;
    if (low.n < range.n && (high.n > DIGITS_MAX || !hec__slice_uint(high, UINT64_MAX, &last)))
        return hec__fail(err, HEC_EFORMAT, 0, "'%.*s' is not a range", (int)range.n, range.s);
    if (last < first || last - first >= HEC__HOSTS_MAX)
        return hec__fail(err, HEC_EFORMAT, 0, "'%.*s' is not a range of at most %zu hosts",
                         (int)range.n, range.s, HEC__HOSTS_MAX);
    for (uint64_t i = first; i <= last; i++) {
        int n = snprintf(x->name + len, sizeof x->name - len, "%0*" PRIu64, (int)low.n, i);
        int r;

        if (n < 0 || (size_t)n >= sizeof x->name - len)
            return hec__fail(err, HEC_EFORMAT, 0, "a host's name is too long");
        r = expand_rest(x, len + (size_t)n, after, depth + 1, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* One name from `rest` on, of which the first len bytes are in x->name. */
static int expand_rest(struct expansion *x, size_t len, hec__slice rest, int depth, hec_error *err)
{
    hec__slice inside, range;
    const char *end;

    for (; rest.n && rest.s[0] != '['; rest.s++, rest.n--) {
        if (!name_byte(rest.s[0]))
            return hec__fail(err, HEC_EFORMAT, 0, "'%.*s' is not a host", (int)rest.n, rest.s);
        if (len == HEC__HOST_NAME_MAX)
            return hec__fail(err, HEC_EFORMAT, 0, "a host's name is too long");
        x->name[len++] = rest.s[0];
    }
    if (rest.n == 0)
        return emit(x, len, err);
    end = memchr(rest.s, ']', rest.n);
    if (!end || end == rest.s + 1 || depth == BRACKETS_MAX)
        return hec__fail(err, HEC_EFORMAT, 0, "brackets of '%.*s'", (int)rest.n, rest.s);
    inside = (hec__slice){rest.s + 1, (size_t)(end - rest.s - 1)};
    rest = (hec__slice){end + 1, rest.n - inside.n - 2};
    while (hec__slice_until(&inside, ',', &range)) {
        int r = expand_range(x, len, range, rest, depth, err);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Takes the next name off *list: up to a comma that stands outside of brackets. */
static bool next_name(hec__slice *list, hec__slice *ret)
{
    bool inside = false;
    size_t n;

    if (list->n == 0)
        return false;
    for (n = 0; n < list->n && (inside || list->s[n] != ','); n++)
        if (list->s[n] == '[' || list->s[n] == ']')
            inside = list->s[n] == '[';
    *ret = (hec__slice){list->s, n};
    n += n < list->n;
    *list = (hec__slice){list->s + n, list->n - n};
    return true;
}

int hec__hostlist_expand(const char *list, hec__arena *arena, hec__hosts *ret, hec_error *err)
{
    struct expansion x = {.arena = arena};
    hec__slice rest = hec__slice_of(list), name;

    while (next_name(&rest, &name)) {
        int r = expand_rest(&x, 0, name, 0, err);

        if (r < 0)
            return r;
    }
    *ret = x.hosts;
    return 0;
}

/* "4" or "4(x2)". */
static bool parse_count(hec__slice item, uint64_t *count, uint64_t *times)
{
    hec__slice number;

    if (!hec__slice_until(&item, '(', &number) || !hec__slice_uint(number, INT32_MAX, count) ||
        *count == 0)
        return false;
    *times = 1;
    if (item.n == 0)
        return number.s[number.n] != '(';
    return item.n > 2 && item.s[0] == 'x' && item.s[item.n - 1] == ')' &&
           hec__slice_uint((hec__slice){item.s + 1, item.n - 2}, INT32_MAX, times) && *times > 0;
}

uint64_t hec__counts_next(hec__counts *c)
{
    hec__slice item;

    if (c->left == 0 &&
        (!hec__slice_until(&c->rest, ',', &item) || !parse_count(item, &c->count, &c->left))) {
        *c = (hec__counts){{NULL, 0}, 0, 0};
        return 0;
    }
    c->left--;
    return c->count;
}

bool hec__counts_at(const char *counts, size_t index, uint64_t *ret)
{
    hec__slice rest = hec__slice_of(counts), item;
    uint64_t count, times, found = 0;
    uint64_t place = 0;

    while (hec__slice_until(&rest, ',', &item)) {
        if (!parse_count(item, &count, &times))
            return false;
        if (index >= place && index - place < times)
            found = count;
        place += times;
    }
    if (!found)
        return false;
    *ret = found;
    return true;
}
