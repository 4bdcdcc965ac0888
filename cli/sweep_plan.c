/* SPDX-License-Identifier: MIT */
#include "sweep_plan.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <hec/config.h>

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1000u /* of parameters, of all files together */

static const char *const own_names[] = {"seed", "id", "row"};

struct sweep_plan {
    char **files; /* [n_files] */
    size_t n_files;
    const char *schema;
    hec_runs *runs; /* NULL: not begun */
    uint64_t count;
    const char **names; /* [n_names + 3] */
    char **envs;        /* [n_names] */
    size_t n_names, cap;
    const char **values; /* [n_names + SWEEP_COLUMNS] */
    hec__strbuf text;
    size_t *at; /* [n_names + SWEEP_COLUMNS]: where in the text a value begins */
};

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for a plan");
}

/* ---- names ---- */

static size_t find_name(const sweep_plan *p, const char *name)
{
    size_t i = 0;

    while (i < p->n_names && strcmp(p->names[i], name) != 0)
        i++;
    return i;
}

static int add_name(sweep_plan *p, const char *name, hec_error *err)
{
    if (p->n_names == NAMES_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "there are more than %u parameters", NAMES_MAX);
    if (p->n_names + 4 > p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 32;
        const char **grown = realloc((void *)p->names, cap * sizeof *grown);

        if (!grown)
            return no_memory(err);
        p->names = grown;
        p->cap = cap;
    }
    p->names[p->n_names] = strdup(name);
    return p->names[p->n_names] ? (p->n_names++, 0) : no_memory(err);
}

/* What an environment may have: letters, digits and underscores. */
static char *env_of(const char *name)
{
    HEC_AUTO_STRBUF b;

    hec__strbuf_init(&b);
    hec__strbuf_adds(&b, "HEC_PARAM_");
    for (; *name; name++)
        hec__strbuf_addc(&b, isalnum((unsigned char)*name) ? *name : '_');
    return hec__strbuf_detach(&b);
}

/* When all names are known: those of the environment, and the plan's own columns. */
static int finish_names(sweep_plan *p, hec_error *err)
{
    size_t n = p->n_names;

    p->envs = calloc(n + 1, sizeof *p->envs);
    p->values = calloc(n + SWEEP_COLUMNS, sizeof *p->values);
    p->at = calloc(n + SWEEP_COLUMNS, sizeof *p->at);
    if (!p->envs || !p->values || !p->at || (n == 0 && add_name(p, "", err) < 0))
        return no_memory(err);
    if (n == 0)
        free((char *)(uintptr_t)p->names[--p->n_names]);
    for (size_t i = 0; i < n; i++) {
        p->envs[i] = env_of(p->names[i]);
        if (!p->envs[i])
            return no_memory(err);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->envs[k], p->envs[i]) == 0)
                return hec__fail(err, HEC_EINVAL, 0,
                                 "the parameters '%.60s' and '%.60s' would both be %.80s in the "
                                 "environment: rename one",
                                 p->names[k], p->names[i], p->envs[i]);
    }
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        p->names[n + i] = own_names[i];
    return 0;
}

/* ---- creating ---- */

static int read_all(sweep_plan *p, hec_error *err)
{
    const hec_run *run;
    int r = sweep_plan_rewind(p, err);

    while (r == 0) {
        r = hec_runs_next(p->runs, &run, err);
        if (r <= 0)
            break;
        r = 0;
        p->count++;
        for (uint64_t i = 0; r == 0 && i < run->parameters->count; i++) {
            const char *name = run->parameters->as.members[i].key.as.text;

            if (find_name(p, name) == p->n_names)
                r = add_name(p, name, err);
        }
    }
    if (r < 0)
        return r;
    if (p->count == 0)
        return hec__fail(err, HEC_EINVAL, 0, "there is no run in '%.150s'", p->files[0]);
    return finish_names(p, err);
}

int sweep_plan_create(const char *const *files, size_t n, const char *schema, sweep_plan **ret,
                      hec_error *err)
{
    sweep_plan *p = calloc(1, sizeof *p);
    int r = 0;

    if (!p)
        return no_memory(err);
    hec__strbuf_init(&p->text);
    p->schema = schema;
    p->files = calloc(n, sizeof *p->files);
    for (size_t i = 0; p->files && i < n; i++) {
        p->files[i] = realpath(files[i], NULL);
        if (!p->files[i])
            p->files[i] = strdup(files[i]); /* a pattern, or not there */
        p->n_files++;
        if (!p->files[i])
            r = no_memory(err);
    }
    if (!p->files)
        r = no_memory(err);
    if (r == 0)
        r = read_all(p, err);
    if (r < 0) {
        sweep_plan_destroy(p);
        return r;
    }
    *ret = p;
    return 0;
}

