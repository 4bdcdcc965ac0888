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

size_t hec__last_number(const char *text, char behind, const char **ret)
{
    hec__slice rest = hec__slice_of(text), line;
    size_t found = 0;

    while (hec__read_line(&rest, &line)) {
        size_t n = strspn(line.s, "0123456789");

        if (n && n <= line.n && (n == line.n || line.s[n] == behind)) {
            *ret = line.s;
            found = n;
        }
    }
    return found;
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

bool hec__read_signed(hec__slice s, int32_t *ret)
{
    bool negative;
    uint64_t v;

    s = hec__read_trim(s);
    negative = s.n && *s.s == '-';
    if (negative) {
        s.s++;
        s.n--;
    }
    if (!s.n || *s.s < '0' || *s.s > '9' || !hec__slice_uint(s, INT32_MAX, &v))
        return false;
    *ret = negative ? -(int32_t)v : (int32_t)v;
    return true;
}

/* ---- times ---- */

/* January is 0; -1: none of them. */
static int month(const char *s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(names + (size_t)i * 3, s, 3) == 0)
            return i;
    return -1;
}

/* "HH:MM:SS" at s. */
static void set_clock(struct tm *tm, const char *s)
{
    tm->tm_hour = s[2] == ':' ? digits(s, 2) : -1;
    tm->tm_min = s[5] == ':' ? digits(s + 3, 2) : -1;
    tm->tm_sec = digits(s + 6, 2);
}

static int64_t seconds_of(struct tm *tm)
{
    time_t t;

    if (tm->tm_year < 0 || tm->tm_mon < 0 || tm->tm_mday < 1 || tm->tm_hour < 0 || tm->tm_min < 0 ||
        tm->tm_sec < 0)
        return 0;
    tm->tm_isdst = -1;
    t = mktime(tm);
    return t > 0 ? (int64_t)t : 0;
}

/* A day of the month, with a blank or a zero in front. */
static int day(const char *s)
{
    return s[0] == ' ' ? digits(s + 1, 1) : digits(s, 2);
}

int64_t hec__read_time(hec__slice s)
{
    struct tm tm = {.tm_year = -1};
    int64_t v;

    s = hec__read_trim(s);
    v = hec__read_number(s);
    if (v >= 0)
        return v;
    if (s.n == 19 && s.s[4] == '-' && s.s[7] == '-') {
        tm.tm_year = digits(s.s, 4) - 1900;
        tm.tm_mon = digits(s.s + 5, 2) - 1;
        tm.tm_mday = digits(s.s + 8, 2);
        set_clock(&tm, s.s + 11);
    } else if (s.n == 24 && s.s[3] == ' ' && s.s[19] == ' ') {
        tm.tm_year = digits(s.s + 20, 4) - 1900;
        tm.tm_mon = month(s.s + 4);
        tm.tm_mday = day(s.s + 8);
        set_clock(&tm, s.s + 11);
    } else if (s.n >= 19 && s.s[2] == '/' && s.s[5] == '/') {
        tm.tm_year = digits(s.s + 6, 4) - 1900;
        tm.tm_mon = digits(s.s, 2) - 1;
        tm.tm_mday = digits(s.s + 3, 2);
        set_clock(&tm, s.s + 11);
    }
    return seconds_of(&tm);
}

int64_t hec__read_recent(hec__slice s, int64_t now)
{
    time_t t = (time_t)now;
    struct tm today, tm;
    int64_t found = 0;

    s = hec__read_trim(s);
    if (s.n < 12 || s.s[3] != ' ' || !localtime_r(&t, &today))
        return 0;
    for (int back = 0; back < 2; back++) {
        char clock[9];

        memcpy(clock, s.s + 7, 5);
        memcpy(clock + 5, ":00", 4);
        tm = (struct tm){.tm_year = today.tm_year - back, .tm_mon = month(s.s)};
        tm.tm_mday = day(s.s + 4);
        set_clock(&tm, clock);
        found = seconds_of(&tm);
        if (found <= now + 86400)
            return found;
    }
    return found;
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
    if (s.n && s.s[s.n - 1] == 's')
        s.n--;
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
