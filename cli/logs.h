/* SPDX-License-Identifier: MIT
 *
 * What the jobs of a run have printed, for hec logs.
 */
#ifndef HEC_CLI_LOGS_H
#define HEC_CLI_LOGS_H

#include <hec/run.h>

#include <stdbool.h>

typedef struct logs_of_job {
    int64_t index; /* of an array, only this element; -1: all */
    int which;     /* 1: output, 2: errors, 0: both */
    bool follow;   /* go on until the run has ended */
    bool paths;    /* the names of the files instead */
} logs_of_job;

/* Output goes to standard output, errors to standard error. Returns the exit status. */
int logs_show_job(hec_rundir *run, const logs_of_job *of);

#endif
