/* SPDX-License-Identifier: MIT
 *
 * hec report: what a run asked for, what it used of that, and what it should ask for next time.
 */
#include "exit.h"
#include "out.h"
#include "report.h"
#include "run.h"
#include "run_name.h"
#include "submit.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPT_APPLY, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_APPLY] = {"apply", NULL, "submit it again, with the request for next time"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
};

/* Amounts are of one job and node, 0 or -1 where they are not known. */
typedef struct report {
    run_view *v;
    uint64_t limit_s, nodes, cpus, memory; /* as asked for */
    uint64_t jobs;                         /* that have ended */
    int64_t longest_s;
    double cpus_used;          /* on average, of the job that used most */
    uint64_t most_memory;      /* bytes */
    double had_s, spent_s;     /* seconds of CPU: of all jobs that it is known of; -1: of none */
    uint64_t gpus, gpu_memory; /* of the job that has most; most */
    double gpu_s, gpu_use, gpu_told; /* seconds of GPUs; per cent by time; of how many seconds */
    char time[32], cpu[32], mem[32]; /* what to ask for; "": as before */
} report;

static uint64_t asked(const hec_rundir *run, const char *key)
{
    const hec_value *v = hec_value_get(hec_rundir_asked(run), key);

    return v && v->kind == HEC_VALUE_INT && v->as.integer > 0 ? (uint64_t)v->as.integer : 0;
}

static void add_gpus(report *r, const hec_job *j, int64_t took)
{
    if (j->gpus > r->gpus)
        r->gpus = j->gpus;
    if (j->gpu_memory > r->gpu_memory)
        r->gpu_memory = j->gpu_memory;
    r->gpu_s += (double)took * (double)j->gpus;
    if (j->gpu_percent >= 0) {
        r->gpu_use += j->gpu_percent * (double)took;
        r->gpu_told += (double)took;
    }
}

static void add_job(report *r, const hec_job *j)
{
    uint64_t cpus = j->cpus ? j->cpus : r->cpus * r->nodes;
    int64_t took = j->started && j->ended > j->started ? j->ended - j->started : 0;

    if (!hec_job_state_ended(j->state) || !j->started)
        return;
    r->jobs++;
    if (took > r->longest_s)
        r->longest_s = took;
    if (j->memory > r->most_memory)
        r->most_memory = j->memory;
    add_gpus(r, j, took);
    if (j->cpu_s < 0 || took == 0)
        return;
    r->had_s += (double)took * (double)cpus;
    r->spent_s = (r->spent_s < 0 ? 0 : r->spent_s) + j->cpu_s;
    if (j->cpu_s / (double)took > r->cpus_used)
        r->cpus_used = j->cpu_s / (double)took;
}

/* ---- next time ---- */

/* A quarter more than the longest, in steps of 5 minutes; twice the limit where that ended one. */
static void suggest_time(report *r)
{
    uint64_t seconds = (uint64_t)r->longest_s + (uint64_t)r->longest_s / 4;
    const uint64_t step = 300;

    if (!r->limit_s || !r->jobs)
        return;
    if (r->v->state == HEC_JOB_TIMED_OUT)
        seconds = r->limit_s * 2;
    seconds = seconds ? (seconds + step - 1) / step * step : step;
    if (seconds < r->limit_s || r->v->state == HEC_JOB_TIMED_OUT)
        snprintf(r->time, sizeof r->time, "%" PRIu64 "m", seconds / 60);
}

/* As many as were busy, rounded up; where a tenth of one is over, it is not counted. */
static void suggest_cpus(report *r)
{
    uint64_t busy = (uint64_t)(r->cpus_used / (double)(r->nodes ? r->nodes : 1) + 0.9);

    if (r->spent_s >= 0 && r->longest_s >= 10 && busy < r->cpus)
        snprintf(r->cpu, sizeof r->cpu, "%" PRIu64, busy ? busy : 1);
}

/* A fifth more than the most, in steps of 100 MiB; twice as much where it was not enough. */
static void suggest_memory(report *r)
{
    uint64_t bytes = r->most_memory + r->most_memory / 5;
    const uint64_t step = (uint64_t)100 << 20;

    if (r->v->state == HEC_JOB_OUT_OF_MEMORY && r->memory)
        bytes = r->memory * 2;
    if (bytes && (bytes < r->memory || r->v->state == HEC_JOB_OUT_OF_MEMORY))
        snprintf(r->mem, sizeof r->mem, "%" PRIu64 "M", (bytes + step - 1) / step * 100);
}

