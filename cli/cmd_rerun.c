/* SPDX-License-Identifier: MIT
 *
 * hec rerun: the same as a new run. hec resume: what is not done, in the same run.
 */
#include "environment.h"
#include "exit.h"
#include "out.h"
#include "resume.h"
#include "run.h"
#include "submit.h"
#include "verbs.h"

#include <string.h>

enum { OPT_FORCE, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_FORCE] = {"force", NULL, "submit it even where 'hec check' has serious objections"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of the run's id"},
};

static int run_rerun(const opt_args *args)
{
    hec_rundir *run = NULL;
    hec_request *q = NULL;
    hec_site *site = NULL;
    hec_submit_options o = {0};
    hec_error err;
    int status = run_open(args->n_operands ? args->operands[0] : NULL, &run);

    if (status == STATUS_OK)
        status = submit_parse_snapshot(run_text(run, "snapshot"), &o.snapshot);
    if (status == STATUS_OK && hec_rundir_request(run, &q, &site, &err) < 0)
        status = out_error("run it again", &err);
    if (status == STATUS_OK)
        environment_tell(run);
    if (status == STATUS_OK)
        status = submit_check(q, site, args->values[OPT_FORCE] != NULL);
    if (status == STATUS_OK)
        status = submit_run(q, site, &o, args->values[OPT_JSON] != NULL);
    hec_request_destroy(q);
    hec_site_destroy(site);
    hec_rundir_destroy(run);
    return status;
}

const opt_verb verb_rerun = {
    .name = "rerun",
    .summary = "submit what a run was made of as a new run",
    .operands = "[RUN]",
    .max_operands = 1,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_rerun,
};

static const opt_row resume_rows[] = {
    {"json", NULL, "print one JSON value instead of the run's id"},
};

static int run_resume(const opt_args *args)
{
    hec_rundir *run = NULL;
    hec_error err;
    int r, status = run_open(args->n_operands ? args->operands[0] : NULL, &run);

    if (status != STATUS_OK)
        return status;
    if (strcmp(hec_rundir_kind(run), "map") == 0 || strcmp(hec_rundir_kind(run), "sweep") == 0) {
        status = resume_by_words(run);
        hec_rundir_destroy(run);
        return status;
    }
    environment_tell(run);
    r = hec_rundir_resume(run, &err);
    if (r == 0)
        out_complain("%s is done: there is nothing to resume", hec_rundir_id(run));
    status = r < 0 ? out_error("resume the run", &err) : submit_show(run, args->values[0] != NULL);
    hec_rundir_destroy(run);
    return status;
}

const opt_verb verb_resume = {
    .name = "resume",
    .summary = "run again what of a run is not done, in the same folder",
    .operands = "[RUN]",
    .max_operands = 1,
    .rows = resume_rows,
    .n_rows = 1,
    .run = run_resume,
};
