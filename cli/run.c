/* SPDX-License-Identifier: MIT */
#include "run.h"

#include "exit.h"
#include "out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void run_view_fini(run_view *v)
{
    hec_jobs_destroy(v->jobs);
    hec_rundir_destroy(v->run);
}

int run_open(const char *name, hec_rundir **ret_run)
{
    hec_error err;

    return hec_rundir_open(name ? name : "last", ret_run, &err) == 0
               ? STATUS_OK
               : out_error("open the run", &err);
}

int run_view_init(hec_rundir *run, int ask, run_view *ret)
{
    run_view v = {.run = run};
    hec_error err;

    if (hec_rundir_jobs(run, ask, &v.jobs, &v.as_of, &err) < 0) {
        hec_rundir_destroy(run);
        return out_error("tell how the run stands", &err);
    }
    v.all = hec_jobs_all(v.jobs, &v.n);
    v.state = hec_jobs_state(v.jobs, &v.from);
    *ret = v;
    return STATUS_OK;
}

int run_look(const char *name, int ask, run_view *ret)
{
    hec_rundir *run = NULL;
    int status = run_open(name, &run);

    return status == STATUS_OK ? run_view_init(run, ask, ret) : status;
}

int run_status(int state)
{
    return state == HEC_JOB_DONE ? STATUS_OK : STATUS_FAILED;
}

const char *run_text(const hec_rundir *run, const char *key)
{
    const hec_value *v = hec_value_get(hec_rundir_asked(run), key);

    return v && v->kind == HEC_VALUE_TEXT ? v->as.text : NULL;
}

char *run_command(const hec_rundir *run, char *buf, size_t size)
{
    const hec_value *v = hec_value_get(hec_rundir_asked(run), "command");
    size_t n = 0;

    *buf = '\0';
    for (uint64_t i = 0; v && v->kind == HEC_VALUE_LIST && i < v->count && n + 1 < size; i++) {
        const char *word = v->as.items[i].kind == HEC_VALUE_TEXT ? v->as.items[i].as.text : "?";

        for (const char *p = i ? " " : ""; n + 1 < size && *p; p++)
            buf[n++] = *p;
        for (; n + 1 < size && *word; word++)
            buf[n++] = (unsigned char)*word < 0x20 || *word == 0x7f ? '?' : *word;
    }
    buf[n] = '\0';
    return buf;
}

void run_times(const run_view *v, int64_t *ret_started, int64_t *ret_ended)
{
    int64_t started = 0, ended = 0;

    for (size_t i = 0; i < v->n; i++) {
        if (v->all[i].started && (!started || v->all[i].started < started))
            started = v->all[i].started;
        if (v->all[i].ended > ended)
            ended = v->all[i].ended;
    }
    *ret_started = started;
    *ret_ended = hec_job_state_ended(v->state) ? ended : 0;
}

/* ---- code ---- */

static void copy_text(const hec_value *map, const char *key, char *buf, size_t size)
{
    const hec_value *v = hec_value_get(map, key);

    snprintf(buf, size, "%s", v && v->kind == HEC_VALUE_TEXT ? v->as.text : "");
}

static uint64_t number_of(const hec_value *map, const char *key)
{
    const hec_value *v = hec_value_get(map, key);

    return v && v->kind == HEC_VALUE_INT && v->as.integer > 0 ? (uint64_t)v->as.integer : 0;
}

static int take_code(void *ctx, const hec_rundir_event *e)
{
    run_code *code = ctx;
    const hec_value *large = hec_value_get(e->fields, "large");
    size_t n = 0;

    if (strcmp(e->event, "snapshot") != 0)
        return 0;
    copy_text(e->fields, "of", code->of, sizeof code->of);
    copy_text(e->fields, "hash", code->hash, sizeof code->hash);
    code->files = number_of(e->fields, "files");
    code->bytes = number_of(e->fields, "bytes");
    code->not_copied = number_of(e->fields, "not_copied");
    for (uint64_t i = 0; large && large->kind == HEC_VALUE_LIST && i < large->count; i++)
        if (large->as.items[i].kind == HEC_VALUE_TEXT && n < sizeof code->large)
            n += (size_t)snprintf(code->large + n, sizeof code->large - n, "%s%s", i ? ", " : "",
                                  large->as.items[i].as.text);
    return 0;
}

