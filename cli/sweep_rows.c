/* SPDX-License-Identifier: MIT
 *
 * The rows of a plan, put down in the run's folder before anything runs, and compared with those
 * that were there: what is new, what has changed, what is gone.
 */
#include "map.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "out.h"
#include "run_name.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ID_SIZE  16
#define TOLD_MAX 10u /* rows that are gone get a line of their own */

/* A row, by what it asks for and where it stands. */
typedef struct mark {
    unsigned char id[ID_SIZE];
    uint64_t row;
    uint64_t file; /* a hash of its name */
} mark;

typedef struct marks {
    mark *list;
    size_t n, cap;
} marks;

typedef struct counts {
    uint64_t all, done, failed, fresh, changed, gone;
} counts;

static void free_marks(marks *m)
{
    free(m->list);
}

static uint64_t hash(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

static int add(marks *m, const char *id, const char *file, uint64_t row, hec_error *err)
{
    mark *k;

    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 256;
        mark *grown = realloc(m->list, cap * sizeof *grown);

        if (!grown)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for the rows of a run");
        m->list = grown;
        m->cap = cap;
    }
    k = &m->list[m->n++];
    *k = (mark){.row = row, .file = hash(file)};
    if (!run_hex(id, k->id, ID_SIZE)) /* of a run that somebody has changed: it is none of ours */
        memset(k->id, 0, ID_SIZE);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const mark *)a)->id, ((const mark *)b)->id, ID_SIZE);
}

