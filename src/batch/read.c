/* SPDX-License-Identifier: MIT */
#include "batch/read.h"

#include <math.h>
#include <string.h>
#include <time.h>

bool hec__read_line(hec__slice *rest, hec__slice *ret)
{
    if (!hec__slice_until(rest, '\n', ret))
        return false;
    if (ret->n && ret->s[ret->n - 1] == '\r')
        ret->n--;
    return true;
}

bool hec__read_field(hec__slice *rest, char sep, hec__slice *ret)
{
    const char *end;

    if (!rest->s)
        return false;
    end = rest->n ? memchr(rest->s, sep, rest->n) : NULL;
    *ret = *rest;
    if (end) {
        ret->n = (size_t)(end - rest->s);
        rest->n -= ret->n + 1;
        rest->s = end + 1;
    } else {
        *rest = (hec__slice){NULL, 0};
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

hec__slice hec__read_trim(hec__slice s)
{
    while (s.n && is_blank(s.s[0])) {
        s.s++;
        s.n--;
    }
    while (s.n && is_blank(s.s[s.n - 1]))
        s.n--;
    return s;
}

bool hec__read_has(hec__slice s, const char *text)
{
    return s.n && memmem(s.s, s.n, text, strlen(text));
}

/* ---- numbers ---- */

int64_t hec__read_number(hec__slice s)
{
    uint64_t v;

    return hec__slice_uint(s, INT64_MAX, &v) ? (int64_t)v : -1;
}

/* Digits, and a fraction where there is one; how many bytes they take, 0: no number. */
static size_t real_number(hec__slice s, double *ret)
{
    double v = 0, unit = 1;
    size_t i = 0;

    for (; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++)
        v = v * 10 + (s.s[i] - '0');
    if (i && i < s.n && s.s[i] == '.')
        for (i++; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++)
            v += (s.s[i] - '0') * (unit /= 10);
    *ret = v;
    return v < 1e18 ? i : 0;
}

/* A number of n digits at s; -1 where they are none. */
static int digits(const char *s, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

int64_t hec__read_time(hec__slice s)
{
    struct tm tm = {.tm_isdst = -1};
    int64_t v = hec__read_number(s);
    time_t t;

    if (v >= 0)
        return v;
    if (s.n != 19 || s.s[4] != '-' || s.s[7] != '-' || s.s[13] != ':' || s.s[16] != ':')
        return 0;
    tm.tm_year = digits(s.s, 4) - 1900;
    tm.tm_mon = digits(s.s + 5, 2) - 1;
    tm.tm_mday = digits(s.s + 8, 2);
    tm.tm_hour = digits(s.s + 11, 2);
    tm.tm_min = digits(s.s + 14, 2);
    tm.tm_sec = digits(s.s + 17, 2);
    if (tm.tm_year < 0 || tm.tm_mon < 0 || tm.tm_mday < 0 || tm.tm_hour < 0 || tm.tm_min < 0 ||
        tm.tm_sec < 0)
        return 0;
    t = mktime(&tm);
    return t > 0 ? (int64_t)t : 0;
}

uint64_t hec__read_bytes(hec__slice s, uint64_t unit)
{
    static const char units[] = "BKMGTP";
    const char *found;
    double v;
    size_t n;

    s = hec__read_trim(s);
    n = real_number(s, &v);
    if (!n)
        return 0;
    while (n < s.n && is_blank(s.s[n]))
        n++;
    if (n < s.n) {
        found = strchr(units, s.s[n] & ~0x20);
        if (!found || !*found)
            return 0;
        unit = (uint64_t)1 << (10 * (found - units));
    }
    v *= (double)unit;
    return v < 1e18 ? (uint64_t)v : 0;
}

double hec__read_seconds(hec__slice s)
{
    double days = 0, total = 0, v;
    int parts = 0;

    s = hec__read_trim(s);
    for (;;) {
        size_t n = real_number(s, &v);

        if (!n)
            return -1;
        s.s += n;
        s.n -= n;
        if (s.n && *s.s == '-' && parts == 0 && days == 0) {
            days = v;
        } else {
            total = total * 60 + v;
            if (++parts > 3 || (s.n && *s.s != ':'))
                return -1;
        }
        if (!s.n)
            break;
        s.s++;
        s.n--;
    }
    total += days * 86400;
    return total < 1e15 ? total : -1;
}
