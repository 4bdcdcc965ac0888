/* SPDX-License-Identifier: MIT
 *
 * A hash of seed, name and number is the random number: no state, so any draw can be had at any
 * time, by anybody.
 */
#include "conf/draw.h"

#include "base/hash.h"
#include "conf/value.h"
#include "conf/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPAN_MAX 9007199254740992.0 /* 2^53: so many integers can be told apart by u */

enum kind { UNIFORM, LOGUNIFORM, NORMAL, INT, CHOICE, KINDS };

static const char *const names[KINDS] = {[UNIFORM] = "uniform",
                                         [LOGUNIFORM] = "loguniform",
                                         [NORMAL] = "normal",
                                         [INT] = "int",
                                         [CHOICE] = "choice"};

static enum kind kind_of(const hec_value *how)
{
    enum kind kind = UNIFORM;

    while (kind < KINDS && (how->kind != HEC_VALUE_MAP || how->count != 1 ||
                            !hec__value_is_text(&how->as.members[0].key, names[kind])))
        kind++;
    return kind;
}

static const char *problem_of(enum kind kind, const hec_value *args)
{
    const hec_value *a = args->as.items, *b = a + 1;

    if (args->kind != HEC_VALUE_LIST)
        return "wants a list";
    if (kind == CHOICE)
        return args->count ? NULL : "wants at least one value";
    if (args->count != 2 || !hec__value_is_number(a) || !hec__value_is_number(b) ||
        !isfinite(hec__value_number(a)) || !isfinite(hec__value_number(b)))
        return "wants two numbers";
    if (kind == INT && (a->kind != HEC_VALUE_INT || b->kind != HEC_VALUE_INT))
        return "wants two integers of at most 64 bits";
    if (kind == NORMAL)
        return hec__value_number(b) >= 0 ? NULL : "wants a standard deviation of 0 or more";
    if (hec__value_number(a) > hec__value_number(b))
        return "wants the lower end first";
    if (kind == LOGUNIFORM && hec__value_number(a) <= 0)
        return "wants ends above 0";
    if (kind == INT && hec__value_number(b) - hec__value_number(a) >= SPAN_MAX)
        return "wants ends that are less than 2^53 apart";
    if (!isfinite(hec__value_number(b) - hec__value_number(a)))
        return "wants ends that are less far apart";
    return NULL;
}

bool hec__draw_is(const hec_value *how)
{
    return kind_of(how) != KINDS;
}

int hec__draw_check(const hec_value *how, const hec__source *source, hec_error *err)
{
    enum kind kind = kind_of(how);
    const char *problem;

    if (kind == KINDS)
        return hec__fail_at_value(
            err, source, how,
            "a sample wants one of uniform, loguniform, normal, int, choice: {uniform: [0, 1]}");
    problem = problem_of(kind, &how->as.members[0].value);
    if (problem)
        return hec__fail_at_value(err, source, &how->as.members[0].value, "%s %s", names[kind],
                                  problem);
    return 0;
}

/* A number in [0, 1), of which `lane` gives several for one draw. */
static double unit(uint64_t seed, const hec_value *name, uint64_t k, unsigned lane)
{
    unsigned char bytes[9];
    uint64_t h;

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(k >> (8 * i));
    bytes[8] = (unsigned char)lane;
    h = hec__hash64(bytes, sizeof bytes, hec__hash64(name->as.text, name->count, seed));
    return (double)(h >> 11) * 0x1p-53;
}

/* To 12 digits: whatever the last bit of the machine's log() is, the draw is the same. */
static double rounded(double x)
{
    char buf[40];

    snprintf(buf, sizeof buf, "%.11e", x);
    return strtod(buf, NULL);
}

hec_value hec__draw(const hec_value *how, uint64_t seed, const hec_value *name, uint64_t k)
{
    enum kind kind = kind_of(how);
    const hec_value *args = &how->as.members[0].value, *a = args->as.items;
    double u = unit(seed, name, k, 0), lo, hi, x = 0;
    hec_value v = {.kind = HEC_VALUE_REAL, .line = how->line, .column = how->column};

    if (kind == CHOICE)
        return a[(size_t)(u * (double)args->count)];
    lo = hec__value_number(&a[0]);
    hi = hec__value_number(&a[1]);
    if (kind == INT) {
        /* Exact: both ends and what lies between them are whole numbers below 2^53 apart. */
        v.kind = HEC_VALUE_INT;
        v.as.integer =
            a[0].as.integer + (int64_t)(u * (double)(a[1].as.integer - a[0].as.integer + 1));
        return v;
    }
    if (kind == UNIFORM)
        x = lo + u * (hi - lo);
    else if (kind == LOGUNIFORM)
        x = exp(log(lo) + u * (log(hi) - log(lo)));
    else /* Box and Muller; 1 - u, since log(0) is none */
        x = lo + hi * sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * unit(seed, name, k, 1));
    x = rounded(x);
    if (kind != NORMAL)
        x = x < lo ? lo : x > hi ? hi : x;
    v.as.real = x;
    return v;
}
