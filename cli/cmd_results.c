/* SPDX-License-Identifier: MIT
 *
 * hec results: how the tasks of a run, or in a journal, ended, for people, as JSON or as CSV.
 * Whoever wrote the journal: of pyhec's tasks the values are not shown, which are pickles.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "exit.h"
#include "out.h"
#include "results.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_BYTES  4096 /* of texts */
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

typedef struct results {
    hec_rundir *run; /* NULL: a journal was named */
    hec_journal *journal;
    line *lines;
    size_t n;
    hec_journal_content *content; /* the record that was read last, */
    hec_journal_place at;         /* and where that is */
    bool only_failed, any;        /* any: something was shown */
    enum { AS_TABLE, AS_JSON, AS_CSV } form;
    results_task task;
    results_columns columns;
    hec__strbuf out;
    hec__json json;
} results;

/* What is done with each task. */
typedef int each(results *r, hec_error *err);

static hec__strbuf *const *texts(results *r, hec__strbuf *buf[5])
{
    buf[0] = &r->task.what;
    buf[1] = &r->task.message;
    buf[2] = &r->task.err;
    buf[3] = &r->task.params;
    buf[4] = &r->task.result;
    return buf;
}

static void init(results *r)
{
    hec__strbuf *buf[5];

    *r = (results){.form = AS_TABLE};
    hec__strbuf_init(&r->out);
    for (int i = 0; i < 5; i++)
        hec__strbuf_init(texts(r, buf)[i]);
}

