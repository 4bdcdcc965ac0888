/* SPDX-License-Identifier: MIT
 *
 * Values of options, and what follows them.
 */
#include "map_options.h"
#include "tap.h"

#include <signal.h>

/* A word as argv has it. */
#define W(s) ((char[]){s})

static void jobs(void)
{
    static const struct {
        const char *text;
        uint32_t want; /* 0: refused */
    } cases[] = {{"3", 3},   {"+2", 10},  {"-2", 6},       {"50%", 4}, {"1%", 1},
                 {"-20", 1}, {"0", 0},    {"99999", 4096}, {"x", 0},   {"", 0},
                 {"3x", 0},  {"50%%", 0}, {"nan", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t n = 77;
        int r = map_parse_jobs(cases[i].text, 8, &n, NULL);

        ok(cases[i].want ? r == 0 && n == cases[i].want : r == HEC_EINVAL && n == 77,
           "'%s' of 8 CPUs: %u", cases[i].text, n);
    }
}

static void durations(void)
{
    uint64_t ns = 0;

    ok(map_parse_duration("0.25", false, &ns, NULL) == 0 && ns == 250000000,
       "a quarter of a second");
    ok(map_parse_duration("1h30m", false, &ns, NULL) == 0 && ns == 5400000000000u, "1h30m");
    ok(map_parse_duration("0", true, &ns, NULL) == 0 && ns == 0, "nothing, where that is allowed");
    ok(map_parse_duration("0", false, &ns, NULL) == HEC_EINVAL, "and where it is not");
    ok(map_parse_duration("1.2.3", false, &ns, NULL) == HEC_EFORMAT, "two dots");
    ok(map_parse_duration("soon", false, &ns, NULL) == HEC_EFORMAT, "a word");
}

static void halts(void)
{
    map_halt h;

    ok(map_parse_halt("now,fail=1", &h, NULL) == 0 && h.now && h.why == HALT_FAIL && h.count == 1 &&
           !h.share,
       "now,fail=1");
    ok(map_parse_halt("soon,success=3", &h, NULL) == 0 && !h.now && h.why == HALT_SUCCESS &&
           h.count == 3,
       "soon,success=3");
    ok(map_parse_halt("done=50%", &h, NULL) == 0 && !h.now && h.why == HALT_DONE && h.share,
       "done=50%%");
    ok(map_parse_halt("never", &h, NULL) == 0 && h.why == HALT_NEVER, "never");
    ok(map_parse_halt("2", &h, NULL) == 0 && h.now && h.why == HALT_FAIL, "2, of old");
    ok(map_parse_halt("fail=0", &h, NULL) == HEC_EINVAL &&
           map_parse_halt("now", &h, NULL) == HEC_EINVAL &&
           map_parse_halt("now,fail=1x", &h, NULL) == HEC_EINVAL &&
           map_parse_halt("", &h, NULL) == HEC_EINVAL,
       "what makes no sense");
}

static void reasons(void)
{
    map_retry_on on;

    ok(map_parse_retry_on("75,SIGKILL,SEGV,timed-out", &on, NULL) == 0 && on.given, "a list");
    ok(on.statuses[75 / 8] == 1u << 75 % 8, "has a status");
    ok(on.signals[SIGKILL / 8] & 1u << SIGKILL % 8 && on.signals[SIGSEGV / 8] & 1u << SIGSEGV % 8,
       "signals, with SIG and without");
    ok(on.verdicts == 1u << HEC_TASK_TIMED_OUT, "and a verdict");
    ok(map_parse_retry_on("", &on, NULL) == HEC_EINVAL &&
           map_parse_retry_on("1,,2", &on, NULL) == HEC_EINVAL &&
           map_parse_retry_on("0", &on, NULL) == HEC_EINVAL &&
           map_parse_retry_on("256", &on, NULL) == HEC_EINVAL &&
           map_parse_retry_on("99999999999", &on, NULL) == HEC_EINVAL &&
           map_parse_retry_on("SIGNAL", &on, NULL) == HEC_EINVAL,
       "what makes no sense");
}

static void operands(void)
{
    char *words[] = {W("cmd"), W("{}"), W(":::"),  W("a"), W("b"), W(":::+"),
                     W("1"),   W("2"),  W("::::"), W("f"), W("g"), W(":::")};
    map_source s[12] = {{0}};
    map_options o = {.sources = s};
    char *late[] = {W(":::+"), W("a")}, *no_file[] = {W("::::")};

    ok(map_parse_operands(words, 12, &o, NULL) == 0 && o.n_words == 2, "the command ends at :::");
    ok(o.n_sources == 5 && s[0].n_values == 2 && !s[0].linked, "values");
    ok(s[1].n_values == 2 && s[1].linked, "linked ones");
    ok(s[2].file && strcmp(s[3].file, "g") == 0, "files");
    ok(s[4].values && s[4].n_values == 0, "no values at all");
    o.n_sources = 0;
    ok(map_parse_operands(late, 2, &o, NULL) == HEC_EINVAL, "linked to nothing");
    ok(map_parse_operands(no_file, 1, &o, NULL) == HEC_EINVAL, "no file");
}

int main(void)
{
    jobs();
    durations();
    halts();
    reasons();
    operands();
    return done_testing();
}
