/* SPDX-License-Identifier: MIT
 *
 * Making errors. The public half, codes and texts, is hec/error.h.
 */
#ifndef HEC_BASE_ERROR_H
#define HEC_BASE_ERROR_H

#include <hec/error.h>

/* Fills *err (if not NULL). sys is errno or 0; when it is not 0 its text is appended after a
 * colon. */
void hec__error_fill(hec_error *err, int code, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same, and is `code`, so that fail-and-return is one line. A macro so that compilers and
 * analysers see that what is returned is an error: they do not look into other files. */
#define hec__fail(err, code, sys, ...)                                                             \
    (__extension__({                                                                               \
        int code_ = (code);                                                                        \
        hec__error_fill((err), code_, (sys), __VA_ARGS__);                                         \
        code_;                                                                                     \
    }))

/* Puts "context: " in front of the text of an error that is already filled; returns its code,
 * or `code` where err is NULL. */
int hec__fail_in(hec_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
