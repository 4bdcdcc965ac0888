/* SPDX-License-Identifier: MIT
 *
 * The copies of code that runs have.
 */
#ifndef HEC_CLI_CODE_H
#define HEC_CLI_CODE_H

#include <hec/run.h>

/* Told of a file that differs: what its contents are called, NULL where a run does not have it. */
typedef void code_differs(void *ctx, const char *path, const char *a, const char *b);

/* In the order of the paths. A run without a copy of its code has no files. */
void code_compare(const hec_rundir *a, const hec_rundir *b, code_differs *differs, void *ctx);

#endif
