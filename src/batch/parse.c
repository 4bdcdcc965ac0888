/* SPDX-License-Identifier: MIT */
#include "batch/parse.h"

#include "base/error.h"
#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define TIME_MAX     ((uint64_t)366 * 86400)
#define MEMORY_MIN   ((uint64_t)1 << 20)
#define MEMORY_MAX   ((uint64_t)1 << 50)
#define INDEX_MAX    2000000000u
#define ELEMENTS_MAX 10000000u
#define WORD_MAX     200

/* Digits at *p as a number up to `max`; false, and *p as it was, where there are none or more. */
static bool digits(const char **p, uint32_t max, uint32_t *ret)
{
    const char *q = *p;
    uint64_t v = 0;

    for (; isdigit((unsigned char)*q); q++) {
        v = v * 10 + (uint64_t)(*q - '0');
        if (v > max)
            return false;
    }
    if (q == *p)
        return false;
    *p = q;
    *ret = (uint32_t)v;
    return true;
}

int hec__batch_number(const char *s, uint32_t min, uint32_t max, uint32_t *ret, hec_error *err)
{
    const char *p = s;
    uint32_t v;

    if (!digits(&p, max, &v) || *p || v < min)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' is not a whole number from %" PRIu32 " to %" PRIu32, s, min, max);
    *ret = v;
    return 0;
}

int hec__batch_memory(const char *s, uint64_t *ret_bytes, hec_error *err)
{
    uint64_t bytes;
    int r = hec__parse_bytes(s, &bytes, err);

    if (r < 0) {
        if (err)
            err->code = HEC_EINVAL;
        return HEC_EINVAL;
    }
    if (bytes < MEMORY_MIN)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' is less than 1M: a number without a letter is bytes; write 500M "
                         "or 16G",
                         s);
    if (bytes > MEMORY_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is more than 1024T", s);
    *ret_bytes = bytes;
    return 0;
}

int hec__batch_time(const char *s, uint64_t *ret_seconds, hec_error *err)
{
    uint64_t seconds;

    if (*s && strspn(s, "0123456789") == strlen(s))
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' has no unit, and schedulers differ in which they take; write "
                         "90s, 90m or 2h",
                         s);
    if (hec__parse_seconds(s, &seconds, err) < 0) {
        if (err)
            err->code = HEC_EINVAL;
        return HEC_EINVAL;
    }
    if (seconds == 0 || seconds > TIME_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not between a second and 366 days", s);
    *ret_seconds = seconds;
    return 0;
}

int hec__batch_word(const char *s, hec_error *err)
{
    size_t n = strlen(s);

    if (n == 0)
        return hec__fail(err, HEC_EINVAL, 0, "it is empty");
    if (n > WORD_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "'%.40s...' has more than %d characters", s, WORD_MAX);
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._+-", *p))
            return hec__fail(err, HEC_EINVAL, 0,
                             "'%.60s' is no name: letters, digits and . _ + - may be in one", s);
    if (*s == '-')
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is no name: it begins with a dash", s);
    return 0;
}

int hec__batch_line(const char *s, hec_error *err)
{
    if (!*s)
        return hec__fail(err, HEC_EINVAL, 0, "it is empty");
    if (strlen(s) > 1000)
        return hec__fail(err, HEC_EINVAL, 0, "'%.40s...' has more than 1000 characters", s);
    for (const char *p = s; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < 0x20 || c == 0x7f)
            return hec__fail(err, HEC_EINVAL, 0,
                             "it has a character that cannot be printed (byte %d): a directive is "
                             "one line",
                             c);
        if (strchr("\"'\\`$", *p))
            return hec__fail(err, HEC_EINVAL, 0,
                             "'%.60s' has a %c in it, which no directive can carry", s, *p);
    }
    return 0;
}

/* ---- arrays ---- */

static int bad_array(const char *s, hec_error *err)
{
    return hec__fail(err, HEC_EINVAL, 0,
                     "'%.60s' is no array: write 1-100, 0-98:2 or 1,5,7-9, and %%N behind it to "
                     "run at most N at a time",
                     s);
}

/* One range at *p. */
static bool range(const char **p, hec__range *ret)
{
    hec__range r = {.step = 1};

    if (!digits(p, INDEX_MAX, &r.first))
        return false;
    r.last = r.first;
    if (**p == '-') {
        ++*p;
        if (!digits(p, INDEX_MAX, &r.last))
            return false;
        if (**p == ':') {
            ++*p;
            if (!digits(p, INDEX_MAX, &r.step) || r.step == 0)
                return false;
        }
    }
    if (r.last < r.first)
        return false;
    r.last -= (r.last - r.first) % r.step;
    *ret = r;
    return true;
}

