/* SPDX-License-Identifier: MIT
 *
 * What the verbs that make jobs share: the options of a job as rows, and from a command line to a
 * site and a request.
 */
#ifndef HEC_CLI_JOB_H
#define HEC_CLI_JOB_H

#include "opt.h"

#include <hec/batch.h>

/* The rows of a table of options; those of a verb's own begin at N_JOB_ROWS. */
enum {
#define JOB_ROW_ID(id, name, arg, many, help) JOB_##id,
    HEC_REQUEST_OPTIONS(JOB_ROW_ID)
#undef JOB_ROW_ID
        JOB_SITE,
    JOB_SCHEDULER,
    N_JOB_ROWS
};

#define JOB_ROW(id, name, arg, many, help) [JOB_##id] = {name, arg, help},
#define JOB_ROWS                                                                                   \
    HEC_REQUEST_OPTIONS(JOB_ROW)                                                                   \
    [JOB_SITE] = {"site", "SITE", "the cluster: a name that 'hec site' lists, or a file"},         \
    [JOB_SCHEDULER] = {"scheduler", "NAME", "any site of slurm, sge, pbs, torque, lsf or local"}

#define JOB_IS_MANY(id, name, arg, many, help) [JOB_##id] = many,
#define JOB_MANY                               HEC_REQUEST_OPTIONS(JOB_IS_MANY)

/* The site that the options name, or the one that is found. Returns the exit status; where that is
 * not STATUS_OK it has complained. */
int job_site(const opt_args *args, hec_site **ret_site);

/* The request that the options and the operands, its command, make. As job_site(). */
int job_request(const opt_args *args, hec_request **ret_request);

/* Ended at the end of the scope. */
static inline void job_site_fini(hec_site **site)
{
    hec_site_destroy(*site);
}
static inline void job_request_fini(hec_request **request)
{
    hec_request_destroy(*request);
}
#define AUTO_SITE    __attribute__((cleanup(job_site_fini))) hec_site *
#define AUTO_REQUEST __attribute__((cleanup(job_request_fini))) hec_request *

/* Whether an option of the job itself was given; its name, else NULL. */
const char *job_option_given(const opt_args *args);

#endif
