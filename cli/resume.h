/* SPDX-License-Identifier: MIT
 *
 * Going on with a map or a sweep by the name of its run.
 */
#ifndef HEC_CLI_RESUME_H
#define HEC_CLI_RESUME_H

#include <hec/run.h>

/* Gives the command of the run again, in the folder where it was given; what is done is not run
 * again. Returns the exit status. */
int resume_by_words(const hec_rundir *run);

#endif