int hec__batch_array(const char *s, hec__arena *arena, hec__range **ret_ranges, size_t *ret_n,
                     uint32_t *ret_throttle, hec_error *err)
{
    hec__range *all = NULL, *grown;
    size_t n = 0, cap = 0;
    uint64_t elements = 0;
    uint32_t throttle = 0;
    const char *p = s;

    do {
        grown = hec__arena_grow(arena, all, n, &cap, sizeof *all);
        if (!grown)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for an array");
        all = grown;
        if (!range(&p, &all[n]))
            return bad_array(s, err);
        if (n && all[n].first <= all[n - 1].last)
            return hec__fail(err, HEC_EINVAL, 0,
                             "'%.60s' does not ascend: %" PRIu32 " comes after %" PRIu32, s,
                             all[n].first, all[n - 1].last);
        elements += (all[n].last - all[n].first) / all[n].step + 1;
        n++;
    } while (*p == ',' && p++);
    if (*p == '%') {
        p++;
        if (!digits(&p, INDEX_MAX, &throttle) || throttle == 0)
            return bad_array(s, err);
    }
    if (*p)
        return bad_array(s, err);
    if (elements > ELEMENTS_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' has %" PRIu64 " elements, more than %u", s,
                         elements, ELEMENTS_MAX);
    *ret_ranges = all;
    *ret_n = n;
    *ret_throttle = throttle;
    return 0;
}

/* ---- WHAT:REST ---- */

int hec__batch_after(const char *s, enum hec__after *ret_how, const char **ret_job, hec_error *err)
{
    static const char *const hows[] = {"ok", "failed", "any"};
    const char *colon = strchr(s, ':'), *job = colon ? colon + 1 : s;
    enum hec__after how = HEC__AFTER_OK;
    size_t i = 0;

    while (colon && i < 3 &&
           (strlen(hows[i]) != (size_t)(colon - s) || strncmp(s, hows[i], strlen(hows[i])) != 0))
        i++;
    if (i == 3)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' does not begin with ok:, failed: or any:", s);
    how = (enum hec__after)i;
    for (const char *p = job; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-[]", *p))
            return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not the id of a job", job);
    if (!*job || *job == '-')
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' names no job; write 1234 or any:1234", s);
    *ret_how = how;
    *ret_job = job;
    return 0;
}

int hec__batch_mail(const char *s, unsigned *ret_on, const char **ret_to, hec_error *err)
{
    static const struct {
        const char *name;
        unsigned bit;
    } events[] = {{"begin", HEC__MAIL_BEGIN}, {"end", HEC__MAIL_END}, {"fail", HEC__MAIL_FAIL}};
    const char *colon = strchr(s, ':'), *to = colon ? colon + 1 : s;
    unsigned on = colon ? 0 : HEC__MAIL_END | HEC__MAIL_FAIL;

    for (const char *p = s; colon && p <= colon; p += strcspn(p, ",:") + 1) {
        size_t n = strcspn(p, ",:"), i = 0;

        while (i < 3 && (strlen(events[i].name) != n || strncmp(p, events[i].name, n) != 0))
            i++;
        if (i == 3)
            return hec__fail(err, HEC_EINVAL, 0,
                             "'%.60s' does not begin with begin, end or fail and a colon", s);
        on |= events[i].bit;
    }
    for (const char *p = to; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._+-@=%", *p))
            return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is no mail address", to);
    if (!*to || *to == '-')
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' has no address; write me@example.org or begin,end:me@example.org",
                         s);
    *ret_on = on;
    *ret_to = to;
    return 0;
}

int hec__batch_warn(const char *s, const char **ret_signal, uint64_t *ret_seconds, hec_error *err)
{
    /* Not INT and QUIT: a shell starts its background commands with these ignored. */
    static const char *const signals[] = {"TERM", "HUP", "USR1", "USR2"};
    const char *at = strchr(s, '@'), *name = s;
    size_t i = 0;
    int r;

    if (strcmp(s, "none") == 0) {
        *ret_seconds = 0;
        return 0;
    }
    if (at && strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    while (at && i < 4 &&
           (strlen(signals[i]) != (size_t)(at - name) ||
            strncasecmp(name, signals[i], (size_t)(at - name)) != 0))
        i++;
    if (i == 4)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' names no signal to send: TERM, HUP, USR1 and USR2 can be", s);
    r = hec__batch_time(at ? at + 1 : s, ret_seconds, err);
    if (r == 0)
        *ret_signal = signals[i];
    return r;
}
