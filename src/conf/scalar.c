/* SPDX-License-Identifier: MIT
 *
 * The core schema: YAML 1.2.2, section 10.3.2.
 */
#include "conf/scalar.h"

#include "base/error.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 1000

static bool is_one_of(const char *s, size_t n, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == n && memcmp(*words, s, n) == 0)
            return true;
    return false;
}

static size_t span(const char *s, size_t n, const char *set)
{
    size_t i = 0;

    while (i < n && s[i] && strchr(set, s[i]))
        i++;
    return i;
}

#define DECIMAL "0123456789"
#define HEX     "0123456789abcdefABCDEF"

static bool is_int(const char *s, size_t n)
{
    if (n > 2 && s[0] == '0' && s[1] == 'o')
        return span(s + 2, n - 2, "01234567") == n - 2;
    if (n > 2 && s[0] == '0' && s[1] == 'x')
        return span(s + 2, n - 2, HEX) == n - 2;
    if (n && (*s == '+' || *s == '-')) {
        s++;
        n--;
    }
    return n > 0 && span(s, n, DECIMAL) == n;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_number(const char *s, size_t n)
{
    size_t whole, part = 0, i = 0;

    if (i < n && (s[i] == '+' || s[i] == '-'))
        i++;
    whole = span(s + i, n - i, DECIMAL);
    i += whole;
    if (i < n && s[i] == '.') {
        i++;
        part = span(s + i, n - i, DECIMAL);
        i += part;
    }
    if (whole + part == 0)
        return false;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        size_t digits;

        i++;
        if (i < n && (s[i] == '+' || s[i] == '-'))
            i++;
        digits = span(s + i, n - i, DECIMAL);
        if (digits == 0)
            return false;
        i += digits;
    }
    return i == n;
}

static bool is_infinity(const char *s, size_t n)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", NULL};

    if (n && (*s == '+' || *s == '-'))
        return is_one_of(s + 1, n - 1, words);
    return is_one_of(s, n, words);
}

static bool is_nan(const char *s, size_t n)
{
    static const char *const words[] = {".nan", ".NaN", ".NAN", NULL};

    return is_one_of(s, n, words);
}

enum hec_value_kind hec__scalar_kind(const char *s, size_t n)
{
    static const char *const nulls[] = {"null", "Null", "NULL", "~", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};

    if (n == 0)
        return HEC_VALUE_NULL;
    /* Most words are none of these, and this says so at once. */
    if (!strchr("0123456789+-.nN~tTfF", *s))
        return HEC_VALUE_TEXT;
    if (is_one_of(s, n, nulls))
        return HEC_VALUE_NULL;
    if (is_one_of(s, n, bools))
        return HEC_VALUE_BOOL;
    if (is_int(s, n))
        return HEC_VALUE_INT;
    if (is_number(s, n) || is_infinity(s, n) || is_nan(s, n))
        return HEC_VALUE_REAL;
    return HEC_VALUE_TEXT;
}

/* The digits of an integer of any length in base 8, 10 or 16, as decimal ones without leading
 * zeros: nine at a time, by hand, as every child does it. */
static char *decimal_digits(hec__arena *arena, const char *s, size_t n, unsigned base, bool minus)
{
    static const uint32_t limb = 1000000000;
    uint32_t limbs[DIGITS_MAX / 7] = {0}; /* 1000 hexadecimal digits are 1205 decimal ones */
    size_t used = 1, at = 0;
    char *text = hec__arena_alloc(arena, (size_t)9 * (DIGITS_MAX / 7) + 2);

    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        char digit[2] = {s[i], '\0'};
        uint64_t carry = strtoul(digit, NULL, 16);

        for (size_t k = 0; k < used; k++) {
            carry += (uint64_t)limbs[k] * base;
            limbs[k] = (uint32_t)(carry % limb);
            carry /= limb;
        }
        if (carry)
            limbs[used++] = (uint32_t)carry;
    }
    if (minus)
        text[at++] = '-';
    at += (size_t)snprintf(text + at, 11, "%u", limbs[used - 1]);
    for (size_t k = used - 1; k > 0; k--)
        at += (size_t)snprintf(text + at, 10, "%09u", limbs[k - 1]);
    return text;
}

