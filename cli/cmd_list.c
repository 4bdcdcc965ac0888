/* SPDX-License-Identifier: MIT
 *
 * hec list: all runs, the oldest first.
 */
#include "exit.h"
#include "out.h"
#include "run.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPT_OPEN, OPT_STATE, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_OPEN] = {"open", NULL, "only those that wait or run"},
    [OPT_STATE] = {"state", "WORD", "only those in this state: running, 'timed out'"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of a table"},
};

typedef struct listing {
    const opt_args *args;
    hec__strbuf out;
    hec__json json;
    size_t shown;
} listing;

static bool is_wanted(const listing *l, const run_view *v)
{
    const char *state = l->args->values[OPT_STATE];

    if (l->args->values[OPT_OPEN] && (v->n == 0 || hec_job_state_ended(v->state)))
        return false;
    return !state || strcmp(state, v->n ? hec_job_state_word(v->state) : "not submitted") == 0;
}

static void print_row(const run_view *v)
{
    int64_t started, ended;
    char when[32], took[32] = "-", command[256];

    run_times(v, &started, &ended);
    if (started)
        out_seconds((unsigned long long)((ended ? ended : (int64_t)time(NULL)) - started), took,
                    sizeof took);
    printf("%-32s  %-13s  %-16s  %9s  %-8s  %s\n", hec_rundir_id(v->run),
           v->n ? hec_job_state_word(v->state) : "not submitted",
           run_when(hec_rundir_created_ms(v->run) / 1000, when, sizeof when), took,
           run_text(v->run, "scheduler") ? run_text(v->run, "scheduler") : "-",
           run_command(v->run, command, sizeof command));
}

static void show(listing *l, const run_view *v)
{
    if (!is_wanted(l, v))
        return;
    if (l->args->values[OPT_JSON]) {
        hec__json_open(&l->json, '{');
        run_json(&l->json, v);
        hec__json_close(&l->json);
    } else {
        if (l->shown == 0)
            printf("%-32s  %-13s  %-16s  %9s  %-8s  %s\n", "run", "state", "made", "took", "where",
                   "command");
        print_row(v);
    }
    l->shown++;
}

static int see(void *ctx, const char *id, hec_rundir *run, const hec_error *why)
{
    listing *l = ctx;
    run_view v = {.run = run};

    if (!run) {
        out_complain("cannot read the run '%s': %s", id, why->text);
        return 0;
    }
    if (hec_rundir_jobs(run, HEC_ASK_GENTLY, &v.jobs, &v.as_of, NULL) < 0) {
        out_complain("cannot tell how the run '%s' stands", id);
        return 0;
    }
    v.all = hec_jobs_all(v.jobs, &v.n);
    v.state = hec_jobs_state(v.jobs, &v.from);
    show(l, &v);
    hec_jobs_destroy(v.jobs);
    return 0;
}

static int run_list(const opt_args *args)
{
    listing l = {.args = args};
    hec_error err;
    int status = STATUS_OK;

    hec__strbuf_init(&l.out);
    hec__json_init(&l.json, &l.out);
    if (args->values[OPT_JSON]) {
        hec__json_open(&l.json, '{');
        hec__json_key(&l.json, "schema"), hec__json_int(&l.json, RUN_SCHEMA);
        hec__json_key(&l.json, "runs"), hec__json_open(&l.json, '[');
    }
    if (hec_rundir_list(see, &l, &err) < 0) {
        status = out_error("list the runs", &err);
    } else if (args->values[OPT_JSON]) {
        hec__json_close(&l.json);
        hec__json_close(&l.json);
        status = run_print(&l.out, STATUS_OK);
    }
    hec__strbuf_fini(&l.out);
    return status;
}

const opt_verb verb_list = {
    .name = "list",
    .summary = "list all runs and how they stand",
    .operands = "",
    .max_operands = 0,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_list,
};