static void destroy(results *r)
{
    hec__strbuf *buf[5];

    hec_journal_content_destroy(r->content);
    hec_journal_close(r->journal, NULL);
    hec_rundir_destroy(r->run);
    results_columns_fini(&r->columns);
    hec__strbuf_fini(&r->out);
    for (int i = 0; i < 5; i++)
        hec__strbuf_fini(texts(r, buf)[i]);
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

static void unload(results *r)
{
    hec_journal_content_destroy(r->content);
    r->content = NULL;
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

static void take_part(results_task *t, const hec_journal_part *p)
{
    if (p->kind == HEC_PART_ARGS && p->format == HEC_FORMAT_TEXT)
        add_tail(&t->what, p->data, p->size);
    else if (p->kind == HEC_PART_MESSAGE)
        add_tail(&t->message, p->data, p->size);
    else if (p->kind == HEC_PART_STDERR)
        add_tail(&t->err, p->data, p->size);
    else if (p->kind == HEC_PART_PARAMS && p->format == HEC_FORMAT_JSON)
        hec__strbuf_add(&t->params, p->data, p->size);
    else if (p->kind == HEC_PART_RESULT && p->format == HEC_FORMAT_JSON)
        hec__strbuf_add(&t->result, p->data, p->size);
}

static void clear_task(results *r)
{
    hec__strbuf *buf[5];

    for (int i = 0; i < 5; i++)
        hec__strbuf_clear(texts(r, buf)[i]);
    r->task.entry = NULL;
    r->task.row = NULL;
    r->task.host = "";
}

/* What the journal has of it; the record is loaded. */
static void read_entry(results *r, const hec_journal_place *place)
{
    const hec_journal_content *c = r->content;
    hec_journal_session session = {0};
    results_task *t = &r->task;

    t->entry = &c->entries[place->position];
    for (uint32_t i = 0; i < c->nparts; i++) {
        const hec_journal_part *p = &c->parts[i];

        if (p->data && (p->entry == 0 || p->entry == place->position + 1))
            take_part(t, p);
    }
    if (hec_journal_session_at(r->journal, c->session, &session) == 0 && session.host)
        t->host = session.host;
    t->number = t->entry->task;
    if (session.program && strncmp(session.program, "hec ", 4) == 0)
        t->number++;
}

/* ---- all tasks of a journal ---- */

static int by_task(const void *a, const void *b)
{
    const line *x = a, *y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Every task, or every one that is not done, in the order of their numbers. */
static int find_lines(results *r, hec_error *err)
{
    uint64_t n = hec_journal_count(r->journal);

    r->lines = calloc(n ? n : 1, sizeof *r->lines);
    if (!r->lines)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for %" PRIu64 " tasks", n);
    for (uint64_t i = 0; i < n; i++) {
        line *l = &r->lines[r->n];
        int e = hec_journal_at(r->journal, i, &l->place);

        if (e == 0 && r->only_failed && l->place.verdict == HEC_TASK_DONE)
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
    unload(r); /* its parts have no data */
    qsort(r->lines, r->n, sizeof *r->lines, by_task);
    return 0;
}

static int each_line(results *r, each *what, hec_error *err)
{
    int e = r->lines ? 0 : find_lines(r, err);

    for (size_t i = 0; e == 0 && i < r->n; i++) {
        e = load(r, &r->lines[i].place, HEC_LOAD_ALL, err);
        if (e < 0)
            return e;
        clear_task(r);
        read_entry(r, &r->lines[i].place);
        e = what(r, err);
    }
    return e;
}

/* ---- all rows of a plan ---- */

static int one_row(results *r, const run_row *row, each *what, hec_error *err)
{
    hec_journal_place place;
    char *json = NULL;
    int e = hec_journal_find(r->journal, row->key, &place), found = e;

    if (found == 1 && r->only_failed && place.verdict == HEC_TASK_DONE)
        return 0;
    if (found == 1)
        e = load(r, &place, HEC_LOAD_ALL, err);
    if (e < 0)
        return e;
    clear_task(r);
    if (found == 1 && place.position < r->content->nentries)
        read_entry(r, &place);
    e = hec_value_json(row->params, &json, err);
    if (e < 0)
        return e;
    hec__strbuf_clear(&r->task.params);
    hec__strbuf_adds(&r->task.params, json);
    free(json);
    r->task.row = row;
    r->task.number = row->task;
    e = what(r, err);
    r->task.row = NULL; /* the caller's */
    return e;
}

/* Each task that there is; of a run with a plan each row of it, also those that were not run. */
static int each_task(results *r, each *what, hec_error *err)
{
    run_rows *rows_of = NULL;
    run_row row;
    int e = r->run ? run_rows_open(r->run, &rows_of, err) : 0;

    if (e == 0)
        return each_line(r, what, err);
    while (e > 0) {
        e = run_rows_next(rows_of, &row, err);
        if (e > 0 && one_row(r, &row, what, err) < 0)
            e = err->code;
    }
    run_rows_close(rows_of);
    return e;
}

/* ---- showing ---- */

static int flush(results *r, hec_error *err)
{
    if (r->out.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the results");
    fwrite(r->out.data, 1, r->out.len, stdout);
    hec__strbuf_clear(&r->out);
    return 0;
}

static int look(results *r, hec_error *err)
{
    return results_columns_add(&r->columns, &r->task, err);
}

static int show(results *r, hec_error *err)
{
    int e = 0;

    if (r->form == AS_TABLE) {
        if (!r->any)
            results_table_begin();
        r->any = true;
        results_table_row(&r->task);
    } else if (r->form == AS_JSON) {
        results_json_row(&r->json, &r->task);
    } else {
        e = results_csv_row(&r->columns, &r->task, &r->out, err);
    }
    return e == 0 && r->out.len > FLUSH_BYTES ? flush(r, err) : e;
}

static void begin_json(results *r, const char *path)
{
    hec__json_init(&r->json, &r->out);
    hec__json_open(&r->json, '{');
    hec__json_key(&r->json, "schema"), hec__json_int(&r->json, 1);
    hec__json_key(&r->json, "journal"), hec__json_str(&r->json, path);
    hec__json_key(&r->json, "run");
    hec__json_str(&r->json, r->run ? hec_rundir_id(r->run) : NULL);
    hec__json_key(&r->json, "tasks"), hec__json_open(&r->json, '[');
}

static int show_all(results *r, const char *path, hec_error *err)
{
    int e = 0;

    if (r->form == AS_CSV) {
        e = each_task(r, look, err);
        if (e == 0)
            e = results_csv_begin(&r->columns, &r->out, err);
    } else if (r->form == AS_JSON) {
        begin_json(r, path);
    }
    if (e == 0)
        e = each_task(r, show, err);
    if (e == 0 && r->form == AS_JSON) {
        hec__json_close(&r->json);
        hec__json_close(&r->json);
        hec__strbuf_addc(&r->out, '\n');
    }
    return e == 0 ? flush(r, err) : e;
}

static void tell_damage(const results *r)
{
    hec_journal_info info;

    hec_journal_info_get(r->journal, &info);
    if (info.bad_bytes)
        out_complain("%" PRIu64 " bytes of the journal are no whole record: what they held is lost",
                     info.bad_bytes);
}

/* ---- the verb ---- */

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
    __attribute__((cleanup(destroy))) results r;
    hec_error err = {0};
    int e;

    init(&r);
    if (args->n_operands != 1 || (args->values[OPT_JSON] && args->values[OPT_CSV])) {
        out_complain(args->n_operands != 1 ? "cannot show results: which run, or which journal?"
                                           : "cannot have both --json and --csv");
        out_hint("write hec results RUN, or hec results JOURNAL");
        return STATUS_USAGE;
    }
    r.only_failed = args->values[OPT_FAILED] != NULL;
    r.form = args->values[OPT_JSON] ? AS_JSON : args->values[OPT_CSV] ? AS_CSV : AS_TABLE;
    if (open_journal(&r, args->operands[0], &err) < 0)
        return out_error("read the journal", &err);
    e = show_all(&r, args->operands[0], &err);
    tell_damage(&r);
    return e < 0 ? out_error("show the results", &err) : STATUS_OK;
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
