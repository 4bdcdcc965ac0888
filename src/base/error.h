/* SPDX-License-Identifier: MIT
 *
 * Making errors. The public half, codes and texts, is hec/error.h.
 */
#ifndef HEC_BASE_ERROR_H
#define HEC_BASE_ERROR_H

#include <hec/error.h>

/* Fills *err (if not NULL) and returns code, so that fail-and-return is one line.
 * sys is errno or 0; when it is not 0 its text is appended after a colon. */
int hec__fail(hec_error *err, int code, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the text of an error that is already filled; returns its code,
 * or `code` where err is NULL. */
int hec__fail_in(hec_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
