/* SPDX-License-Identifier: MIT
 *
 * Runs, from one file after the other.
 */
#include "conf/runs.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "conf/value.h"

#include <assert.h>
#include <string.h>

HEC_AUTO_DEFINE(hec_runs, hec_runs_destroy)

int hec_runs_open(const char *const *patterns, size_t n, const char *schema, hec_runs **ret_runs,
                  hec_error *err)
{
    HEC_AUTO(hec_runs) runs = calloc(1, sizeof *runs);
    int r;

    if (!runs)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for runs");
    hec__strbuf_init(&runs->scratch);
    if (schema) {
        hec__schema *tried = NULL;

        runs->schema_copy = strdup(schema);
        if (!runs->schema_copy)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for runs");
        runs->schema_path = runs->schema_copy;
        /* Each file reads it again; that it can be read is better said now. */
        r = *schema ? hec__schema_read(schema, &tried, err) : 0;
        hec__schema_destroy(tried);
        if (r < 0)
            return r;
    }
    r = hec__files_find(patterns, n, &runs->files, &runs->n_files, err);
    if (r < 0)
        return r;
    *ret_runs = HEC_STEAL(&runs);
    return 0;
}

static void close_table(hec_runs *runs)
{
    hec__table_close(&runs->table);
    runs->is_open = false;
    runs->at++;
}

/* The parameters of the next run of any file: 1, or 0 at the end. */
static int next_map(hec_runs *runs, hec_error *err)
{
    while (runs->at < runs->n_files) {
        bool go_on = false;
        int r = 0;

        if (!runs->is_open)
            r = hec__table_open(&runs->table, runs->files[runs->at], runs->schema_path, err);
        if (r < 0) {
            runs->at++;
            return r;
        }
        runs->is_open = true;
        r = hec__table_next(&runs->table, &runs->arena, &runs->map, &go_on, err);
        if (r == 1)
            return r;
        if (r == 0 || !go_on)
            close_table(runs);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The first of a run's problems, and how many there are. */
typedef struct first {
    hec_error *err;
    int n;
} first;

static void keep_first(void *ctx, const char *text)
{
    first *f = ctx;

    if (f->n++ == 0)
        hec__fail(f->err, HEC_EFORMAT, 0, "%s", text);
}

static int check_run(hec_runs *runs, hec_error *err)
{
    first f = {err, 0};
    hec__schema *schema = runs->table.schema;

    if (runs->problem) {
        /* Who wants to hear of all problems gets the run nevertheless. */
        (void)hec__schema_check(schema, &runs->run, runs->problem, runs->ctx);
        return 0;
    }
    if (hec__schema_check(schema, &runs->run, keep_first, &f) == 0)
        return 0;
    if (f.n > 1 && err) {
        size_t used = strlen(err->text);

        snprintf(err->text + used, sizeof err->text - used, ", and %d more", f.n - 1);
    }
    return HEC_EFORMAT;
}

int hec_runs_next(hec_runs *runs, const hec_run **ret_run, hec_error *err)
{
    int r;

    hec__arena_fini(&runs->arena);
    r = next_map(runs, err);
    if (r <= 0)
        return r;
    runs->run = (hec_run){.parameters = &runs->map,
                          .id = runs->id,
                          .file = runs->files[runs->at],
                          .row = runs->table.row};
    r = hec__value_id(&runs->map, &runs->scratch, runs->id, &runs->run.seed, err);
    if (r == 0 && runs->table.schema)
        r = check_run(runs, err);
    if (r < 0)
        return r;
    *ret_run = &runs->run;
    return 1;
}

void hec_runs_destroy(hec_runs *runs)
{
    if (!runs)
        return;
    hec__table_close(&runs->table);
    hec__arena_fini(&runs->arena);
    hec__strbuf_fini(&runs->scratch);
    hec__files_free(runs->files, runs->n_files);
    free(runs->schema_copy);
    free(runs);
}

/* ---- all problems at once ---- */

typedef struct counter {
    hec_problem *problem;
    void *ctx;
    int64_t found;
} counter;

static void count(void *ctx, const char *text)
{
    counter *c = ctx;

    c->found++;
    c->problem(c->ctx, text);
}

int64_t hec_runs_check(const char *const *patterns, size_t n, const char *schema,
                       hec_problem *problem, void *ctx, uint64_t *ret_runs, hec_error *err)
{
    HEC_AUTO(hec_runs) runs = NULL;
    counter c = {problem, ctx, 0};
    uint64_t seen = 0;
    int r = hec_runs_open(patterns, n, schema, &runs, err);

    if (r < 0)
        return r;
    assert(runs);
    runs->problem = count;
    runs->ctx = &c;
    do {
        const hec_run *run;
        hec_error e = {0};

        r = hec_runs_next(runs, &run, &e);
        seen += r == 1;
        if (r == HEC_EFORMAT) {
            count(&c, e.text);
        } else if (r < 0) {
            if (err)
                *err = e;
            return r;
        }
    } while (r != 0);
    if (ret_runs)
        *ret_runs = seen;
    return c.found;
}
