/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include "base/error.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char unit_letters[] = "KMGTP";

static int bad_size(hec_error *err, const char *s)
{
    return hec__fail(err, HEC_EFORMAT, 0, "'%.60s' is not a size; write 512, 100M or 1.5G", s);
}

int hec__parse_bytes(const char *s, uint64_t *ret_bytes, hec_error *err)
{
    const char *p = s;
    double value = 0, place = 1;
    bool digits = false;

    for (; isdigit((unsigned char)*p); p++, digits = true)
        value = value * 10 + (*p - '0');
    if (*p == '.')
        for (p++; isdigit((unsigned char)*p); p++, digits = true)
            value += (*p - '0') * (place /= 10);
    if (!digits)
        return bad_size(err, s);
    while (*p == ' ')
        p++;
    if (*p && *p != 'B' && *p != 'b') {
        const char *u = strchr(unit_letters, toupper((unsigned char)*p));

        if (!u)
            return bad_size(err, s);
        for (; u >= unit_letters; u--)
            value *= 1024;
        p++;
        if (*p == 'i')
            p++;
    }
    if (*p == 'B' || *p == 'b')
        p++;
    if (*p || value >= 18446744073709551615.0)
        return bad_size(err, s);
    *ret_bytes = (uint64_t)value;
    return 0;
}

static int bad_duration(hec_error *err, const char *s)
{
    return hec__fail(err, HEC_EFORMAT, 0,
                     "'%.60s' is not a duration; write 90s, 15m, 1h30m or HH:MM:SS", s);
}

/* Reads digits at *p; false where there are none or too many. */
static bool number(const char **p, uint64_t *ret)
{
    uint64_t v = 0;
    const char *q = *p;

    for (; isdigit((unsigned char)*q); q++) {
        if (q - *p >= 12)
            return false;
        v = v * 10 + (uint64_t)(*q - '0');
    }
    if (q == *p)
        return false;
    *p = q;
    *ret = v;
    return true;
}

/* [D-]HH:MM:SS and MM:SS: each colon makes what came before sixty times as much. */
static bool clock_form(const char *s, uint64_t *ret)
{
    uint64_t days = 0, v, total;
    const char *p = s;

    if (!number(&p, &v))
        return false;
    if (*p == '-') {
        days = v;
        p++;
        if (!number(&p, &v))
            return false;
        if (!*p) { /* Slurm writes D-HH */
            *ret = days * 86400 + v * 3600;
            return true;
        }
    }
    total = v;
    for (int colons = 0; *p == ':'; colons++) {
        p++;
        if (colons == 2 || !number(&p, &v) || v > 59)
            return false;
        total = total * 60 + v;
    }
    *ret = days * 86400 + total;
    return *p == '\0';
}

int hec__parse_seconds(const char *s, uint64_t *ret_seconds, hec_error *err)
{
    static const struct {
        char letter;
        uint32_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    uint64_t total = 0, v;
    const char *p = s;
    size_t u = 0;

    if (strpbrk(s, ":-")) {
        if (!clock_form(s, &total))
            return bad_duration(err, s);
        *ret_seconds = total;
        return 0;
    }
    if (!*p)
        return bad_duration(err, s);
    while (*p) {
        if (!number(&p, &v))
            return bad_duration(err, s);
        if (!*p && u == 0) { /* a bare number is seconds */
            total = v;
            break;
        }
        while (u < 4 && units[u].letter != *p)
            u++;
        if (u == 4)
            return bad_duration(err, s);
        total += v * units[u++].seconds;
        p++;
    }
    *ret_seconds = total;
    return 0;
}

char *hec__format_bytes(uint64_t bytes, char *buf, size_t size)
{
    double v = (double)bytes;
    int u = -1;

    for (; v >= 1024 && unit_letters[u + 1]; u++)
        v /= 1024;
    if (u < 0)
        snprintf(buf, size, "%" PRIu64 " B", bytes);
    else
        snprintf(buf, size, "%.*f %ciB", v < 10 ? 1 : 0, v, unit_letters[u]);
    return buf;
}

char *hec__format_seconds(uint64_t s, char *buf, size_t size)
{
    if (s >= 86400)
        snprintf(buf, size, "%" PRIu64 "d %02" PRIu64 "h", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        snprintf(buf, size, "%" PRIu64 "h %02" PRIu64 "m", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        snprintf(buf, size, "%" PRIu64 "m %02" PRIu64 "s", s / 60, s % 60);
    else
        snprintf(buf, size, "%" PRIu64 "s", s);
    return buf;
}
