/* SPDX-License-Identifier: MIT
 *
 * hec results: how the tasks in a journal ended, for people, as JSON or as CSV. Whoever wrote the
 * journal: of pyhec's tasks the values are not shown, which are pickles.
 */
#include "base/json.h"
#include "exit.h"
#include "out.h"
#include "run_name.h"
#include "verbs.h"

#include <hec/journal.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAIL_LINES  5    /* of its standard error, in the table */
#define TAIL_BYTES  4096 /* everywhere */
#define FLUSH_BYTES ((size_t)64 << 10)

enum { OPT_FAILED, OPT_JSON, OPT_CSV, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_FAILED] = {"failed", NULL, "only tasks that are not done"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of a table"},
    [OPT_CSV] = {"csv", NULL, "print CSV instead of a table"},
};

/* Where the entry is that counts for one task. */
typedef struct line {
    uint64_t task, order;
    hec_journal_place place;
} line;

/* One task, to be shown. Texts live as long as the record that they are from, or the journal. */
typedef struct shown {
    const hec_journal_entry *entry;
    uint64_t number; /* as its program counts: from 1 for hec map, from 0 for pyhec */
    const char *host;
    hec__strbuf what, message, err;
} shown;

typedef struct results {
    hec_rundir *run; /* NULL: a journal was named */
    hec_journal *journal;
    line *lines;
    size_t n;
    hec_journal_content *content; /* the record that was read last, */
    hec_journal_place at;         /* and where that is */
    enum { AS_TABLE, AS_JSON, AS_CSV } form;
    hec__strbuf out;
    hec__json json;
} results;

static void destroy(results *r)
{
    hec_journal_content_destroy(r->content);
    hec_journal_close(r->journal, NULL);
    hec_rundir_destroy(r->run);
    hec__strbuf_fini(&r->out);
    free(r->lines);
}

/* The record of a line; several lines often are of one. */
static int load(results *r, const hec_journal_place *place, hec_load what, hec_error *err)
{
    int e;

    if (r->content && r->at.file == place->file && r->at.offset == place->offset)
        return 0;
    hec_journal_content_destroy(r->content);
    r->content = NULL;
    e = hec_journal_load(r->journal, place, what, &r->content, err);
    r->at = *place;
    return e;
}

