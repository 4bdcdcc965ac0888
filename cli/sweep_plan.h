/* SPDX-License-Identifier: MIT
 *
 * The rows of `hec sweep`: runs from files of parameters, as `hec config runs` lists them. All are
 * read once before anything runs, so that mistakes are found and the names are known, and then
 * once more as they are needed: memory does not grow with them, but for 24 bytes each.
 *
 * The columns of a row are the parameters, in the order in which their names come up, and then four
 * of the plan's own.
 */
#ifndef HEC_CLI_SWEEP_PLAN_H
#define HEC_CLI_SWEEP_PLAN_H

#include "map_template.h"

#include <stdio.h>

typedef struct sweep_plan sweep_plan;

/* The columns behind the parameters. The first three are {seed}, {id} and {row}, where no parameter
 * has that name; the last one is the parameters as JSON. */
enum { SWEEP_SEED, SWEEP_ID, SWEEP_ROW, SWEEP_JSON, SWEEP_COLUMNS };

/* What one run of the plan says of itself; valid until the next one. */
typedef struct sweep_row {
    const char *id, *file, *json;
    uint64_t row, seed;
} sweep_row;

/* Reads all files. schema as of hec_runs_open(). On success *ret is the caller's. As
 * hec_runs_open() and hec_runs_next(); HEC_EINVAL: two names that would be one in the environment,
 * or there is no run at all. */
int sweep_plan_create(const char *const *files, size_t n, const char *schema, sweep_plan **ret,
                      hec_error *err);
void sweep_plan_destroy(sweep_plan *p); /* NULL is fine */

/* The files, absolute where they are no patterns. Borrowed. */
size_t sweep_plan_files(const sweep_plan *p, const char *const **ret_files);

uint64_t sweep_plan_runs(const sweep_plan *p);

/* Names of all columns but the last, and how many of them are parameters. Borrowed. */
size_t sweep_plan_names(const sweep_plan *p, const char *const **ret_names);
size_t sweep_plan_parameters(const sweep_plan *p);

/* "HEC_PARAM_name" of parameter i. Borrowed. */
const char *sweep_plan_env(const sweep_plan *p, size_t i);

/* Begins from the first row. */
int sweep_plan_rewind(sweep_plan *p, hec_error *err);

/* 1 and *ret, valid until the next call; 0: the end. HEC_EFORMAT also: a file has changed since it
 * was read. ret_row may be NULL. */
int sweep_plan_next(sweep_plan *p, map_row *ret, sweep_row *ret_row, hec_error *err);

#endif