void sweep_plan_destroy(sweep_plan *p)
{
    if (!p)
        return;
    hec_runs_destroy(p->runs);
    for (size_t i = 0; p->files && i < p->n_files; i++)
        free(p->files[i]);
    for (size_t i = 0; i < p->n_names; i++) {
        free((char *)(uintptr_t)p->names[i]);
        if (p->envs)
            free(p->envs[i]);
    }
    hec__strbuf_fini(&p->text);
    free(p->files);
    free((void *)p->names);
    free(p->envs);
    free((void *)p->values);
    free(p->at);
    free(p);
}

size_t sweep_plan_files(const sweep_plan *p, const char *const **ret_files)
{
    *ret_files = (const char *const *)p->files;
    return p->n_files;
}

uint64_t sweep_plan_runs(const sweep_plan *p)
{
    return p->count;
}

size_t sweep_plan_names(const sweep_plan *p, const char *const **ret_names)
{
    *ret_names = p->names;
    return p->n_names + sizeof own_names / sizeof *own_names;
}

size_t sweep_plan_parameters(const sweep_plan *p)
{
    return p->n_names;
}

const char *sweep_plan_env(const sweep_plan *p, size_t i)
{
    return p->envs[i];
}

/* ---- rows ---- */

int sweep_plan_rewind(sweep_plan *p, hec_error *err)
{
    hec_runs_destroy(p->runs);
    p->runs = NULL;
    return hec_runs_open((const char *const *)p->files, p->n_files, p->schema, &p->runs, err);
}

/* Null is nothing at all; lists and maps are JSON. */
static int add_value(sweep_plan *p, size_t column, const hec_value *v, hec_error *err)
{
    HEC_AUTO_STR json = NULL;
    char buf[48];
    int r = 0;

    p->at[column] = p->text.len;
    if (v->kind == HEC_VALUE_LIST || v->kind == HEC_VALUE_MAP) {
        r = hec_value_json(v, &json, err);
        if (r == 0)
            hec__strbuf_adds(&p->text, json);
    } else if (v->kind == HEC_VALUE_TEXT || v->kind == HEC_VALUE_BIG) {
        hec__strbuf_adds(&p->text, v->as.text);
    } else if (v->kind != HEC_VALUE_NULL) {
        hec_value_text(v, buf, sizeof buf, NULL);
        hec__strbuf_adds(&p->text, buf);
    }
    hec__strbuf_addc(&p->text, '\0');
    return r;
}

static void add_own(sweep_plan *p, size_t column, const char *text)
{
    p->at[p->n_names + column] = p->text.len;
    hec__strbuf_add(&p->text, text, strlen(text) + 1);
}

static int fill(sweep_plan *p, const hec_run *run, hec_error *err)
{
    HEC_AUTO_STR json = NULL;
    char number[24];
    int r = hec_value_json(run->parameters, &json, err);

    hec__strbuf_clear(&p->text);
    for (size_t i = 0; i < p->n_names; i++)
        p->at[i] = SIZE_MAX;
    for (uint64_t i = 0; r == 0 && i < run->parameters->count; i++) {
        const hec_member *m = &run->parameters->as.members[i];
        size_t column = find_name(p, m->key.as.text);

        if (column == p->n_names)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.150s' has changed while it was read",
                             run->file);
        r = add_value(p, column, &m->value, err);
    }
    if (r < 0)
        return r;
    snprintf(number, sizeof number, "%" PRIu64, run->seed);
    add_own(p, SWEEP_SEED, number);
    add_own(p, SWEEP_ID, run->id);
    snprintf(number, sizeof number, "%" PRIu64, run->row);
    add_own(p, SWEEP_ROW, number);
    add_own(p, SWEEP_JSON, json);
    return p->text.failed ? no_memory(err) : 0;
}

int sweep_plan_next(sweep_plan *p, map_row *ret, sweep_row *ret_row, hec_error *err)
{
    size_t n = p->n_names + SWEEP_COLUMNS;
    const hec_run *run;
    int r = hec_runs_next(p->runs, &run, err);

    if (r <= 0)
        return r;
    r = fill(p, run, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        p->values[i] = p->at[i] == SIZE_MAX ? NULL : p->text.data + p->at[i];
    *ret = (map_row){.values = p->values, .n = n, .line = run->row, .where = run->file};
    if (ret_row)
        *ret_row = (sweep_row){.id = run->id,
                               .file = run->file,
                               .json = p->values[p->n_names + SWEEP_JSON],
                               .row = run->row,
                               .seed = run->seed};
    return 1;
}
