/* SPDX-License-Identifier: MIT
 *
 * In what the environments of runs differ, by their files `environment`: lines "program ...",
 * "prefix ...", "package ...", "module ...".
 */
#ifndef HEC_CLI_ENVIRONMENT_H
#define HEC_CLI_ENVIRONMENT_H

#include <hec/run.h>

/* A line that only one of them has: the other one is NULL. */
typedef void environment_differs(void *ctx, const char *first, const char *second);

/* Of two runs. One of which it is not known differs in nothing. */
void environment_compare(const hec_rundir *a, const hec_rundir *b, environment_differs *differs,
                         void *ctx);

/* Says on standard error where the environment of now is not that of the run. */
void environment_tell(const hec_rundir *run);

#endif
