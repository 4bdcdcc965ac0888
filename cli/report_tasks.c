/* SPDX-License-Identifier: MIT
 *
 * hec report of tasks: of a map, a sweep, or any journal, what the tasks of each class have taken.
 * A class is the program of a command; tasks of pyhec are one.
 */
#include "report.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "exit.h"
#include "out.h"
#include "run.h"
#include "run_name.h"

#include <hec/journal.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES_MAX 200 /* what comes after is one more */
#define MIB         ((uint64_t)1 << 20)

typedef struct class
{
    char name[200];
    uint64_t *durations; /* ns, of attempts that were done */
    size_t n, cap;
    uint64_t attempts, failed;         /* all; of them */
    uint64_t wall_ns, cpu_ns, lost_ns; /* lost: of attempts that failed */
    uint64_t memory;
} class;

typedef struct report {
    hec_rundir *run; /* NULL: a journal was named */
    hec_journal *journal;
    class *all;
    size_t n;
    class sum;
} report;

static void report_fini(report *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->all[i].durations);
    free(r->all);
    hec_journal_close(r->journal, NULL);
    hec_rundir_destroy(r->run);
}

/* ---- gathering ---- */

/* The program of a command line: its first word, with what quotes are around it. */
static void name_of(const hec_journal_content *c, uint32_t i, char *buf, size_t size)
{
    snprintf(buf, size, "tasks");
    for (uint32_t p = 0; p < c->nparts; p++) {
        const hec_journal_part *part = &c->parts[p];
        const char *text = part->data;
        size_t n = 0;

        if (part->kind != HEC_PART_ARGS || part->format != HEC_FORMAT_TEXT ||
            (part->entry && part->entry != i + 1) || !text)
            continue;
        while (n < part->size && n + 1 < size && (unsigned char)text[n] > ' ')
            n++;
        if (n)
            snprintf(buf, size, "%.*s", (int)n, text);
    }
}

static class *class_of(report *r, const char *name)
{
    class *grown;

    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->all[i].name, name) == 0)
            return &r->all[i];
    if (r->n > CLASSES_MAX)
        return &r->all[r->n - 1];
    grown = realloc(r->all, (r->n + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    r->all = grown;
    r->all[r->n] = (class){0};
    snprintf(r->all[r->n].name, sizeof r->all->name, "%s", r->n == CLASSES_MAX ? "others" : name);
    return &r->all[r->n++];
}

static int add_duration(class *c, uint64_t ns)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        uint64_t *grown = realloc(c->durations, cap * sizeof *grown);

        if (!grown)
            return HEC_ENOMEM;
        c->durations = grown;
        c->cap = cap;
    }
    c->durations[c->n++] = ns;
    return 0;
}

static void count(class *c, const hec_journal_entry *e)
{
    bool good = e->verdict == HEC_TASK_DONE;

    c->attempts++;
    c->failed += !good;
    c->wall_ns += e->usage.duration_ns;
    c->cpu_ns += e->usage.cpu_ns;
    c->lost_ns += good ? 0 : e->usage.duration_ns;
    if (e->usage.max_rss > c->memory)
        c->memory = e->usage.max_rss;
}

static int add_entry(report *r, const hec_journal_content *content, uint32_t i)
{
    const hec_journal_entry *e = &content->entries[i];
    char name[200];
    class *c;

    if (e->verdict == HEC_TASK_SKIPPED || !e->usage.duration_ns)
        return 0; /* it was never run */
    name_of(content, i, name, sizeof name);
    c = class_of(r, name);
    if (!c)
        return HEC_ENOMEM;
    count(c, e);
    count(&r->sum, e);
    return e->verdict == HEC_TASK_DONE ? add_duration(c, e->usage.duration_ns) : 0;
}