void run_code_read(hec_rundir *run, run_code *ret)
{
    *ret = (run_code){0};
    (void)hec_rundir_events(run, take_code, ret, NULL);
}

/* ---- JSON ---- */

static void member_text(hec__json *j, const char *key, const char *value)
{
    hec__json_key(j, key);
    hec__json_str(j, value);
}

static void member_number(hec__json *j, const char *key, int64_t value, int64_t none)
{
    hec__json_key(j, key);
    if (value == none)
        hec__json_null(j);
    else
        hec__json_int(j, value);
}

static void json_job(hec__json *j, const hec_job *job)
{
    hec__json_open(j, '{');
    member_text(j, "id", job->id);
    member_number(j, "index", job->index, -1);
    member_text(j, "state", hec_job_state_word(job->state));
    member_text(j, "reason", job->reason);
    member_text(j, "scheduler_state", job->word);
    hec__json_key(j, "stuck"), hec__json_bool(j, job->stuck != 0);
    member_number(j, "exit_status", job->exit_code, -1);
    member_number(j, "signal", job->signal, 0);
    member_number(j, "submitted", job->submitted, 0);
    member_number(j, "expected", job->expected, 0);
    member_number(j, "started", job->started, 0);
    member_number(j, "ended", job->ended, 0);
    member_text(j, "nodes", job->nodes);
    member_number(j, "cpus", job->cpus, 0);
    member_number(j, "max_rss", (int64_t)job->memory, 0);
    member_number(j, "gpus", job->gpus, 0);
    member_number(j, "gpu_memory", (int64_t)job->gpu_memory, 0);
    hec__json_key(j, "gpu_percent");
    if (job->gpu_percent < 0)
        hec__json_null(j);
    else
        hec__json_real(j, job->gpu_percent);
    hec__json_key(j, "cpu_seconds");
    if (job->cpu_s < 0)
        hec__json_null(j);
    else
        hec__json_real(j, job->cpu_s);
    hec__json_close(j);
}

static void json_list(hec__json *j, const hec_rundir *run, const char *key)
{
    const hec_value *v = hec_value_get(hec_rundir_asked(run), key);
    char *json = NULL;

    hec__json_key(j, key);
    if (v && hec_value_json(v, &json, NULL) == 0)
        hec__json_raw(j, json);
    else
        hec__json_null(j);
    free(json);
}

void run_json(hec__json *j, const run_view *v)
{
    int64_t started, ended;
    run_code code;

    run_times(v, &started, &ended);
    member_text(j, "run", hec_rundir_id(v->run));
    member_text(j, "kind", hec_rundir_kind(v->run));
    member_text(j, "name", hec_rundir_name(v->run));
    member_text(j, "path", hec_rundir_path(v->run));
    member_text(j, "site", run_text(v->run, "site"));
    member_text(j, "scheduler", run_text(v->run, "scheduler"));
    json_list(j, v->run, "command");
    json_list(j, v->run, "options");
    run_code_read(v->run, &code);
    member_text(j, "code_of", *code.of ? code.of : NULL);
    member_text(j, "code_hash", *code.hash ? code.hash : NULL);
    hec__json_key(j, "created"), hec__json_real(j, (double)hec_rundir_created_ms(v->run) / 1e3);
    member_text(j, "state", v->n ? hec_job_state_word(v->state) : "not submitted");
    member_text(j, "reason", v->from ? v->from->reason : NULL);
    member_number(j, "started", started, 0);
    member_number(j, "ended", ended, 0);
    hec__json_key(j, "as_of"), hec__json_real(j, (double)v->as_of / 1e3);
    hec__json_key(j, "jobs");
    hec__json_open(j, '[');
    for (size_t i = 0; i < v->n; i++)
        json_job(j, &v->all[i]);
    hec__json_close(j);
}

int run_print(hec__strbuf *out, int status)
{
    hec__strbuf_addc(out, '\n');
    if (out->failed) {
        out_complain("cannot show that: no memory");
        return STATUS_INTERNAL;
    }
    fwrite(out->data, 1, out->len, stdout);
    return status;
}

char *run_when(int64_t seconds, char *buf, size_t size)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (seconds <= 0 || !localtime_r(&t, &tm) || !strftime(buf, size, "%Y-%m-%d %H:%M", &tm))
        snprintf(buf, size, "-");
    return buf;
}
