/* SPDX-License-Identifier: MIT
 *
 * Values of options of `hec map`, from words. Each returns 0, or HEC_EINVAL or HEC_EFORMAT with a
 * text that quotes the word and says what it should be.
 */
#ifndef HEC_CLI_MAP_OPTIONS_H
#define HEC_CLI_MAP_OPTIONS_H

#include "map.h"

/* "4", "+1", "-1" and "50%" of the granted CPUs. */
int map_parse_jobs(const char *s, uint32_t cpus, uint32_t *ret, hec_error *err);

/* "90s", "1h30m", "0.25"; not 0 unless `zero` is allowed. */
int map_parse_duration(const char *s, bool zero, uint64_t *ret_ns, hec_error *err);

/* "500M", "2G": at least a megabyte. */
int map_parse_memory(const char *s, uint64_t *ret_bytes, hec_error *err);

/* More than 1, and at most 1024. */
int map_parse_factor(const char *s, double *ret, hec_error *err);

/* "now,fail=1", "soon,success=3", "done=50%", "never"; 0, 1, 2 as in GNU parallel. */
int map_parse_halt(const char *s, map_halt *ret, hec_error *err);

/* "auto", "failed", "never". */
int map_parse_resume(const char *s, enum map_resume *ret, hec_error *err);

/* "75,SIGKILL,timed-out". */
int map_parse_retry_on(const char *s, map_retry_on *ret, hec_error *err);

/* A whole number from 0 to max. */
int map_parse_count(const char *s, uint32_t max, uint32_t *ret, hec_error *err);

/* What follows the options: the command up to the first of ::: :::: :::+ ::::+, and the sources
 * that these name, appended to o->sources, which has room for one for each word. */
int map_parse_operands(char **words, size_t n, map_options *o, hec_error *err);

#endif