static void make_report(run_view *v, report *ret)
{
    *ret = (report){.v = v, .had_s = 0, .spent_s = -1};
    ret->limit_s = asked(v->run, "time_s");
    ret->nodes = asked(v->run, "nodes");
    ret->cpus = asked(v->run, "cpus");
    ret->memory = asked(v->run, "memory");
    for (size_t i = 0; i < v->n; i++)
        add_job(ret, &v->all[i]);
    suggest_time(ret);
    suggest_cpus(ret);
    suggest_memory(ret);
}

/* ---- showing it ---- */

static void print_line(const char *what, const char *had, const char *used, double part)
{
    printf("  %-10s %12s %12s", what, had, used);
    if (part >= 0)
        printf("  %3.0f %%", part * 100);
    putchar('\n');
}

/* How busy they were is the scheduler's own figure, and there only where it gathers it. */
static void print_gpus(const report *r)
{
    char had[32], used[32] = "not known", memory[32];

    snprintf(had, sizeof had, "%" PRIu64, r->gpus);
    if (r->gpu_told > 0)
        snprintf(used, sizeof used, "%.0f %%", r->gpu_use / r->gpu_told);
    print_line("GPUs", had, used, -1);
    if (r->gpu_memory)
        print_line("GPU memory", "", out_bytes(r->gpu_memory, memory, sizeof memory), -1);
    printf("  GPU-hours  %12.2f\n", r->gpu_s / 3600);
}

static void print_report(const report *r)
{
    char had[32] = "-", used[32] = "-";
    bool any = *r->time || *r->cpu || *r->mem;

    printf("%s: %s, %" PRIu64 " ended\n", hec_rundir_id(r->v->run), hec_job_state_word(r->v->state),
           r->jobs);
    printf("  %-10s %12s %12s\n", "", "asked for", "used");
    if (r->limit_s)
        out_seconds(r->limit_s, had, sizeof had);
    print_line("time", had, out_seconds((unsigned long long)r->longest_s, used, sizeof used),
               r->limit_s ? (double)r->longest_s / (double)r->limit_s : -1);
    snprintf(had, sizeof had, "%" PRIu64, r->cpus * r->nodes);
    snprintf(used, sizeof used, r->spent_s < 0 ? "not known" : "%.1f", r->cpus_used);
    print_line("CPUs", had, used, r->had_s > 0 ? r->spent_s / r->had_s : -1);
    snprintf(had, sizeof had, "-");
    if (r->memory)
        out_bytes(r->memory, had, sizeof had);
    snprintf(used, sizeof used, "not known");
    if (r->most_memory)
        out_bytes(r->most_memory, used, sizeof used);
    print_line("memory", had, used,
               r->memory && r->most_memory ? (double)r->most_memory / (double)r->memory : -1);
    if (r->gpus)
        print_gpus(r);
    if (r->had_s > 0)
        printf("  core-hours %12.2f %12.2f  %.2f wasted\n", r->had_s / 3600, r->spent_s / 3600,
               r->had_s > r->spent_s ? (r->had_s - r->spent_s) / 3600 : 0);
    printf("next time:%s%s%s%s%s%s%s\n", *r->time ? " --time=" : "", r->time,
           *r->cpu ? " --cpus=" : "", r->cpu, *r->mem ? " --memory=" : "", r->mem,
           any ? "" : " the same");
}

static void json_number(hec__json *j, const char *key, bool known, double value)
{
    hec__json_key(j, key);
    if (known)
        hec__json_real(j, value);
    else
        hec__json_null(j);
}

static void json_text(hec__json *j, const char *key, const char *value)
{
    hec__json_key(j, key);
    hec__json_str(j, *value ? value : NULL);
}

