/* SPDX-License-Identifier: MIT
 *
 * Submitting, for the verbs that do: submit, rerun, resume. All return the exit status; where that
 * is not STATUS_OK they have complained.
 */
#ifndef HEC_CLI_SUBMIT_H
#define HEC_CLI_SUBMIT_H

#include <hec/run.h>

#include <stdbool.h>

/* Says what the site would object to, and whether it is fine nevertheless. */
int submit_check(hec_request *q, const hec_site *site, bool force);

/* Makes a run and submits it; prints its id, and says which files were too large to be copied. */
int submit_run(hec_request *q, const hec_site *site, const hec_submit_options *o, bool json);

/* "auto", "always", "never"; NULL: auto. */
int submit_parse_snapshot(const char *text, int *ret);

/* Prints the id of a run. */
int submit_show(hec_rundir *run, bool json);

#endif
