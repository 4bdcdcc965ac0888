/* SPDX-License-Identifier: MIT
 *
 * hec check: what a site would object to, in a job that one would submit or in a script.
 */
#include "exit.h"
#include "job.h"
#include "out.h"
#include "verbs.h"

#include "base/json.h"

#include <limits.h>
#include <stdio.h>

enum { OPT_SCRIPT = N_JOB_ROWS, OPT_LIVE, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    JOB_ROWS,
    [OPT_SCRIPT] = {"script", "FILE", "check this script instead of a command"},
    [OPT_LIVE] = {"live", NULL, "ask the cluster itself, and believe it more than the site file"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of lines"},
};

static const bool many[N_OPTS] = {JOB_MANY};

/* ---- what is told ---- */

typedef struct report {
    const char *script; /* NULL: a request */
    size_t n;
} report;

static void print_finding(void *ctx, const hec_finding *f)
{
    report *r = ctx;

    r->n++;
    if (r->script && f->line)
        printf("%s:%u: ", r->script, (unsigned)f->line);
    else if (r->script)
        printf("%s: ", r->script);
    printf("%s%s: %s\n", f->rule, f->serious ? "" : " (advice)", f->text);
}

static void add_finding(void *ctx, const hec_finding *f)
{
    hec__json *json = ctx;

    hec__json_open(json, '{');
    hec__json_key(json, "rule");
    hec__json_str(json, f->rule);
    hec__json_key(json, "serious");
    hec__json_bool(json, f->serious);
    hec__json_key(json, "line");
    if (f->line)
        hec__json_uint(json, f->line);
    else
        hec__json_null(json);
    hec__json_key(json, "text");
    hec__json_str(json, f->text);
    hec__json_close(json);
}

/* ---- checking ---- */

static int check(const opt_args *args, const hec_site *site, hec_finding_told *told, void *ctx,
                 hec_error *err)
{
    AUTO_REQUEST q = NULL;
    const char *script = args->values[OPT_SCRIPT];

    if (script)
        return hec_script_check(script, site, told, ctx, err);
    if (job_request(args, &q) != STATUS_OK)
        return INT_MIN; /* it has complained */
    return hec_request_check(q, site, told, ctx, err);
}

static int print_json(const opt_args *args, const hec_site *site)
{
    HEC_AUTO_STRBUF out;
    hec__json json;
    hec_error err;
    int found;

    hec__strbuf_init(&out);
    hec__json_init(&json, &out);
    hec__json_open(&json, '{');
    hec__json_key(&json, "schema");
    hec__json_int(&json, 1);
    hec__json_key(&json, "site");
    hec__json_str(&json, hec_site_name(site));
    hec__json_key(&json, "findings");
    hec__json_open(&json, '[');
    found = check(args, site, add_finding, &json, &err);
    hec__json_close(&json);
    hec__json_close(&json);
    if (found == INT_MIN)
        return STATUS_USAGE;
    if (found < 0)
        return out_error("check the job", &err);
    if (out.failed) {
        out_complain("cannot print: out of memory");
        return STATUS_INTERNAL;
    }
    puts(out.data);
    return found ? STATUS_CONFIG : STATUS_OK;
}

static int print_lines(const opt_args *args, const hec_site *site)
{
    report r = {.script = args->values[OPT_SCRIPT]};
    hec_error err;
    int found = check(args, site, print_finding, &r, &err);

    if (found == INT_MIN)
        return STATUS_USAGE;
    if (found < 0)
        return out_error("check the job", &err);
    if (r.n == 0)
        printf("%s would object to nothing\n", hec_site_name(site));
    if (found == 0)
        return STATUS_OK;
    fflush(stdout); /* the sum comes last, where both go to a terminal */
    out_complain("%d problem%s for %s", found, found == 1 ? "" : "s", hec_site_name(site));
    return STATUS_CONFIG;
}

static int run_check(const opt_args *args)
{
    AUTO_SITE site = NULL;
    const char *script = args->values[OPT_SCRIPT], *given = job_option_given(args);
    hec_error err;
    int status;

    if (!script && args->n_operands == 0) {
        out_complain("cannot check anything: no command and no --script was given");
        out_hint("hec check --time=1h -- python model.py, or hec check --script=job.sh");
        return STATUS_USAGE;
    }
    if (script && (given || args->n_operands)) {
        out_complain("cannot check a script and %s%s: it says itself what it asks for",
                     given ? "--" : "a command", given ? given : "");
        return STATUS_USAGE;
    }
    status = job_site(args, &site);
    if (status != STATUS_OK)
        return status;
    if (args->values[OPT_LIVE] && hec_site_live(site, &err) < 0)
        return out_error("ask the cluster", &err);
    return args->values[OPT_JSON] ? print_json(args, site) : print_lines(args, site);
}

const opt_verb verb_check = {
    .name = "check",
    .summary = "say what a cluster would object to in a batch job",
    .operands = "[--] COMMAND [ARGUMENT]...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .many = many,
    .until_operand = true,
    .run = run_check,
};
