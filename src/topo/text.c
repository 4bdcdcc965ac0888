/* SPDX-License-Identifier: MIT
 *
 * Slices of text; see text.h.
 */
#include "topo/text.h"

#include <string.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static hec__slice trim(hec__slice a)
{
    while (a.n && blank(a.s[0])) {
        a.s++;
        a.n--;
    }
    while (a.n && blank(a.s[a.n - 1]))
        a.n--;
    return a;
}

hec__slice hec__slice_of(const char *s)
{
    return (hec__slice){s, s ? strlen(s) : 0};
}

bool hec__slice_is(hec__slice a, const char *s)
{
    return a.n == strlen(s) && (a.n == 0 || memcmp(a.s, s, a.n) == 0);
}

bool hec__slice_starts(hec__slice a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && (n == 0 || memcmp(a.s, prefix, n) == 0);
}

bool hec__slice_until(hec__slice *rest, char sep, hec__slice *ret)
{
    const char *end;

    if (rest->n == 0)
        return false;
    end = memchr(rest->s, sep, rest->n);
    *ret = (hec__slice){rest->s, end ? (size_t)(end - rest->s) : rest->n};
    if (end) {
        rest->n -= ret->n + 1;
        rest->s = end + 1;
    } else {
        rest->s += rest->n;
        rest->n = 0;
    }
    return true;
}

bool hec__slice_word(hec__slice *rest, hec__slice *ret)
{
    hec__slice a = *rest;
    size_t n = 0;

    while (a.n && blank(a.s[0])) {
        a.s++;
        a.n--;
    }
    while (n < a.n && !blank(a.s[n]))
        n++;
    *rest = (hec__slice){a.s + n, a.n - n};
    if (n == 0)
        return false;
    *ret = (hec__slice){a.s, n};
    return true;
}

bool hec__slice_uint(hec__slice a, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (!a.s)
        return false;
    a = trim(a);
    if (a.n == 0)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        unsigned d = (unsigned)(a.s[i] - '0');

        if (d > 9 || v > (max - d) / 10 || d > max)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

hec__slice hec__text_after(const char *text, const char *label)
{
    hec__slice rest = hec__slice_of(text), line;
    size_t n = strlen(label);

    while (hec__slice_until(&rest, '\n', &line))
        if (hec__slice_starts(line, label))
            return trim((hec__slice){line.s + n, line.n - n});
    return (hec__slice){NULL, 0};
}
