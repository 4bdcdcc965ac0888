/* SPDX-License-Identifier: MIT
 *
 * TAP for C tests. A file's main() calls ok() and is(), and ends with `return done_testing();`.
 */
#ifndef HEC_TEST_TAP_H
#define HEC_TEST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_run, tap_failed;

#define ok(cond, ...) tap_ok((cond), #cond, __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 5, 6))) static inline bool
tap_ok(bool good, const char *expr, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    tap_run++;
    printf("%sok %d - ", good ? "" : "not ", tap_run);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    if (!good) {
        tap_failed++;
        printf("# failed: %s\n#   at %s:%d\n", expr, file, line);
    }
    fflush(stdout);
    return good;
}

/* Two strings are equal; shows both when they are not. */
#define is_str(got, want, ...) tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 5, 6))) static inline bool
tap_is_str(const char *got, const char *want, const char *file, int line, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    bool same = got && want ? strcmp(got, want) == 0 : got == want;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!tap_ok(same, "strings are equal", file, line, "%s", text))
        printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)", want ? want : "(null)");
    return same;
}

static inline int done_testing(void)
{
    printf("1..%d\n", tap_run);
    return tap_failed ? 1 : 0;
}

#endif