static int gather(report *r, hec_error *err)
{
    hec_journal_place place = {0};
    hec_journal_content *content = NULL;
    int e;

    while ((e = hec_journal_next(r->journal, &place, HEC_LOAD_ALL, &content, err)) > 0) {
        for (uint32_t i = 0; e >= 0 && i < content->nentries; i++)
            e = add_entry(r, content, i) < 0 ? hec__fail(err, HEC_ENOMEM, 0, "no memory for tasks")
                                             : e;
        hec_journal_content_destroy(content);
        content = NULL;
        if (e < 0)
            break;
    }
    return e;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t middle(const class *c)
{
    return c->n ? c->durations[c->n / 2] : 0;
}

static uint64_t longest(const class *c)
{
    return c->n ? c->durations[c->n - 1] : 0;
}

/* ---- showing it ---- */

/* "0.12 s", "1h 05m". */
static const char *span(uint64_t ns, char *buf, size_t size)
{
    if (ns < UINT64_C(100000000000))
        snprintf(buf, size, "%.3g s", (double)ns / 1e9);
    else
        out_seconds(ns / 1000000000u, buf, size);
    return buf;
}

static double share(uint64_t part, uint64_t all)
{
    return all ? (double)part / (double)all : 0;
}

/* A fifth more than the most, in steps of 100 MiB; twice the longest, in steps of a minute. 0: not
 * known. */
static uint64_t next_memory(const report *r)
{
    const uint64_t step = 100 * MIB;

    return r->sum.memory ? (r->sum.memory + r->sum.memory / 5 + step - 1) / step * 100 : 0;
}

static uint64_t next_minutes(const report *r)
{
    const uint64_t minute = UINT64_C(60000000000);
    uint64_t most = 0;

    for (size_t i = 0; i < r->n; i++)
        most = longest(&r->all[i]) > most ? longest(&r->all[i]) : most;
    return (2 * most + minute - 1) / minute;
}

static void print_class(const class *c)
{
    char a[32] = "-", b[32] = "-", m[32] = "not known";

    if (c->memory)
        out_bytes(c->memory, m, sizeof m);
    if (c->n) {
        span(middle(c), a, sizeof a);
        span(longest(c), b, sizeof b);
    }
    printf("  %-20.60s %8" PRIu64 " %8" PRIu64 " %10s %10s %5.0f %% %12s\n", c->name, c->attempts,
           c->failed, a, b, share(c->cpu_ns, c->wall_ns) * 100, m);
}

static void print_all(const report *r, const char *name)
{
    const double hour = 3600e9;

    printf("%s: %" PRIu64 " task%s run, %" PRIu64 " failed\n",
           r->run ? hec_rundir_id(r->run) : name, r->sum.attempts, r->sum.attempts == 1 ? "" : "s",
           r->sum.failed);
    printf("  %-20s %8s %8s %10s %10s %7s %12s\n", "", "run", "failed", "median", "longest", "CPU",
           "memory");
    for (size_t i = 0; i < r->n; i++)
        print_class(&r->all[i]);
    printf("  hours of tasks %.2f, of CPU %.2f; %.2f wasted by what failed\n",
           (double)r->sum.wall_ns / hour, (double)r->sum.cpu_ns / hour,
           (double)r->sum.lost_ns / hour);
    printf("next time:");
    if (next_memory(r))
        printf(" --memory=%" PRIu64 "M", next_memory(r));
    if (next_minutes(r))
        printf(" --timeout=%" PRIu64 "m", next_minutes(r));
    printf("%s\n", next_memory(r) || next_minutes(r) ? "" : " the same");
}

static void json_class(hec__json *j, const class *c)
{
    hec__json_open(j, '{');
    hec__json_key(j, "class"), hec__json_str(j, c->name);
    hec__json_key(j, "run"), hec__json_uint(j, c->attempts);
    hec__json_key(j, "failed"), hec__json_uint(j, c->failed);
    hec__json_key(j, "seconds_median"), hec__json_real(j, (double)middle(c) / 1e9);
    hec__json_key(j, "seconds_longest"), hec__json_real(j, (double)longest(c) / 1e9);
    hec__json_key(j, "hours"), hec__json_real(j, (double)c->wall_ns / 3600e9);
    hec__json_key(j, "hours_cpu"), hec__json_real(j, (double)c->cpu_ns / 3600e9);
    hec__json_key(j, "hours_wasted"), hec__json_real(j, (double)c->lost_ns / 3600e9);
    hec__json_key(j, "memory_used"), hec__json_uint(j, c->memory);
    hec__json_close(j);
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
    hec__json_key(&j, "run"), hec__json_str(&j, r->run ? hec_rundir_id(r->run) : NULL);
    hec__json_key(&j, "classes"), hec__json_open(&j, '[');
    for (size_t i = 0; i < r->n; i++)
        json_class(&j, &r->all[i]);
    hec__json_close(&j);
    hec__json_key(&j, "next"), hec__json_open(&j, '{');
    hec__json_key(&j, "memory_mib"), hec__json_uint(&j, next_memory(r));
    hec__json_key(&j, "timeout_minutes"), hec__json_uint(&j, next_minutes(r));
    hec__json_close(&j);
    hec__json_close(&j);
    status = run_print(&out, STATUS_OK);
    hec__strbuf_fini(&out);
    return status;
}

static int open_journal(report *r, const char *name, hec_error *err)
{
    const hec_journal_options o = {.read_only = 1};
    HEC_AUTO_STRBUF path;
    int e = 0;

    hec__strbuf_init(&path);
    if (r->run)
        e = run_name_file(r->run, "journal", &path, err);
    return e < 0 ? e : hec_journal_open(r->run ? path.data : name, &o, &r->journal, err);
}

int report_tasks(hec_rundir *run, const char *name, bool json)
{
    __attribute__((cleanup(report_fini))) report r = {.run = run};
    hec_error err = {0};

    if (open_journal(&r, name, &err) < 0 || gather(&r, &err) < 0)
        return out_error("report on the tasks", &err);
    if (r.sum.attempts == 0) {
        out_complain("cannot report on %s: no task of it has run", run ? hec_rundir_id(run) : name);
        return STATUS_CONFIG;
    }
    for (size_t i = 0; i < r.n; i++)
        if (r.all[i].n)
            qsort(r.all[i].durations, r.all[i].n, sizeof *r.all[i].durations, by_size);
    if (json)
        return print_json(&r);
    print_all(&r, name);
    return STATUS_OK;
}
