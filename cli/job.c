/* SPDX-License-Identifier: MIT */
#include "job.h"

#include "exit.h"
#include "out.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool many;
} options[] = {
#define JOB_OPTION(id, name, arg, many, help) [JOB_##id] = {name, many},
    HEC_REQUEST_OPTIONS(JOB_OPTION)
#undef JOB_OPTION
};

int job_site(const opt_args *args, hec_site **ret_site)
{
    const char *name = args->values[JOB_SITE], *scheduler = args->values[JOB_SCHEDULER];
    char generic[64];
    hec_error err;

    if (name && scheduler) {
        out_complain("cannot take both --site and --scheduler: a site has its scheduler");
        return STATUS_USAGE;
    }
    if (scheduler && strcmp(scheduler, "local") != 0) {
        snprintf(generic, sizeof generic, "generic-%s", scheduler);
        name = generic;
    } else if (scheduler) {
        name = scheduler;
    }
    if (hec_site_open(name, ret_site, &err) == 0)
        return STATUS_OK;
    if (scheduler && err.code == HEC_ENOENT) {
        out_complain("cannot write for '%.60s': no such scheduler", scheduler);
        out_hint("there are slurm, sge, pbs, torque, lsf and local");
        return STATUS_SCHEDULER;
    }
    return out_error("open the site", &err);
}

const char *job_option_given(const opt_args *args)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (args->values[i])
            return options[i].name;
    return NULL;
}

static int set_options(const opt_args *args, hec_request *q, hec_error *err)
{
    int r = 0;

    for (size_t i = 0; i < sizeof options / sizeof *options && r == 0; i++)
        if (args->values[i] && !options[i].many)
            r = hec_request_set(q, options[i].name, args->values[i], err);
    for (size_t i = 0; i < args->n_many && r == 0; i++)
        r = hec_request_set(q, options[args->many[i].row].name, args->many[i].value, err);
    return r;
}

int job_request(const opt_args *args, hec_request **ret_request)
{
    hec_request *q = NULL;
    hec_error err;
    int r = hec_request_create(&q, &err);

    if (r == 0)
        r = set_options(args, q, &err);
    if (r == 0 && args->n_operands > 0)
        r = hec_request_command(q, (const char *const *)args->operands, (size_t)args->n_operands,
                                &err);
    if (r < 0) {
        hec_request_destroy(q);
        return out_error("understand the options", &err);
    }
    *ret_request = q;
    return STATUS_OK;
}
