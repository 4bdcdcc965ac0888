/* SPDX-License-Identifier: MIT
 *
 * hec cancel: ends runs before their time.
 */
#include "exit.h"
#include "out.h"
#include "run.h"
#include "verbs.h"

#include <limits.h>
#include <stdio.h>

#define GRACE_MS 10000 /* between SIGTERM and SIGKILL, on this machine */

enum { OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
};

static int cancel(const char *name, hec__json *json)
{
    hec_rundir *run = NULL;
    hec_error err;
    int r, status = run_open(name, &run);

    if (status != STATUS_OK)
        return status;
    r = hec_rundir_cancel(run, GRACE_MS, &err);
    if (r < 0) {
        status = out_error("cancel the run", &err);
    } else if (json) {
        hec__json_open(json, '{');
        hec__json_key(json, "run"), hec__json_str(json, hec_rundir_id(run));
        hec__json_key(json, "cancelled"), hec__json_bool(json, r > 0);
        hec__json_close(json);
    } else if (r == 0) {
        out_complain("%s had ended already", hec_rundir_id(run));
    }
    hec_rundir_destroy(run);
    return status;
}

static int run_cancel(const opt_args *args)
{
    int status = STATUS_OK;
    hec__strbuf out;
    hec__json j;

    if (args->n_operands == 0) {
        out_complain("cannot cancel: which run?");
        out_hint("write hec cancel RUN, or hec cancel last");
        return STATUS_USAGE;
    }
    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema"), hec__json_int(&j, RUN_SCHEMA);
    hec__json_key(&j, "runs"), hec__json_open(&j, '[');
    for (int i = 0; i < args->n_operands; i++) {
        int one = cancel(args->operands[i], args->values[OPT_JSON] ? &j : NULL);

        status = one != STATUS_OK ? one : status;
    }
    hec__json_close(&j);
    hec__json_close(&j);
    if (args->values[OPT_JSON])
        status = run_print(&out, status);
    hec__strbuf_fini(&out);
    return status;
}

const opt_verb verb_cancel = {
    .name = "cancel",
    .summary = "end runs before their time",
    .operands = "RUN...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_cancel,
};