static int by_place(const void *a, const void *b)
{
    const mark *x = a, *y = b;

    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static bool has(const marks *m, const mark *k, int (*by)(const void *, const void *))
{
    return m->n && bsearch(k, m->list, m->n, sizeof *k, by);
}

static void sort(marks *m, int (*by)(const void *, const void *))
{
    if (m->n)
        qsort(m->list, m->n, sizeof *m->list, by);
}

/* ---- those that were there ---- */

/* Each row of the run as it was. 1 per row, 0 at the end or where there is no whole file. */
static int read_old(map_run *run, marks *old, hec_error *err)
{
    run_rows *rows = NULL;
    run_row row;
    int r = run_rows_open(run->dir, &rows, err);

    while (r > 0) {
        r = run_rows_next(rows, &row, err);
        if (r > 0 && add(old, row.id, row.file, row.row, err) < 0)
            r = HEC_ENOMEM;
    }
    run_rows_close(rows);
    return r;
}

/* "lr=0.1 depth=3" */
static void add_text(hec__strbuf *out, const hec_value *params)
{
    for (uint64_t i = 0; params->kind == HEC_VALUE_MAP && i < params->count; i++) {
        const hec_member *m = &params->as.members[i];
        HEC_AUTO_STR json = NULL;

        if (hec_value_json(&m->value, &json, NULL) == 0)
            hec__strbuf_addf(out, "%s%s=%s", i ? " " : "", m->key.as.text, json);
    }
}

/* Rows whose parameters are nowhere any more; but for those in whose place others are, which is a
 * change. */
static int tell_gone(map_run *run, const marks *gone, hec_error *err)
{
    run_rows *rows = NULL;
    run_row row;
    unsigned told = 0;
    int r = gone->n ? run_rows_open(run->dir, &rows, err) : 0;

    while (r > 0 && told < TOLD_MAX) {
        HEC_AUTO_STRBUF text;
        marks one = {0};

        hec__strbuf_init(&text);
        r = run_rows_next(rows, &row, err);
        if (r > 0 && add(&one, row.id, row.file, row.row, err) < 0)
            r = HEC_ENOMEM;
        if (r > 0 && has(gone, one.list, by_id)) {
            const char *slash = strrchr(row.file, '/');

            add_text(&text, row.params);
            out_hint("  gone: row %" PRIu64 " of %s: %.300s", row.row, slash ? slash + 1 : row.file,
                     text.data);
            told++;
        }
        free_marks(&one);
    }
    run_rows_close(rows);
    return r < 0 ? r : 0;
}

/* Both sorted by id. `gone` gets the rows that are. */
static int compare(marks *old, marks *now, counts *c, marks *gone, hec_error *err)
{
    marks fresh __attribute__((cleanup(free_marks))) = {0};

    fresh.list = calloc(now->n + 1, sizeof *fresh.list);
    gone->list = calloc(old->n + 1, sizeof *gone->list);
    if (!fresh.list || !gone->list)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the rows of a run");
    for (size_t i = 0; i < now->n; i++)
        if (!has(old, &now->list[i], by_id))
            fresh.list[fresh.n++] = now->list[i];
    sort(&fresh, by_place);
    for (size_t i = 0; i < old->n; i++) {
        if (has(now, &old->list[i], by_id))
            continue;
        if (has(&fresh, &old->list[i], by_place))
            c->changed++;
        else
            gone->list[gone->n++] = old->list[i];
    }
    c->fresh = fresh.n - c->changed;
    c->gone = gone->n;
    return 0;
}

static void add_count(hec__strbuf *out, uint64_t n, const char *what)
{
    if (n)
        hec__strbuf_addf(out, "%s%" PRIu64 " %s", out->len ? ", " : "", n, what);
}

static void tell(const map_run *run, const counts *c, bool before)
{
    HEC_AUTO_STRBUF text;

    hec__strbuf_init(&text);
    add_count(&text, c->done, "done before");
    add_count(&text, c->failed, "failed before");
    if (before) {
        add_count(&text, c->fresh, "new");
        add_count(&text, c->changed, "changed");
        add_count(&text, c->gone, "gone");
    }
    out_complain("run %s: %" PRIu64 " row%s%s%s", hec_rundir_id(run->dir), c->all,
                 c->all == 1 ? "" : "s", text.len ? ": " : "", text.len ? text.data : "");
}

/* ---- those that are ---- */

static int take_row(map_run *run, FILE *f, const map_row *row, const sweep_row *of, map_seen *seen,
                    counts *c, hec_error *err)
{
    run_row line = {.task = ++c->all, .row = of->row, .id = of->id, .file = of->file};
    hec_journal_place place;
    HEC_AUTO_STRBUF text;
    int r = map_journal_key(run, row, c->all, seen, line.key, err);

    if (r == HEC_EINVAL)
        return r; /* the text says which row lacks what */
    if (r < 0)
        return r;
    if (hec_journal_find(run->journal, line.key, &place) == 1) {
        c->done += place.verdict == HEC_TASK_DONE;
        c->failed += place.verdict != HEC_TASK_DONE;
    }
    hec__strbuf_init(&text);
    run_row_write(&line, of->json, &text);
    if (text.failed || fwrite(text.data, 1, text.len, f) != text.len)
        return hec__fail(err, text.failed ? HEC_ENOMEM : HEC_EIO, errno,
                         "cannot write the rows of the run");
    return 0;
}

static int write_rows(map_run *run, FILE *f, marks *now, counts *c, hec_error *err)
{
    map_seen seen = {0};
    map_row row;
    sweep_row of;
    int r = sweep_plan_rewind(run->o->plan, err);

    while (r == 0) {
        r = sweep_plan_next(run->o->plan, &row, &of, err);
        if (r <= 0)
            break;
        r = take_row(run, f, &row, &of, &seen, c, err);
        if (r == 0)
            r = add(now, of.id, of.file, of.row, err);
    }
    map_seen_fini(&seen);
    /* It comes to disk when the run has ended: after a crash it is made anew from the files. */
    if (r == 0 && fflush(f) != 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot write the rows of the run");
    return r < 0 ? r : sweep_plan_rewind(run->o->plan, err);
}

static FILE *open_new(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (fd >= 0 && !f)
        close(fd);
    return f;
}

int sweep_rows_begin(map_run *run, hec_error *err)
{
    marks old __attribute__((cleanup(free_marks))) = {0};
    marks now __attribute__((cleanup(free_marks))) = {0};
    marks gone __attribute__((cleanup(free_marks))) = {0};
    HEC_AUTO_STRBUF path;
    HEC_AUTO_STRBUF made;
    HEC_AUTO_FILE f = NULL;
    counts c = {0};
    int r;

    hec__strbuf_init(&path);
    hec__strbuf_init(&made);
    r = run_name_file(run->dir, "rows", &path, err);
    if (r == 0)
        r = run_name_file(run->dir, "rows.new", &made, err);
    if (r == 0 && read_old(run, &old, err) < 0)
        old.n = 0; /* damaged: nothing is compared with it, and it is replaced */
    f = r == 0 ? open_new(made.data) : NULL;
    if (r == 0 && !f)
        r = hec__fail(err, HEC_EIO, errno, "cannot write '%.160s'", made.data);
    if (r == 0)
        r = write_rows(run, f, &now, &c, err);
    sort(&old, by_id);
    sort(&now, by_id);
    if (r == 0)
        r = compare(&old, &now, &c, &gone, err);
    if (r < 0)
        return r;
    tell(run, &c, old.n > 0);
    r = tell_gone(run, &gone, err);
    if (r == 0 && rename(made.data, path.data) < 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot write '%.160s'", path.data);
    return r;
}