static int by_task(const void *a, const void *b)
{
    const line *x = a, *y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Every task, or every one that is not done, in the order of their numbers. */
static int find_lines(results *r, bool only_failed, hec_error *err)
{
    uint64_t n = hec_journal_count(r->journal);

    r->lines = calloc(n ? n : 1, sizeof *r->lines);
    if (!r->lines) {
        out_complain("cannot show %" PRIu64 " tasks: no memory", n);
        return HEC_ENOMEM;
    }
    for (uint64_t i = 0; i < n; i++) {
        line *l = &r->lines[r->n];
        int e = hec_journal_at(r->journal, i, &l->place);

        if (e == 0 && only_failed && l->place.verdict == HEC_TASK_DONE)
            continue;
        if (e == 0)
            e = load(r, &l->place, HEC_LOAD_ENTRIES, err);
        if (e < 0)
            return e;
        if (l->place.position >= r->content->nentries)
            continue;
        l->task = r->content->entries[l->place.position].task;
        l->order = i;
        r->n++;
    }
    hec_journal_content_destroy(r->content); /* its parts have no data */
    r->content = NULL;
    qsort(r->lines, r->n, sizeof *r->lines, by_task);
    return 0;
}

/* ---- one task ---- */

/* The last bytes, from the beginning of a line where there is one. */
static void add_tail(hec__strbuf *out, const char *s, size_t n)
{
    if (n > TAIL_BYTES) {
        const char *from = s + n - TAIL_BYTES, *next = memchr(from, '\n', TAIL_BYTES);

        from = next && next + 1 < s + n ? next + 1 : from;
        n -= (size_t)(from - s);
        s = from;
    }
    while (n > 0 && s[n - 1] == '\n')
        n--;
    for (size_t i = 0; i < n; i++)
        hec__strbuf_addc(out, s[i] ? s[i] : '?');
}

static void read_task(results *r, const line *l, shown *ret)
{
    const hec_journal_content *c = r->content;
    hec_journal_session session = {0};

    ret->entry = &c->entries[l->place.position];
    hec__strbuf_clear(&ret->what);
    hec__strbuf_clear(&ret->message);
    hec__strbuf_clear(&ret->err);
    for (uint32_t i = 0; i < c->nparts; i++) {
        const hec_journal_part *p = &c->parts[i];

        if (!p->data || (p->entry != 0 && p->entry != l->place.position + 1))
            continue;
        if (p->kind == HEC_PART_ARGS && p->format == HEC_FORMAT_TEXT)
            add_tail(&ret->what, p->data, p->size);
        else if (p->kind == HEC_PART_MESSAGE)
            add_tail(&ret->message, p->data, p->size);
        else if (p->kind == HEC_PART_STDERR)
            add_tail(&ret->err, p->data, p->size);
    }
    ret->host = "";
    if (hec_journal_session_at(r->journal, c->session, &session) == 0 && session.host)
        ret->host = session.host;
    ret->number = ret->entry->task;
    if (session.program && strncmp(session.program, "hec ", 4) == 0)
        ret->number++;
}

/* How it ended, in words. */
static const char *say_verdict(const hec_journal_entry *e, char *buf, size_t size)
{
    if (e->verdict == HEC_TASK_EXITED)
        snprintf(buf, size, "exited %" PRId32, e->detail);
    else if (e->verdict == HEC_TASK_KILLED && e->detail > 0)
        snprintf(buf, size, "killed by %" PRId32, e->detail);
    else
        snprintf(buf, size, "%s", hec_verdict_word(e->verdict));
    return buf;
}

/* ---- the table ---- */

static void table_begin(void)
{
    printf("%6s  %-14s %5s  %-19s %9s %9s %9s  %-20s %s\n", "task", "verdict", "tries", "started",
           "seconds", "CPU", "memory", "process", "what");
}

/* The last lines, each behind a bar. */
static void table_tail(const char *text)
{
    const char *from = text + strlen(text);
    int lines = 0;

    while (from > text && (from[-1] != '\n' || ++lines < TAIL_LINES))
        from--;
    while (*from) {
        size_t n = strcspn(from, "\n");

        printf("        | %.*s\n", (int)n, from);
        from += n + (from[n] != '\0');
    }
}

static void table_row(const shown *s)
{
    const hec_usage *u = &s->entry->usage;
    time_t seconds = (time_t)(u->started_ns / 1000000000u);
    struct tm tm;
    char verdict[32], started[32] = "-", memory[32] = "-", process[80] = "-";

    if (u->started_ns && localtime_r(&seconds, &tm))
        strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S", &tm);
    if (u->max_rss)
        out_bytes(u->max_rss, memory, sizeof memory);
    if (u->pid)
        snprintf(process, sizeof process, "%" PRId32 "%s%.60s", u->pid, *s->host ? "@" : "",
                 s->host);
    printf("%6" PRIu64 "  %-14s %5" PRIu32 "  %-19s %9.3f %9.3f %9s  %-20s %s\n", s->number,
           say_verdict(s->entry, verdict, sizeof verdict), u->attempt, started,
           (double)u->duration_ns / 1e9, (double)u->cpu_ns / 1e9, memory, process, s->what.data);
    if (s->entry->verdict == HEC_TASK_DONE)
        return;
    table_tail(s->message.data);
    table_tail(s->err.data);
}

/* ---- JSON ---- */

static void key_text(hec__json *j, const char *key, const char *text)
{
    hec__json_key(j, key);
    hec__json_str(j, *text ? text : NULL);
}

static void json_row(results *r, const shown *s)
{
    const hec_journal_entry *e = s->entry;
    hec__json *j = &r->json;

    hec__json_open(j, '{');
    hec__json_key(j, "task"), hec__json_uint(j, s->number);
    hec__json_key(j, "verdict"), hec__json_str(j, hec_verdict_word(e->verdict));
    hec__json_key(j, "exit_status");
    if (e->verdict == HEC_TASK_DONE || e->verdict == HEC_TASK_EXITED)
        hec__json_int(j, e->detail);
    else
        hec__json_null(j);
    hec__json_key(j, "signal");
    if (e->verdict == HEC_TASK_KILLED && e->detail > 0)
        hec__json_int(j, e->detail);
    else
        hec__json_null(j);
    hec__json_key(j, "attempts"), hec__json_uint(j, e->usage.attempt);
    hec__json_key(j, "started"), hec__json_real(j, (double)e->usage.started_ns / 1e9);
    hec__json_key(j, "seconds"), hec__json_real(j, (double)e->usage.duration_ns / 1e9);
    hec__json_key(j, "cpu_seconds"), hec__json_real(j, (double)e->usage.cpu_ns / 1e9);
    hec__json_key(j, "max_rss");
    if (e->usage.max_rss)
        hec__json_uint(j, e->usage.max_rss);
    else
        hec__json_null(j);
    hec__json_key(j, "pid"), hec__json_int(j, e->usage.pid);
    key_text(j, "host", s->host);
    key_text(j, "what", s->what.data);
    key_text(j, "message", s->message.data);
    key_text(j, "stderr", s->err.data);
    hec__json_close(j);
}

/* ---- CSV ---- */

static void csv_text(hec__strbuf *out, const char *text)
{
    hec__strbuf_adds(out, ",\"");
    for (; *text; text++) {
        if (*text == '"')
            hec__strbuf_addc(out, '"');
        hec__strbuf_addc(out, *text);
    }
    hec__strbuf_addc(out, '"');
}

static void csv_row(hec__strbuf *out, const shown *s)
{
    const hec_journal_entry *e = s->entry;
    const hec_usage *u = &e->usage;

    hec__strbuf_addf(out, "%" PRIu64 ",%s,", s->number, hec_verdict_word(e->verdict));
    if (e->verdict == HEC_TASK_DONE || e->verdict == HEC_TASK_EXITED)
        hec__strbuf_addf(out, "%" PRId32, e->detail);
    hec__strbuf_addc(out, ',');
    if (e->verdict == HEC_TASK_KILLED && e->detail > 0)
        hec__strbuf_addf(out, "%" PRId32, e->detail);
    hec__strbuf_addf(out, ",%" PRIu32 ",%.6f,%.6f,%.6f,", u->attempt, (double)u->started_ns / 1e9,
                     (double)u->duration_ns / 1e9, (double)u->cpu_ns / 1e9);
    if (u->max_rss)
        hec__strbuf_addf(out, "%" PRIu64, u->max_rss);
    hec__strbuf_addf(out, ",%" PRId32, u->pid);
    csv_text(out, s->host);
    csv_text(out, s->what.data);
    csv_text(out, s->message.data);
    csv_text(out, s->err.data);
    hec__strbuf_addc(out, '\n');
}

/* ---- all of them ---- */

static void begin(results *r, const char *path)
{
    hec__json_init(&r->json, &r->out);
    if (r->form == AS_TABLE && r->n)
        table_begin();
    if (r->form == AS_CSV)
        hec__strbuf_adds(&r->out, "task,verdict,exit_status,signal,attempts,started,seconds,"
                                  "cpu_seconds,max_rss,pid,host,what,message,stderr\n");
    if (r->form != AS_JSON)
        return;
    hec__json_open(&r->json, '{');
    hec__json_key(&r->json, "schema"), hec__json_int(&r->json, 1);
    key_text(&r->json, "journal", path);
    hec__json_key(&r->json, "tasks"), hec__json_open(&r->json, '[');
}

static void finish(results *r)
{
    if (r->form != AS_JSON)
        return;
    hec__json_close(&r->json);
    hec__json_close(&r->json);
    hec__strbuf_addc(&r->out, '\n');
}

static int flush(results *r)
{
    if (r->out.failed) {
        out_complain("cannot show the results: no memory");
        return STATUS_INTERNAL;
    }
    fwrite(r->out.data, 1, r->out.len, stdout);
    hec__strbuf_clear(&r->out);
    return STATUS_OK;
}

static int show(results *r)
{
    shown s = {0};
    hec_error err;
    int status = STATUS_OK;

    hec__strbuf_init(&s.what);
    hec__strbuf_init(&s.message);
    hec__strbuf_init(&s.err);
    for (size_t i = 0; status == STATUS_OK && i < r->n; i++) {
        if (load(r, &r->lines[i].place, HEC_LOAD_ALL, &err) < 0) {
            status = out_error("read the journal", &err);
            break;
        }
        read_task(r, &r->lines[i], &s);
        if (r->form == AS_TABLE)
            table_row(&s);
        else if (r->form == AS_JSON)
            json_row(r, &s);
        else
            csv_row(&r->out, &s);
        if (r->out.len > FLUSH_BYTES)
            status = flush(r);
    }
    hec__strbuf_fini(&s.what);
    hec__strbuf_fini(&s.message);
    hec__strbuf_fini(&s.err);
    return status;
}

static void tell_damage(const results *r)
{
    hec_journal_info info;

    hec_journal_info_get(r->journal, &info);
    if (info.bad_bytes)
        out_complain("%" PRIu64 " bytes of the journal are no whole record: what they held is lost",
                     info.bad_bytes);
}

static int open_journal(results *r, const char *name, hec_error *err)
{
    const hec_journal_options o = {.read_only = 1};
    HEC_AUTO_STRBUF path;
    int e = run_name_open(name, &r->run, err);

    hec__strbuf_init(&path);
    if (e == 0 && r->run)
        e = run_name_file(r->run, "journal", &path, err);
    return e < 0 ? e : hec_journal_open(r->run ? path.data : name, &o, &r->journal, err);
}

static int run_results(const opt_args *args)
{
    __attribute__((cleanup(destroy))) results r = {0};
    hec_error err = {0};
    int status;

    hec__strbuf_init(&r.out);
    if (args->n_operands != 1 || (args->values[OPT_JSON] && args->values[OPT_CSV])) {
        out_complain(args->n_operands != 1 ? "cannot show results: which run, or which journal?"
                                           : "cannot have both --json and --csv");
        out_hint("write hec results RUN, or hec results JOURNAL");
        return STATUS_USAGE;
    }
    r.form = args->values[OPT_JSON] ? AS_JSON : args->values[OPT_CSV] ? AS_CSV : AS_TABLE;
    if (open_journal(&r, args->operands[0], &err) < 0)
        return out_error("read the journal", &err);
    if (find_lines(&r, args->values[OPT_FAILED] != NULL, &err) < 0)
        return err.code ? out_error("read the journal", &err) : STATUS_INTERNAL;
    begin(&r, args->operands[0]);
    status = show(&r);
    finish(&r);
    tell_damage(&r);
    return status == STATUS_OK ? flush(&r) : status;
}

const opt_verb verb_results = {
    .name = "results",
    .summary = "show how the tasks of a run ended",
    .operands = "RUN|JOURNAL",
    .max_operands = 1,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_results,
};
