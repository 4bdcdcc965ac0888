/* SPDX-License-Identifier: MIT
 *
 * hec script: prints the script of a job, and submits nothing.
 */
#include "exit.h"
#include "job.h"
#include "out.h"
#include "verbs.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPT_PART = N_JOB_ROWS, N_OPTS };

static const opt_row rows[N_OPTS] = {
    JOB_ROWS,
    [OPT_PART] = {"part", "N", "of an array that becomes several jobs, the N-th; 1 if not given"},
};

static const bool many[N_OPTS] = {JOB_MANY};

static int parse_part(const char *text, uint32_t *ret)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n == 0 || n > UINT32_MAX) {
        out_complain("cannot understand --part=%.40s: it is not a number from 1", text);
        return STATUS_USAGE;
    }
    *ret = (uint32_t)n;
    return STATUS_OK;
}

static int print_script(hec_request *q, const hec_site *site, const char *part_text)
{
    uint32_t part = 1, parts;
    hec_error err;
    char *text;

    if (part_text && parse_part(part_text, &part) != STATUS_OK)
        return STATUS_USAGE;
    if (hec_script_parts(q, site, &parts, &err) < 0 ||
        hec_script_write(q, site, part, &text, &err) < 0)
        return out_error("write the script", &err);
    fputs(text, stdout);
    free(text);
    if (parts > 1 && !part_text) {
        out_complain("the array is larger than one of %s: this is job 1 of %" PRIu32,
                     hec_site_name(site), parts);
        out_hint("--part=2 and so on print the others");
    }
    return STATUS_OK;
}

static int run_script(const opt_args *args)
{
    AUTO_SITE site = NULL;
    AUTO_REQUEST q = NULL;
    int status;

    if (args->n_operands == 0) {
        out_complain("cannot write a script: no command was given");
        out_hint("hec script --time=1h --cpus=4 -- python model.py");
        return STATUS_USAGE;
    }
    status = job_site(args, &site);
    if (status == STATUS_OK)
        status = job_request(args, &q);
    return status == STATUS_OK ? print_script(q, site, args->values[OPT_PART]) : status;
}

const opt_verb verb_script = {
    .name = "script",
    .summary = "print the script of a batch job that runs a command",
    .operands = "[--] COMMAND [ARGUMENT]...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .many = many,
    .until_operand = true,
    .run = run_script,
};
