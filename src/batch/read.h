/* SPDX-License-Identifier: MIT
 *
 * Pieces of what schedulers print: times, sizes, durations, exit codes. What makes no sense is not
 * known, which is never an error: nobody's job is lost because a field of it is odd.
 */
#ifndef HEC_BATCH_READ_H
#define HEC_BATCH_READ_H

#include "topo/text.h"

#include <stdint.h>

/* The next line without its end, '\r' included. False at the end of the text. */
bool hec__read_line(hec__slice *rest, hec__slice *ret);

/* The number that the last line begins with of those that begin with one, alone or with `behind`
 * after it; *ret is borrowed. How many digits it has; 0: there is none. */
size_t hec__last_number(const char *text, char behind, const char **ret);

/* Takes the next of the fields off *rest, which `sep` separates; empty ones count. False when there
 * is none left. */
bool hec__read_field(hec__slice *rest, char sep, hec__slice *ret);

/* Without blanks at both ends. */
hec__slice hec__read_trim(hec__slice s);

/* Whether it contains a text. */
bool hec__read_has(hec__slice s, const char *text);

/* Seconds since the epoch: such a number, or of this machine's zone "2026-11-28T07:15:30",
 * "Sat Nov 28 07:15:30 2026" or "11/28/2026 07:15:30". 0: not known. */
int64_t hec__read_time(hec__slice s);

/* "Nov 28 07:15" of the year in which it was last, seen from `now`, which is in seconds since the
 * epoch. 0: not known. */
int64_t hec__read_recent(hec__slice s, int64_t now);

/* Bytes: "1024K", "1.50G", "200mb", "5.2 Gbytes", in powers of 1024; a number alone is `unit`
 * bytes. 0: not known. */
uint64_t hec__read_bytes(hec__slice s, uint64_t unit);

/* Seconds: "1-02:03:04", "02:03:04", "03:04.567", "12.5", "12.5s". -1: not known. */
double hec__read_seconds(hec__slice s);

/* A whole number from 0 on; -1: it is none. */
int64_t hec__read_number(hec__slice s);

/* The same with a sign; false where it is none. */
bool hec__read_signed(hec__slice s, int32_t *ret);

#endif
