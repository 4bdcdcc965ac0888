/* SPDX-License-Identifier: MIT
 *
 * How the values of a job's options are written. Each fails with HEC_EINVAL and a text that quotes
 * the value and says how to write it; the name of the option is put in front by the caller.
 */
#ifndef HEC_BATCH_PARSE_H
#define HEC_BATCH_PARSE_H

#include "batch/request.h"

/* A whole number from min to max. */
int hec__batch_number(const char *s, uint32_t min, uint32_t max, uint32_t *ret, hec_error *err);

/* A size of memory, from 1 MiB to 1 PiB. */
int hec__batch_memory(const char *s, uint64_t *ret_bytes, hec_error *err);

/* A duration from a second to 366 days, which says its unit: schedulers differ in what a number
 * alone means. */
int hec__batch_time(const char *s, uint64_t *ret_seconds, hec_error *err);

/* Of letters, digits and ". _ + -", not beginning with a dash, nor longer than 200: what every
 * scheduler takes for a name. */
int hec__batch_word(const char *s, hec_error *err);

/* What a directive can carry in quotes: one line of printable characters, without quotes,
 * backslashes, backticks and dollars. */
int hec__batch_line(const char *s, hec_error *err);

/* "1-100", "0-98:2", "1,5,7-9", each also with "%N". Appends the ranges to the arena. */
int hec__batch_array(const char *s, hec__arena *arena, hec__range **ret_ranges, size_t *ret_n,
                     uint32_t *ret_throttle, hec_error *err);

/* "[ok:|failed:|any:]ID"; *ret_job points into s. */
int hec__batch_after(const char *s, enum hec__after *ret_how, const char **ret_job, hec_error *err);

/* "[begin,end,fail:]ADDRESS"; *ret_to points into s. */
int hec__batch_mail(const char *s, unsigned *ret_on, const char **ret_to, hec_error *err);

/* "none", or "[SIGNAL@]TIME"; *ret_signal is of static storage. */
int hec__batch_warn(const char *s, const char **ret_signal, uint64_t *ret_seconds, hec_error *err);

#endif
