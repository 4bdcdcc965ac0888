/* SPDX-License-Identifier: MIT */
#include "map_options.h"

#include "base/error.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 4096u

int map_parse_count(const char *s, uint32_t max, uint32_t *ret, hec_error *err)
{
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(s, &end, 10);
    if (!isdigit((unsigned char)*s) || *end || errno || n > max)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not a whole number from 0 to %u", s, max);
    *ret = (uint32_t)n;
    return 0;
}

int map_parse_jobs(const char *s, uint32_t cpus, uint32_t *ret, hec_error *err)
{
    char *end;
    double n = strtod(s, &end);
    bool is_share = *end == '%' && !end[1];

    if (end == s || (*end && !is_share) || !(n > -1e6 && n < 1e6) || n == 0)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' does not say how many at a time; write 4, -1, +2 or 50%%", s);
    if (is_share)
        n = cpus * n / 100;
    else if (*s == '+' || *s == '-')
        n = cpus + n;
    *ret = n < 1 ? 1 : n > WIDTH_MAX ? WIDTH_MAX : (uint32_t)n;
    return 0;
}

int map_parse_duration(const char *s, bool zero, uint64_t *ret_ns, hec_error *err)
{
    uint64_t seconds, ns;
    char *end;

    if (s[strspn(s, "0123456789.")] == '\0' && strchr(s, '.')) {
        double v = strtod(s, &end);

        if (end == s || *end || v > 1e9)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.60s' is not a duration; write 0.5, 90s, 15m",
                             s);
        ns = (uint64_t)(v * 1e9);
    } else {
        int r = hec__parse_seconds(s, &seconds, err);

        if (r < 0)
            return r;
        ns = seconds * 1000000000u;
    }
    if (ns == 0 && !zero)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is no time at all", s);
    *ret_ns = ns;
    return 0;
}

int map_parse_memory(const char *s, uint64_t *ret_bytes, hec_error *err)
{
    uint64_t bytes;
    int r = hec__parse_bytes(s, &bytes, err);

    if (r < 0)
        return r;
    if (bytes < (1u << 20))
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' is less than any program takes; write 500M or 2G", s);
    *ret_bytes = bytes;
    return 0;
}

int map_parse_factor(const char *s, double *ret, hec_error *err)
{
    char *end;
    double v = strtod(s, &end);

    if (end == s || *end || !(v > 1 && v <= 1024))
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not a factor over 1, as 2 or 1.5", s);
    *ret = v;
    return 0;
}

int map_parse_halt(const char *s, map_halt *ret, hec_error *err)
{
    static const struct {
        const char *text;
        int why;
    } whys[] = {{"fail=", HALT_FAIL}, {"success=", HALT_SUCCESS}, {"done=", HALT_DONE}};
    map_halt h = {.count = 1};
    const char *p = s;
    char *end;

    if (strcmp(s, "never") == 0 || strcmp(s, "0") == 0) {
        *ret = h;
        return 0;
    }
    if (strcmp(s, "1") == 0 || strcmp(s, "2") == 0)
        p = *s == '1' ? "soon,fail=1" : "now,fail=1";
    h.now = strncmp(p, "now,", 4) == 0;
    if (h.now || strncmp(p, "soon,", 5) == 0)
        p = strchr(p, ',') + 1;
    for (size_t i = 0; i < sizeof whys / sizeof *whys && h.why == HALT_NEVER; i++)
        if (strncmp(p, whys[i].text, strlen(whys[i].text)) == 0) {
            h.why = whys[i].why;
            p += strlen(whys[i].text);
        }
    h.count = strtod(p, &end);
    h.share = *end == '%';
    if (h.why == HALT_NEVER || end == p || end[h.share] || !(h.count > 0 && h.count < 1e15))
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' does not say when to stop; write now,fail=1, soon,fail=10%% or "
                         "now,success=1",
                         s);
    *ret = h;
    return 0;
}

int map_parse_resume(const char *s, enum map_resume *ret, hec_error *err)
{
    if (strcmp(s, "auto") == 0)
        *ret = RESUME_AUTO;
    else if (strcmp(s, "failed") == 0)
        *ret = RESUME_FAILED;
    else if (strcmp(s, "never") == 0 || strcmp(s, "no") == 0)
        *ret = RESUME_NEVER;
    else
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is none of auto, failed, never", s);
    return 0;
}