static int resolve_int(hec__arena *arena, const char *s, size_t n, hec_value *value, hec_error *err)
{
    unsigned base = n > 2 && s[1] == 'o' ? 8 : n > 2 && s[1] == 'x' ? 16 : 10;
    bool minus = *s == '-', fits = true;
    int64_t v = 0;

    if (base != 10 || minus || *s == '+') {
        s += base == 10 ? 1 : 2;
        n -= base == 10 ? 1 : 2;
    }
    for (; n > 1 && *s == '0'; n--)
        s++;
    for (size_t i = 0; i < n && fits; i++) {
        char digit[2] = {s[i], '\0'};
        int64_t d = strtol(digit, NULL, 16);

        /* Downwards for negative ones: there is one more of them. */
        fits = !__builtin_mul_overflow(v, (int64_t)base, &v) &&
               !__builtin_add_overflow(v, minus ? -d : d, &v);
    }
    *value = (hec_value){.kind = fits ? HEC_VALUE_INT : HEC_VALUE_BIG,
                         .line = value->line,
                         .column = value->column,
                         .as.integer = v};
    if (fits)
        return 0;
    if (n > DIGITS_MAX)
        return hec__fail(err, HEC_EFORMAT, 0, "an integer of more than %d digits", DIGITS_MAX);
    value->as.text = decimal_digits(arena, s, n, base, minus);
    if (!value->as.text)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a number");
    value->count = strlen(value->as.text);
    return 0;
}

/* strtod() wants the decimal point of the locale, which is the host program's business. */
static int resolve_real(hec__arena *arena, const char *s, size_t n, double *ret, hec_error *err)
{
    const char *point = localeconv()->decimal_point, *dot = memchr(s, '.', n);

    if (is_infinity(s, n) || is_nan(s, n)) {
        *ret = is_nan(s, n) ? (double)NAN : *s == '-' ? -(double)INFINITY : (double)INFINITY;
        return 0;
    }
    if (dot && strcmp(point, ".") != 0) {
        s = hec__arena_printf(arena, "%.*s%s%s", (int)(dot - s), s, point, dot + 1);
        if (!s)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for a number");
    }
    *ret = strtod(s, NULL);
    return 0;
}

int hec__scalar_resolve(hec__arena *arena, const char *s, size_t n, hec_value *value,
                        hec_error *err)
{
    enum hec_value_kind kind = hec__scalar_kind(s, n);

    value->kind = (int32_t)kind;
    value->count = 0;
    value->as.integer = 0;
    switch (kind) {
    case HEC_VALUE_BOOL:
        value->as.boolean = *s == 't' || *s == 'T';
        return 0;
    case HEC_VALUE_INT:
        return resolve_int(arena, s, n, value, err);
    case HEC_VALUE_REAL:
        return resolve_real(arena, s, n, &value->as.real, err);
    case HEC_VALUE_TEXT:
        value->as.text = s;
        value->count = n;
        return 0;
    case HEC_VALUE_NULL:
    case HEC_VALUE_BIG:
    case HEC_VALUE_LIST:
    case HEC_VALUE_MAP:
        break;
    }
    return 0;
}

/* The decimal point of the locale becomes a dot, and what looks like an integer gets one. */
static void make_float(char *buf, size_t size)
{
    size_t n = strlen(buf), i = span(buf, n, "+-" DECIMAL), end = i;

    if (i == n) {
        snprintf(buf + n, size - n, ".0");
        return;
    }
    if (buf[i] == 'e')
        return;
    while (end < n && !strchr(DECIMAL, buf[end]))
        end++;
    buf[i] = '.';
    memmove(buf + i + 1, buf + end, n - end + 1);
}

void hec__scalar_real_text(double real, char *buf, size_t size)
{
    if (isnan(real) || isinf(real)) {
        snprintf(buf, size, "%s", isnan(real) ? ".nan" : real > 0 ? ".inf" : "-.inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, real);
        if (strtod(buf, NULL) == real)
            break;
    }
    make_float(buf, size);
}
