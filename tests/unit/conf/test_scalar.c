/* SPDX-License-Identifier: MIT
 *
 * The core schema of YAML 1.2: what a text without quotes means, and how a number is written.
 */
#include "conf/scalar.h"
#include "fault.h"
#include "tap.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static hec__arena arena;
static hec_error err;

static hec_value of(const char *text)
{
    hec_value v = {.line = 7};

    if (hec__scalar_resolve(&arena, text, strlen(text), &v, &err) < 0)
        v.kind = -1;
    return v;
}

static bool all_are(const char *const *texts, int32_t kind)
{
    for (; *texts; texts++) {
        if (of(*texts).kind != kind) {
            printf("# '%s' is of kind %d\n", *texts, (int)of(*texts).kind);
            return false;
        }
    }
    return true;
}

static void test_kinds(void)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const ints[] = {"0",    "-0",    "+12",   "007", "0o17",
                                       "0x1F", "0xabc", "12345", "-1",  NULL};
    static const char *const reals[] = {"1e-3", "1E5",  "1.",   ".5",    "-1.5e+10",
                                        "+.5",  "1.e3", ".inf", "-.Inf", "+.INF",
                                        ".nan", ".NaN", ".NAN", NULL};
    static const char *const texts[] = {
        "no",   "on",    "yes",   "off",        "y",
        "tRUE", "nULL",  "0o8",   "0o",         "0x",
        "0xg",  "1_000", "1:30",  "2001-12-14", "2001-12-14t21:59:43.10-05:00",
        "inf",  "nan",   "NaN",   ".",          "-",
        "+",    "1e",    "e5",    "1.2.3",      "-0x1",
        "+0o7", "0b1",   "-.nan", ".e5",        "1 2",
        "<<",   "None",  "+.nan", NULL};

    ok(all_are(nulls, HEC_VALUE_NULL), "null");
    ok(all_are(bools, HEC_VALUE_BOOL), "bools");
    ok(all_are(ints, HEC_VALUE_INT), "integers");
    ok(all_are(reals, HEC_VALUE_REAL), "floats");
    ok(all_are(texts, HEC_VALUE_TEXT), "all else is text: no, on, dates, YAML 1.1's numbers");
}

static void test_integers(void)
{
    ok(of("0o17").as.integer == 15 && of("0x1F").as.integer == 31 && of("007").as.integer == 7,
       "octal, hexadecimal, and zeros in front");
    ok(of("9223372036854775807").as.integer == INT64_MAX &&
           of("-9223372036854775808").as.integer == INT64_MIN &&
           of("0x7fffffffffffffff").as.integer == INT64_MAX,
       "the ends of 64 bits");
    ok(of("9223372036854775808").kind == HEC_VALUE_BIG, "one more is big");
    is_str(of("9223372036854775808").as.text, "9223372036854775808", "and keeps its digits");
    is_str(of("-00009223372036854775809").as.text, "-9223372036854775809", "not the zeros");
    is_str(of("+18446744073709551616").as.text, "18446744073709551616", "nor the plus");
    is_str(of("0x10000000000000000").as.text, "18446744073709551616", "of hexadecimal too");
    is_str(of("0o2000000000000000000000").as.text, "18446744073709551616", "and octal");
    is_str(of("1000000000000000000000000000").as.text, "1000000000000000000000000000",
           "zeros within are kept");
}

static void test_long_integers(void)
{
    static char digits[1200];
    hec_value v;

    memset(digits, '7', 1000);
    v = of(digits);
    ok(v.kind == HEC_VALUE_BIG && v.count == 1000 && strcmp(v.as.text, digits) == 0,
       "1000 digits come back as they were");
    memset(digits, 'f', 1002);
    memcpy(digits, "0x", 2);
    v = of(digits);
    ok(v.kind == HEC_VALUE_BIG && v.count == 1205, "1000 hexadecimal ones are 1205");
    memset(digits, '0', 1199);
    digits[1198] = '5';
    v = of(digits);
    ok(v.kind == HEC_VALUE_INT && v.as.integer == 5, "zeros in front do not count");
    memset(digits, '7', 1001);
    digits[1001] = '\0';
    err = (hec_error){0};
    ok(of(digits).kind == -1 && err.code == HEC_EFORMAT, "1001 are refused");
}

static void test_reals(void)
{
    ok(of("1e-3").as.real == 1e-3 && of(".5").as.real == 0.5 && of("1.").as.real == 1.0,
       "numbers are what they say");
    ok(isinf(of("-.inf").as.real) && of("-.inf").as.real < 0 && isnan(of(".nan").as.real),
       "infinities and NaN");
    ok(isinf(of("1e999").as.real) && of("1e-999").as.real == 0, "too large and too small");
}

static const char *text_of(double x)
{
    static char buf[40];

    hec__scalar_real_text(x, buf, sizeof buf);
    return buf;
}

static void test_texts(void)
{
    static const double some[] = {
        0.1,  1e-5, 1e22,    1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789,
        1e15, 1e16, 2.5e-310};
    bool same = true, floats = true;

    is_str(text_of(0.1), "0.1", "the shortest text");
    is_str(text_of(3), "3.0", "a float that is whole stays a float");
    is_str(text_of(1e-5), "1e-05", "an exponent is enough");
    is_str(text_of(-(double)INFINITY), "-.inf", "infinity");
    is_str(text_of((double)NAN), ".nan", "NaN");
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        hec_value v = of(text_of(some[i]));

        same = same && v.as.real == some[i] && signbit(v.as.real) == signbit(some[i]);
        floats = floats && v.kind == HEC_VALUE_REAL;
    }
    ok(floats, "each is read back as a float");
    ok(same, "as the same one");
}

/* Where a comma is the decimal point. A locale that has one may not be installed. */
static void test_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", NULL};
    bool found = false;

    for (const char *const *n = names; *n && !found; n++)
        found = setlocale(LC_NUMERIC, *n) && strcmp(localeconv()->decimal_point, ",") == 0;
    if (!found) {
        ok(true, "the locale does not matter # SKIP hardware: no locale with a decimal comma");
        return;
    }
    ok(of("1.5e3").as.real == 1500, "a dot is a dot whatever the locale says");
    is_str(text_of(0.25), "0.25", "also in what is written");
    setlocale(LC_NUMERIC, "C");
}

static void test_memory(void)
{
    hec__arena a = {NULL};
    hec_value v = {.kind = 99};

    fault_arm(1);
    ok(hec__scalar_resolve(&a, "18446744073709551616", 20, &v, &err) == HEC_ENOMEM,
       "no memory for digits is an error");
    fault_disarm();
    hec__arena_fini(&a);
}

int main(void)
{
    test_kinds();
    test_integers();
    test_long_integers();
    test_reals();
    test_texts();
    test_locale();
    test_memory();
    hec__arena_fini(&arena);
    return done_testing();
}
