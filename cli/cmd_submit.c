/* SPDX-License-Identifier: MIT
 *
 * hec submit: makes a run of a command, and hands it to the scheduler; here where there is none.
 */
#include "exit.h"
#include "job.h"
#include "out.h"
#include "run.h"
#include "submit.h"
#include "verbs.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_RUN_DIR = N_JOB_ROWS, OPT_SNAPSHOT, OPT_DRY_RUN, OPT_FORCE, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    JOB_ROWS,
    [OPT_RUN_DIR] = {"run-dir", "DIR", "the folder of the run, which must not exist yet"},
    [OPT_SNAPSHOT] = {"snapshot", "HOW", "run in a copy of the code: auto, always or never"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "print the script, and submit nothing"},
    [OPT_FORCE] = {"force", NULL, "submit it even where 'hec check' has serious objections"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of the run's id"},
};

static const bool many[N_OPTS] = {JOB_MANY};

/* What the site objects to is said; advice is 'hec check''s. */
static void tell(void *ctx, const hec_finding *f)
{
    (void)ctx;
    if (f->serious)
        out_complain("%s: %s", f->rule, f->text);
}

int submit_check(hec_request *q, const hec_site *site, bool force)
{
    hec_error err;
    int serious = hec_request_check(q, site, tell, NULL, &err);

    if (serious < 0)
        return out_error("make a job of it", &err);
    if (serious == 0 || force)
        return STATUS_OK;
    out_complain("cannot submit: %s would object to it", hec_site_name(site));
    out_hint("'hec check' tells more; --force submits it as it is");
    return STATUS_CONFIG;
}

static int print_script(hec_request *q, const hec_site *site)
{
    hec_error err;
    char *text;
    uint32_t parts;

    if (hec_script_parts(q, site, &parts, &err) < 0 ||
        hec_script_write(q, site, 1, &text, &err) < 0)
        return out_error("write the script", &err);
    fputs(text, stdout);
    free(text);
    if (parts > 1)
        out_complain("this is job 1 of %" PRIu32 ": the array is larger than one of %s", parts,
                     hec_site_name(site));
    return STATUS_OK;
}

int submit_show(hec_rundir *run, bool json)
{
    hec__strbuf out;
    hec__json j;
    int status;

    if (!json) {
        printf("%s\n", hec_rundir_id(run));
        return STATUS_OK;
    }
    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema"), hec__json_int(&j, RUN_SCHEMA);
    hec__json_key(&j, "run"), hec__json_str(&j, hec_rundir_id(run));
    hec__json_key(&j, "path"), hec__json_str(&j, hec_rundir_path(run));
    hec__json_close(&j);
    status = run_print(&out, STATUS_OK);
    hec__strbuf_fini(&out);
    return status;
}

int submit_parse_snapshot(const char *text, int *ret)
{
    static const char *const words[] = {"auto", "always", "never"};

    *ret = HEC_SNAPSHOT_AUTO;
    for (int i = 0; text && i < 3; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return STATUS_OK;
        }
    if (!text)
        return STATUS_OK;
    out_complain("cannot understand --snapshot=%.40s: it is auto, always or never", text);
    return STATUS_USAGE;
}

static void tell_large(hec_rundir *run)
{
    run_code code;

    run_code_read(run, &code);
    if (code.not_copied)
        out_complain("over 10 MiB, and so not copied but used where they are: %s%s", code.large,
                     code.not_copied > 20 ? ", ..." : "");
}

int submit_run(hec_request *q, const hec_site *site, const hec_submit_options *o, bool json)
{
    hec_rundir *run = NULL;
    hec_jobs *jobs = NULL;
    hec_error err;
    int status;
    size_t n = 0;

    if (hec_rundir_plan(q, site, o, &run, &err) < 0)
        return out_error("make the run", &err);
    tell_large(run);
    if (hec_rundir_submit(run, site, &err) == 0) {
        status = submit_show(run, json);
        hec_rundir_destroy(run);
        return status;
    }
    status = out_error("submit", &err);
    if (hec_rundir_jobs(run, HEC_ASK_NOBODY, &jobs, NULL, NULL) == 0)
        (void)hec_jobs_all(jobs, &n);
    hec_jobs_destroy(jobs);
    /* One that nobody has taken is no run; of one that somebody may have, the folder is needed. */
    if (n == 0 && err.code != HEC_EAGAIN)
        (void)hec_rundir_remove(run, NULL);
    else
        out_hint("the run %s stays: 'hec status' tells what became of it", hec_rundir_id(run));
    hec_rundir_destroy(run);
    return status;
}

static int run_submit(const opt_args *args)
{
    AUTO_SITE site = NULL;
    AUTO_REQUEST q = NULL;
    hec_submit_options o = {.path = args->values[OPT_RUN_DIR]};
    int status;

    if (args->n_operands == 0) {
        out_complain("cannot submit: no command was given");
        out_hint("hec submit --time=1h --cpus=4 -- python model.py");
        return STATUS_USAGE;
    }
    status = submit_parse_snapshot(args->values[OPT_SNAPSHOT], &o.snapshot);
    if (status == STATUS_OK)
        status = job_site(args, &site);
    if (status == STATUS_OK)
        status = job_request(args, &q);
    if (status == STATUS_OK)
        status = submit_check(q, site, args->values[OPT_FORCE] != NULL);
    if (status != STATUS_OK)
        return status;
    return args->values[OPT_DRY_RUN] ? print_script(q, site)
                                     : submit_run(q, site, &o, args->values[OPT_JSON] != NULL);
}

const opt_verb verb_submit = {
    .name = "submit",
    .summary = "run a command as a batch job; in the background where there is no scheduler",
    .operands = "[--] COMMAND [ARGUMENT]...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .many = many,
    .until_operand = true,
    .run = run_submit,
};