/* The number of "SIGKILL", "KILL"; 0: there is no such signal. */
static int signal_number(const char *s, size_t n)
{
    static const struct {
        const char *name;
        int sig;
    } names[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ILL", SIGILL},
                 {"TRAP", SIGTRAP}, {"ABRT", SIGABRT}, {"BUS", SIGBUS},   {"FPE", SIGFPE},
                 {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
                 {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM}, {"XCPU", SIGXCPU},
                 {"XFSZ", SIGXFSZ}, {"SYS", SIGSYS}};

    if (n > 3 && strncmp(s, "SIG", 3) == 0) {
        s += 3;
        n -= 3;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == n && memcmp(names[i].name, s, n) == 0)
            return names[i].sig;
    return 0;
}

static bool add_reason(const char *s, size_t n, map_retry_on *on)
{
    static const struct {
        const char *word;
        int verdict;
    } words[] = {{"exited", HEC_TASK_EXITED},
                 {"killed", HEC_TASK_KILLED},
                 {"timed-out", HEC_TASK_TIMED_OUT},
                 {"over-memory", HEC_TASK_OVER_MEMORY},
                 {"out-of-memory", HEC_TASK_OUT_OF_MEMORY},
                 {"lost", HEC_TASK_LOST}};
    int sig = signal_number(s, n), status = 0;

    if (sig) {
        on->signals[sig / 8] |= (unsigned char)(1u << sig % 8);
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && memcmp(words[i].word, s, n) == 0) {
            on->verdicts |= 1u << words[i].verdict;
            return true;
        }
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)s[i]) || n > 3)
            return false;
        status = 10 * status + (s[i] - '0');
    }
    if (n == 0 || status < 1 || status > 255)
        return false;
    on->statuses[status / 8] |= (unsigned char)(1u << status % 8);
    return true;
}

int map_parse_retry_on(const char *s, map_retry_on *ret, hec_error *err)
{
    map_retry_on on = {.given = true};

    for (const char *p = s;; p++) {
        size_t n = strcspn(p, ",");

        if (!add_reason(p, n, &on))
            return hec__fail(
                err, HEC_EINVAL, 0,
                "'%.*s' is none of: an exit status, a signal (SIGSEGV), exited, killed, "
                "timed-out, over-memory, out-of-memory, lost",
                n > 60 ? 60 : (int)n, p);
        p += n;
        if (!*p)
            break;
    }
    *ret = on;
    return 0;
}

/* ---- operands ---- */

enum mark { NO_MARK, VALUES = 1, FILES = 2, LINKED = 4 };

static int mark_of(const char *word)
{
    static const struct {
        const char *text;
        int mark;
    } marks[] = {
        {":::", VALUES}, {":::+", VALUES | LINKED}, {"::::", FILES}, {"::::+", FILES | LINKED}};

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strcmp(word, marks[i].text) == 0)
            return marks[i].mark;
    return NO_MARK;
}

int map_parse_operands(char **words, size_t n, map_options *o, hec_error *err)
{
    size_t at = 0;

    while (at < n && !mark_of(words[at]))
        at++;
    o->words = words;
    o->n_words = at;
    while (at < n) {
        int mark = mark_of(words[at]);
        size_t first = ++at;

        while (at < n && !mark_of(words[at]))
            at++;
        if (mark & LINKED && o->n_sources == 0)
            return hec__fail(err, HEC_EINVAL, 0, "'%s' has no input before it to go along with",
                             words[first - 1]);
        if (mark & VALUES)
            o->sources[o->n_sources++] = (map_source){
                .values = words + first, .n_values = at - first, .linked = mark & LINKED};
        for (size_t i = first; mark & FILES && i < at; i++)
            o->sources[o->n_sources++] = (map_source){.file = words[i], .linked = mark & LINKED};
        if (mark & FILES && at == first)
            return hec__fail(err, HEC_EINVAL, 0, "'%s' is followed by no file", words[first - 1]);
    }
    return 0;
}