static int print_json(const report *r)
{
    hec__strbuf out;
    hec__json j;
    int status;

    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema"), hec__json_int(&j, RUN_SCHEMA);
    hec__json_key(&j, "run"), hec__json_str(&j, hec_rundir_id(r->v->run));
    hec__json_key(&j, "state"), hec__json_str(&j, hec_job_state_word(r->v->state));
    hec__json_key(&j, "ended"), hec__json_uint(&j, r->jobs);
    json_number(&j, "time_asked", r->limit_s, (double)r->limit_s);
    json_number(&j, "time_used", r->jobs, (double)r->longest_s);
    json_number(&j, "cpus_asked", true, (double)(r->cpus * r->nodes));
    json_number(&j, "cpus_used", r->spent_s >= 0, r->cpus_used);
    json_number(&j, "memory_asked", r->memory, (double)r->memory);
    json_number(&j, "memory_used", r->most_memory, (double)r->most_memory);
    json_number(&j, "core_hours", r->had_s > 0, r->had_s / 3600);
    json_number(&j, "core_hours_wasted", r->had_s > 0, (r->had_s - r->spent_s) / 3600);
    json_number(&j, "gpus", r->gpus, (double)r->gpus);
    json_number(&j, "gpu_percent", r->gpu_told > 0,
                r->gpu_use / (r->gpu_told > 0 ? r->gpu_told : 1));
    json_number(&j, "gpu_memory_used", r->gpu_memory, (double)r->gpu_memory);
    json_number(&j, "gpu_hours", r->gpus, r->gpu_s / 3600);
    hec__json_key(&j, "next");
    hec__json_open(&j, '{');
    json_text(&j, "time", r->time);
    json_text(&j, "cpus", r->cpu);
    json_text(&j, "memory", r->mem);
    hec__json_close(&j);
    hec__json_close(&j);
    status = run_print(&out, STATUS_OK);
    hec__strbuf_fini(&out);
    return status;
}

/* ---- the verb ---- */

static int apply(const report *r, bool json)
{
    hec_submit_options o = {0};
    hec_request *q = NULL;
    hec_site *site = NULL;
    hec_error err;
    int status = submit_parse_snapshot(run_text(r->v->run, "snapshot"), &o.snapshot);

    if (status == STATUS_OK && (hec_rundir_request(r->v->run, &q, &site, &err) < 0 ||
                                (*r->time && hec_request_set(q, "time", r->time, &err) < 0) ||
                                (*r->cpu && hec_request_set(q, "cpus", r->cpu, &err) < 0) ||
                                (*r->mem && hec_request_set(q, "memory", r->mem, &err) < 0)))
        status = out_error("run it again", &err);
    if (status == STATUS_OK)
        status = submit_check(q, site, false);
    if (status == STATUS_OK)
        status = submit_run(q, site, &o, json);
    hec_request_destroy(q);
    hec_site_destroy(site);
    return status;
}

/* Whether it is about tasks: of a map, a sweep, a journal. *ret_run is then the caller's. */
static int is_of_tasks(const char *name, hec_rundir **ret_run, bool *ret)
{
    hec_error err;

    if (run_name_open(name, ret_run, &err) < 0)
        return out_error("open the run", &err);
    *ret = !*ret_run || strcmp(hec_rundir_kind(*ret_run), "job") != 0;
    if (!*ret)
        hec_rundir_destroy(*ret_run);
    return STATUS_OK;
}

static int run_report(const opt_args *args)
{
    AUTO_RUN_VIEW v = {0};
    const char *name = args->n_operands ? args->operands[0] : "last";
    bool json = args->values[OPT_JSON] != NULL, tasks = false;
    hec_rundir *run = NULL;
    report r;
    int status = is_of_tasks(name, &run, &tasks);

    if (status == STATUS_OK && tasks && args->values[OPT_APPLY]) {
        hec_rundir_destroy(run);
        out_complain("cannot apply it: it is no batch job");
        return STATUS_USAGE;
    }
    if (status == STATUS_OK && tasks)
        return report_tasks(run, name, json);
    if (status == STATUS_OK)
        status = run_look(name, HEC_ASK_USAGE, &v);
    if (status != STATUS_OK)
        return status;
    make_report(&v, &r);
    if (r.jobs == 0) {
        out_complain("cannot report on %s: nothing of it has run and ended", hec_rundir_id(v.run));
        return STATUS_CONFIG;
    }
    if (args->values[OPT_APPLY])
        return apply(&r, json);
    if (json)
        return print_json(&r);
    print_report(&r);
    return STATUS_OK;
}

const opt_verb verb_report = {
    .name = "report",
    .summary = "tell what a run used of what it asked for, and what to ask for next time",
    .operands = "[RUN]",
    .max_operands = 1,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_report,
};
