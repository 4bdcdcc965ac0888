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

/* Makes a run and submits it; prints its id. path: of its folder, or NULL. */
int submit_run(hec_request *q, const hec_site *site, const char *path, bool json);

/* Prints the id of a run. */
int submit_show(hec_rundir *run, bool json);

#endif
