/* SPDX-License-Identifier: MIT
 *
 * What the program prints: data on stdout, talk on stderr.
 */
#ifndef HEC_CLI_OUT_H
#define HEC_CLI_OUT_H

#include <hec/error.h>

#include <stddef.h>

/* "hec: TEXT" on stderr; as printf. */
void out_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line of advice on stderr, after a complaint; as printf. */
void out_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "hec: cannot WHAT: ERROR" on stderr; returns the exit status that the error stands for. */
int out_error(const char *what, const hec_error *err);

/* Flushes stdout. Returns `status`, or, where something could not be written (a full disk, a
 * reader that went away), complains and returns another. To be called once, last. */
int out_finish(int status);

/* "7.8 GiB"; buf of 32 is enough. Returns buf. */
char *out_bytes(unsigned long long bytes, char *buf, size_t size);

/* "2h 05m"; buf of 32 is enough. Returns buf. */
char *out_seconds(unsigned long long seconds, char *buf, size_t size);

#endif
