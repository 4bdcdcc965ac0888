/* SPDX-License-Identifier: MIT
 *
 * Sizes and durations as people write them, and back. One grammar each, for the whole project.
 *
 *   size      digits [. digits] [K|M|G|T|P [i][B]]      powers of 1024: "2G", "1.5 GiB", "512"
 *   duration  "90", "90s", "15m", "2h", "1d", "1h30m", "MM:SS", "HH:MM:SS", "D-HH:MM:SS"
 */
#ifndef HEC_BASE_UNITS_H
#define HEC_BASE_UNITS_H

#include <hec/error.h>

#include <stddef.h>

/* 0, or HEC_EFORMAT with a text that quotes the input. */
int hec__parse_bytes(const char *s, uint64_t *ret_bytes, hec_error *err);
int hec__parse_seconds(const char *s, uint64_t *ret_seconds, hec_error *err);

/* "1.5 GiB", "512 B"; buf of 32 is enough. Returns buf. */
char *hec__format_bytes(uint64_t bytes, char *buf, size_t size);
/* "2h 05m", "1d 03h", "42s"; buf of 32 is enough. Returns buf. */
char *hec__format_seconds(uint64_t seconds, char *buf, size_t size);

#endif
