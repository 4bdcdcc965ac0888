/* SPDX-License-Identifier: MIT
 *
 * hec clean: removes the folders of runs that have ended.
 */
#include "base/units.h"
#include "exit.h"
#include "out.h"
#include "run.h"
#include "verbs.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

enum { OPT_OLDER, OPT_FAILED, OPT_DRY_RUN, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_OLDER] = {"older", "TIME", "all runs made longer ago than this: 30d, 12h"},
    [OPT_FAILED] = {"failed", NULL, "with --older: only those that are not done"},
    [OPT_DRY_RUN] = {"dry-run", NULL, "say which, and remove nothing"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
};

typedef struct cleaning {
    const opt_args *args;
    int64_t before_ms; /* made before this */
    hec__strbuf out;
    hec__json json;
    int status;
} cleaning;

/* One that may still run needs its folder. */
static void remove_run(cleaning *c, hec_rundir *run, bool named)
{
    run_view v = {.run = run};
    hec_error err;
    bool open;

    if (hec_rundir_jobs(run, HEC_ASK_GENTLY, &v.jobs, NULL, &err) < 0) {
        c->status = out_error("tell how the run stands", &err);
        return;
    }
    v.all = hec_jobs_all(v.jobs, &v.n);
    v.state = hec_jobs_state(v.jobs, NULL);
    hec_jobs_destroy(v.jobs);
    open = v.n && !hec_job_state_ended(v.state);
    if (open && named) {
        out_complain("cannot remove %s: it is %s", hec_rundir_id(run), hec_job_state_word(v.state));
        out_hint("'hec cancel' ends it");
        c->status = STATUS_CONFIG;
    }
    if (open || (!named && c->args->values[OPT_FAILED] && v.state == HEC_JOB_DONE))
        return;
    if (!c->args->values[OPT_DRY_RUN] && hec_rundir_remove(run, &err) < 0) {
        c->status = out_error("remove the run", &err);
        return;
    }
    if (c->args->values[OPT_JSON])
        hec__json_str(&c->json, hec_rundir_id(run));
    else
        printf("%s\n", hec_rundir_id(run));
}

static int see(void *ctx, const char *id, hec_rundir *run, const hec_error *why)
{
    cleaning *c = ctx;

    if (!run)
        out_complain("cannot read the run '%s': %s", id, why->text);
    else if (hec_rundir_created_ms(run) <= c->before_ms)
        remove_run(c, run, false);
    return 0;
}

static void clean_named(cleaning *c)
{
    for (int i = 0; i < c->args->n_operands; i++) {
        hec_rundir *run = NULL;
        int status = run_open(c->args->operands[i], &run);

        if (status == STATUS_OK)
            remove_run(c, run, true);
        else
            c->status = status;
        hec_rundir_destroy(run);
    }
}

static int clean_older(cleaning *c)
{
    uint64_t seconds;
    struct timespec now;
    hec_error err;

    if (hec__parse_seconds(c->args->values[OPT_OLDER], &seconds, &err) < 0) {
        (void)out_error("understand --older", &err);
        return STATUS_USAGE;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    c->before_ms = ((int64_t)now.tv_sec - (int64_t)(seconds < INT_MAX ? seconds : INT_MAX)) * 1000 +
                   now.tv_nsec / 1000000;
    if (hec_rundir_list(see, c, &err) < 0)
        return out_error("list the runs", &err);
    return STATUS_OK;
}

static int run_clean(const opt_args *args)
{
    cleaning c = {.args = args};

    if ((args->n_operands == 0) == (args->values[OPT_OLDER] == NULL)) {
        out_complain("cannot clean: give runs, or --older=TIME");
        out_hint("hec clean --older=30d --dry-run says which those are");
        return STATUS_USAGE;
    }
    hec__strbuf_init(&c.out);
    hec__json_init(&c.json, &c.out);
    hec__json_open(&c.json, '{');
    hec__json_key(&c.json, "schema"), hec__json_int(&c.json, RUN_SCHEMA);
    hec__json_key(&c.json, "removed"), hec__json_open(&c.json, '[');
    if (args->n_operands)
        clean_named(&c);
    else
        c.status = clean_older(&c) != STATUS_OK ? STATUS_USAGE : c.status;
    hec__json_close(&c.json);
    hec__json_close(&c.json);
    if (args->values[OPT_JSON])
        c.status = run_print(&c.out, c.status);
    hec__strbuf_fini(&c.out);
    return c.status;
}

const opt_verb verb_clean = {
    .name = "clean",
    .summary = "remove the folders of runs that have ended",
    .operands = "[RUN]...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_clean,
};
